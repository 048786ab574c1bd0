"""``reconcile completion``: a shell completes commands, options, services and addresses."""

from __future__ import annotations

from typing import Final

import click

from reconciler.cli.output import show_own
from reconciler.cli.state import COMPLETE
from reconciler.cli.values import OneOf

SHELLS: Final = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=OneOf(SHELLS))
@click.pass_context
def command(ctx: click.Context, *, shell: str) -> None:
    """Print the script by which a shell completes commands, options, services and addresses.

    Services and addresses are read from the files of the current directory, or from those named by options.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found
    show_own(f"{found(ctx.find_root().command, {}, 'reconcile', COMPLETE).source()}\n")


def completed(program: click.Command, instruction: str) -> int:
    """Answers the shell's script; returns the exit code. A line that makes no sense has no completions."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(program, {}, "reconcile", COMPLETE, instruction)
    except click.ClickException:
        return 0
