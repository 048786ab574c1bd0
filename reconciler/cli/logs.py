"""``reconcile logs``: what the containers write, side by side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from itertools import cycle
from typing import Final

import click

from reconciler.cli.options import services_argument
from reconciler.cli.output import show
from reconciler.cli.state import State, in_colour
from reconciler.cli.values import Whole

COLOURS: Final = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")


@click.command("logs")
@services_argument()
@click.option("-f", "--follow", is_flag=True, help="Follow the output.")
@click.option("--tail", type=Whole(0), default=None, metavar="N", help="Only the last N lines of each.")
@click.option("-t", "--timestamps", is_flag=True, help="Show the time of each line.")
@click.pass_obj
def command(state: State, *, services: tuple[str, ...], follow: bool, tail: int | None, timestamps: bool) -> None:
    """Show the logs of all services, or of those named."""
    from reconciler.core.provider import LogSource
    from reconciler.render.output.plain import one_line, painted, with_its_colours
    from reconciler.run.commands.services import known_services

    with state.session(starts=False) as session:
        source = next((each for each in session.providers.values() if isinstance(each, LogSource)), None)
        if source is None:
            raise click.UsageError(
                "without a stack file there are no containers whose logs could be shown; name one with -f"
            )
        names = source.log_names(known_services(session, source, services) if services else ())
        streams = {name: source.logs(name, tail=tail, follow=follow, timestamps=timestamps) for name in names}
        width = max(map(len, names), default=0)
        colours = dict(zip(names, cycle(COLOURS), strict=False))
        for name, line in _together(streams) if follow else _in_turn(streams):
            head = f"{name.ljust(width)} |"
            text = with_its_colours(one_line(line.rstrip("\r")), shown=in_colour())
            show(f"{painted(head, colours[name] if in_colour() else '')} {text}")


def _in_turn(streams: dict[str, Iterator[str]]) -> Iterator[tuple[str, str]]:
    for name, lines in streams.items():
        yield from ((name, line) for line in lines)


def _together(streams: dict[str, Iterator[str]]) -> Iterator[tuple[str, str]]:
    """Lines of all streams as they come; each is read by a thread of its own."""
    lines: queue.Queue[tuple[str, str] | BaseException | None] = queue.Queue()
    for name, stream in streams.items():
        threading.Thread(target=_feed, args=(name, stream, lines), daemon=True).start()
    left = len(streams)
    while left:
        match lines.get():
            case None:
                left -= 1
            case BaseException() as error:
                raise error
            case line:
                yield line


def _feed(name: str, stream: Iterator[str], lines: queue.Queue[tuple[str, str] | BaseException | None]) -> None:
    """Put all that the stream says, and then its end: None, or what it died of."""
    try:
        for line in stream:
            lines.put((name, line))
    except BaseException as error:  # noqa: BLE001  # whatever it is, who reads must hear of it
        lines.put(error)
    else:
        lines.put(None)
