"""The exit codes of errors and reports."""

from __future__ import annotations

from reconciler.cli.exit import Exit
from reconciler.core.execution.report import Report, What
from reconciler.core.message.errors import (
    Cancelled,
    ConfigError,
    Locked,
    LockLost,
    Misconfigured,
    ReconcileError,
    Refused,
    StalePlan,
    UnknownAddress,
    Unreachable,
)

_BY_ERROR: tuple[tuple[type[ReconcileError], Exit], ...] = (
    (ConfigError, Exit.INVALID),
    (Misconfigured, Exit.INVALID),
    (UnknownAddress, Exit.USAGE),
    (Refused, Exit.REFUSED),
    (Cancelled, Exit.REFUSED),
    (StalePlan, Exit.STALE),
    (Locked, Exit.LOCKED),
    (Unreachable, Exit.UNREACHABLE),
)


def of_error(error: ReconcileError, *, begun: bool = False) -> Exit:
    """The code of a run that ended with this error; ``begun`` where it had begun to do something.

    Some codes promise that nothing was done.
    """
    if begun and isinstance(error, (Refused, Cancelled, StalePlan, LockLost)):
        return Exit.PARTIAL
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.ERROR)


def of_report(report: Report, *, nothing_done: Exit = Exit.PARTIAL) -> Exit:
    """The code of an apply whose steps are all reported; ``nothing_done`` where each one failed for reasons of its own.

    Such an apply has tried, and what it had no step for is as declared: that is no error of the run itself.
    """
    if not report.failed:
        return Exit.DONE
    if report.rolled_back:
        return Exit.ROLLED_BACK
    if report.of(What.DONE):
        return Exit.PARTIAL
    code = of_error(errors[0]) if (errors := [event.error for event in report.failed if event.error]) else Exit.ERROR
    return nothing_done if code is Exit.ERROR else code
