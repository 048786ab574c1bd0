"""The steps of a plan that Keycloak or this program will refuse, as far as the live realm and the plan itself tell.

A step is judged by the same rules as when it is performed. They read the realm as it will be: what the plan makes or
changes counts as done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from reconciler.core.message.problem import Problem, Severity
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.keycloak.expand import key_of
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import BASE
from reconciler.providers.keycloak.table.kind import RestKind
from reconciler.providers.keycloak.table.properties import as_map
from reconciler.providers.keycloak.write.steps import ADD, CREATE, CREATE_PART, IMPORT, UPDATE, linked, texts
from reconciler.record import Struct
from reconciler.vocabulary.accepted import DEFAULT_PROFILE
from reconciler.vocabulary.keycloak import REALM, USER_PROFILE

_PROFILE: Final = KINDS[USER_PROFILE].paths.item.removeprefix(BASE)
_LISTS: Final = {kind.reading.listing.path: kind for kind in KINDS.values() if kind.reading.listing}
"""The lists that rules read, each with the type of its objects."""
_OF_A_NEW_REALM: Final[Mapping[str, Any]] = {
    "": {},
    _PROFILE: {"attributes": [{"name": name, "validations": rules} for name, rules in DEFAULT_PROFILE.items()]},
    **{
        kind.reading.listing.path: [{kind.key: key} for key in kind.reading.listing.at_first]
        for kind in _LISTS.values()
        if kind.reading.listing and kind.reading.listing.at_first is not None
    },
}
"""The answers of a realm that the plan makes; others can't be told."""


_Body: TypeAlias = tuple[Address, Mapping[str, Value]]
"""An object with what a step sends of it."""


class Foreseen:
    """The realms as they will be, and what of a plan will be refused; it asks only for what a step is about."""

    def __init__(self, directory: Directory, steps: Sequence[Step]) -> None:
        self._directory, self._steps = directory, steps
        self._written = {address for step in steps for address in (step.address, *step.covers)}
        self._keys = set(map(key_of, self._written))
        self._new = {step.address for step in steps if step.verb == CREATE and step.address.kind == REALM}
        self._answers: dict[str, Any] = {}  # not the directory's: those of a pass are read after what they depend on

    def problems(self) -> Iterator[Problem]:
        """Lists the refusals, each once."""
        found = ((address, said) for step in self._steps for address, said in self._of(step) if said)
        for address, said in dict.fromkeys(found):
            yield Problem(said, Origin(""), Severity.WARNING, address=address)

    def _of(self, step: Step) -> Iterator[tuple[Address, str]]:
        for address, body in _bodies(step):
            rules = KINDS[address.kind].requirements
            for rule in (rules.refuses, rules.rejects if step.verb != IMPORT else None):
                if rule:
                    yield address, rule(_View(self, address.path[0]), address, body)
        if step.verb == CREATE:
            yield step.address, KINDS[step.address.kind].creation.misnamed(step.address.name)
        if step.verb == ADD:
            yield step.address, self._added(step)
        if step.verb in (ADD, CREATE):
            for target in map(Address.parse, texts(step.args.get("targets", ()))):
                if self.find(target) is None:
                    yield step.address, f"{target} is not there; declare it, or see who deleted it"

    def _added(self, step: Step) -> str:
        """The refusal of links, by the rule of the object that gets them, with what else the plan gives to it."""
        refuses = KINDS[step.address.kind].requirements.refuses
        along = {key: part for each in self._steps if each.verb == UPDATE for key, part in _own(each, step.address)}
        body = {**along, **linked(step)}
        return refuses(_View(self, step.address.path[0]), step.address, body) if refuses else ""

    def find(self, target: Address) -> str | None:
        """The id of a live object, "" of one that comes with what the plan makes, None where there will be none."""
        kind = KINDS[target.kind]
        parent = kind.parent_of(target)
        is_made = key_of(target) in self._keys or Address(REALM, target.path[:1]) in self._new
        may_arise = kind.builtins.arises(target.path) or (
            parent is not None and parent.kind != REALM and key_of(parent) in self._keys
        )
        found = None if Address(REALM, target.path[:1]) in self._new else self._directory.find(target)
        return "" if found is None and (is_made or may_arise) else found

    def read(self, realm: str, path: str) -> Any:
        """An answer, as it will be once the plan is carried out."""
        base = BASE.format(realm=quote(realm, safe=""))
        if not path.startswith(base):
            return self._directory.once(path)
        place = path.removeprefix(base).partition("?")[0]
        return self._planned(realm, place, self._answer(Address(REALM, (realm,)), path, place))

    def _answer(self, realm: Address, path: str, place: str) -> Any:
        if realm in self._new:
            return _OF_A_NEW_REALM.get(place, ABSENT)
        if path not in self._answers:
            self._answers[path] = self._directory.connection.get(path)
        return self._answers[path]

    def _planned(self, realm: str, place: str, answer: Any) -> Any:
        """The answer of the realm once the plan is carried out."""
        if answer is ABSENT:
            return answer
        own = [(address, body) for step in self._steps for address, body in _bodies(step) if address.path[0] == realm]
        # The settings of the realm itself are in the answer without a path.
        if place == "":
            return {
                **answer,
                **{key: part for address, body in own if address.kind == REALM for key, part in body.items()},
            }
        if place == _PROFILE:
            return _profile(answer, [body for address, body in own if address.kind == USER_PROFILE])
        return self._listed(_LISTS[place], realm, answer, own) if place in _LISTS else answer

    def _listed(self, kind: RestKind, realm: str, answer: Any, own: Sequence[_Body]) -> Sequence[Any]:
        """A list of the realm with what the plan makes, and changes, of its objects."""
        # A new realm's POST has its flows in the body (`with_realm`), not in requests of their own.
        brought = (body.get(kind.pruning.section, ()) for address, body in own if address.kind == REALM)
        others = (as_map(each) for found in brought if isinstance(found, Sequence) for each in found)
        found = {each[kind.key]: each for each in (*answer, *others)}
        for address in self._written:
            if address.kind == kind.name and address.path[0] == realm:
                found.setdefault(address.name, {kind.key: address.name})
        for address, body in own:
            if address.kind == kind.name:
                found[address.name] = _patched(found.get(address.name), {**body, kind.key: address.name})
        return list(found.values())


class _View(Struct, frozen=True):
    """One of the realms as it will be, for the rules of the tables."""

    foreseen: Foreseen
    realm: str

    def once(self, path: str) -> Any:
        return self.foreseen.read(self.realm, path)

    def find(self, address: Address) -> str | None:
        return self.foreseen.find(address)


def _bodies(step: Step) -> Iterator[_Body]:
    """The bodies that a step sends, each with the object that it is about."""
    if step.verb == CREATE:
        yield step.address, as_map(step.args["body"])
    elif step.verb == UPDATE:
        yield step.address, as_map(step.args["patch"])
    elif step.verb == CREATE_PART:
        yield step.address, {str(step.args["field"]): {str(step.args["part"]): step.args["body"]}}
    elif step.verb == IMPORT:
        bodies = step.args["bodies"]
        assert isinstance(bodies, Sequence)
        yield from zip(step.covers, map(as_map, bodies), strict=True)


def _own(step: Step, address: Address) -> Iterable[tuple[str, Value]]:
    return as_map(step.args["patch"]).items() if step.address == address else ()


def _profile(live: Mapping[str, Any], patches: Sequence[Mapping[str, Value]]) -> Mapping[str, Any]:
    """The user profile with the attributes and the policy that a plan gives it."""
    profile = dict(live)
    for patch in patches:
        attributes = {each["name"]: each for each in profile.get("attributes") or ()}
        changed = patch.get("attributes", {})
        for name, body in changed.items() if isinstance(changed, Mapping) else ():
            attributes[name] = ABSENT if body is ABSENT else _patched({"name": name, **attributes.get(name, {})}, body)
        own = {key: value for key, value in patch.items() if key != "attributes"}
        kept = [each for each in attributes.values() if each is not ABSENT]
        profile = {**profile, **own, "attributes": kept}
    return profile


def _patched(live: Any, patch: Any) -> Any:
    """A live value with a patch of it, in which ABSENT takes a part away."""
    if not isinstance(patch, Mapping):
        return patch
    known = live if isinstance(live, Mapping) else {}
    merged = {**known, **{key: _patched(known.get(key), part) for key, part in patch.items()}}
    return {key: part for key, part in merged.items() if part is not ABSENT}
