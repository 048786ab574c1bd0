"""``reconcile export``: what lives, as a file on the standard output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.adopt import here, require_names
from reconciler.cli.exit import Exit
from reconciler.cli.output import say, show_file, show_json, show_yaml, warn, write_file, writer
from reconciler.cli.values import FILE, OneOf

if TYPE_CHECKING:
    from reconciler.core.resource.address import Address
    from reconciler.run.commands.adopt import AdoptedFile
    from reconciler.settings import Settings


def _full_addresses(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[Address, ...]:
    """Click callback: addresses of objects that no file declares, so with their kinds."""
    from reconciler.core.resource.address import Address

    try:
        return tuple(Address.parse(value) for value in values)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("export")
@click.argument("names", nargs=-1, metavar="[PROJECT|CONTAINER]...")
@click.option("--realm", "realms", multiple=True, metavar="REALM", help="A realm, as users.yaml.")
@click.option("--format", "form", type=OneOf(["yaml", "json"]), default="yaml", help="Output format.")
@click.option(
    "--patch",
    "file",
    type=FILE,
    metavar="FILE",
    help="Print this file of the project with the live values of what it declares.",
)
@click.option(
    "--add",
    "adds",
    multiple=True,
    callback=_full_addresses,
    metavar="ADDRESS",
    help="Add this live object, which no file declares, to the file of --patch.",
)
@click.option("--write", "writes", is_flag=True, help="Replace the file of --patch instead of printing it.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    names: tuple[str, ...],
    realms: tuple[str, ...],
    form: str,
    file: Path | None,
    *,
    adds: tuple[Address, ...],
    writes: bool,
) -> int:
    """Print a running Compose project or containers as stack.yaml, or a live realm as users.yaml, without defaults.

    No secret is printed: in a stack there are variables in their places, which `adopt` writes into .env. Secrets and
    passwords of a realm are left out or masked, and stay as they are. To tell what is default, a new realm is made on
    the server for a moment.

    With --patch, live changes are put into a file of the project: comments, order and untouched lines stay. Only fields
    that `diff` shows are written. Secrets, and values of variables, are left and reported. Exit code 0: `diff` shows
    nothing of this file any more; 3: something is left.

    With --patch and --add, live objects that no file declares are added instead, with the networks, roles and the like
    that they need. Secrets become variables; with --write their values go into .env.
    """
    from reconciler.run.commands.adopt import adopted_realms, adopted_stack

    settings: Settings = ctx.obj.settings
    if file is not None:
        if names or realms:
            raise click.UsageError("--patch goes with no project, container or realm; it takes a file of the project")
        return _add(settings, file, adds, writes=writes) if adds else _patch(settings, file, writes=writes)
    if adds:
        raise click.UsageError("--add goes with --patch only; name the file that gets the object")
    if writes:
        raise click.UsageError("--write goes with --patch only; `reconcile adopt` writes new files")
    if names and realms:
        raise click.UsageError("a stack and a realm are two files; export one after the other")
    require_names(names, realms)
    # No session: an export is of what runs, and works without any file of a project.
    found = adopted_realms(settings, realms, with_secrets=False) if realms else adopted_stack(here(ctx), names)
    (show_json if form == "json" else show_yaml)(found.content)
    _tell(found)
    return Exit.DONE


def _add(settings: Settings, file: Path, adds: tuple[Address, ...], *, writes: bool) -> int:
    """Print or write a file with further live objects."""
    from reconciler.run.clock import RealClock
    from reconciler.run.commands.add import added
    from reconciler.run.session.session import env_file, opened
    from reconciler.secrets import write_secrets

    path = _of_the_project(settings, file)
    with opened(settings, RealClock(), known=writer().known, warn=warn) as session:
        done = added(session, path, adds)
    # The values first: a file that names variables which are nowhere would be wrong until they are there.
    if writes and done.variables:
        write_secrets(env_file(settings), done.variables, over_example=True)
    elif done.variables:
        say(f"It needs the variables {', '.join(sorted(done.variables))}; --write puts them into {env_file(settings)}.")
    _print_or_write(path, done.before, done.text, writes=writes)
    for address in done.added:
        say(f"{address}: {'written' if writes else 'added'}.")
    for address, reason in done.left:
        warn(f"{address} {reason}")
    return Exit.PARTIAL if done.left else Exit.DONE


def _print_or_write(path: Path, before: str, text: str, *, writes: bool) -> None:
    if not writes:
        if not show_file(text):
            warn("parts of the file are secret or control characters and printed otherwise; use --write to change it.")
    # Someone may have the file open in an editor; their work is not written over.
    elif text != before and not write_file(path, before, text):
        raise click.UsageError(f"{path} was changed by another program meanwhile, so nothing is written; run it again")


def _patch(settings: Settings, file: Path, *, writes: bool) -> int:
    """Print or write a file with the live values."""
    from reconciler.run.clock import RealClock
    from reconciler.run.commands.patch import patched
    from reconciler.run.session.session import opened

    path = _of_the_project(settings, file)
    with opened(settings, RealClock(), known=writer().known, warn=warn) as session:
        done = patched(session, path)
    _print_or_write(path, done.before, done.text, writes=writes)
    for each in done.written:
        say(f"{each}: {'written' if writes else 'changed'}.")
    for left in done.left:
        warn(str(left))
    if not (done.written or done.left):
        say("Nothing differs.")
    return Exit.PARTIAL if done.left else Exit.DONE


def _of_the_project(settings: Settings, file: Path) -> Path:
    """The path of a file as the settings have it. Raises UsageError for one that is not of the project."""
    ours = (*settings.stack_files, *settings.users_files)
    found = next((path for path in ours if path.resolve() == file.resolve()), None)
    if found is None:
        raise click.UsageError(
            f"{file} is no file of this project, which has {', '.join(map(str, ours))}; name it with -f or -u"
        )
    return found


def _tell(found: AdoptedFile) -> None:
    for remark in found.remarks:
        warn(remark)
    if found.files:
        say(f"It needs the files {', '.join(sorted(found.files))}; `reconcile adopt` writes them.")
    if found.variables:
        say(f"It needs the variables {', '.join(sorted(found.variables))}; `reconcile adopt` writes them into .env.")
