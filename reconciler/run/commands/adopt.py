"""Live resources as files: for `reconcile adopt`, which writes them, and `reconcile export`, which prints them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from reconciler.config.compose.assembly.names import project_name
from reconciler.config.realm.minimal import is_secret
from reconciler.config.variables.sources import env_file_paths, read_variables
from reconciler.config.variables.template import COMPOSE, KEYCLOAK, Variables, escaped
from reconciler.config.yaml.reading import forget
from reconciler.core.execution.report import Report
from reconciler.core.message.errors import ConfigError, NotThere
from reconciler.core.message.problem import Severity
from reconciler.core.plan.plan import Plan, Step
from reconciler.core.provider import Provider, StackSource
from reconciler.core.resource.address import Address
from reconciler.core.resource.options import OPTIONS
from reconciler.providers.registry import stack_sources
from reconciler.record import replace
from reconciler.run.commands.export import live_realm
from reconciler.run.commands.recovered import recovered
from reconciler.run.reconciliation.execute import execute
from reconciler.run.session.session import Session
from reconciler.secrets.extraction import Extracted, extracted
from reconciler.settings import Settings


@dataclass(frozen=True, slots=True)
class AdoptedFile:
    """A file's content, the variables and files (path → content) that it needs beside, and what it can't say."""

    content: Mapping[str, Any]
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    remarks: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def adopted_stack(settings: Settings, names: Sequence[str]) -> AdoptedFile:
    """The stack of a project, and of containers without one. Without names the project is that of the directory.

    Raises ConfigError, ProviderError.
    """
    variables = _variables(settings)
    project = project_name(settings.project, variables, settings.directory.absolute())
    if project.problems:
        raise ConfigError(project.problems)
    directory = str(settings.directory.absolute())
    with ExitStack() as opened:
        source, wanted = _chosen(stack_sources(project.text, settings.environment), names, project.text, opened)
        found = source.adopted(wanted, project=project.text, directory=directory)
        whole = recovered(found, source.file_in, settings.environment)
    done = extracted(whole.stack, known=variables.values, escape=partial(escaped, dialect=COMPOSE))
    return AdoptedFile(_with_secrets(done), done.variables, (*found.remarks, *whole.remarks), whole.files)


def adopted_realms(settings: Settings, names: Sequence[str], *, with_secrets: bool) -> AdoptedFile:
    """The named realms as a users file. Raises ConfigError, ProviderError.

    Secrets that Keycloak shows are taken over ``with_secrets``, else they stay masked, which means that they are kept.
    Attributes with a secret in them are variables in any case.
    """
    known = _variables(settings).values
    live: list[Any] = []
    remarks: list[str] = []
    for name in names:
        found, own_remarks = live_realm(settings, name, with_secrets=with_secrets)
        remarks += own_remarks
        live.append(found)
    taken = partial(extracted, known=known, escape=partial(escaped, dialect=KEYCLOAK), is_secret=is_secret)
    # A name must not mean two values. A secret that a later realm shows is one in the earlier ones as well.
    variables: Mapping[str, str] = {}
    number = -1
    while number != len(variables):
        number, realms = len(variables), list[Any]()
        for found in live:
            done = taken(found, found=variables)
            variables = done.variables
            realms.append(done.file)
    own: dict[str, Any] = {"secrets": sorted(variables)} if variables else {}
    url = settings.connection().get(("url",))
    own |= {"connection": {"url": url}} if url and with_secrets else {}
    content = realms[0] if len(realms) == 1 else {"realms": realms}
    return AdoptedFile({**({OPTIONS: own} if own else {}), **content}, variables, tuple(dict.fromkeys(remarks)))


def taken_over(session: Session, plan: Plan, what: str) -> Report:
    """Takes over what is nobody's and as declared, so that all commands know it; nothing of it is touched."""
    nobodys = {change.address for change in plan.changes if change.is_takeover}
    steps: dict[Address, Step] = {}
    for step in (step for step in plan.steps if step.address in nobodys):
        # A takeover is only the mark, so nothing else of the plan has to come before it.
        steps.setdefault(step.address, replace(step, after=frozenset(), behind=frozenset()))  # later ones only wait
    if not steps:
        return Report()
    with session.locked(what):
        reconciler = session.reconciler()
        return Report(tuple(execute(tuple(steps.values()), reconciler.perform, session.clock)))


class _Source(StackSource, Provider, Protocol):
    """A provider of stacks."""


def _chosen(
    sources: Iterable[_Source], names: Sequence[str], project: str, opened: ExitStack
) -> tuple[_Source, Sequence[str]]:
    """The source that has a project of these names, or of the directory, and its names.

    The first one has containers without a project as well. The others are asked only for what it does not have.
    """
    first: _Source | None = None
    there: list[str] = []
    for source in sources:
        opened.callback(source.close)
        first = first or source
        known = source.projects()
        if not names and project in known:
            return source, (project,)
        if set(names) & set(known):
            return source, names
        there += known
    assert first is not None
    if names:
        return first, names
    listed = f"there are {', '.join(there)}" if there else "there is none"
    raise NotThere(f"no project is named `{project}`; name a project or containers: {listed}")


def _with_secrets(done: Extracted) -> Mapping[str, Any]:
    """The stack, which declares its secrets so that a lost value is an error and never another one."""
    if not done.variables:
        return done.file  # type: ignore[no-any-return]
    return {**done.file, OPTIONS: {**done.file.get(OPTIONS, {}), "secrets": sorted(done.variables)}}


def _variables(settings: Settings) -> Variables:
    """The variables that the environment and the env files give. Raises ConfigError where these are wrong."""
    variables, problems = read_variables(
        settings.environment,
        env_file_paths(settings.directory, settings.env_files),
        directory=settings.directory.absolute(),
    )
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        raise ConfigError(errors)
    return variables


def settings_of_files(settings: Settings, *, stack: Path | None, users: Path | None) -> Settings:
    """The settings that load what was written, and nothing else; what was read of it before is forgotten."""
    # The reader keeps what it has read in this run, and the files have just been written.
    forget()
    return replace(
        settings,
        stack_files=(stack,) if stack else (),
        users_files=(users,) if users else (),
        project=None,
        profiles=(),
    )
