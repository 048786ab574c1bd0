"""Reads and changes `.env` files: single settings only, every other byte stays as it is.

Knows plain, quoted and commented values on one line, and leaves alone the lines of a quoted value that
goes over several. It fills in no variables; the demo needs image names and ports, which have none.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

SETTING = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")
OFFERED = re.compile(r"#\s?([A-Za-z_]\w*)=")
OPEN_QUOTE = re.compile(r"""(["'])(?:\\.|(?!\1).)*\Z""")


def settings(text: str) -> dict[str, str]:
    """The values that a file sets, the last one where a name occurs again."""
    return {name: plain(value) for _, name, value in _set_lines(text)}


def plain(value: str) -> str:
    """A value without its quotes or the comment behind it."""
    if quoted := re.match(r"""(["'])(.*?)(?<!\\)\1""", value):
        return quoted[2]
    return re.split(r"\s#", value, maxsplit=1)[0].strip()


def with_settings(text: str, values: Mapping[str, str]) -> str:
    """The text with these values: in the line that sets a name, else below its example (`#NAME=`), else at the end."""
    for name, value in values.items():
        text = _with_setting(text, name, value)
    return text


def _with_setting(text: str, name: str, value: str) -> str:
    lines = text.split("\n")
    line = f"{name}={value}"
    found = [(number, current) for number, found_name, current in _set_lines(text) if found_name == name]
    offers = [number for number, offer in enumerate(lines) if (match := OFFERED.match(offer)) and match[1] == name]
    if found:
        number, current = found[-1]
        lines[number] = lines[number] if plain(current) == value else line
    elif offers:
        lines.insert(offers[-1] + 1, line)
    else:
        lines[-1:] = [line, ""] if not lines[-1] else [lines[-1], line, ""]
    return "\n".join(lines)


def _set_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Number, name and raw value of the lines that set something."""
    quote = ""
    for number, line in enumerate(text.split("\n")):
        if quote:  # inside a value that began further up
            quote = "" if re.search(rf"(?<!\\){quote}", line) else quote
        elif match := SETTING.fullmatch(line):
            quote = opened[1] if (opened := OPEN_QUOTE.match(match[2])) else ""
            yield number, match[1], match[2]


def change(path: Path, values: Mapping[str, str]) -> None:
    """Set values in a file at once or not at all; what is written is for its owner alone (mode 0600)."""
    target = path.resolve()  # a link stays a link
    before = target.read_text() if target.exists() else ""
    after = with_settings(before, values)
    if after == before:
        return
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".env-") as folder:
        scratch = Path(folder, target.name)
        scratch.touch(mode=0o600)
        scratch.write_text(after)
        scratch.replace(target)
