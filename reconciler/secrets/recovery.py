"""The values of lost secrets, worked out from what live resources show of them; pure.

The files are loaded with a stand-in for each secret, a random text that occurs nowhere else. A text of the desired
state in which stand-ins are found is a template; the live text in its place tells what the secrets were.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, UNKNOWN, Path, Secret, Value

_BETWEEN: Final = "\0"
"""Between the items of a list; no argument, variable or label can hold it."""


@dataclass(frozen=True, slots=True)
class Use:
    """A text of a desired resource into which secrets go; ``template`` has their stand-ins."""

    address: Address
    path: Path
    template: str = field(repr=False)
    names: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"{self.address} {'.'.join(self.path)}"


@dataclass(frozen=True, slots=True)
class Clue:
    """A use and the live text in its place: ABSENT where there is none, UNKNOWN where it can't be read.

    ``beside`` is the name of what an interrupted run left beside the resource, where the text is from there.
    """

    use: Use
    live: Value = field(repr=False)
    beside: str = ""

    @property
    def place(self) -> str:
        return f"{self.use.place} of {self.beside}" if self.beside else self.use.place


@dataclass(frozen=True, slots=True)
class Recovery:
    """The fate of secrets without a value.

    ``found`` can be written again, ``lost`` were given to something that lives and can't be read back, and why; ``new``
    were given to nothing that lives.
    """

    found: Mapping[str, str] = field(default_factory=dict, repr=False)
    where: Mapping[str, str] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    new: tuple[str, ...] = ()


def uses(address: Address, value: Value, stand_ins: Mapping[str, str], path: Path = ()) -> Iterator[Use]:
    """Every text inside a value that has stand-ins in it. A list of texts counts as one text."""
    text = as_text(value)
    if isinstance(text, str):
        if names := tuple(name for name, stand_in in stand_ins.items() if stand_in in text):
            yield Use(address, path, text, names)
        return
    match value:
        case Mapping():
            for key, part in value.items():
                yield from uses(address, part, stand_ins, (*path, str(key)))
        case Sequence():
            for index, part in enumerate(value):
                yield from uses(address, part, stand_ins, (*path, str(index)))


def as_text(value: Value) -> Value:
    """A text, or a list of texts as one; ABSENT for nothing, UNKNOWN for anything else and for what a server masks."""
    match value:
        case Secret():
            return as_text(value.reveal())
        case None:
            return ABSENT
        case str() if value and set(value) == {"*"}:
            return UNKNOWN
        case str():
            return value
        case Sequence():
            parts = [part.reveal() if isinstance(part, Secret) else part for part in value]
            return _BETWEEN.join(map(str, parts)) if all(isinstance(part, str) for part in parts) else UNKNOWN
        case _:
            return value if value is ABSENT else UNKNOWN


def live_text(value: Value, path: Path) -> Value:
    """The text at a path of what lives; ABSENT where the path leads nowhere, UNKNOWN where no text is there."""
    for key in path:
        match value:
            case Mapping():
                value = value.get(key, ABSENT)
            case Sequence() if not isinstance(value, str) and key.isdigit():
                value = value[int(key)] if int(key) < len(value) else ABSENT
            case _:
                return ABSENT if value is ABSENT or value is None else UNKNOWN
    return as_text(value)


def recovered(
    names: Iterable[str], clues: Sequence[Clue], held: Mapping[str, str], stand_ins: Mapping[str, str]
) -> Recovery:
    """Reports the fate of these secrets. ``held`` names what may still depend on one that no live text shows."""
    found: dict[str, dict[str, str]] = {}
    known: Mapping[str, str] = {}
    for _ in stand_ins:  # a value found in one place may be what makes another place unambiguous
        for name, value, place in _candidates(clues, stand_ins, known):
            found.setdefault(name, {}).setdefault(value, place)
        known = {name: next(iter(values)) for name, values in found.items() if len(values) == 1}
    lost = {name: f"{', '.join(places.values())} differ" for name, places in found.items() if len(places) > 1}
    unreadable = {name: _unread(clue) for clue in clues if is_used(clue, stand_ins) for name in clue.use.names}
    lost |= {name: why for name, why in {**held, **unreadable}.items() if name not in found}
    wanted = tuple(names)
    return Recovery(
        {name: known[name] for name in wanted if name in known},
        {name: next(iter(found[name].values())) for name in wanted if name in known},
        {name: lost[name] for name in wanted if name in lost},
        tuple(name for name in wanted if name not in known and name not in lost),
    )


def _candidates(
    clues: Sequence[Clue], stand_ins: Mapping[str, str], known: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Name, value, and the place that shows it."""
    for clue, live in [(clue, clue.live) for clue in clues if isinstance(clue.live, str)]:
        for name in clue.use.names:
            template = clue.use.template
            # The other secrets of the same text are put in, so that this one is the only open part.
            for other in clue.use.names:
                if other in known and other != name:
                    template = template.replace(stand_ins[other], known[other])
            values = solved_in(template, live, stand_ins)
            if name in values:
                yield name, values[name], clue.place


def solved_in(template: str, live: str, stand_ins: Mapping[str, str]) -> Mapping[str, str]:
    """The values that turn the template into the live text; nothing where there are none, or more than one way."""
    shortest, longest = (_matched(template, live, stand_ins, some) for some in (f"[^{_BETWEEN}]+?", f"[^{_BETWEEN}]+"))
    return shortest if shortest == longest else {}


def _matched(template: str, live: str, stand_ins: Mapping[str, str], some: str) -> Mapping[str, str]:
    by_stand_in = {stand_in: name for name, stand_in in stand_ins.items()}
    groups: dict[str, str] = {}
    pattern = ""
    for part in _parts(template, stand_ins):
        name = by_stand_in.get(part)
        if name is None:
            pattern += re.escape(part)
        # A secret that stands twice in a text has to be the same in both places.
        elif name in groups:
            pattern += f"(?P={groups[name]})"
        else:
            groups[name] = f"g{len(groups)}"
            pattern += f"(?P<{groups[name]}>{some})"
    match = re.fullmatch(pattern, live, re.DOTALL)
    return {name: match[group] for name, group in groups.items()} if match else {}


def _parts(template: str, stand_ins: Mapping[str, str]) -> list[str]:
    return re.split(f"({'|'.join(map(re.escape, stand_ins.values()))})", template)


def is_used(clue: Clue, stand_ins: Mapping[str, str]) -> bool:
    """Returns whether the live text got the secret there, as far as can be seen, also if it was edited since."""
    if not isinstance(clue.live, str):
        return clue.live is UNKNOWN
    parts = _parts(clue.use.template, stand_ins)
    begins = bool(parts[0]) and clue.live.startswith(parts[0])
    ends = bool(parts[-1]) and clue.live.endswith(parts[-1])
    return bool(clue.live) and (begins or ends or parts[0] == parts[-1] == "")


def _unread(clue: Clue) -> str:
    return f"{clue.place} was given it, and does not show what it is"
