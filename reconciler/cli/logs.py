"""``reconcile logs``: what the containers write, side by side."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from reconciler.cli.options import services_argument
from reconciler.cli.output import show, writer
from reconciler.cli.state import State, in_colour
from reconciler.cli.values import Whole

if TYPE_CHECKING:
    from reconciler.render.output.known import KnownSecrets

COLOURS: Final = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")
BATCH: Final = 500
BURST_S: Final = 0.2
"""Lines that come within this time are looked at together."""

CONTEXT: Final = 64
"""A secret that began so many lines ago is still seen to go on."""

Lines: TypeAlias = Sequence[tuple[str, str]]
"""Lines, each with the name of its stream."""


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
        veils = {name: _Veil(writer().known, has_times=timestamps) for name in names}
        for batch in _together(streams) if follow else _in_turn(streams):
            for name, line in _veiled(batch, veils):
                head = f"{name.ljust(width)} |"
                text = with_its_colours(one_line(line.rstrip("\r")), shown=in_colour())
                show(f"{painted(head, colours[name] if in_colour() else '')} {text}")


class _Veil:
    """Hides secrets in the lines of one stream, also those that go on in the next lines."""

    def __init__(self, known: KnownSecrets, *, has_times: bool) -> None:
        self._known, self._has_times = known, has_times
        self._before: deque[str] = deque(maxlen=CONTEXT)

    def over(self, lines: Sequence[str]) -> Sequence[str]:
        """The next lines of the stream, without secrets."""
        # The engine's times stand between the parts of a secret.
        pairs = [line.partition(" ") if self._has_times else ("", "", line) for line in lines]
        texts, before = [text for _, _, text in pairs], len(self._before)
        hidden = self._known.hidden_lines([*self._before, *texts])[before:]
        self._before.extend(texts)
        return [f"{time}{blank}{text}" for (time, blank, _), text in zip(pairs, hidden, strict=True)]


def _veiled(batch: Lines, veils: Mapping[str, _Veil]) -> Lines:
    """The lines of a batch without secrets, in their order."""
    own = {name: iter(veil.over([line for other, line in batch if other == name])) for name, veil in veils.items()}
    return [(name, next(own[name])) for name, _ in batch]


def _in_turn(streams: Mapping[str, Iterator[str]]) -> Iterator[Lines]:
    for name, lines in streams.items():
        while batch := [*islice(lines, BATCH)]:
            yield [(name, line) for line in batch]


def _together(streams: Mapping[str, Iterator[str]]) -> Iterator[Lines]:
    """Lines of all streams as they come, those of a burst as one; each stream is read by a thread of its own."""
    lines: queue.Queue[tuple[str, str] | BaseException | None] = queue.Queue()
    for name, stream in streams.items():
        threading.Thread(target=_feed, args=(name, stream, lines), daemon=True).start()
    left, burst, end = len(streams), list[tuple[str, str]](), 0.0
    while left or burst:
        try:
            came = lines.get(timeout=max(0.0, end - monotonic()) if burst else None)
        except queue.Empty:
            yield burst
            burst = []
            continue
        match came:
            case None:
                left -= 1
            case BaseException() as error:
                yield burst
                raise error
            case line:
                end = end if burst else monotonic() + BURST_S
                burst.append(line)
        if len(burst) >= BATCH:
            yield burst
            burst = []


def _feed(name: str, stream: Iterator[str], lines: queue.Queue[tuple[str, str] | BaseException | None]) -> None:
    """Put all that the stream says, and then its end: None, or what it died of."""
    try:
        for line in stream:
            lines.put((name, line))
    except BaseException as error:  # noqa: BLE001  # whatever it is, who reads must hear of it
        lines.put(error)
    else:
        lines.put(None)
