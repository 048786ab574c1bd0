"""Errors and fields of the files, explained to a reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import fill
from typing import Final

from reconciler.core.difference.kind import Effect, Kind, one_at_a_time
from reconciler.core.message.codes import Code
from reconciler.record import Struct
from reconciler.render.output.plain import joined
from reconciler.render.plan.text import COSTS

_WIDTH: Final = 100
_PAGE: Final = (
    "# Error codes",
    "",
    "`reconcile explain CODE` prints the same. This page is made from the program's table.",
    "",
    "| code | error and cause | remedy | exit code |",
    "|---|---|---|---|",
)


class DescribedField(Struct, frozen=True):
    """A field of a file as the schema describes it; ``owner`` is the schema's definition that has it."""

    file: str
    owner: str
    name: str
    title: str
    description: str
    path: str


def code_text(code: Code, width: int = 0) -> str:
    """The whole of what is known of an error's code; ``width`` is that of the terminal, 0 where there is none."""
    exits = " or ".join(map(str, code.exits))
    return joined(
        (
            f"{code.name}: {code.fact}",
            "",
            *_wrapped("Cause: ", code.cause, width),
            *_wrapped("Remedy: ", code.remedy, width),
            f"Exit code: {exits}",
        )
    )


def codes_text(codes: Iterable[Code]) -> str:
    """One line for each code."""
    return joined(f"{code.name}  {code.fact}" for code in codes)


def codes_markdown(codes: Iterable[Code]) -> str:
    """The page of the docs."""
    rows = [f"| `{c.name}` | {c.fact} {c.cause} | {c.remedy} | {', '.join(map(str, c.exits))} |" for c in codes]
    return "\n".join((*_PAGE, *rows)) + "\n"


def fields_text(fields: Iterable[DescribedField], kinds: Mapping[str, Kind], width: int = 0) -> str:
    """Each field with its description, and what changing it costs."""
    return "\n\n".join(joined(_field(each, kinds, width)) for each in fields)


def _field(field: DescribedField, kinds: Mapping[str, Kind], width: int) -> Iterator[str]:
    yield f"{field.file}: {field.path}"
    yield from _wrapped("  ", f"{field.title}. {field.description}", width)
    yield from (f"  A change of {name}: {cost}." for name, cost in costs_of(field, kinds))


def costs_of(field: DescribedField, kinds: Mapping[str, Kind]) -> Iterator[tuple[str, str]]:
    """The kinds of resources that have a field, each with the cost of changing it, in the words of a plan."""
    for name, kind in kinds.items():
        if field.name in kind.fields and _belongs(kind, field):
            yield name, _cost(kind, field.name)


def _belongs(kind: Kind, field: DescribedField) -> bool:
    """Returns whether a kind is what the owner of a field describes: they have one name, or the owner is a service."""
    owner = field.owner.lower()
    return kind.name.rpartition(".")[2].replace("-", "") in (owner, {"service": "container"}.get(owner, owner))


def _cost(kind: Kind, name: str) -> str:
    effect = kind.fields[name].effect
    if callable(effect):
        return "depends on the values; the plan says it"
    if effect is Effect.REPLACE and kind.alone is not one_at_a_time:
        return f"{COSTS[Effect.HANDOVER]}; {COSTS[effect]} where two can't be up at a time"
    return COSTS[effect] or "without disruption"


def _wrapped(head: str, text: str, width: int) -> list[str]:
    return fill(text, min(width or _WIDTH, _WIDTH), initial_indent=head, subsequent_indent=" " * len(head)).split("\n")
