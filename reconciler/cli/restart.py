"""``reconcile restart``: containers restarted as they are, in order of dependency."""

from __future__ import annotations

import click

from reconciler.cli.options import services_argument
from reconciler.cli.output import say
from reconciler.cli.state import State
from reconciler.cli.values import Whole


@click.command("restart")
@services_argument()
@click.option("-t", "--timeout", type=Whole(0), metavar="SECONDS", help="Time to stop, instead of its own.")
@click.option("--no-deps", is_flag=True, help="Omit services that restart with those named.")
@click.pass_obj
def command(state: State, *, services: tuple[str, ...], timeout: int | None, no_deps: bool) -> None:
    """Restart the containers of all services, or of those named, in order of dependency.

    They restart as they are; `apply` brings changes of the files. A service that declares `restart: true` in its
    `depends_on` restarts with the service that it depends on. So does one in the namespaces of the other, or linked to
    it on the default bridge.
    """
    from reconciler.core.provider import Restarter
    from reconciler.run.commands.services import known_services, restart_order, with_dependents

    with state.session(starts=False) as session:
        source = next((each for each in session.providers.values() if isinstance(each, Restarter)), None)
        if source is None:
            raise click.UsageError("without a stack file there are no containers to restart; name one with -f")
        stack, attached = session.document.stack or {}, source.attached(session.document)
        chosen = known_services(session, source, services)
        order = restart_order(stack, chosen if no_deps else with_dependents(stack, chosen, attached), attached)
        with session.locked("restart"):
            for name in source.log_names(order):
                began = session.clock.now()
                source.restart(name, timeout_s=timeout)
                say(f"  ✓ {name} restarted ({session.clock.now() - began:.1f} s)")
