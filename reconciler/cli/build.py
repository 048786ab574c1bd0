"""``reconcile build``: build what the stack builds and its context has changed, and send it to the registries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from reconciler.cli.exit import Exit
from reconciler.cli.exitcodes import of_error, of_report
from reconciler.cli.options import json_option, services_argument
from reconciler.cli.output import say
from reconciler.cli.runner import Teller, interruptible
from reconciler.cli.state import State, show_error

if TYPE_CHECKING:
    from reconciler.core.provider import BuiltImage, ImageBuilder
    from reconciler.run.reconciliation.once import Look


@click.command("build")
@services_argument()
@json_option()
@click.option("--push", is_flag=True, help="Push each image to its registry, under all its names.")
@click.pass_obj
def command(state: State, *, services: tuple[str, ...], push: bool) -> int:
    """Build the images of all services, or of those named, where what they are built from has changed.

    No container is touched: the next apply replaces those whose image is another one.
    """
    from reconciler.run.commands.images import builder_of, built

    with state.session() as session:
        builder = builder_of(session.providers.values())
        images = built(builder, session.reconciler().desired(), services)
        if builder is None or not images:
            say("Nothing to build: no service has `build`.")
            return Exit.DONE
        # Restricted to these images and what they are built from, so that no container is touched.
        reconciler = session.reconciler(only=frozenset(image.resource.address for image in images))
        with session.locked("build"), interruptible() as stop:
            teller = Teller(state)
            if error := teller.follow(reconciler.converge(_agree, stop=stop.flag)):
                show_error(error, begun=True)
                return stop.code or of_error(error, begun=True)
            if not teller.report.events:
                say(f"{len(images)} up to date.")
            if push and not teller.report.failed and not stop.code:
                _push(builder, images)
        return stop.code or of_report(teller.report, nothing_done=Exit.ERROR)


def _agree(_look: Look) -> None:
    pass


def _push(builder: ImageBuilder, images: Sequence[BuiltImage]) -> None:
    for image in images:
        if not image.names:
            say(f"  - {image.resource.address} has no `image`, so there is no registry that it could go to")
        for line in _changing(builder.push(image.resource, image.names)):
            say(f"  ↑ {line}")


def _changing(lines: Iterator[str]) -> Iterator[str]:
    """Each line once: the registry's progress says the same again and again."""
    told: set[str] = set()
    for line in lines:
        if line and line not in told:
            told.add(line)
            yield line
