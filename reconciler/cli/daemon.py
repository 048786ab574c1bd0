"""``reconcile daemon``: the long-running form."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.exitcodes import Exit
from reconciler.cli.output import log, writer
from reconciler.cli.state import State

if TYPE_CHECKING:
    from reconciler.run.daemon import Daemon


@click.command("daemon")
@click.option("--interval", type=click.FloatRange(0.5), default=30.0, metavar="SECONDS", help="Time between looks.")
@click.option("--observe", is_flag=True, help="Only report differences; repair nothing.")
@click.pass_obj
def command(state: State, *, interval: float, observe: bool) -> int:
    """Look, compare and repair: every so often, and at once when a container or a file changes.

    Logs one line for each difference and each repair, as JSON unless --log-format human is given. SIGTERM
    finishes the current step; SIGHUP looks at once.
    """
    from reconciler.run.clock import RealClock
    from reconciler.run.daemon import Daemon, Rhythm

    state.require_files()
    stop = threading.Event()
    to_log = log(as_json=state.log_format != "human", verbose=state.verbose)
    rhythm = Rhythm(interval, heals=not observe)
    daemon = Daemon(state.settings, RealClock(), to_log, rhythm=rhythm, stop=stop, known=writer().known)
    _on_signals(daemon, stop)
    daemon.run()
    return Exit.DONE


def _on_signals(daemon: Daemon, stop: threading.Event) -> None:
    from reconciler.core.provider import Hint

    def end(_number: int, _frame: Any) -> None:
        if stop.is_set():
            raise SystemExit(Exit.TERMINATED)
        stop.set()
        daemon.hints.give(Hint("signal"))

    def look(_number: int, _frame: Any) -> None:
        daemon.hints.give(Hint("SIGHUP"))

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGHUP, look)
