"""``reconcile daemon``: the long-running form."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from reconciler.cli.exit import Exit
from reconciler.cli.output import log, writer
from reconciler.cli.repository import FORGES, as_secrets, secret_lines, sourced
from reconciler.cli.state import State, options_of
from reconciler.cli.values import EXISTING_FILE, OneOf, Seconds, clipped

if TYPE_CHECKING:
    from reconciler.core.resource.address import Address
    from reconciler.run.commands.doctor import Examination
    from reconciler.run.daemon.board import Board
    from reconciler.run.daemon.daemon import Daemon
    from reconciler.settings import Settings
    from reconciler.web.desk import Desk
    from reconciler.web.oidc import Issuer

INTERVALS_PER_RESYNC = 10
APART_LOCK_WAIT = "1m"
_PORT_DIGITS = 5


def _place(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, int] | None:
    """Click callback: HOST:PORT, or None for `off`."""
    if value == "off":
        return None
    host, _, port = value.rpartition(":")
    # The digits are counted first: `int` refuses a text of thousands of them.
    if not (port.isascii() and port.isdecimal() and len(port) <= _PORT_DIGITS) or not host or int(port) > 65_535:
        raise click.BadParameter(
            f"`{clipped(value)}` is not an address; write HOST:PORT, such as 127.0.0.1:7420, or off"
        )
    return host.strip("[]"), int(port)


@click.command("daemon")
@click.option("--interval", type=Seconds(0.5), default=30.0, metavar="SECONDS", help="Time between looks.")
@click.option("--resync", type=Seconds(0.5), metavar="SECONDS", help="Time between looks at everything.")
@click.option("--git", metavar="URL", help="Take the files from a repository, and follow it.")
@click.option("--ref", default="main", show_default=True, help="The branch, tag or commit to follow.")
@click.option("--path", default="", metavar="FOLDER", help="The folder of the files in the repository.")
@click.option("--git-interval", type=Seconds(1), default=60.0, help="Seconds between looks into the repository.")
@click.option("--git-credentials-file", type=EXISTING_FILE, help="USER:TOKEN for a repository by https.")
@click.option("--git-ssh-key", type=EXISTING_FILE, help="Private key for a repository by ssh.")
@click.option("--git-known-hosts", type=EXISTING_FILE, help="The key of its host, as in known_hosts of ssh.")
@click.option("--git-signers", type=EXISTING_FILE, help="Allowed signers of ssh; each revision must be signed by one.")
@click.option("--git-status", type=OneOf(FORGES), help="Report each revision's state to this sort of forge.")
@click.option("--git-status-token-file", type=EXISTING_FILE, help="Token for that.")
@click.option("--git-api", default="", metavar="URL", help="The forge's API, if it is not where it usually is.")
@click.option("--observe", is_flag=True, help="Only report differences; repair nothing.")
@click.option("--risks", type=OneOf(("refuse", "warn")), default="refuse", help="What to do about risky services.")
@click.option("--listen", callback=_place, default="127.0.0.1:7420", metavar="HOST:PORT|off", help="HTTP address.")
@click.option("--token-file", type=EXISTING_FILE, help="Tokens of operators, one a line; then each request needs one.")
@click.option("--reader-token-file", type=EXISTING_FILE, help="Tokens that may only read, one a line.")
@click.option("--webhook-secret-file", type=EXISTING_FILE, help="Secrets of webhooks, one a line.")
@click.option("--notify-file", type=EXISTING_FILE, help="Apprise URLs of those to notify, one a line.")
@click.option("--notify-interval", type=Seconds(1), default=3600.0, metavar="SECONDS", help="Between reminders.")
@click.option("--public-url", default="", metavar="URL", help="The address of the page, as browsers know it.")
@click.option("--oidc-issuer", default="", metavar="URL", help="The realm of the page's login, as browsers know it.")
@click.option("--oidc-inner-url", default="", metavar="URL", help="That realm, as the daemon reaches it.")
@click.option("--oidc-client", default="reconcile", metavar="ID", help="Client of the login.", show_default=True)
@click.option("--oidc-secret-file", type=EXISTING_FILE, help="Secret of that client, unless it is public.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further name under which the page is reached.")
@click.pass_obj
def command(state: State, /, **options: Any) -> int:
    """Look, compare and repair: every so often, and at once when a container or a file changes.

    Logs one line for each difference and each repair, as JSON unless --log-format human is given. SIGTERM
    finishes the current step; SIGHUP looks at once. Serves a page, an API, probes and metrics on --listen.
    """
    from reconciler.core.plan.risk import REFUSE
    from reconciler.run.clock import RealClock
    from reconciler.run.daemon.board import Board
    from reconciler.run.daemon.daemon import Daemon, Rhythm
    from reconciler.run.daemon.ending import ended_in_time
    from reconciler.run.daemon.foreign import libraries_logged
    from reconciler.run.daemon.heaps import share_heaps

    if not options["git"]:
        state.require_files()
    share_heaps()
    stop, board = threading.Event(), Board()
    signals = _Signals(stop)
    to_log = log(as_json=state.log_format != "human", verbose=state.verbose)
    interval_s = options["interval"]
    rhythm = Rhythm(interval_s, not options["observe"], options["resync"] or INTERVALS_PER_RESYNC * interval_s)
    # The usual port may belong to another daemon; one that somebody asked for must be free.
    is_usual = click.get_current_context().get_parameter_source("listen") is ParameterSource.DEFAULT
    with (
        signals.heard(to_log),
        libraries_logged(to_log),
        ended_in_time(stop, to_log, signals.report_unfinished),
        _served(state, board, to_log, options, is_usual=is_usual) as listeners,
        _notified(board, to_log, options) as notifiers,
        sourced(state, to_log, options) as source,
    ):
        daemon = Daemon(
            source.begin() if source else state.settings,
            RealClock(),
            to_log,
            rhythm=rhythm,
            stop=stop,
            known=writer().known,
            listeners=(*listeners, *notifiers),
            board=board,
            source=source,
            apart=_arguments_apart,
            refuses_risks=options["risks"] == REFUSE,
        )
        signals.daemon = daemon
        daemon.run()
    return Exit.DONE


def _arguments_apart(settings: Settings, address: Address) -> Sequence[str]:
    """The arguments of an apply of one resource with the same files, in a process of its own."""
    return [*options_of(settings), "apply", "--lock-wait", APART_LOCK_WAIT, "--target", str(address)]


@contextmanager
def _served(
    state: State, board: Board, to_log: Any, options: Mapping[str, Any], *, is_usual: bool
) -> Iterator[tuple[Any, ...]]:
    """Serve HTTP meanwhile, where that is not switched off; yields the listeners that it needs.

    Another daemon of this machine may have the usual port: then this one works without.
    """
    if options["listen"] is None:
        yield ()
        return
    from reconciler.core.message.errors import Misconfigured
    from reconciler.web.server import listening, serving

    host, port = options["listen"]
    desk = _desk(state, board, to_log, options)
    try:
        own = listening(host, port)
    except Misconfigured as error:
        # The reason is in the log: the daemon repairs without a page as well.
        if not is_usual:
            raise
        to_log.warning("does not listen", reason=str(error))
        yield (desk.metrics,)
        return
    to_log.info("listens", address=host, port=own.getsockname()[1])
    with serving(desk, own):
        yield (desk.metrics,)


@contextmanager
def _notified(board: Board, to_log: Any, options: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Have people notified meanwhile, where that is asked for; yields the listener."""
    urls = secret_lines(options["notify_file"], least=1)
    if not urls:
        yield ()
        return
    from reconciler.run.daemon.notify import Notifier

    # Known before anything is logged, since URLs of notifications hold tokens.
    writer().known.learn("notify", lambda: as_secrets(tuple(urls)))
    notifier = Notifier(
        urls,
        to_log,
        interval_s=options["notify_interval"],
        clean=writer().line,
        project=lambda: board.scene.project if board.scene else "",
        failing=lambda: board.scene.failures if board.scene else (),
    )
    try:
        yield (notifier,)
    finally:
        notifier.close()


def _desk(state: State, board: Board, to_log: Any, options: Mapping[str, Any]) -> Desk:
    from reconciler.web.access import Gate, Role, hosts_of, is_loopback_name
    from reconciler.web.desk import Desk
    from reconciler.web.examinations import Examinations
    from reconciler.web.forges import Webhooks
    from reconciler.web.metrics import Metrics

    host, _ = options["listen"]
    tokens = dict.fromkeys(secret_lines(options["reader_token_file"]), Role.READER)
    tokens |= dict.fromkeys(secret_lines(options["token_file"]), Role.OPERATOR)
    issuer = _issuer(state.settings.connection(), options)
    # Without any login the loopback address alone protects the page.
    if not tokens and not issuer and (options["public_url"] or not is_loopback_name(host)):
        raise click.UsageError(
            f"everybody who reaches {host} could act; give --token-file or --oidc-issuer, or listen on 127.0.0.1"
        )
    secrets = secret_lines(options["webhook_secret_file"])
    writer().known.learn("http", lambda: as_secrets((*tokens, *secrets, *secret_lines(options["oidc_secret_file"]))))
    gate = Gate(hosts_of(host, options["public_url"], options["allow_host"]), tokens, issuer is not None)
    metrics = Metrics(board, writer().line)
    url = options["public_url"]
    examinations = Examinations(lambda: _examined(state))
    hooks = Webhooks(secrets)
    return Desk(board, gate, writer(), to_log, metrics, hooks, public_url=url, issuer=issuer, examinations=examinations)


def _examined(state: State) -> Examination:
    """The doctor's result; over connections of its own, because the daemon's loop goes on with its own."""
    from reconciler.run.clock import RealClock
    from reconciler.run.commands.doctor import examined
    from reconciler.run.session.session import opened

    with opened(state.settings, RealClock()) as session:
        return examined(session)


def _issuer(connection: Mapping[tuple[str, ...], str], options: Mapping[str, Any]) -> Issuer | None:
    """The login through Keycloak, where one is set up; it trusts the authorities of the usual connection."""
    if not options["oidc_issuer"]:
        return None
    from reconciler.core.resource.values import Secret
    from reconciler.web.oidc import Issuer

    if not options["public_url"].startswith(("http://", "https://")):
        raise click.UsageError("--oidc-issuer has no address for the way back; give --public-url")
    secret = next(iter(secret_lines(options["oidc_secret_file"])), "")
    return Issuer(
        options["oidc_issuer"].rstrip("/"),
        options["oidc_client"],
        options["public_url"],
        Secret(secret) if secret else None,
        inner_url=options["oidc_inner_url"].rstrip("/"),
        ca_file=str(connection.get(("caFile",), "")),
    )


class _Ended(BaseException):
    """A signal came before the daemon had begun."""


class _Signals:
    """The signals of the process. ``daemon`` is None while the daemon is made, which may take long or hang."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.daemon: Daemon | None = None

    @contextmanager
    def heard(self, to_log: Any) -> Iterator[None]:
        """Hear them from now on; a daemon that has not begun ends at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._look)
        try:
            yield
        except _Ended:
            to_log.info("daemon ends")

    def report_unfinished(self) -> None:
        if self.daemon:
            self.daemon.report_unfinished()

    def _end(self, _number: int, _frame: Any) -> None:
        from reconciler.core.provider import Hint

        # A second signal does not wait for the running step.
        if self._stop.is_set():
            raise SystemExit(Exit.TERMINATED)
        self._stop.set()
        # Only the loop looks at the flag: a repository or a server may hang before there is one.
        if self.daemon is None or not self.daemon.is_begun:
            raise _Ended
        self.daemon.hints.give(Hint("signal"))

    def _look(self, _number: int, _frame: Any) -> None:
        from reconciler.core.provider import Hint

        if self.daemon:
            self.daemon.hints.give(Hint("SIGHUP", is_order=True))
