"""YAML with places; what is odd in it, and what would do harm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reconciler.config.yaml.parse import parse, parse_plain
from reconciler.config.yaml.textfile import STACK_LIMIT, TextFile, read_text
from reconciler.config.yaml.tree import bare, deepest
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import Severity

ROOT = Path(__file__).parents[4]


def tree(text):
    (document,) = parse(TextFile("f.yaml", text)).documents
    return document


def place(text, *path):
    found, _ = deepest(tree(text), path)
    return (found.line, found.column), (found.value_line, found.value_column)


@pytest.mark.parametrize("file", ["stack.yaml", "users.yaml"])
def test_our_own_files_read_as_by_the_library(file):
    text = (ROOT / file).read_text(encoding="utf-8")

    assert bare(tree(text)) == yaml.safe_load(text)
    assert parse_plain(TextFile(file, text)) == (yaml.safe_load(text),)


def test_keys_and_values_have_places():
    text = "a:\n  b: 1\n  c: [x,\n      {d: e}]\n"

    assert place(text, "a") == ((1, 1), (2, 3))
    assert place(text, "a", "b") == ((2, 3), (2, 6))
    assert place(text, "a", "c", 1, "d") == ((4, 8), (4, 11))


def test_what_is_not_there_has_the_place_of_what_is_around_it():
    assert place("a:\n  b: {c: 1}\n", "a", "b", "nope", "deeper") == ((2, 3), (2, 6))


def test_aliases_and_merge_keys_lead_to_where_the_value_stands():
    text = "x-a: &a\n  k: 1\ns:\n  own: 2\n  <<: *a\nt: *a\n"

    assert tree(text)["s"] == {"own": 2, "k": 1}
    assert place(text, "s", "k") == ((2, 3), (2, 6))
    assert place(text, "t") == ((6, 1), (1, 6))


def test_of_merged_values_the_explicit_one_wins_then_the_first():
    text = "a: &a {k: a, l: a}\nb: &b {k: b, m: b}\nc:\n  <<: [*a, *b]\n  l: own\n"

    assert tree(text)["c"] == {"l": "own", "k": "a", "m": "b"}


def test_a_reset_value_is_gone_and_an_overriding_one_is_there():
    assert tree("a: !reset null\nb: !override [1]\nc: [1, !reset 2]\n") == {"b": [1], "c": [1]}


def test_tags_are_read_and_unknown_ones_are_ignored_with_a_warning():
    parsed = parse(TextFile("f.yaml", "a: !!str 1\nb: !!int '42'\nc: !!float 1\nd: !!binary aGk=\ne: !foo x\nf: ! 1\n"))

    assert parsed.documents == ({"a": "1", "b": 42, "c": 1.0, "d": "hi", "e": "x", "f": "1"},)
    (warning,) = parsed.warnings
    assert warning.severity is Severity.WARNING
    assert str(warning) == "f.yaml:5:4: the tag `!foo` means nothing here and is ignored"


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1}\nc: *x\n",
        "a: &x {b: 1}\nc: {<<: *x, d: 2}\n",
        "a: !!str 1\n",
        "- a\n- [b, {c: d}]\n",
        "just text\n",
        "",
        "---\na: 1\n---\nb: 2\n",
        "a: 2024-01-01\nb: 0777\nc: 1.5\nd: ~\ne: 'x'\n",
    ],
)
def test_the_quick_way_and_the_thorough_one_agree(text):
    file = TextFile("f.yaml", text)

    thorough = tuple(map(bare, parse(file).documents))
    if "2024" in text:
        thorough[0].update(a="2024-01-01", b="0777")  # only Compose makes something else of them
    assert parse_plain(file) == thorough


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "1: a\n1: b\n", "a: [\n", "a: !foo x\n", "a: *b\n", "? [a]\n: b\n"])
def test_neither_way_takes_what_is_wrong(text):
    with pytest.raises(ConfigError):
        parse_plain(TextFile("f.yaml", text))


@pytest.mark.parametrize("anchor", ["", "&x "], ids=["quick", "thorough"])
def test_what_is_not_the_one_spelling_of_a_value_stays_a_text_in_plain_files(anchor):
    texts = [
        "01234",
        "1.10",
        "0x1F",
        "1e3",
        "1_000",
        "+1",
        ".5",
        "5.",
        "-0",
        "0b1",
        "0o7",
        ".inf",
        ".nan",
        "True",
        "NO",
        "yes",
    ]
    texts += ["2024-01-02", "12:30", "1e400", "00", "1.0e2", "FALSE", "340282366920938463463374607431768211456"]
    text = f"01: {anchor}a\ntrue: b\nlist:\n" + "".join(f"  - {each}\n" for each in texts)

    (document,) = parse_plain(TextFile("f.yaml", text))

    assert document == {"01": "a", "true": "b", "list": texts}
    assert parse_plain(TextFile("f.yaml", "[1, -1, 1.5, 1.0, true, false, ~, null]")) == (
        [1, -1, 1.5, 1.0, True, False, None, None],
    )


def refused(path: Path, limit: int = STACK_LIMIT) -> str:
    with pytest.raises(ConfigError) as caught:
        read_text(path, directory=path.parent, limit=limit)
    return str(caught.value)


def test_files_that_are_no_text_are_refused_plainly(tmp_path):
    file = tmp_path / "f.yaml"
    contents = {
        "a: é\n".encode("utf-16"): "f.yaml: is written in UTF-16; save it as UTF-8",
        "a: 1\nb: é\n".encode("latin-1"): "f.yaml:2:4: is not UTF-8 text (byte 0xe9); save it as UTF-8",
        b"\xef\xbb\xbfa: \r\n\xc3\xa9: \0\n": "f.yaml:2:4: contains a NUL character; is it a text file?",
    }
    for content, message in contents.items():
        file.write_bytes(content)
        assert refused(file) == message


def test_a_byte_order_mark_does_no_harm(tmp_path):
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")

    assert tree(read_text(file, directory=tmp_path, limit=STACK_LIMIT).text) == {"a": 1}


def test_what_is_no_readable_file_is_refused_plainly(tmp_path):
    (tmp_path / "big.yaml").write_text("x" * 101, encoding="utf-8")

    assert refused(tmp_path / "nothing.yaml") == "nothing.yaml: no such file"
    assert refused(tmp_path).endswith("is a directory; expected a file")
    assert "is too large" in refused(tmp_path / "big.yaml", limit=100)


def test_a_relative_path_is_shown_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=r"^deploy/stack\.yaml: no such file"):
        read_text(Path("deploy/stack.yaml"), directory=tmp_path / "deploy", limit=STACK_LIMIT)


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "x0: &x0 {a: 1, b: 2}\n" + "".join(
    f"x{n}: &x{n} {{<<: [{','.join([f'*x{n - 1}'] * 20)}], c{n}: [{','.join([f'*x{n - 1}'] * 20)}]}}\n"
    for n in range(1, 9)
)
HOSTILE = {
    "laughs": LAUGHS,
    "merges": MERGES,
    "deep flow": "a: " + "[" * 100_000,
    "deep block": "".join(" " * depth + "a:\n" for depth in range(2_000)),
    "deep variables": f"services: {{a: {{image: '{'${A:-' * 5_000}'}}}}\n",
    "nested variables": f"services: {{a: {{image: '{'${A:-' * 5_000}x{'}' * 5_000}'}}}}\n",
    "ports": "services: {a: {image: x, ports: ["
    + ",".join(f"'127.0.0.{n}:1-65535:1-65535'" for n in range(99))
    + "]}}\n",
    "long": f"services: {{a: {{image: {'x' * 10_500_000}}}}}\n",
}
LOAD = """
import sys, time
from pathlib import Path
from reconciler.config import Sources, load
from reconciler.core.message.errors import ConfigError
from tests.kit.machine.memory import peak_mebibytes
file, began = Path(sys.argv[1]), time.process_time()
try:
    load(Sources(directory=file.parent, stack_files=(file,)))
except ConfigError as error:
    said = str(error)[:300]
print(time.process_time() - began, peak_mebibytes(), said)
"""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_at_once_and_in_little_memory(name, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text(HOSTILE[name], encoding="utf-8")

    done = subprocess.run([sys.executable, "-c", LOAD, str(file)], capture_output=True, text=True, check=True, cwd=ROOT)

    seconds, mebibytes, said = done.stdout.split(" ", 2)
    assert said.startswith("stack.yaml")
    assert float(seconds) < 1
    assert int(mebibytes) < 200
