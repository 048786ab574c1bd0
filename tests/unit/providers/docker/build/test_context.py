"""The build context of an image: differences that count as a change, others, and the files that are sent."""

from __future__ import annotations

import os
import socket
import tarfile

import pytest

from reconciler.core.message.errors import Rejected
from reconciler.core.resource.values import Secret
from reconciler.providers.docker.build.context import digest_of, dockerfile_of, packed

FILES = {"Dockerfile": "FROM scratch\n", "app/main.py": "print()\n", "notes.md": "x\n"}


@pytest.fixture
def context(tmp_path):
    folder = tmp_path / "context"
    write(folder, FILES)
    return folder


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def build(folder, **options):
    return {"context": str(folder), **options}


def names(folder, **options):
    with tarfile.open(fileobj=packed(build(folder, **options))) as tar:
        return tar.getnames()


def test_the_same_files_in_another_place_and_order_are_the_same(context, tmp_path):
    other = tmp_path / "other"
    write(other, dict(reversed(FILES.items())))
    os.utime(other / "notes.md", (0, 0))

    assert digest_of(build(context)) == digest_of(build(other))
    assert packed(build(context)).getvalue() == packed(build(other)).getvalue()


CHANGES = {
    "a changed file": lambda folder: (folder / "notes.md").write_text("y\n"),
    "a new file": lambda folder: (folder / "new").touch(),
    "a new folder": lambda folder: (folder / "empty").mkdir(),
    "a file gone": lambda folder: (folder / "notes.md").unlink(),
    "a file renamed": lambda folder: (folder / "notes.md").rename(folder / "other.md"),
    "a file made executable": lambda folder: (folder / "notes.md").chmod(0o755),
    "a file become a link": lambda folder: ((folder / "notes.md").unlink(), (folder / "notes.md").symlink_to("app")),
    "a changed Dockerfile": lambda folder: (folder / "Dockerfile").write_text("FROM other\n"),
    "a link to nowhere": lambda folder: (folder / "link").symlink_to("nowhere"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_the_image_may_hold_counts(context, change):
    before = digest_of(build(context))

    change(context)

    assert digest_of(build(context)) != before


def test_where_a_link_leads_counts_and_not_what_is_there(context, tmp_path):
    write(tmp_path, {"outside": "1"})
    (context / "link").symlink_to("../outside")
    before = digest_of(build(context))

    write(tmp_path, {"outside": "2"})
    same = digest_of(build(context))
    (context / "link").unlink()
    (context / "link").symlink_to("../elsewhere")

    assert same == before != digest_of(build(context))


@pytest.mark.parametrize(
    ("option", "value", "other"),
    [
        ("args", {"A": "1"}, {"A": "2"}),
        ("target", "one", "two"),
        ("labels", {"a": "1"}, {}),
        ("network", "host", "none"),
        ("extra_hosts", {"a": ["1"]}, {"a": ["2"]}),
        ("additional_contexts", {"a": "https://a"}, {"a": "https://b"}),
    ],
)
def test_the_options_that_decide_what_is_built_count(context, option, value, other):
    assert digest_of(build(context, **{option: value})) != digest_of(build(context, **{option: other}))


@pytest.mark.parametrize("option", ["no_cache", "no_cache_filter", "pull", "tags", "cache_from", "cache_to", "sbom"])
def test_the_options_that_only_decide_how_it_is_built_do_not_count(context, option):
    assert digest_of(build(context, **{option: [True]})) == digest_of(build(context))


def test_the_value_of_a_secret_argument_does_not_count_but_its_name_does(context):
    def digest(**arguments):
        return digest_of(build(context, args=arguments))

    assert digest(TOKEN=Secret("a")) == digest(TOKEN=Secret("b")) != digest(OTHER=Secret("a"))


def test_of_a_secret_that_is_mounted_only_the_name_counts(context):
    def digest(name, **source):
        return digest_of(build(context, secrets=[{"id": name, **source}]))

    same = {digest("key", content=Secret("a")), digest("key", content=Secret("b")), digest("key", file="/key")}

    assert len(same) == 1
    assert same.isdisjoint({digest("other", content=Secret("a")), digest_of(build(context))})


def test_what_is_in_a_further_context_counts(context, tmp_path):
    further = build(context, additional_contexts={"more": str(tmp_path / "more")})
    write(tmp_path / "more", {"a": "1", "left": "out", ".dockerignore": "left\n"})
    before = digest_of(further)

    write(tmp_path / "more", {"left": "changed"})
    same = digest_of(further)
    write(tmp_path / "more", {"a": "2"})

    assert same == before != digest_of(further)


def test_what_the_image_of_another_service_is_built_from_counts(context, tmp_path):
    write(tmp_path / "base", FILES)
    contexts = {"additional_contexts": {"below": "docker-image://base"}, "bases": {"below": build(tmp_path / "base")}}
    before = digest_of(build(context, **contexts))

    write(tmp_path / "base", {"new": "1"})

    assert digest_of(build(context, **contexts)) != before


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ("app\n", {"Dockerfile", ".dockerignore", "notes.md"}),
        ("# app\n\n  *.md  \n", {"Dockerfile", ".dockerignore", "app", "app/main.py"}),
        ("*\n!app\n", {"Dockerfile", "app", "app/main.py"}),
        ("**/*.py\n", {"Dockerfile", ".dockerignore", "app", "notes.md"}),
        ("Dockerfile\n", {"Dockerfile", ".dockerignore", "app", "app/main.py", "notes.md"}),
    ],
)
def test_what_is_ignored_is_neither_sent_nor_counted(context, ignored, left):
    write(context, {".dockerignore": ignored})

    assert set(names(context)) - {".dockerignore"} == left - {".dockerignore"}


def test_a_change_of_what_is_ignored_is_none(context):
    write(context, {".dockerignore": "notes.md\n"})
    before = digest_of(build(context))

    write(context, {"notes.md": "changed"})

    assert digest_of(build(context)) == before


def test_the_ignore_file_of_a_dockerfile_goes_first(context):
    write(context, {"Own": "FROM x\n", ".dockerignore": "*.md\n", "Own.dockerignore": "app\n"})

    found = names(context, dockerfile="Own")

    assert "notes.md" in found
    assert "app/main.py" not in found


def test_a_dockerfile_in_the_stack_file_has_no_ignore_file_of_its_own(context):
    write(context, {".dockerignore": "*.md\n", "Dockerfile.dockerignore": "app\n"})

    found = names(context, dockerfile_inline="FROM x\n")

    assert "app/main.py" in found
    assert "notes.md" not in found


def test_what_is_sent_has_no_owner_and_no_time_but_its_mode_and_links(context):
    (context / "link").symlink_to("notes.md")
    (context / "notes.md").chmod(0o755)

    with tarfile.open(fileobj=packed(build(context))) as tar:
        members = {member.name: member for member in tar}

    assert {(m.uid, m.gid, m.mtime, m.uname, m.gname) for m in members.values()} == {(0, 0, 0, "", "")}
    assert members["notes.md"].mode == 0o755
    assert (members["link"].issym(), members["link"].linkname) == (True, "notes.md")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"context": "/no/such"}, "no directory; check `build.context`"),
        ({"dockerfile": "Other"}, "there is no Other"),
        ({"additional_contexts": {"a": "/no/such"}}, "no directory; check `build.additional_contexts`"),
    ],
)
def test_what_can_not_be_built_from_is_said(context, options, said):
    with pytest.raises(Rejected, match=said):
        digest_of({**build(context), **options})


def test_a_socket_in_the_context_is_left_out(context, monkeypatch):
    monkeypatch.chdir(context)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind("left.sock")

    assert "left.sock" not in names(context)


def test_a_dockerfile_in_the_stack_file_is_sent_and_counts(context):
    (context / "Dockerfile").unlink()
    inline = build(context, dockerfile_inline="FROM a\n")

    name = dockerfile_of(inline).name

    assert content(inline, name) == b"FROM a\n"
    assert digest_of(inline) != digest_of(build(context, dockerfile_inline="FROM b\n"))


def test_a_dockerfile_outside_the_context_is_sent_and_counts(context, tmp_path):
    write(tmp_path, {"Dockerfile": "FROM a\n"})
    outside = build(context, dockerfile="../Dockerfile")
    name, before = dockerfile_of(outside).name, digest_of(outside)

    sent = content(outside, name)
    write(tmp_path, {"Dockerfile": "FROM b\n"})

    assert sent == b"FROM a\n"
    assert digest_of(outside) != before


@pytest.mark.parametrize("spelling", ["Dockerfile", "./Dockerfile", "app/../Dockerfile"])
def test_a_dockerfile_of_the_context_is_known_by_its_plain_name(context, spelling):
    assert dockerfile_of(build(context, dockerfile=spelling)).name == "Dockerfile"
    assert dockerfile_of(build(context, dockerfile=str(context / "Dockerfile"))).name == "Dockerfile"


def content(options, name):
    with tarfile.open(fileobj=packed(options)) as tar:
        return tar.extractfile(name).read()
