"""``reconcile adopt``: what lives, as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.exit import Exit
from reconciler.cli.output import ignore, say, warn, write_yaml, writer
from reconciler.record import replace
from reconciler.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.execution.report import Report
    from reconciler.run.commands.adopt import AdoptedFile

STACK: Final = "stack.yaml"
USERS: Final = "users.yaml"
_OWN: Final = 0o600


@click.command("adopt")
@click.argument("names", nargs=-1, metavar="[PROJECT|CONTAINER]...")
@click.option("--realm", "realms", multiple=True, metavar="REALM", help="A realm, as users.yaml.")
@click.option("--overwrite", is_flag=True, help="Write over files that are there.")
@click.pass_context
def command(ctx: click.Context, /, names: tuple[str, ...], realms: tuple[str, ...], *, overwrite: bool) -> int:
    """Write a running Compose project, or containers, as stack.yaml, and a realm as users.yaml.

    Whatever image, engine, Compose or Keycloak give by themselves is left out. Secrets go into .env; a value that is
    there stays. No container is touched. Afterwards the files are compared with what lives. Containers that belong to
    nobody and are as declared belong to the project from then on. Exit code 0: nothing differs; 3: the files are
    written, and something differs.
    """
    from reconciler.run.commands.adopt import adopted_realms, adopted_stack

    require_names(names, realms)
    settings = here(ctx)
    stack = settings.directory / STACK if names or not realms else None
    users = settings.directory / USERS if realms else None
    # All paths are checked before the first file is written.
    _require_free([path for path in (stack, users) if path], overwrite=overwrite)
    if stack:
        found = adopted_stack(settings, names)
        paths = {settings.directory / path: content for path, content in found.files.items()}
        _require_free([path for path in paths if _differs(path, paths[path])], overwrite=overwrite)
        # Secrets first: a file that refers to variables without values could not be loaded.
        _keep(settings, found)
        _write_beside(settings, paths)
        _write(stack, found, overwrite=overwrite)
    if users:
        found = adopted_realms(settings, realms, with_secrets=True)
        _keep(settings, found)
        _write(users, found, overwrite=overwrite)
    return _compared(settings, stack=stack, users=users)


def require_names(names: tuple[str, ...], realms: tuple[str, ...]) -> None:
    """Raises UsageError for empty names, as an unset variable of a shell gives them."""
    if "" in (*names, *realms):
        raise click.UsageError("a name is empty; write the name of a project, container or realm")


def here(ctx: click.Context) -> Settings:
    """The settings for files that are to be written: into the named directory, else into the one where we are.

    Files that are there may be another project's, also in a folder above, and say nothing of those to come.
    """
    from reconciler.config.commandline import working_directory

    settings: Settings = ctx.obj.settings
    given: dict[str, Any] = ctx.parent.params if ctx.parent else {}
    directory = working_directory(settings.environment) / (given.get("project_directory") or "")
    return replace(settings, directory=directory, env_files=given.get("env_file") or None)


def _require_free(paths: list[Path], *, overwrite: bool) -> None:
    there = [str(path) for path in paths if path.exists()]
    if there and not overwrite:
        message = f"{' and '.join(there)} exists; `--overwrite` writes over it, `reconcile export` prints instead"
        raise click.UsageError(message)


def _keep(settings: Settings, adopted: AdoptedFile) -> None:
    """Put the secrets into the env file first: the file refers to them."""
    from reconciler.run.session.session import env_file
    from reconciler.secrets import write_secrets

    if not adopted.variables:
        return
    path = env_file(settings)
    written = write_secrets(path, adopted.variables, over_example=True)
    say(f"{path}: {len(written)} secret{'s' if len(written) != 1 else ''} written, {len(adopted.variables)} in use.")
    if ignore(settings.directory / ".gitignore", path.name):
        say(f"{settings.directory / '.gitignore'}: {path.name} is ignored by git now.")


def _differs(path: Path, content: bytes) -> bool:
    return path.exists() and (not path.is_file() or path.read_bytes() != content)


def _write_beside(settings: Settings, files: Mapping[Path, bytes]) -> None:
    """Write the files that the stack file names, for this user alone; git is to ignore those of secrets."""
    from reconciler.atomicfile import file_text, replace_file
    from reconciler.core.message.errors import writing

    for path, content in files.items():
        with writing("what a container has", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, file_text(path), content.decode("utf-8", "surrogateescape"), mode=_OWN)
        say(f"{path}: written, as it is in the container.")
        if path.parent.name == "secrets" and ignore(settings.directory / ".gitignore", "secrets/"):
            say(f"{settings.directory / '.gitignore'}: secrets/ is ignored by git now.")


def _write(path: Path, adopted: AdoptedFile, *, overwrite: bool) -> None:
    if not write_yaml(path, adopted.content, overwrite=overwrite):
        raise click.UsageError(f"{path} was made by another program meanwhile, and is not overwritten; run it again")
    say(f"{path}: written.")
    for remark in adopted.remarks:
        warn(remark)


def _compared(settings: Settings, *, stack: Path | None = None, users: Path | None = None) -> int:
    """Compare what was written with what lives, and say what differs."""
    from reconciler.core.difference.change import Action
    from reconciler.run.clock import RealClock
    from reconciler.run.commands.adopt import settings_of_files, taken_over
    from reconciler.run.session.session import opened

    # Loaded from the new files alone, as another command would, to see whether they say what lives.
    with opened(settings_of_files(settings, stack=stack, users=users), RealClock(), known=writer().known) as session:
        plan = session.reconciler().look().plan
        report = taken_over(session, plan, "adopt")
    _tell_taken(report, session.document.project)
    different = [change for change in plan.changes if change.action is not Action.KEEP]
    for change in different:
        warn(f"{change.address} still differs: {change.reason or change.intended.value}")
    if different:
        say("`reconcile diff` shows it in full.")
        return Exit.PARTIAL
    say(f"Nothing differs: {len(plan.changes)} resources are as the files say.")
    return Exit.DONE


def _tell_taken(report: Report, project: str) -> None:
    from reconciler.core.execution.report import What

    for event in report.failed:
        warn(f"{event.step.address} is not taken over: {event.note}")
    if taken := len(report.of(What.DONE)):
        belong = "s belong" if taken > 1 else " belongs"
        say(f"{taken} container{belong} to project {project} from now on.")
