"""Undeclared live objects put into a file of the project: for ``reconcile export --patch --add``.

The live project or realm is written as a file of its own and loaded. There the object has a place: a path of keys below
the nearest object around it, or below the top. The same place of the project's file gets it, and the file is loaded and
compared again: the object must be as declared, and nothing else may differ that did not before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reconciler.config import load
from reconciler.config.yaml.edit import Node, Text, Unwritable, spliced
from reconciler.config.yaml.parse import yaml_text
from reconciler.config.yaml.reading import forget, once, reading
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.textfile import STACK_LIMIT, USERS_LIMIT, shown_name
from reconciler.core.difference.change import Action, Change
from reconciler.core.message.errors import ConfigError
from reconciler.core.plan.graph import needs_of
from reconciler.core.provider import StackSource
from reconciler.core.resource.address import Address
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct, replace
from reconciler.run.commands.adopt import AdoptedFile, adopted_realms, adopted_stack
from reconciler.run.reconciliation.once import Reconciler
from reconciler.run.session.session import Session, completed_sources

_NAME: Final = lazy_pattern(r"\$\{([A-Za-z_]\w*)")


class Added(Struct, frozen=True):
    """The file before and after, what was added, the variables that it needs, and why something could not be."""

    before: str
    text: str
    added: tuple[Address, ...] = ()
    variables: Mapping[str, str] = {}
    left: tuple[tuple[Address, str], ...] = ()


def added(session: Session, file: Path, addresses: Sequence[Address]) -> Added:
    """The file with these live objects, and with what they need. Raises ConfigError, ProviderError."""
    return _Additions(session, file).made(addresses)


@dataclass
class _Additions:
    """The work on one file."""

    session: Session
    file: Path
    variables: dict[str, str] = field(default_factory=dict)
    differing: set[Address] | None = None
    _live_files: dict[str, _LiveFile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.is_stack = self.file in self.session.settings.stack_files
        self.name = shown_name(self.file, self.session.settings.directory.absolute())

    def made(self, addresses: Sequence[Address]) -> Added:
        raw = self.file.read_bytes().decode("utf-8")
        bom = "\ufeff" if raw.startswith("\ufeff") else ""
        text = raw.removeprefix(bom)
        done: list[Address] = []
        left: list[tuple[Address, str]] = []
        for address in addresses:
            # One object at a time, each into the text with the ones before: an object may need one that was just added.
            try:
                together = list(self._with_needs(text, address))
                text = self._with(text, together)
                done += together
            except Unwritable as error:
                left.append((address, str(error)))
        return Added(raw, bom + text, tuple(done), self.variables, tuple(left))

    # ------------------------------------------------------------------ what is live

    def _live(self, address: Address) -> _LiveFile:
        """The live project, or the realm of an address, as a file."""
        if isinstance(self.session.providers.get(address.provider), StackSource) is not self.is_stack:
            raise Unwritable(f"does not belong into {self.name}")
        key = self.session.document.project if self.is_stack else address.path[0]
        # Reading a live project takes seconds, and several objects come from the same one.
        if key not in self._live_files:
            settings = self.session.settings
            found = (
                adopted_stack(settings, (key,))
                if self.is_stack
                else adopted_realms(settings, (key,), with_secrets=False)
            )
            text = yaml_text(found.content)
            resources = {each.address: each for each in self._reconciler(text, found.variables).desired()}
            self._live_files[key] = _LiveFile(found, Text(text, str), resources)
        return self._live_files[key]

    def _with_needs(self, text: str, address: Address) -> Iterator[Address]:
        """The undeclared objects that an object needs, and the object itself."""
        live = self._live(address)
        declared = {each.address for each in self._reconciler(text).desired()}
        if address in declared:
            raise Unwritable("is declared already")
        if address not in live.resources or live.node(address) is None:
            raise Unwritable(f"is not live, or no file can have it{suggestion(str(address), live.named(declared))}")
        needs = needs_of(live.resources, self.session.kinds)
        seen: dict[Address, None] = {}

        def reach(each: Address) -> None:
            for need in needs.get(each, ()):
                if need not in declared and need not in seen and live.stands_alone(need, address):
                    reach(need)
            seen[each] = None

        reach(address)
        yield from seen

    # ------------------------------------------------------------------ the file

    def _with(self, text: str, addresses: Sequence[Address]) -> str:
        """The text with objects that need each other; raises Unwritable."""
        made, variables = text, dict(self.variables)
        for address in addresses:
            made, needed = self._with_one(made, address)
            variables |= needed
        self._require_settled(text, made, addresses, variables)
        self.variables = variables
        return made

    def _with_one(self, text: str, address: Address) -> tuple[str, Mapping[str, str]]:
        """The text with one object, and the variables that it needs."""
        live = self._live(address)
        around, keys, value = live.place(address)
        tree = Text(text, str)  # the value is escaped already, as a file has it
        owner = self._owner(tree, text, around)
        is_item = isinstance(keys[-1], int)
        path = [str(key) for key in (keys[:-1] if is_item else keys)]
        splices = tree.with_attribute(
            owner, path, [] if is_item else ABSENT, [value] if is_item else value, whole=False
        )
        # Only the variables that this text names; the live file has those of all its objects.
        names = sorted(set(_NAME.findall(yaml_text(value))) & live.file.variables.keys())
        return self._with_secrets(spliced(text, splices), names), {name: live.file.variables[name] for name in names}

    def _owner(self, tree: Text, text: str, around: Address | None) -> Node:
        """The mapping of the file into which an object goes."""
        if around is None:
            if len(tree.documents) != 1 or tree.documents[0].kind != "map":
                raise Unwritable("has no place in a file of this form; add it by hand")
            return tree.documents[0]
        origins = {each.address: each.origin for each in self._reconciler(text).desired()}
        origin = origins.get(around)
        if origin is None:
            raise Unwritable(f"belongs to {around}, which is not declared; add that first")
        found = tree.at(origin.line, origin.column, around.name) if origin.file == self.name else None
        if found is None:
            raise Unwritable(f"belongs to {around}, which is declared at {origin}; name that file")
        return tree.real(found)

    def _with_secrets(self, text: str, names: Sequence[str]) -> str:
        """The text that declares these variables as secrets, so that a lost value is an error."""
        for name in names:
            tree = Text(text, str)
            options = tree.documents[0].get(OPTIONS)
            there = options.get("secrets") if options else None
            path, value = (
                ([OPTIONS, "secrets", name], None) if there and there.kind == "map" else ([OPTIONS, "secrets"], [name])
            )
            wanted: Any = ABSENT if value is None or there is None else []
            text = spliced(text, tree.with_attribute(tree.documents[0], path, wanted, value, whole=False))
        return text

    def _require_settled(
        self, before: str, after: str, addresses: Sequence[Address], variables: Mapping[str, str]
    ) -> None:
        """Raises Unwritable if an object differs from what the new text declares, or something else differs newly."""
        try:
            changes = self._reconciler(after, variables).look().plan.changes
        except ConfigError as error:
            raise Unwritable(f"can't be added: {error.problems[0].message}") from error
        by_address = {change.address: change for change in changes}
        # A network or volume that no service uses is declared, and makes no resource.
        if not all(each in by_address for each in addresses):
            raise Unwritable("is used by nothing that is declared; add what uses it")
        if any(by_address[each].action is not Action.KEEP for each in addresses):
            raise Unwritable("can't be said in a file in such a way that nothing differs; add it by hand")
        # Differences that were there before are no fault of the new text.
        known = _acting(self._reconciler(before).look().plan.changes) if self.differing is None else self.differing
        if worse := _acting(changes) - known:
            raise Unwritable(f"would make {min(worse, key=str)} differ; add it by hand")
        self.differing = _acting(changes)

    def _reconciler(self, text: str, variables: Mapping[str, str] = {}) -> Reconciler:
        """The reconciler of the project with this text as the file's."""
        session = self.session
        with reading():
            once(self.file, STACK_LIMIT if self.is_stack else USERS_LIMIT, lambda: text)
            sources = completed_sources(session.settings, {**session.made_up, **variables})
            document = load(sources).document
        forget()
        return replace(session.reconciler(), document=replace(document, connection=session.document.connection))


@dataclass
class _LiveFile:
    """The live state as a file, and its resources by the places that they have in it."""

    file: AdoptedFile
    text: Text
    resources: Mapping[Address, Resource]

    def node(self, address: Address) -> Node | None:
        """The mapping of an object in the file; None for one that has none of its own."""
        origin = self.resources[address].origin
        return self.text.at(origin.line, origin.column, address.name) if origin else None

    def named(self, declared: set[Address]) -> list[str]:
        return [str(each) for each in self.resources if each not in declared and self.node(each) is not None]

    def stands_alone(self, address: Address, other: Address) -> bool:
        """Returns whether an object has a place in the file that is not within another one's."""
        own, outer = self.node(address), self.node(other)
        return own is not None and (outer is None or not outer.start <= own.start < outer.end)

    def place(self, address: Address) -> tuple[Address | None, list[str | int], Any]:
        """The nearest object around one, the keys between them, and its value; None for the top of the file."""
        target = self.node(address)
        assert target is not None
        owners = {id(found): each for each in self.resources if each != address and (found := self.node(each))}
        around: Address | None = None
        keys: list[str | int] = []
        node = self.text.documents[0]
        while node is not target:
            # Each object on the way is a better anchor than the one around it.
            if owner := owners.get(id(node)):
                around, keys = owner, []
            number = next(n for n, each in enumerate(node.values) if each.start <= target.start < each.end)
            keys.append(node.keys[number].text if node.keys else number)
            node = node.values[number]
        if any(isinstance(key, int) for key in keys[:-1]):
            raise Unwritable("is part of something without a name of its own; add it by hand")
        return around, keys, self.text.tree(target)


def _acting(changes: Sequence[Change]) -> set[Address]:
    return {change.address for change in changes if change.action is not Action.KEEP}
