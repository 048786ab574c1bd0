"""Live changes put into the file that declares them: for ``reconcile export --patch``.

Each edit is checked by loading the file with it, and comparing that with the same observation: it stays only if the
difference is gone and no other one has come. So a value that others share, or that comes from elsewhere, can't be
written wrongly: it is left, and reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from reconciler.config import load
from reconciler.config.variables.template import COMPOSE, KEYCLOAK, escaped
from reconciler.config.yaml.edit import HIDDEN, Node, Splice, Text, Unwritable, spliced
from reconciler.config.yaml.reading import forget, once, reading
from reconciler.config.yaml.textfile import STACK_LIMIT, USERS_LIMIT, shown_name
from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange, sides
from reconciler.core.message.errors import ConfigError
from reconciler.core.plan.plan import make
from reconciler.core.provider import Declaration, DeclarationSource
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed
from reconciler.core.resource.values import ABSENT, Secret, Value, has_secret, mapped
from reconciler.core.resource.values import Path as FieldPath
from reconciler.record import Struct, replace
from reconciler.run.session.session import Session, completed_sources

_Key = tuple[Address, str]
"""A field of a resource."""

_NOT_WRITABLE: Final = "can't be said in this file in a way that the difference goes; edit it by hand"


class Left(Struct, frozen=True):
    """A difference that stays, and why; ``is_attempt`` where it was tried to write the field."""

    address: Address
    field: str
    reason: str
    is_attempt: bool = False

    def __str__(self) -> str:
        return f"{self.address}{f' {self.field}' if self.field else ''} {self.reason}"


class Patched(Struct, frozen=True):
    """The text of the file before and after, the fields that were written, and what is left."""

    before: str
    text: str
    written: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()


def patched(session: Session, file: Path) -> Patched:
    """The file with the live values of what it declares. Raises ConfigError, ProviderError."""
    look = session.reconciler().look()
    return _Patch(session, file, look.observed, look.plan.changes).made()


@dataclass(slots=True)
class _Wish:
    """A field that is to be written, with the leaves of it that may be; as a whole, or gone, where that is tried."""

    change: Change
    name: str
    leaves: list[FieldChange] = field(default_factory=list)
    is_whole: bool = False
    is_gone: bool = False

    @property
    def key(self) -> _Key:
        return self.change.address, self.name


@dataclass
class _Patch:
    """The work on one file."""

    session: Session
    file: Path
    observed: Mapping[Address, Observed]
    changes: Sequence[Change]
    left: list[Left] = field(default_factory=list)

    def __post_init__(self) -> None:
        raw = self.file.read_bytes().decode("utf-8")
        self.bom = "\ufeff" if raw.startswith("\ufeff") else ""
        self.text = raw.removeprefix(self.bom)
        self.is_stack = self.file in self.session.settings.stack_files
        self.name = shown_name(self.file, self.session.settings.directory.absolute())
        self._known: dict[str, Sequence[Change]] = {}

    def made(self) -> Patched:
        wishes = list(self._wishes())
        there = [wish for wish in wishes if self._is_there(wish)]
        text = self._applied(self.text, there)
        # New lines come last, one for each resource at a time: a field may follow from another, as swap from memory.
        for some in _rounds([wish for wish in wishes if wish not in there]):
            differing = {leaf[:2] for leaf in _leaves(self._looked(text))}
            text = self._applied(text, [wish for wish in some if wish.key in differing])
        still = {leaf[:2] for leaf in _leaves(self._looked(text))}
        written = tuple(f"{wish.key[0]} {wish.name}" for wish in wishes if wish.key not in still)
        # A field that follows from another one, such as exposed ports, is right once that is.
        left = tuple(each for each in self.left if not each.is_attempt or (each.address, each.field) in still)
        return Patched(self.bom + self.text, self.bom + text, written, left)

    # ------------------------------------------------------------------ wishes

    def _wishes(self) -> Iterator[_Wish]:
        """The fields of declared resources that differ; what no file can say is left."""
        for change in self.changes:
            if change.desired is None or change.observed is None:
                # A resource that is gone has no live values to write; a deletion is for a person to decide.
                if change.action is not Action.KEEP and change.desired is not None:
                    self._leave(change, "", "is not there any more; remove it from the file, or let `apply` make it")
                continue
            names = dict.fromkeys(each.path[0] for each in change.fields)
            for name in names:
                leaves = [each for each in change.fields if each.path[0] == name]
                hidden = [each for each in leaves if has_secret(each.before) or has_secret(each.after)]
                for each in hidden:
                    reason = "is a secret, which is never written; set its variable in the env file"
                    self._leave(change, ".".join(each.path), reason)
                if len(leaves) > len(hidden):
                    yield _Wish(change, name, [each for each in leaves if each not in hidden])

    def _leave(self, change: Change, name: str, reason: str) -> None:
        self.left.append(Left(change.address, name, reason))

    # ------------------------------------------------------------------ ways

    def _applied(self, text: str, wishes: Sequence[_Wish]) -> str:
        """The text with these fields written: all at once, which does as a rule, else in ever smaller groups."""
        if len(wishes) <= 1:
            return next((self._with_or_left(text, wish) for wish in wishes), text)
        together, done = self._together(text, wishes)
        if together is not None and len(done) == len(wishes):
            return together
        # Some did work together, so only the others are tried one by one.
        if done and len(done) < len(wishes):
            rest = [wish for wish in wishes if wish not in done]
            text = self._applied(text, done)
            return self._each(text, rest)
        # None can be told apart, so the group is halved until the one that spoils it is alone.
        half = len(wishes) // 2
        return self._applied(self._applied(text, wishes[:half]), wishes[half:])

    def _is_there(self, wish: _Wish) -> bool:
        """Returns whether the file has a line for the field."""
        tree = self._tree(self.text)
        try:
            return self._owner(tree, wish).get(self._declaration(tree, wish).path[0]) is not None
        except Unwritable:
            return True

    def _each(self, text: str, wishes: Sequence[_Wish]) -> str:
        for wish in wishes:
            text = self._with_or_left(text, wish)
        return text

    def _together(self, text: str, wishes: Sequence[_Wish]) -> tuple[str | None, list[_Wish]]:
        """The text with all of the edits, and the wishes that are fulfilled by them; None where they can't be tried."""
        splices: list[Splice] = []
        tried: list[_Wish] = []
        tree = self._tree(text)
        for wish in wishes:
            with suppress(Unwritable):
                splices += self._edits(tree, wish)
                tried.append(wish)
        try:
            made = spliced(text, splices)
            after = _leaves(self._looked(made))
        except (Unwritable, ConfigError):
            return None, []
        if not self._is_no_worse(text, made):
            return None, []
        still = {leaf[:2] for leaf in after}
        return made, [wish for wish in tried if wish.key not in still]

    def _with_or_left(self, text: str, wish: _Wish) -> str:
        try:
            return self._with(text, wish)
        except Unwritable as error:
            self.left.append(Left(wish.change.address, wish.name, str(error), is_attempt=True))
            return text

    def _with(self, text: str, wish: _Wish) -> str:
        """The text with a field written in whichever way does; raises Unwritable."""
        if self._is_done(text, text, wish):
            return text
        problem = Unwritable(_NOT_WRITABLE)
        # From the way that keeps most of the file's own spelling to the one that keeps least.
        for way in (self._plainly, self._item_by_item, self._wholly, self._without):
            try:
                candidate = way(text, wish)
            except Unwritable as error:
                # The first reason is about the plainest way, which is what a person would try.
                problem = error if str(problem) == _NOT_WRITABLE else problem
                continue
            if self._is_done(text, candidate, wish):
                return candidate
        raise problem

    def _plainly(self, text: str, wish: _Wish) -> str:
        return spliced(text, self._edits(self._tree(text), wish))

    def _wholly(self, text: str, wish: _Wish) -> str:
        return spliced(text, self._edits(self._tree(text), replace(wish, is_whole=True)))

    def _without(self, text: str, wish: _Wish) -> str:
        """The text without the field: the live value may be the one that goes without saying."""
        return spliced(text, self._edits(self._tree(text), replace(wish, is_gone=True)))

    def _item_by_item(self, text: str, wish: _Wish) -> str:
        """As plainly, without the items of a list by which the difference gets less: their spelling is the user's."""
        number = 0
        while True:
            tree = self._tree(text)
            items = self._list(tree, wish)
            if items is None or number >= len(items.values):
                return self._plainly(text, wish)
            with suppress(Unwritable):
                without = spliced(text, tree.without_item(items, number))
                if self._distance(without, wish.key) < self._distance(text, wish.key):
                    tree.require_constant(items.values[number])
                    text = without
                    continue
            number += 1

    def _list(self, tree: Text, wish: _Wish) -> Node | None:
        node: Node | None = self._owner(tree, wish)
        for key in self._declaration(tree, wish).path:
            node = node.get(key) if node is not None else None
        return node if node is not None and node.kind == "list" else None

    # ------------------------------------------------------------------ one field

    def _edits(self, tree: Text, wish: _Wish) -> list[Splice]:
        said = self._declaration(tree, wish)
        wanted, live = _plain(said.wanted), ABSENT if wish.is_gone else _plain(said.live)
        return tree.with_attribute(self._owner(tree, wish), said.path, wanted, live, whole=wish.is_whole)

    def _owner(self, tree: Text, wish: _Wish) -> Node:
        """The mapping that declares the resource."""
        origin = self._place(wish)
        if origin is None or origin.file != self.name:
            raise Unwritable(f"is declared in {origin or 'no file'}; patch that one")
        found = tree.at(origin.line, origin.column, wish.change.address.name)
        node = tree.real(found) if found is not None else None
        if node is None or node.kind != "map":
            raise Unwritable(f"is declared in a short form at {origin}; edit it by hand")
        return node

    def _place(self, wish: _Wish) -> Any:
        return self._origins[wish.change.address]

    def _declaration(self, tree: Text, wish: _Wish) -> Declaration:
        """The declaration of a field whose attribute the file has, else the first of all."""
        provider = self.session.providers[wish.change.address.provider]
        values = {wish.name: self._sides(wish)}
        made: Mapping[str, Sequence[Declaration]] = (
            provider.declarations(self.session.document, wish.change, values)
            if isinstance(provider, DeclarationSource)
            else {}
        )
        alternatives = made.get(wish.name) or ()
        if not alternatives:
            raise Unwritable("can't be said in a file; `apply` sets it back")
        owner = self._owner(tree, wish)
        # The attribute that the file has already keeps its form; a second one for the same field would contradict it.
        there = (each for each in alternatives if owner.get(each.path[0]) is not None)
        return next(there, alternatives[0])

    def _sides(self, wish: _Wish) -> tuple[Value, Value]:
        """The expected value of a field, and the same with the live values of the leaves."""
        assert wish.change.desired is not None
        assert wish.change.observed is not None
        kind = self.session.kinds[wish.change.address.kind]
        expected = kind.expect(wish.change.desired, wish.change.observed).get(wish.name, ABSENT)
        # Secrets are hidden on both sides first, so that none gets into the text.
        _, wanted = sides(kind.fields[wish.name], ABSENT, _hidden(expected))
        live = wanted
        for leaf in wish.leaves:
            live = _with_leaf(live, leaf.path[1:], leaf.before)
        return wanted, live

    # ------------------------------------------------------------------ checks

    def _tree(self, text: str) -> Text:
        self._origins = {each.address: each.desired.origin for each in self._looked(text) if each.desired}
        return Text(text, partial(escaped, dialect=COMPOSE if self.is_stack else KEYCLOAK))

    def _looked(self, text: str) -> Sequence[Change]:
        """The changes that the file would have with this text, by what was observed; raises ConfigError."""
        if text not in self._known:
            self._known[text] = self._compared(text)
        return self._known[text]

    def _compared(self, text: str) -> Sequence[Change]:
        sources = completed_sources(self.session.settings, self.session.made_up)
        with reading():
            # The loader finds this text in place of the file, which is not written yet.
            once(self.file, STACK_LIMIT if self.is_stack else USERS_LIMIT, lambda: text)
            document = load(sources).document
            made = replace(
                self.session.reconciler(), document=replace(document, connection=self.session.document.connection)
            )
            found = make(made.providers, made.desired(), self.observed.values(), prunes=lambda _: False).changes
        forget()
        return found

    def _is_done(self, before: str, after: str, wish: _Wish) -> bool:
        """Returns whether the field differs no more with the new text, but for its secrets, and nothing else newly."""
        if not self._is_no_worse(before, after):
            return False
        still = {leaf[2] for leaf in _leaves(self._looked(after)) if leaf[:2] == wish.key}
        return not still & {leaf.path for leaf in wish.leaves}

    def _is_no_worse(self, before: str, after: str) -> bool:
        """Returns whether the new text can be loaded, and nothing differs that did not before."""
        try:
            return set(_leaves(self._looked(after))) <= set(_leaves(self._looked(before)))
        except ConfigError:
            return False

    def _distance(self, text: str, key: _Key) -> int:
        try:
            leaves = _leaves(self._looked(text))
        except ConfigError:
            return 1 << 30
        return sum(_apart(each) for leaf, each in leaves.items() if leaf[:2] == key)


def _rounds(wishes: Sequence[_Wish]) -> Iterator[list[_Wish]]:
    """The wishes in groups, each with one of every resource."""
    waiting = list(wishes)
    while waiting:
        firsts = {wish.change.address: wish for wish in reversed(waiting)}
        yield [wish for wish in waiting if firsts[wish.change.address] is wish]
        waiting = [wish for wish in waiting if firsts[wish.change.address] is not wish]


_Leaf = tuple[Address, str, FieldPath]


def _leaves(changes: Sequence[Change]) -> dict[_Leaf, FieldChange]:
    """The differing leaves of resources that are declared and live; creations and deletions each count as one."""
    found: dict[_Leaf, FieldChange] = {}
    for change in changes:
        if change.desired is None or change.observed is None:
            if change.action is not Action.KEEP:
                found[change.address, change.action.value, ()] = FieldChange((), None, None, change.effect)
            continue
        found |= {(change.address, each.path[0], each.path): each for each in change.fields}
    return found


def _apart(change: FieldChange) -> int:
    """The number of items by which two lists differ; one for anything else."""
    before, after = change.before, change.after
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return sum(each not in after for each in before) + sum(each not in before for each in after)
    if isinstance(after, list | tuple):
        return len(after)
    return len(before) if isinstance(before, list | tuple) else 1


def _with_leaf(value: Any, path: FieldPath, leaf: Value) -> Any:
    """The value with another one at a path; ABSENT takes it away."""
    if not path:
        return leaf
    kept = dict(value) if isinstance(value, Mapping) else {}
    inner = _with_leaf(kept.get(path[0], ABSENT), path[1:], leaf)
    if inner is ABSENT:
        kept.pop(path[0], None)
    else:
        kept[path[0]] = inner
    return kept


def _hidden(value: Value) -> Value:
    """The value with a mark in the place of each secret, which is never written."""
    return mapped(value, lambda leaf: f"{HIDDEN}{hash(leaf)}" if isinstance(leaf, Secret) else leaf)


def _plain(value: Value) -> Any:
    """The value as plain data."""
    match value:
        case Mapping():
            return {key: _plain(part) for key, part in value.items() if part is not ABSENT}
        case list() | tuple():
            return [_plain(part) for part in value]
        case _:
            return value
