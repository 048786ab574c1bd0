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
    from reconciler.run.commands.adopt import AdoptedFile
    from reconciler.settings import Settings


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
    writes: bool,
) -> int:
    """Print a running Compose project or containers as stack.yaml, or a live realm as users.yaml, without defaults.

    No secret is printed: in a stack there are variables in their places, which `adopt` writes into .env. Secrets and
    passwords of a realm are left out or masked, and stay as they are. To tell what is default, a new realm is made on
    the server for a moment.

    With --patch, live changes are put into a file of the project: comments, order and untouched lines stay. Only fields
    that `diff` shows are written. Secrets, and values of variables, are left and reported. Exit code 0: `diff` shows
    nothing of this file any more; 3: something is left.
    """
    from reconciler.run.commands.adopt import adopted_realms, adopted_stack

    if file is not None:
        if names or realms:
            raise click.UsageError("--patch goes with no project, container or realm; it takes a file of the project")
        return _patch(ctx.obj.settings, file, writes=writes)
    if writes:
        raise click.UsageError("--write goes with --patch only; `reconcile adopt` writes new files")
    if names and realms:
        raise click.UsageError("a stack and a realm are two files; export one after the other")
    require_names(names, realms)
    found = adopted_realms(ctx.obj.settings, realms, with_secrets=False) if realms else adopted_stack(here(ctx), names)
    (show_json if form == "json" else show_yaml)(found.content)
    _tell(found)
    return Exit.DONE


def _patch(settings: Settings, file: Path, *, writes: bool) -> int:
    """Print or write a file with the live values."""
    from reconciler.run.clock import RealClock
    from reconciler.run.commands.patch import patched
    from reconciler.run.session.session import opened

    path = _of_the_project(settings, file)
    with opened(settings, RealClock(), known=writer().known, warn=warn) as session:
        done = patched(session, path)
    if not writes:
        if not show_file(done.text):
            warn("parts of the file are secret or control characters and printed otherwise; use --write to change it.")
    elif done.text != done.before and not write_file(path, done.before, done.text):
        raise click.UsageError(f"{path} was changed by another program meanwhile, so nothing is written; run it again")
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
    if found.variables:
        say(f"It needs the variables {', '.join(sorted(found.variables))}; `reconcile adopt` writes them into .env.")
