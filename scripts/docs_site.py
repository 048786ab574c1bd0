"""The hooks of the site's builder (mkdocs.yml): pages from outside of docs/, and links that lead to them.

The same links work in the repository, where a page stands beside the files that it names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urldefrag

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))  # hooks are loaded by their path

from reference import pages  # noqa: E402 (see the line above)

AT_ROOT: Final = {
    "README.md": "index.md",
    "SECURITY.md": "SECURITY.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "changelog.d/README.md": "changelog.d/README.md",
}
"""Pages of the repository's root, with their paths on the site."""

_LINK: Final = re.compile(r"(\]\()([^)\s#:]+)([)#])")


def on_config(config: Any) -> Any:
    """Adds every page of decisions/ to the navigation, in the order of their numbers."""
    (development,) = [section["Development"] for section in config.nav if "Development" in section]
    (decisions,) = [entry for entry in development if "Decisions" in entry]
    decisions["Decisions"] = [
        path.relative_to(config.docs_dir).as_posix() for path in sorted((ROOT / "docs/decisions").glob("*.md"))
    ]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages of the root, the reference, and the files that pages link to."""
    for name, place in AT_ROOT.items():
        files.append(File.generated(config, place, content=(ROOT / name).read_text(encoding="utf-8")))
    for place, text in pages().items():
        files.append(File.generated(config, place, content=text))
    for path in sorted(_linked_files()):
        files.append(File.generated(config, path, content=(ROOT / path).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, **_others: Any) -> str:
    """Leads each link to the place of its target on the site."""
    here = page.file.src_uri
    if here.startswith("reference/"):
        return markdown
    source = next((name for name, place in AT_ROOT.items() if place == here), f"docs/{here}")

    def led(found: re.Match[str]) -> str:
        return f"{found[1]}{_on_site(_target(source, found[2]), here)}{found[3]}"

    return _LINK.sub(led, markdown)


def on_post_build(config: Any) -> None:
    """Raises PluginError if the built site has a link or an image that leads nowhere."""
    site = Path(config.site_dir)
    parsed = {path: _Page(path) for path in site.rglob("*.html")}
    wrong = [f"{path.relative_to(site)}: {link}" for path in parsed for link in _broken(path, parsed)]
    if wrong:
        raise PluginError("links that lead nowhere:\n" + "\n".join(wrong))


class _Page(HTMLParser):
    """The links and the anchors of a built page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            if name == "id" and value:
                self.anchors.add(value)
        del tag


def _broken(path: Path, parsed: dict[Path, _Page]) -> Iterator[str]:
    """The links of a page that lead nowhere. Other hosts are not asked."""
    for link in sorted(parsed[path].links):
        target, anchor = urldefrag(link)
        if re.match(r"[a-z]+:|/", target) or path.name == "404.html":
            continue
        file = (path.parent / unquote(target)).resolve() if target else path
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file() or (anchor and file in parsed and unquote(anchor) not in parsed[file].anchors):
            yield link


def _target(source: str, link: str) -> str:
    """The path of a link's target in the repository."""
    return ((ROOT / source).parent / link).resolve().relative_to(ROOT).as_posix()


def _on_site(target: str, here: str) -> str:
    """The link from a page of the site to a target in the repository."""
    place = AT_ROOT.get(target) or target.removeprefix("docs/")
    return "../" * here.count("/") + place


def _linked_files() -> set[str]:
    """The files outside of docs/ that pages link to, and that are no pages themselves."""
    sources = [*AT_ROOT, *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]
    texts = {source: (ROOT / source).read_text(encoding="utf-8") for source in sources}
    found = {_target(source, link[1]) for source, text in texts.items() for link in _LINK.findall(text)}
    schemas = {path.relative_to(ROOT).as_posix() for path in (ROOT / "schemas").glob("*.json")}
    return schemas | {each for each in found if not each.startswith("docs/") and each not in AT_ROOT}
