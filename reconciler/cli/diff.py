"""``reconcile diff``: the plan, in the format that the reader needs."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.exit import Exit
from reconciler.cli.findings import FORMATS as CI_FORMATS
from reconciler.cli.findings import errors_as, reports, text_of, write_report
from reconciler.cli.options import EXCLUDE, TARGET, address_option, include_paused_option, leaves_of
from reconciler.cli.output import clean, columns, say, show, show_clean, show_json, warn, write_json, writer
from reconciler.cli.state import State, command_line, in_colour
from reconciler.cli.values import FILE, SECONDS, OneOf
from reconciler.record import replace

if TYPE_CHECKING:
    from reconciler.core.message.errors import Refusal
    from reconciler.core.plan.plan import Plan
    from reconciler.core.resource.address import Address
    from reconciler.render.ci.findings import Findings
    from reconciler.render.plan.outage import Measured
    from reconciler.run.session.session import Session

_MOST_KINDS: Final = 6
_MOST_ALLOWED: Final = 4
"""So many options to allow what is refused are named once more in the next command."""
FORMATS = ("text", "json", "markdown", *CI_FORMATS)


@click.command("diff")
@click.option("--format", type=OneOf(FORMATS), default="text", help="Output format of the plan.")
@click.option("--out", type=FILE, metavar="FILE", help="Also write it there, for `apply FILE`.")
@address_option("--target", TARGET)
@address_option("--exclude", EXCLUDE)
@include_paused_option()
@click.option(
    "--against",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Compare with a snapshot or a realm export; no server is asked.",
)
@click.option(
    "--report",
    "files",
    multiple=True,
    callback=reports,
    metavar="FORMAT=FILE",
    help="Also write a report in this format, as junit=report.xml.",
)
@click.option("--summary", is_flag=True, help="Omit the fields.")
@click.option("--full", is_flag=True, help="Show full values, also of new resources.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also if there are differences.")
@click.option("--wait", type=SECONDS, default=120.0, metavar="SECONDS", help="How long to wait for Keycloak to start.")
@click.pass_obj
def command(state: State, /, **options: Any) -> int:
    """Show what is different between the files and what is live, and what apply would do about it.

    Exit code 0: nothing differs; 2: something does. Nothing is changed.
    """
    from reconciler.core.plan.policy import as_applied

    form = options["format"]
    against: tuple[Path, ...] = options["against"]
    with errors_as(state, form, options["files"]), state.session(needs_secrets=not against) as live:
        session, unknown = _offline(live, against) if against else (live, frozenset())
        reconciler = session.reconciler(
            only=options["target"],
            excluded=options["exclude"] | unknown,
            leaves=leaves_of(session, options),
            patience_s=options["wait"],
            on_wait=say_once(),
        )
        # A file in place of a server does not become readable by waiting.
        plan = as_applied(replace(reconciler, defers=bool(against)).look().plan)
        _put_out(state, session, plan, options)
        # The hint is for a person who reads the plan, and no part of any other format.
        if form == "text" and not plan.in_sync and not against:
            say(_next(session, plan, options))
    return Exit.DONE if plan.in_sync or options["exit_zero"] else Exit.DIFFERENT


def _offline(session: Session, files: Sequence[Path]) -> tuple[Session, frozenset[Address]]:
    """The session that compares with files; what they have nothing of is reported, and left out."""
    from reconciler.core.message.wording import listed
    from reconciler.run.commands.snapshot import offline, read_documents

    made, unknown = offline(
        session, [each for file in files for each in read_documents(file, session.document.project)]
    )
    if unknown:
        kinds = listed(sorted({address.kind for address in unknown}), _MOST_KINDS)
        warn(f"{len(unknown)} resources are left out, as no file of --against has their live state: {kinds}")
    return made, unknown


def _put_out(state: State, session: Session, plan: Plan, options: Mapping[str, Any]) -> None:
    """Print the plan in the format that is asked for, and write the files."""
    form = options["format"]
    if form == "json":
        show_json(document(session, plan))
    elif form in CI_FORMATS:
        show_clean(text_of(state, findings(session, plan), form))
    else:
        text = rendered(state, session, plan, form, fields=not options["summary"], full=options["full"])
        show(text, pages=form == "text")
    for report in options["files"]:
        write_report(report.path, _report(state, session, plan, report.form))
    if options["out"]:
        from reconciler.render.plan.jsonplan import SCHEMA

        write_document(options["out"], document(session, plan), SCHEMA, "plan")


def _next(session: Session, plan: Plan, options: Mapping[str, Any]) -> str:
    """The command to type next."""
    from reconciler.core.difference.change import Action

    choice = [word for name in ("target", "exclude") for each in sorted(options[name]) for word in (f"--{name}", each)]
    choice += ["--include-paused"] if options["include_paused"] else []
    if plan.refusals:
        return _after_refusals(plan.refusals, choice)
    if not any(change.acts or change.action is Action.DEFERRED for change in plan.changes):
        return f"Next: `{command_line('resume', 'ADDRESS')}` ends a pause."
    if options["out"]:
        return f"Next: `{command_line('apply', *choice, options['out'])}` does exactly this, or nothing."
    checksum = checksum_of(session, plan)
    return f"Next: `{command_line('apply', *choice)}`. With `--checksum {checksum}` it does exactly this, or nothing."


def _after_refusals(refusals: Sequence[Refusal], choice: Sequence[str]) -> str:
    # Some refusals have no option: then no command line would do.
    if not all(refusal.option for refusal in refusals):
        return "Next: edit the files as the refusals say, and compare again."
    allowed = dict.fromkeys(refusal.option for refusal in refusals)
    command = command_line("apply", *choice)
    if len(allowed) > _MOST_ALLOWED:
        return f"Next: `{command}` with the options of the refusals allows or leaves out what is refused."
    words = [word for option in allowed for word in option]
    if any(option[0] == "--exclude" for option in allowed):
        rest = command_line("apply", *choice, *words)
        return f"Next: edit the files as the refusals say, and compare again; `{rest}` does the rest."
    return f"Next: `{command_line('apply', *choice, *words)}` allows what is refused."


def _report(state: State, session: Session, plan: Plan, form: str) -> str:
    if form == "markdown":
        return writer().text(rendered(state, session, plan, form))
    return text_of(state, findings(session, plan), form)


def write_document(path: Path, document: Any, schema: str, what: str) -> None:
    """Put a document into the file's place at once, for its owner alone. Only an older one of its sort is replaced."""
    from reconciler.core.message.errors import writing

    target = path.resolve()
    with writing(f"the {what}", path):
        if target.exists() and not _may_be_replaced(target, schema):
            raise click.UsageError(f"{path} exists, is not a {what}, and is not overwritten; name another file")
        with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:  # made with mode 0700
            made = Path(folder, target.name)
            made.touch(0o600)
            write_json(made, document)
            made.replace(target)


def _may_be_replaced(path: Path, schema: str) -> bool:
    """Returns whether a file is an older document of this sort, or empty."""
    from reconciler.config.yaml.textfile import PLAN_LIMIT, UnusableFile, read_bytes

    try:
        content = read_bytes(path, PLAN_LIMIT) if path.is_file() else b"{}"
        found = json.loads(content) if content else {"schema": schema}
    except (UnusableFile, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("schema") == schema


def rendered(
    state: State,
    session: Session,
    plan: Plan,
    form: str,
    *,
    fields: bool = True,
    full: bool = False,
    stopped: Sequence[Address] = (),
) -> str:
    """The plan in one of the formats for people. What is ``stopped`` before it begins has the longest outage."""
    if form == "markdown":
        from reconciler.render.ci.markdown import plan_markdown

        project, checksum = session.document.project, checksum_of(session, plan)
        return plan_markdown(plan, session.kinds, session.names, project, clean=clean, checksum=checksum)
    from reconciler.render.plan.text import Style, plan_text

    full = full or state.verbose
    style = Style(colour=in_colour(), fields=fields, full=full, legend=True, width=columns(sys.stdout))
    return plan_text(plan, session.kinds, session.names, style, measured=measured(session, plan), stopped=stopped)


def measured(session: Session, plan: Plan) -> Measured:
    """The outages of earlier changes, for a plan that has any."""
    return {} if plan.in_sync else session.history.outages()


def findings(session: Session, plan: Plan) -> Findings:
    """The plan as findings, with the warnings of its files."""
    from reconciler.render.ci.findings import findings_of_plan

    project = session.document.project
    return findings_of_plan(plan, session.kinds, session.names, project, warnings=session.warnings)


def checksum_of(session: Session, plan: Plan) -> str:
    """The digest of what a plan does, for `apply --checksum`; empty for a plan that does nothing."""
    from reconciler.render.plan.jsonplan import checksum

    return "" if plan.in_sync else checksum(plan, session.document.project, session.kinds)


def document(session: Session, plan: Plan, salt: str | None = None) -> dict[str, Any]:
    """The plan's JSON; with the salt of an earlier one the two can be compared."""
    from reconciler.render.plan.jsonplan import PlanDocument

    salt = salt or secrets.token_hex(8)
    return PlanDocument(session.document.project, session.kinds, salt, measured=measured(session, plan)).of(plan)


def say_once() -> Callable[[str], None]:
    """Says each message only when it is new."""
    last = ""

    def on_wait(note: str) -> None:
        nonlocal last
        if note != last:
            say(note)
            last = note

    return on_wait
