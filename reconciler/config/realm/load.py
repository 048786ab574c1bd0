"""users.yaml, from its files to realms in canonical form, with everything that is wrong with them on the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from reconciler.config.realm.canonical import canonical_realm, sealed, source_path
from reconciler.config.realm.checks import Finding, contradictions, duplicates
from reconciler.config.realm.combinations import combinations
from reconciler.config.realm.csvfile import Forbids, with_people
from reconciler.config.realm.file import Fragment, UsersFile, read_users
from reconciler.config.realm.keys import numbered
from reconciler.config.realm.merge import Part, Realm, realms
from reconciler.config.realm.references import Missing, ill_formed_policies, missing_references
from reconciler.config.realm.values import unaccepted
from reconciler.config.schema.explain import Fault
from reconciler.config.schema.fitting import fitted
from reconciler.config.schema.validator import load_schema
from reconciler.config.variables.declared import SecretSource, declared_names, declared_sources
from reconciler.config.variables.interpolate import filled
from reconciler.config.variables.template import KEYCLOAK, Variables
from reconciler.config.yaml.patterns import matches, not_yet
from reconciler.config.yaml.reading import once
from reconciler.config.yaml.textfile import shortened
from reconciler.config.yaml.tree import Place, Tree, TreePath, reached
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import MOST_LISTED, SCHEMA, UNSUPPORTED, Problem, Severity, bounded, more_mistakes
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Unmade
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import Value
from reconciler.record import Struct, field, replace
from reconciler.vocabulary.keycloak import REALM

_STEPS_TO_DOCUMENT: Final = 1
OF_THE_FILE: Final = frozenset({"connection", "daemon", "secrets"})
"""Settings of ``x-reconcile`` that are read at the top of a file only."""


class ReadUsers(Struct, frozen=True):
    """All users files that can be parsed, and what is wrong with them; incomplete where one can't be parsed."""

    files: Sequence[UsersFile]
    problems: Sequence[Problem]
    is_complete: bool


class LoadedUsers(Struct, frozen=True):
    """The realms and how to reach their Keycloak, and all problems; not to be used if one of those is an error.

    ``unmade`` are those of a realm that does not exist yet.
    """

    realms: Sequence[Realm] = ()
    connection: Mapping[str, Value] = field(default_factory=dict)
    daemon: Mapping[str, Value] = field(default_factory=dict)
    """The daemon's policy."""

    problems: tuple[Problem, ...] = ()
    unmade: tuple[Unmade, ...] = ()
    secrets: Sequence[tuple[UsersFile, TreePath, Tree]] = ()
    """The declared secrets of each file, and where in it they are."""

    def canonical(self) -> tuple[Mapping[str, Value], ...]:
        return tuple(canonical_realm(realm.merged) for realm in self.realms)

    def locate(self, index: int, path: TreePath) -> Origin:
        """The place in a file of the value at a path of a canonical realm."""
        realm = self.realms[index]
        users, own = realm.source(source_path(realm.merged, numbered(realm.merged, path)))
        return users.place(own).key


def read_all(paths: Iterable[Path], directory: Path, forbids: Forbids | None = None) -> ReadUsers:
    """Every file that can be parsed, with those that it names, and what is wrong with the others.

    No file is read that another one names and that is against ``forbids``.
    """
    files: list[UsersFile] = []
    problems: list[Problem] = []
    form = ("users", directory, forbids is not None)
    for path in paths:
        try:
            files.extend(once(path, form, partial(_read_with_people, path, directory, forbids)))
        except ConfigError as error:
            problems.extend(error.problems)
    is_complete = not problems and all(users.is_complete for users in files)
    return ReadUsers(files, [*problems, *(each for users in files for each in users.problems)], is_complete)


def _read_with_people(path: Path, directory: Path, forbids: Forbids | None) -> Sequence[UsersFile]:
    return tuple(with_people(read_users(path, directory), path, directory, forbids))


def declared(files: Iterable[UsersFile]) -> Iterator[str]:
    """The variables that the files declare to be secrets."""
    for users in files:
        for _, settings in users.settings():
            yield from declared_names(settings.get("secrets"))


def load_files(files: Sequence[UsersFile], variables: Variables, *, is_complete: bool = True) -> LoadedUsers:
    """Everything after parsing.

    Where a file could not be read, nothing can be said of names that may be declared there.
    """
    problems: list[Problem] = []
    done: list[UsersFile] = []
    for users in files:
        full, tainted, found = _filled(_fitted(users), variables)
        problems.extend((*found, *_faults(full, tainted=tainted)))
        problems.extend((*duplicates(full), *_misplaced(full), *_windows(full)))
        done.append(full)
    merged = realms([Part(users, fragment) for users in done for fragment in users.fragments()])
    # References are looked up after merging: a file may name the objects of another one.
    missing = {realm.name: [*missing_references(realm)] if is_complete else [] for realm in merged}
    problems.extend(_listed(_findings(merged, missing)))
    if any(problem.severity is Severity.ERROR for problem in problems):
        return LoadedUsers(problems=tuple(bounded(problems)))
    if is_complete:
        problems.extend(_without_realm(files))
    told = tuple(bounded(problems))
    unmade = tuple(
        _unmade(realm, each.of_a_new_realm) for realm in merged for each in missing[realm.name][:MOST_LISTED]
    )
    connection, daemon = (_of_the_whole_file(done, name) for name in ("connection", "daemon"))
    return LoadedUsers(merged, connection, daemon, told, unmade, tuple(_secrets(done)))


def _without_realm(files: Sequence[UsersFile]) -> Iterator[Problem]:
    """Warns of files that declare no realm, since nothing in Keycloak is compared with them."""
    is_anywhere = any(True for users in files for _ in users.fragments())
    for number, users in enumerate(files):
        is_empty = all(document is None for document in users.documents)
        if is_empty or (number == 0 and not is_anywhere):
            message = f"{'is empty' if is_empty else 'declares no realm'}; write `realm: NAME`, or leave this file out"
            yield users.file.problem(message, 1, 1, Severity.WARNING, code=SCHEMA)


def _listed(findings: Sequence[tuple[Realm, Finding]]) -> Iterator[Problem]:
    """The gravest findings with their places, and one problem for all others."""
    # A place costs more than the check itself: it is found for what is reported, errors first.
    ranked = sorted(findings, key=lambda each: each[1].severity is not Severity.ERROR)
    yield from (_problem(realm, finding) for realm, finding in ranked[:MOST_LISTED])
    if others := ranked[MOST_LISTED:]:
        realm, finding = others[0]
        message = more_mistakes(len(others))
        yield replace(_problem(realm, replace(finding, message=message)), count=len(others))


def _findings(merged: Iterable[Realm], missing: Mapping[str, Sequence[Missing]]) -> list[tuple[Realm, Finding]]:
    found: list[tuple[Realm, Finding]] = []
    for realm in merged:
        named = (each.finding for each in missing[realm.name])
        others = (finding for check in _CHECKS for finding in check(realm))
        found.extend((realm, finding) for finding in (*named, *others) if finding)
    return found


_CHECKS = (contradictions, ill_formed_policies, combinations, unaccepted)


def _fitted(users: UsersFile) -> UsersFile:
    """The file with each scalar in the type that is wanted at its place."""
    schema = load_schema("users")
    done = tuple(fitted(document, schema) if document is not None else None for document in users.documents)
    return users.with_documents(done)


def _filled(users: UsersFile, variables: Variables) -> tuple[UsersFile, bool, list[Problem]]:
    """The file with its variables filled in, whether a secret flowed into it, and what is wrong."""
    # Most large files have no variables at all, and need no walk through all of their objects.
    if not any(opening in users.file.text for opening in ("${", "$(")):
        return users, False, []
    done = [filled(document, variables, dialect=KEYCLOAK) for document in users.documents]
    problems = [
        misfit.problem(users.place((number, *misfit.path)))
        for number, each in enumerate(done)
        for misfit in each.misfits
    ]
    full = users.with_documents(tuple(each.tree for each in done))
    return full, any(each.tainted for each in done), problems


def _faults(users: UsersFile, *, tainted: bool) -> list[Problem]:
    found: list[Problem] = []
    for number, document in enumerate(users.documents):
        faults = load_schema("users").faults(document, is_plain=not tainted) if document is not None else ()
        if faults:
            waiting = dict(_not_yet(users))
            # A property that is known and not supported yet has a better message than an unknown one.
            unknown = [fault for fault in faults if (number, *fault.path) not in waiting]
            found.extend(
                users.problem(path, message, code=UNSUPPORTED) for path, message in waiting.items() if path[0] == number
            )
            found.extend(_said(users, number, fault) for fault in unknown)
    return found


def _not_yet(users: UsersFile) -> Iterator[tuple[TreePath, str]]:
    """Finds parts of Keycloak's types that are not supported yet; the schema has the list."""
    for fragment in users.fragments():
        for pattern, reason in load_schema("users").unsupported.items():
            for path, _, _ in matches(fragment.realm, pattern):
                yield (*fragment.path, *path), not_yet(path, reason)


def _said(users: UsersFile, number: int, fault: Fault) -> Problem:
    problem = users.problem((number, *fault.path), fault.message, at_value=not fault.at_key, code=SCHEMA)
    return replace(problem, count=fault.count)


def _problem(realm: Realm, finding: Finding) -> Problem:
    users, path = realm.source(finding.path)
    return users.problem(path, finding.message, severity=finding.severity, code=finding.code)


def _unmade(realm: Realm, finding: Finding) -> Unmade:
    users, path = realm.source(finding.path)
    return Unmade(Address(REALM, (realm.name,)), lambda: users.place(path).key, shortened(finding.message))


def sourced(files: Iterable[UsersFile]) -> Iterator[SecretSource]:
    """The sources of secrets that the files declare, as they are written."""
    for users, path, secrets in _secrets(files):
        yield from declared_sources(secrets, partial(place_below, users, path))


def place_below(users: UsersFile, above: TreePath, path: TreePath) -> Place:
    """The place of what is at a path below another one."""
    return users.place((*above, *path))


def _secrets(files: Iterable[UsersFile]) -> Iterator[tuple[UsersFile, TreePath, Tree]]:
    for users in files:
        for path, settings in users.settings():
            if "secrets" in settings:
                yield users, (*path, "secrets"), settings["secrets"]


def _misplaced(users: UsersFile) -> Iterator[Problem]:
    """Settings of one realm of several that hold for the whole file, where they would have no effect."""
    for fragment in users.fragments():
        if len(fragment.path) > _STEPS_TO_DOCUMENT:
            settings = fragment.realm.get(OPTIONS)
            for name in sorted(OF_THE_FILE & (settings if isinstance(settings, dict) else {}).keys()):
                message = (
                    f"`{name}` holds for the whole file, not for one realm; write it under {_top_of(users, fragment)}"
                )
                yield users.problem((*fragment.path, OPTIONS, name), message, code=SCHEMA)


def _top_of(users: UsersFile, fragment: Fragment) -> str:
    """The place for what holds for the whole file; a list has none of its own."""
    document = users.documents[int(fragment.path[0])]
    return f"`{OPTIONS}` beside `realms`" if isinstance(document, dict) else f"`{OPTIONS}` in a document of its own"


def _windows(users: UsersFile) -> Iterator[Problem]:
    """Mistakes in the maintenance windows of the daemon that a schema can't see."""
    for path, settings in users.settings():
        windows = reached(settings, ("daemon", "windows"))
        for index, window in enumerate(windows if isinstance(windows, list) else ()):
            if isinstance(window, dict):
                yield from _of_window(users, (*path, "daemon", "windows", index), window)


def _of_window(users: UsersFile, path: TreePath, window: Mapping[str, Tree]) -> Iterator[Problem]:
    from reconciler.config.schedule import problems_of  # for the few files that have windows

    for key, message in problems_of(window).items():
        if key in window:
            yield users.problem((*path, key), message, at_value=True, code=SCHEMA)


def _of_the_whole_file(files: Iterable[UsersFile], name: str) -> Mapping[str, Value]:
    """A setting of ``x-reconcile``, such as the connection to Keycloak: a later file wins, key by key."""
    merged: dict[str, Tree] = {}
    for users in files:
        for _, settings in users.settings():
            given = settings.get(name)
            for key, value in (given if isinstance(given, dict) else {}).items():
                known = merged.get(key)
                # Key by key, so that one file can have the URL and another one the account.
                merged[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    found = sealed(merged)
    assert isinstance(found, Mapping)
    return found
