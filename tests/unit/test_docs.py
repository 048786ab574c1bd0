"""The docs: links lead somewhere, README lists every command, and sentences and lines stay short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler import __version__
from reconciler.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
FRAGMENTS = frozenset((ROOT / "changelog.d").glob("*.*.md"))
"""Parts of CHANGELOG.md, so their links lead on from there."""

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "changelog.d/README.md", *FRAGMENTS])
WORDS = 30
"""The most that a sentence has; a colon does not end one."""
LETTERS = 125

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ITEM = re.compile(r"(?:[-*]|\d+\.) +")
CODE = re.compile(r"`[^`]*`")


def each_page(test):
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())(test)


def without_code(text: str) -> list[str]:
    """The lines of a page, empty where a block of code is."""
    inside = False
    lines = []
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        inside ^= fence
        lines.append("" if inside or fence else line)
    return lines


def paragraphs(text: str) -> Iterator[str]:
    """Paragraphs and items of lists, each as one line; tables, headings and images are left out."""
    words: list[str] = []
    for line in [*without_code(text), ""]:
        stripped = line.strip()
        if stripped.startswith(("|", "#", "![", "<!--")):
            stripped = ""
        item = ITEM.match(stripped)
        if words and (item or not stripped):
            yield " ".join(words)
            words = []
        if stripped:
            words.append(stripped[item.end() :] if item else stripped)


def sentences(text: str) -> Iterator[str]:
    for paragraph in paragraphs(text):
        plain = LINK.sub("link", CODE.sub("code", paragraph))
        yield from re.split(r"(?<=[.!?])[)\"*]*\s+", plain)


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    headings = (re.match(r"#+ (.*)", line) for line in without_code(page.read_text(encoding="utf-8")))
    return {anchor(heading[1]) for heading in headings if heading}


@each_page
def test_relative_links_lead_somewhere(page):
    links = LINK.findall("\n".join(without_code(page.read_text(encoding="utf-8"))))
    wrong = []
    for link in links:
        if "://" in link:
            continue
        path, _, place = link.partition("#")
        folder = ROOT if page in FRAGMENTS else page.parent
        target = (folder / path).resolve() if path else page
        if not target.exists() or (place and place not in anchors(target)):
            wrong.append(link)

    assert wrong == []


@each_page
def test_sentences_are_short(page):
    long = [each for each in sentences(page.read_text(encoding="utf-8")) if len(each.split()) > WORDS]

    assert long == []


@each_page
def test_lines_are_short(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    # A fragment becomes an item of a list, two letters further to the right.
    most = LETTERS - 2 if page in FRAGMENTS else LETTERS

    assert [line for line in lines if len(line) > most and not line.lstrip().startswith("|")] == []


def helps(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    """Every text of --help by its place: of a command, its options, and the commands below it."""
    yield name, command.help or ""
    yield from ((f"{name} {param.name}", getattr(param, "help", None) or "") for param in command.params)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            below = command.get_command(context, inner)
            assert below
            yield from helps(below, f"{name} {inner}")


def test_sentences_of_help_are_short():
    long = [
        (place, each)
        for place, text in helps(cli, "reconcile")
        for each in sentences(text)
        if len(each.split()) > WORDS
    ]

    assert long == []


def test_the_readme_lists_every_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `reconcile ")]
    listed = {name for row in rows for name in re.findall(r"`reconcile (\w+)", row)}

    assert listed == set(COMMANDS)


def test_the_newest_entry_of_the_changelog_is_of_this_version():
    before, _, releases = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("<!-- releases -->\n")

    assert "\n## " not in before
    assert re.findall(r"^## (\S+)", releases, re.MULTILINE)[0] == __version__


def test_every_page_of_docs_is_in_the_navigation_of_the_site():
    named = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    # The hook of the site adds all of decisions/, and the builder writes reference/.
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert pages <= named
