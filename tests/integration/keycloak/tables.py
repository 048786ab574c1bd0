"""The part of docs/keycloak-behaviour.md that no server is needed for: what the tables say, and how much was tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from os.path import commonprefix
from typing import Final

from reconciler.core.difference.kind import Effect
from reconciler.providers.keycloak.read.losses import NAMED, PEOPLE
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.kind import RestKind
from reconciler.vocabulary.keycloak import (
    AUTHORIZATION,
    CLIENT,
    CLIENT_ROLE,
    CLIENT_SCOPE,
    COMPONENT,
    FLOW,
    GROUP,
    IDENTITY_PROVIDER,
    IDENTITY_PROVIDER_MAPPER,
    ORGANIZATION,
    REALM,
    ROLE,
    USER,
    WORKFLOW,
)
from tests.integration.keycloak import (
    test_cascades,
    test_combinations,
    test_deletions,
    test_drift,
    test_fields,
    test_guards,
    test_kinds,
    test_spellings,
)
from tests.kit.discovery import alone_and_in_pairs

_SUBJECTS: Final = {
    "authorization": AUTHORIZATION,
    "client": CLIENT,
    "client role": CLIENT_ROLE,
    "client scope": CLIENT_SCOPE,
    "flow": FLOW,
    "group": GROUP,
    "identity provider": IDENTITY_PROVIDER,
    "identity provider mapper": IDENTITY_PROVIDER_MAPPER,
    "key": COMPONENT,
    "organization": ORGANIZATION,
    "role": ROLE,
    "user": USER,
    "user federation": COMPONENT,
    "workflow": WORKFLOW,
}
"""The types of the objects that are spelled oddly."""
_PEOPLE: Final = {
    COMPONENT: "users that a federation imported",
    IDENTITY_PROVIDER: "users' identities at it",
    ORGANIZATION: "members that it manages; others lose it",
}


def tables() -> str:
    """The sections of the page, from the tables of the provider and of the tests."""
    return "\n".join([*_section(_RULES, _rules), "", *_section(_CASES, _cases)])


def _section(head: tuple[str, ...], rows: Callable[[], Iterator[str]]) -> Iterator[str]:
    yield from head
    yield from rows()


# ------------------------------------------------------------------ what the tables say

_RULES: Final = (
    "## Changed, replaced, deleted along",
    "",
    "From the tables of the types. A *merge* keeps what a PUT leaves out, a *replacement* erases it. Whatever names a",
    "deleted object loses it. `diff` reports composites, mappings and defaults that do; a policy or a person that does",
    "needs `--allow-disrupt`. Keycloak refuses to delete a flow in use.",
    "",
    "| type | PUT | fixed once made | deleted along | made with its parent |",
    "|---|---|---|---|---|",
)


def _rules() -> Iterator[str]:
    for kind in KINDS.values():
        cells = (_put(kind), _fixed(kind), _along(kind), _brought(kind))
        yield f"| {_words(kind.name)} | {' | '.join(each or 'no' for each in cells)} |"


def _words(name: str) -> str:
    return name.partition(".")[2].replace("-", " ")


def _put(kind: RestKind) -> str:
    if kind.put.save:
        return "requests of its own"
    always = f", but needs {_listed(kind.put.always)}" if kind.put.always else ""
    together = dict.fromkeys(commonprefix(sorted(own)) for own in kind.put.carries.values())  # noqa: RUF071 (of texts)
    carried = "".join(f"; one of `{prefix}…` resets the others" for prefix in together)
    return f"{'replacement' if kind.put.replaces else 'merge'}{always}{carried}"


def _fixed(kind: RestKind) -> str:
    return _listed(name for name, row in kind.properties.items() if row.field.effect is Effect.FIXED)


def _along(kind: RestKind) -> str:
    inside = [_words(other.name) for other in KINDS.values() if other.parent == kind.name and kind.name != REALM]
    inside += [_words(kind.name)] if kind.name in kind.paths.collections else []
    taken = [text for name, text in _TAKEN.items() if name == kind.name]
    people = [_PEOPLE[kind.name]] if kind.name in PEOPLE else []
    named = ["its name in others"] if kind.name in NAMED else []
    return "; ".join([*inside, *taken, *people, *named])


_TAKEN: Final = {
    CLIENT: "its service account",
    FLOW: "the flows below",
    AUTHORIZATION: "permissions of a resource or scope that have no other; policies that apply only the deleted one",
    REALM: "everything in it",
}
"""The columns `takes` and the rules for permissions, in words."""


def _brought(kind: RestKind) -> str:
    if kind.is_setting:
        return "always there"
    return "others of its type" if kind.builtins.comes_inside else ""


def _listed(names: object) -> str:
    return ", ".join(f"`{name}`" for name in names)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ how much was tried

_CASES: Final = (
    "## Cases under test",
    "",
    "The number of tests in which an object is changed, spelled oddly, given its switches alone and in pairs, or",
    "deleted while others depend on it. Each wants an empty `diff` in the end, or a refusal with place and reason.",
    "`make nightly` runs all of them, CI a sample.",
    "",
    "| type | changed | odd spellings | alone and in pairs | deleted |",
    "|---|---|---|---|---|",
)


def counts() -> Mapping[str, tuple[int, int, int, int]]:
    """The cases of each type: changed, odd spellings, alone and in pairs, deleted."""
    columns = (_changed(), _spelled(), _paired(), _deleted())
    return {name: (columns[0][name], columns[1][name], columns[2][name], columns[3][name]) for name in KINDS}


def _cases() -> Iterator[str]:
    found = counts()
    for name, row in found.items():
        yield f"| {_words(name)} | {' | '.join(map(str, row))} |"
    total = [sum(row[column] for row in found.values()) for column in range(4)]
    yield f"| all | {' | '.join(map(str, total))} |"


def _changed() -> Counter[str]:
    names = {(subject.kind, name) for subject in test_fields.SUBJECTS for name in subject.table}
    names |= {(f"keycloak.{kind}", name) for each in (test_drift, test_kinds) for kind, name in each.tried()}
    return Counter(kind for kind, _ in names)


def _spelled() -> Counter[str]:
    found = Counter[str]()
    for name, subject in test_spellings.SUBJECTS.items():
        found[_SUBJECTS[name]] += sum(1 for _ in subject.cases("x"))
    for name, value in test_spellings.SETTINGS.items():
        holder = next((kind for kind, each in KINDS.items() if name in each.properties and kind != USER), REALM)
        found[_SECTIONS.get(name, holder)] += sum(1 for _ in test_spellings.spellings(value))
    return found


_SECTIONS: Final = {
    "attributes": REALM,
    "clientPolicies": "keycloak.client-policies",
    "clientProfiles": "keycloak.client-profiles",
    "clientScopeMappings": "keycloak.scope-mappings",
    "defaultRoles": "keycloak.default-roles",
    "localizationTexts": "keycloak.localization",
    "requiredActions": "keycloak.required-action",
    "scopeMappings": "keycloak.scope-mappings",
    "userProfile": "keycloak.user-profile",
}
"""The types of sections that have another name than a property."""


def _paired() -> Counter[str]:
    tables = test_combinations.TABLES
    return Counter({kind: times * sum(1 for _ in alone_and_in_pairs(table)) for kind, (table, times) in tables.items()})


def _deleted() -> Counter[str]:
    found = Counter(kind for deletion in test_deletions.DELETIONS.values() for kind in deletion.gone)
    found.update(each.split("//")[0] for each in test_guards.deletable())
    found.update(loss.kind for loss in test_guards.LOSSES.values())
    found[AUTHORIZATION] += len(test_guards.PARTS_BY_HAND)
    found[FLOW] += 2 * len(test_cascades.MOVES)
    return found
