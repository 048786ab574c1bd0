"""The deciding parts of the scripts behind `make demo`: .env lines, images, ports, what this machine says of itself."""

from __future__ import annotations

import io
import re
import socket
import sys
import tarfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts/demo"))

import demo
import envfile
import host
import image_parts
import local_images
import machine
from host import Failure

EXAMPLE = """\
# secrets
PASSWORD=

# images
#REDIS_IMAGE=redis:7
#MLFLOW_PORT=5000
"""


# ---------------------------------------------------------------- .env


def test_a_new_setting_stands_below_its_example() -> None:
    changed = envfile.with_settings(EXAMPLE, {"REDIS_IMAGE": "localhost/redis:1"})

    assert changed == EXAMPLE.replace("redis:7\n", "redis:7\nREDIS_IMAGE=localhost/redis:1\n")


def test_a_setting_without_an_example_goes_to_the_end() -> None:
    assert envfile.with_settings("A=1\n", {"B": "2"}) == "A=1\nB=2\n"
    assert envfile.with_settings("A=1", {"B": "2"}) == "A=1\nB=2\n"
    assert envfile.with_settings("", {"B": "2"}) == "B=2\n"


def test_only_the_line_in_question_changes() -> None:
    text = "# a\nA = 'x' # old\n\texport B=2\n\n#C=3\r\nD=$A\n"

    assert envfile.with_settings(text, {"B": "5"}) == text.replace("\texport B=2", "B=5")


def test_an_equal_value_keeps_its_spelling() -> None:
    text = 'A="x y"\nB=1   # why\n'

    assert envfile.with_settings(text, {"A": "x y", "B": "1"}) == text


def test_the_last_of_several_lines_counts() -> None:
    assert envfile.settings("A=1\nA=2\n") == {"A": "2"}
    assert envfile.with_settings("A=1\nA=2\n", {"A": "3"}) == "A=1\nA=3\n"


def test_setting_twice_is_setting_once() -> None:
    once = envfile.with_settings(EXAMPLE, {"REDIS_IMAGE": "x", "NEW": "y"})

    assert envfile.with_settings(once, {"REDIS_IMAGE": "x", "NEW": "y"}) == once


def test_lines_within_a_quoted_value_are_no_settings() -> None:
    text = 'KEY="first\nA=not me\nlast"\nA=1\n'

    assert envfile.settings(text)["A"] == "1"
    assert envfile.with_settings(text, {"A": "2"}) == text.replace("A=1", "A=2")


@pytest.mark.parametrize(
    ("raw", "value"),
    [("x", "x"), ('"a b"', "a b"), ("'a # b' # c", "a # b"), ("a#b", "a#b"), ("a # b", "a"), ("", ""), ("# c", "# c")],
)
def test_plain_values(raw, value) -> None:
    assert envfile.plain(raw) == value


def test_env_is_readable_by_its_owner_only_and_no_scratch_file_stays(tmp_path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o644)

    envfile.change(path, {"A": "2"})

    assert path.read_text() == "A=2\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_to_change_writes_nothing(tmp_path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    before = path.stat()

    envfile.change(path, {"A": "1"})

    assert path.stat().st_ino == before.st_ino


def test_a_link_stays_a_link(tmp_path) -> None:
    real = tmp_path / "real"
    real.write_text("A=1\n")
    link = tmp_path / ".env"
    link.symlink_to(real)

    envfile.change(link, {"A": "2"})

    assert link.is_symlink()
    assert real.read_text() == "A=2\n"


# ---------------------------------------------------------------- settings


def settings(**values: str) -> demo.Settings:
    stack = "image: ${REDIS_IMAGE:-redis:7}\nport: ${MLFLOW_PORT:-5000}\nargs: ${UV_DEFAULT_INDEX:-}${OPTS--x}${PW:?no}"
    return demo.Settings("mlflow", demo.defaults(stack), values)


def test_defaults_are_read_from_the_stack() -> None:
    assert settings().defaults == {
        "REDIS_IMAGE": "redis:7",
        "MLFLOW_PORT": "5000",
        "UV_DEFAULT_INDEX": "",
        "OPTS": "-x",
    }


def test_a_set_value_wins_unless_it_is_empty() -> None:
    assert settings(MLFLOW_PORT="7000").ports == {"MLFLOW_PORT": 7000}
    assert settings(MLFLOW_PORT="").ports == {"MLFLOW_PORT": 5000}
    assert not settings(MLFLOW_PORT="").is_set("MLFLOW_PORT")


def test_every_image_of_the_stack_has_a_stand_in_but_the_one_that_is_built() -> None:
    known = demo.defaults((host.ROOT / "stack.yaml").read_text())

    named = {name for name in known if name.endswith("_IMAGE")}

    assert named == {*demo.STAND_INS, "MLFLOW_IMAGE", *demo.OF_OTHER_PROFILES}


def test_the_project_is_read_from_the_stack() -> None:
    assert demo.project_name("# x\nname: demo  # y\nservices: {}\n") == "demo"


# ---------------------------------------------------------------- what is left behind


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """A distribution in which git is installed; it notes what is asked of it."""
    (tmp_path / "bin").mkdir()
    programs = {
        "apt-get": f'echo "$@" >> {tmp_path}/asked',
        "sudo": '"$@"',
        "dpkg-query": '[ "$4" = git ] && printf installed',
    }
    for name, body in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("DEMO_YES", "1")
    monkeypatch.setattr(machine, "INSTALLED", tmp_path / "installed")
    machine.refresh_package_lists.cache_clear()
    return tmp_path


def test_a_package_that_was_there_before_is_not_advised_to_be_removed(distribution) -> None:
    machine.install(["git", "docker.io"], reason="a test")
    machine.install(["maven", "docker.io"], reason="a test")

    assert (distribution / "asked").read_text().count("install -qq") == 2
    assert machine.installed() == ["docker.io", "maven"]
    assert "apt-get remove docker.io maven " in demo.leftovers(settings())


def test_where_nothing_was_installed_nothing_is_advised_to_be_removed(distribution) -> None:
    assert (distribution / "bin").is_dir()
    assert "apt-get" not in demo.leftovers(settings())
    assert "rm -rf .venv" in demo.leftovers(settings())


# ---------------------------------------------------------------- choice of images


@pytest.mark.parametrize(
    ("variable", "image", "stand_in"),
    [
        ("REDIS_IMAGE", "localhost/redis:bookworm", "redis"),
        ("REDIS_IMAGE", "localhost/redis:older", "redis"),
        ("REDIS_IMAGE", "redis:7", ""),
        ("REDIS_IMAGE", "localhost:5000/redis:7", ""),
        ("REDIS_IMAGE", "localhost/redis-stack:7", ""),
        ("MINIO_IMAGE", "localhost/s3:4", "s3"),
        ("MINIO_IMAGE", "localhost/minio:4", "minio"),
    ],
)
def test_stand_ins_are_known_by_their_names(variable, image, stand_in) -> None:
    assert demo.stand_in_of(variable, image) == stand_in


@pytest.mark.parametrize(
    ("current", "wish", "chosen"),
    [
        ("minio/minio:x", "", "s3"),
        ("minio/minio:x", "minio", "minio"),
        ("localhost/minio:1", "", "minio"),
        ("localhost/minio:1", "s3", "s3"),
        ("localhost/s3:1", "minio", "minio"),
    ],
)
def test_the_s3_server_is_the_one_asked_for_else_the_one_in_use(current, wish, chosen) -> None:
    assert demo.choose_stand_in("MINIO_IMAGE", current, wish) == chosen


def test_an_unknown_s3_server_is_refused() -> None:
    with pytest.raises(Failure, match="DEMO_S3 is `ceph`"):
        demo.choose_stand_in("MINIO_IMAGE", "x", "ceph")


def test_only_what_mlflow_needs_is_written_beside_the_images() -> None:
    assert demo.build_settings(settings(), {"REDIS_IMAGE": "localhost/redis:1"}) == {}


# ---------------------------------------------------------------- ports and room


def test_ports_of_own_containers() -> None:
    text = "127.0.0.1:9000-9001->9000-9001/tcp, 5432/tcp\n127.0.0.1:5000->5000/tcp\n[::1]:8080->8080/tcp\n"

    assert demo.published_ports(text) == {9000, 9001, 5000, 8080}


def test_a_port_in_use_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert not demo.is_free(port)

    assert demo.is_free(port)


def test_a_taken_port_is_named_with_its_setting() -> None:
    message = str(demo.port_taken("MLFLOW_PORT", 5000, "flask"))

    assert message == (
        "failed: check the ports\n"
        "  cause:  port 5000 (MLFLOW_PORT) is taken by flask\n"
        "  remedy: stop it, or put another number into .env, such as MLFLOW_PORT=15000"
    )


def test_too_little_room_is_said_early() -> None:
    demo.check_disk(demo.DISK_NEEDED_GB)
    demo.check_memory(demo.MEMORY_NEEDED_GB)
    with pytest.raises(Failure, match="1.0 GB are free"):
        demo.check_disk(1.0)
    with pytest.raises(Failure, match="0.5 GB of memory"):
        demo.check_memory(0.5)


def test_memory_is_what_the_kernel_says_is_available() -> None:
    assert demo.available_memory_gb("MemFree: 1 kB\nMemAvailable:    2000000 kB\n") == pytest.approx(2.048)


# ---------------------------------------------------------------- this machine


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ID=debian\nVERSION_CODENAME=bookworm\n", "bookworm"),
        ('ID=ubuntu\nVERSION_CODENAME="noble"\nUBUNTU_CODENAME=noble\n', "noble"),
        ("ID=linuxmint\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble\n", "noble"),
        ("ID=fedora\nVERSION_CODENAME=\n", ""),
    ],
)
def test_release(text, name) -> None:
    assert host.release(text) == name


def test_sources_are_those_of_the_release_with_its_updates() -> None:
    targets = (
        "http://mirror/debian/\tbookworm\tbookworm\tmain\n"
        "http://mirror/debian/\tbookworm\tbookworm\tmain\n"
        "http://mirror/debian/\tstable-security\tbookworm-security\tmain\n"
        "http://mirror/debian/\tsid\tsid\tmain\n"
        "http://mirror/debian/\tbookworm\tbookworm\tnon-free\n"
        "file:/cdrom/\tbookworm\tbookworm\tmain\n"
    )

    assert host.apt_sources(targets, "bookworm") == [
        "deb http://mirror/debian/ bookworm main",
        "deb http://mirror/debian/ stable-security main",
    ]


def test_pip_settings_of_the_environment_win() -> None:
    config = "global.index-url='http://a/simple'\n:env:.index-url='http://b/simple'\nglobal.timeout='5'\n"

    assert host.pip_options(config) == {"index-url": "http://b/simple"}


def test_proxies_come_from_the_environment_else_from_apt() -> None:
    apt = 'Acquire::http::Proxy "http://apt:1";\nAcquire::https::Proxy "DIRECT";\n'

    assert host.proxies({}, apt) == {"http_proxy": "http://apt:1"}
    assert host.proxies({"HTTP_PROXY": "http://env:1", "HOME": "/"}, apt) == {"HTTP_PROXY": "http://env:1"}


def test_authorities_are_taken_one_by_one_and_once(tmp_path) -> None:
    one = b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----"
    two = one.replace(b"AAA", b"BBB")
    (tmp_path / "a.pem").write_bytes(b"# both\n" + one + b"\n" + two)
    (tmp_path / "b.pem").write_bytes(one)

    found = host.authorities(sorted(tmp_path.iterdir()))

    assert found == {"host-0.crt": one + b"\n", "host-1.crt": two + b"\n"}


def test_a_missing_command_names_its_package() -> None:
    with pytest.raises(Failure, match="apt-get install no-such-command"):
        host.run(["no-such-command"], step="try", remedy="-")


def test_a_failed_command_shows_its_last_words() -> None:
    with pytest.raises(Failure, match="ended with code 3:\n *last words"):
        host.run(["sh", "-c", "echo last words >&2; exit 3"], step="try", remedy="-")


def test_a_command_that_hangs_is_given_up() -> None:
    with pytest.raises(Failure, match="did not end within 0 s"):
        host.run(["sleep", "10"], step="try", remedy="-", timeout_s=0.05)


# ---------------------------------------------------------------- stand-in images


def test_what_an_image_stands_on_is_built_with_it() -> None:
    assert local_images.with_parents(["redis", "keycloak"]) == ["base", "keycloak", "redis"]
    assert local_images.with_parents(["probe"]) == ["probe"]


def test_every_stand_in_has_its_folder_and_no_folder_is_left_over() -> None:
    folders = {image.of or name for name, image in local_images.IMAGES.items() if image.source is None}

    assert {path.name for path in local_images.FOLDER.iterdir()} == folders


def test_older_releases_of_keycloak_are_images_of_the_same_name() -> None:
    older = [f"keycloak-{version}" for version in local_images.OLDER_KEYCLOAKS]

    assert [local_images.reference(name) for name in older] == [
        f"localhost/keycloak:{version}" for version in local_images.OLDER_KEYCLOAKS
    ]
    assert local_images.with_parents(older) == ["base", *older]
    assert not set(older) & set(local_images.options([]).images)


def test_the_image_of_the_program_has_all_that_its_dockerfile_copies() -> None:
    dockerfile = (host.ROOT / "images/reconcile/Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE)
    sent = local_images.folder_files("reconcile")

    assert copied == ["requirements/run.txt", "schemas", "reconciler"]
    for name in copied:
        assert any(each == name or each.startswith(f"{name}/") for each in sent), name
    assert sent["Dockerfile"].decode() == dockerfile
    assert not [name for name in sent if "__pycache__" in name]
    assert local_images.with_parents(["reconcile"]) == ["base", "python", "reconcile"]


def test_minio_is_built_only_when_asked_for() -> None:
    assert "minio" not in local_images.options([]).images
    assert local_images.options(["minio"]).images == ["minio"]


def test_go_versions() -> None:
    assert image_parts.go_version("go version go1.24.3 linux/amd64") == (1, 24)
    assert image_parts.go_version("") < image_parts.GO_NEEDED


def test_keycloak_is_repacked_for_its_user() -> None:
    packed = io.BytesIO()
    long_name = "keycloak-26.7.3/lib/" + "x" * 150
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        image_parts.add_entry(archive, "keycloak-26.7.3/bin/kc.sh", b"#!/bin/bash", mode=0o755)
        image_parts.add_entry(archive, long_name, b"jar")
    packed.seek(0)
    out = io.BytesIO()

    with tarfile.open(fileobj=packed) as source, tarfile.open(fileobj=out, mode="w") as target:
        image_parts.repack_keycloak(source, target)

    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        entries = {entry.name: entry for entry in archive}
    assert entries["keycloak/bin/kc.sh"].mode == 0o755
    assert "keycloak/lib/" + "x" * 150 in entries
    assert {entry.uid for entry in entries.values()} == {1000}
    assert entries["keycloak/data"].isdir()


def test_probe_tree_links_every_command_to_the_one_binary() -> None:
    with tarfile.open(fileobj=io.BytesIO(image_parts.busybox_tree(b"elf", ["busybox", "sh"]))) as archive:
        names = archive.getnames()
        link = archive.getmember("bin/sh")

    assert names.count("bin/busybox") == 1
    assert link.linkname == "busybox"


def test_a_download_counts_only_when_it_is_whole(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(image_parts, "cache_folder", lambda: tmp_path)

    def fail(scratch: Path) -> Path:
        (scratch / "part").write_text("half")
        raise Failure("fetch", "the line broke", "again")

    with pytest.raises(Failure, match="the line broke"):
        image_parts.cached("thing", fail)

    assert list(tmp_path.iterdir()) == []
