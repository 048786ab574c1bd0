"""The views of the page, and the acts of an operator behind a form that asks once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from reconciler.core.diagnosis import Diagnosis
from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Kind
from reconciler.core.history.facts import Ailment
from reconciler.core.history.records import ChangeRecord, Run
from reconciler.core.message.errors import ReconcileError
from reconciler.core.message.secrecy import concealed
from reconciler.core.plan.access import Matches
from reconciler.core.provider import LogSource, Restarter, UserDirectory
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct
from reconciler.render.answers.doctor import login_words
from reconciler.render.answers.history import recorded
from reconciler.render.output.causes import known_cause
from reconciler.render.output.plain import one_line, with_its_colours
from reconciler.render.output.values import path_of, shown, unit_of
from reconciler.render.plan.jsonplan import checksum
from reconciler.render.plan.text import COSTS, access_texts, describe, summary, symbol_of
from reconciler.run.commands.doctor import login_of
from reconciler.run.commands.services import restarted_along
from reconciler.run.daemon.board import Scene
from reconciler.run.daemon.pauses import EVERYTHING
from reconciler.web.access import Role, Visitor
from reconciler.web.desk import Call, Desk, Route, Wrong, address_of, natural
from reconciler.web.examinations import Examinations
from reconciler.web.login import form_of
from reconciler.web.page.access import access_rows, logins
from reconciler.web.page.chain import chain_of
from reconciler.web.page.drawing import cell_of, chosen, drawing
from reconciler.web.page.model import TRIES, Model, Row, Sign, model
from reconciler.web.page.render import assets
from reconciler.web.page.steps import PassRows, pass_rows

ROWS: Final = 50
MOST_WRONG: Final = 20
MOST_RUNS: Final = 500
FEW_RUNS: Final = 5
MOST_NEAR: Final = 20
MOST_ACTIONS: Final = 100
MOST_FIELDS: Final = 100
MOST_LINES: Final = 2_000
FEW_LINES: Final = 20
LONGEST_LINE: Final = 16_384
MOST_MATCHES: Final = 20
LEAST_SEARCH: Final = 2
"""A search needs so many characters: the server finds almost everybody by one."""

BODY: Final = 8_192
_SENTENCES: Final[Mapping[Sign, str]] = {
    Sign.IN_SYNC: "Everything is as declared.",
    Sign.UNKNOWN: "Part of it can't be read, and may be in any state.",
    Sign.RUNNING: "Repairs are under way.",
    Sign.PAUSED: "What differs is paused.",
    Sign.BLOCKED: "Resources wait for others.",
}


class FieldRow(Struct, frozen=True):
    """A field that differs, in words."""

    path: str
    before: str | None
    after: str
    place: str
    cost: str
    cause: str


# ------------------------------------------------------------------ views


def overview(call: Call) -> Response:
    """The verdict, what needs a person, what is not in sync, and the tree of all resources."""
    found = _model(call)
    wrong = found.wrong()
    return _html(
        call,
        "overview",
        here="/",
        live="overview",
        title=_title(found),
        model=found,
        sentence=_sentence(found),
        heals=call.desk.board.heals,
        everything_paused=EVERYTHING in found.pauses,
        running=_passes(call),
        people=[*_needs_a_person(found), *_findings(call)],
        wrong=wrong[:MOST_WRONG],
        more_wrong=max(len(wrong) - MOST_WRONG, 0),
        signs=[sign for sign in Sign if found.counts[sign]],
        kinds=list(Counter(row.address.kind for row in found.rows).items()),
        runs=_runs(call, limit=FEW_RUNS),
        **_listed(call, found),
    )


def _listed(call: Call, found: Model) -> Mapping[str, Any]:
    """One page of the tree or, where something is searched for, of what is found."""
    query = _query(call, "q", "state", "kind", "half")
    is_filtered = any(query.values())
    rows = found.found(text=query["q"], state=query["state"], kind=query["kind"], half=query["half"])
    # A search shows each row that it finds: the tree would fold those of one kind into a count.
    listed = rows if is_filtered else found.tree()
    pages = max(1, ceil(len(listed) / ROWS))
    # A page beyond the last one is the last one: resources may have gone since its link was made.
    page = min(_number(call, "page", 1), pages)
    return {
        "query": query,
        "filtered": is_filtered,
        "found": len(rows),
        "rows": listed[(page - 1) * ROWS : page * ROWS],
        "page": page,
        "pages": pages,
        "query_for": lambda number: urlencode({**{key: text for key, text in query.items() if text}, "page": number}),
    }


def resource(call: Call) -> Response:
    """One resource: its state, its difference with lines and causes, its neighbours, its log and its history."""
    found = _model(call)
    row = _row(call, found)
    change, kind = row.change, found.scene.session.kinds[row.address.kind]
    runs = _runs(call, address=str(row.address), limit=20)
    authors = [author for _, changes in runs[:1] for each in changes for author in each.authors]
    # Fields need both sides; a creation or a removal is described by the words of the plan alone.
    is_due = change.action is not Action.KEEP
    return _html(
        call,
        "resource",
        live="resource",
        title=f"{row.sign.word}: {row.address}",
        row=row,
        origin=str(change.origin or "") if change.desired else "",
        fields=_fields(change, kind) if is_due and change.observed and change.desired else [],
        plan_words=describe(change) if is_due else "",
        access=_access_link(found.scene, row.address),
        running=_passes(call, row.address),
        authors=authors,
        logs=_last_lines(call, row),
        can_restart=isinstance((_program(found.scene, row) or (None,))[0], Restarter),
        live_fields=_live_fields(call, row, kind),
        runs=runs,
        **_near(found, row.address),
    )


def _near(found: Model, address: Address) -> Mapping[str, Any]:
    """The neighbours of a resource in the graph, and the numbers of those that are left out."""
    needs, users = tuple(found.needs.get(address, {})), found.needed_by.get(address, ())
    return {
        "needs": needs[:MOST_NEAR],
        "more_needs": max(len(needs) - MOST_NEAR, 0),
        "needed_by": users[:MOST_NEAR],
        "more_needed_by": max(len(users) - MOST_NEAR, 0),
    }


def plan(call: Call) -> Response:
    """The plan that would be carried out now, whole: one page for the differences of everything."""
    scene = call.desk.scene
    found, kinds = scene.look.plan, scene.session.kinds
    due = [change for change in found.changes if change.action is not Action.KEEP]
    # The costliest changes first, since the rest may be cut.
    shown = sorted(due, key=lambda change: -change.effect)[:MOST_ACTIONS]
    return _html(
        call,
        "plan",
        here="/plan",
        live="plan",
        title=f"Plan: {sum(change.acts for change in due)} to do",
        summary=summary(found, scene.session.names),
        checksum=None if found.in_sync else checksum(found, scene.project, kinds),
        refusals=found.refusals,
        held=_held(scene),
        access=[f"{realm}: {text}" for realm, text in access_texts(found.access)][:MOST_ACTIONS],
        actions=[_action(change, kinds[change.address.kind]) for change in shown],
        more=max(len(due) - MOST_ACTIONS, 0),
        remarks=found.remarks()[:MOST_ACTIONS],
    )


def _action(change: Change, kind: Kind) -> Mapping[str, Any]:
    """A change of the plan, as its template has it."""
    return {
        "address": change.address,
        "symbol": symbol_of(change),
        "words": describe(change),
        "css": "unknown" if change.unread else change.action.value,
        "place": str(change.origin or ""),
        "fields": _fields(change, kind) if change.observed and change.desired else [],
    }


def history(call: Call) -> Response:
    """Runs and changes as a timeline and as a table."""
    query = _query(call, "address", "who", "kind")
    runs = [
        (run, changes)
        for run, changes in _runs(call, limit=MOST_RUNS)
        if query["who"].lower() in f"{run.user} {' '.join(a.user for c in changes for a in c.authors)}".lower()
        and (not query["address"] or any(query["address"].lower() in each.address.lower() for each in changes))
        and (not query["kind"] or any(each.address.startswith(query["kind"]) for each in changes))
    ][:ROWS]
    now = call.desk.wall()
    start = min((run.began for run, _ in runs), default=now)
    spread = max(now - start, 1.0)
    marks = [
        (round((run.began - start) / spread * 990), "good" if run.exit == 0 else "bad", f"Run {run.id}: {run.command}")
        for run, _ in runs
    ]
    return _html(
        call, "history", here="/history", live="history", title="History", query=query, filtered=any(query.values()),
        runs=runs, marks=marks, **{"from": start, "to": now},
    )  # fmt: skip


def run(call: Call) -> Response:
    """One run with its changes."""
    asked = call.request.path_params["number"]
    found = next(((each, changes) for each, changes in _runs(call, limit=MOST_RUNS) if each.id == asked), None)
    if found is None:
        raise Wrong(404, "There is no such run, or it is too old to be kept.")
    return _html(call, "run", title=f"Run {found[0].id}", run=found[0], changes=found[1], recorded=recorded)


def graph(call: Call) -> Response:
    """The dependencies as a drawing in the colours of state, and as a list."""
    found, query = _model(call), _query(call, "focus")
    focus = address_of(query["focus"]) if query["focus"] else None
    if query["focus"] and (focus is None or found.row(focus) is None):
        raise Wrong(404, f"There is no resource {query['focus']}.")
    # The neighbourhood grows with each step; beyond nine the drawing is full in any project.
    depth = min(_number(call, "depth", 2), 9)
    rows = chosen(found, focus=focus, depth=depth)
    return _html(
        call,
        "graph",
        here="/graph",
        live="graph",
        title="Graph",
        query={**query, "depth": depth},
        drawing=drawing([cell_of(row) for row in rows], found.needs),
        left_out=0 if focus else len(found.rows) - len(rows),
    )


def logs(call: Call) -> Response:
    """The last lines of a container's log, those with a text in them."""
    found, query = _model(call), _query(call, "q")
    row = _row(call, found)
    tail = min(_number(call, "tail", 200), 20_000)
    # The search is among the lines that were read: the engine has no search, and a whole log may be gigabytes.
    lines = _log(call, row, tail)
    matching = [line for line in lines if query["q"].lower() in line.lower()]
    return _html(
        call,
        "logs",
        live="logs",
        title=f"Log of {row.address}",
        address=row.address,
        query={**query, "tail": tail},
        lines=matching[-MOST_LINES:],
        read=len(lines),
        shown=len(matching),
        skipped=max(len(matching) - MOST_LINES, 0),
    )


def doctor(call: Call) -> Response:
    """The last examination: the chain of the login with the findings on it, and each finding with its remedy."""
    found, examinations = _model(call), _examinations(call)
    last = examinations.last
    result = last.result if last else None
    login, walk = login_of(found.scene.session.document), result.walk if result else None
    diagnoses = result.diagnoses if result else ()
    chain = chain_of(found, login, walk, diagnoses)
    return _html(
        call,
        "doctor",
        here="/doctor",
        live="doctor",
        **_counted(diagnoses, is_known=result is not None),
        begun=examinations.begun,
        last=last,
        login=login_words(login, walk) if result or login is None else f"{login.url}: not walked yet",
        diagnoses=[(each, found.row(each.address) is not None if each.address else False) for each in diagnoses],
        checked=result.checked if result else (),
        chain=chain,
        drawing=drawing(chain.cells, chain.comes_from) if chain else None,
    )


def _counted(diagnoses: Sequence[Diagnosis], *, is_known: bool) -> Mapping[str, Any]:
    count = f"{len(diagnoses)} finding{'s' if len(diagnoses) != 1 else ''}"
    return {"title": f"Doctor: {count}" if is_known else "Doctor", "count": count}


def access(call: Call) -> Response:
    """The search for users and groups on the server, and the access of one of them before and after the plan."""
    query, scene = _query(call, "q", "realm", "user", "group"), call.desk.scene
    realms = [str(each["realm"]) for each in scene.session.document.realms or ()]
    if not realms:
        raise Wrong(404, "No realm is declared.")
    realm = query["realm"] or realms[0]
    if realm not in realms:
        raise Wrong(404, f"There is no realm {realm} in the files.")
    directory = _directory(scene)
    # Nothing is searched before LEAST_SEARCH characters, so an open page costs the server no request.
    with _asking(call, "The users can't be read"):
        found = _searched(directory, realm, query["q"]) if len(query["q"]) >= LEAST_SEARCH else ()
        shown = _accessed(directory, realm, query["user"], query["group"], scene.look.plan.changes)
    title = f"Access of {query['user'] or query['group']}" if shown else "Access"
    return _html(
        call, "access", here="/access", title=title, realms=realms, realm=realm, query=query, matches=found,
        **{"subject": "", **shown},
    )  # fmt: skip


def _directory(scene: Scene) -> UserDirectory:
    found = next((each for each in scene.session.providers.values() if isinstance(each, UserDirectory)), None)
    if found is None:
        raise Wrong(404, "No realm is declared.")
    return found


def _searched(directory: UserDirectory, realm: str, text: str) -> Sequence[tuple[str, str, Matches]]:
    return (
        ("user", "Users", directory.users_found(realm, text, most=MOST_MATCHES)),
        ("group", "Groups", directory.groups_found(realm, text, most=MOST_MATCHES)),
    )


def _accessed(
    directory: UserDirectory, realm: str, user: str, group: str, changes: Sequence[Change]
) -> Mapping[str, Any]:
    """The access of a user, or of whoever is in a group; nothing where neither is asked for."""
    if not user and not group:
        return {}
    name = user.lower()  # as the server keeps it; that of the member of a group is ""
    if user:
        before, after = directory.grants_of_user(realm, name, changes)
    else:
        before, after = directory.grants_of_group(realm, group, changes)
    rows, may_log_in = access_rows(name, before, after), logins(before, after)
    spec = before.users.get(name) if user else None
    return {
        "subject": user or f"the members of {group}",
        "is_there": name in before.users if user else group in before.groups,
        "is_off": spec is not None and spec.get("enabled") is False,
        "rows": rows,
        "logins": may_log_in,
        "changes": any(row.changes for row in (*rows, may_log_in)),
        "members": directory.members_found(realm, group, most=MOST_MATCHES) if group and not user else None,
    }


# ------------------------------------------------------------------ acts

ACTS: Final[Mapping[str, tuple[str, str]]] = {
    "sync": ("Look now", "The daemon looks at once, and repairs what differs as after any other look."),
    "pause": ("Pause", "The daemon goes on reporting it, and repairs nothing of it until the pause ends."),
    "resume": ("Resume", "The pause ends. What differs is repaired by the next look."),
    "doctor": (
        "Run the doctor",
        "Checks the engine, Keycloak and the login, and changes nothing. It takes up to three minutes.",
    ),
    "approve": (
        "Approve the plan",
        "The daemon carries out, once, what its policy holds back. No other plan than the one you saw is approved.",
    ),
    "restart": ("Restart", "The container is stopped and started again, and serves nothing meanwhile."),
}


def confirm(call: Call) -> Response:
    """The form that asks once more before an act."""
    action = call.request.path_params["action"]
    if action not in ACTS:
        raise Wrong(404, "There is nothing at this address.")
    subject = call.query.get("address", "")
    # The others concern the whole project. An address that they come with is shown nowhere.
    if action in ("pause", "resume", "restart"):
        _require_subject(call, subject)
    words, explanation = ACTS[action]
    along = _restarted_along(call, _row(call, _model(call), subject)) if action == "restart" else ()
    named = "everything" if subject == EVERYTHING else subject
    back = _place(action, subject)
    return _html(
        call,
        "confirm",
        title=f"{words} {named}".strip(),
        heading=f"{words} {named}".strip() + "?",
        action=action,
        words=words,
        explanation=explanation,
        address=subject,
        checksum=call.query.get("checksum", "")[:64],
        held=_held(call.desk.scene) if action == "approve" else [],
        along=along,
        back=back,
    )


def act(call: Call) -> Response:
    """Do what was confirmed."""
    form = form_of(call)
    desk, visitor, subject = call.desk, call.visitor, form.get("address", "")
    match call.request.path_params["action"]:
        case "sync":
            desk.sync(visitor, "page")
        case "pause":
            _pause(call, form)
        case "resume":
            desk.resume(visitor, "page", subject)
        case "restart":
            _restart(call, subject)
        case "doctor":
            desk.examine(visitor, "page")
        case "approve":
            desk.approve(visitor, "page", form.get("checksum", ""))
        case _:
            raise Wrong(404, "There is nothing at this address.")
    # 303 makes the browser fetch the page: reloading it must not send the form again.
    return RedirectResponse(_place(call.request.path_params["action"], subject), 303)


def _pause(call: Call, form: Mapping[str, str]) -> None:
    # The desk has the limit of a pause; this one only keeps a long row of digits from `int`.
    seconds = natural(form.get("seconds", ""), most=10**8)
    if seconds is None:
        raise Wrong(422, "The duration is a number of seconds.")
    call.desk.pause(call.visitor, "page", form.get("address", ""), form.get("reason", ""), float(seconds))


def _place(action: str, subject: str) -> str:
    """The page that shows what an act has done."""
    if action in ("doctor", "approve"):
        return {"doctor": "/doctor", "approve": "/plan"}[action]
    return f"/resource?{urlencode({'address': subject})}" if subject and subject != EVERYTHING else "/"


def _held(scene: Scene) -> list[tuple[Address, str, str]]:
    """The changes that the policy holds back: each with its words and the reason."""
    reasons = {each.subject: each.note for each in scene.state.troubles if each.ailment is Ailment.HELD_BACK}
    return [
        (change.address, describe(change), reasons[str(change.address)])
        for change in scene.look.plan.changes
        if change.acts and str(change.address) in reasons
    ][:MOST_ACTIONS]


def _restart(call: Call, subject: str) -> None:
    row = _row(call, _model(call), subject)
    found = _program(call.desk.scene, row)
    if found is None or not isinstance(found[0], Restarter):
        raise Wrong(422, f"{subject} can't be restarted.")
    names = (found[1], *_restarted_along(call, row))
    call.desk.restart(call.visitor, "page", subject, found[0], names)


def _restarted_along(call: Call, row: Row) -> Sequence[str]:
    """The names of what restarts with a program. Raises Wrong where the server does not answer."""
    found = _program(call.desk.scene, row)
    if found is None or not isinstance(found[0], Restarter):
        return ()
    with _asking(call, "What restarts with it can't be told"):
        return restarted_along(call.desk.scene.session.document, found[0], row.address.path[0])


def file(call: Call) -> Response:
    """A file beside the page; its name changes with its content, so it may be kept for ever."""
    found = assets().get(call.request.path_params["name"])
    if found is None:
        raise Wrong(404, "There is nothing at this address.")
    content, kind = found
    return Response(content, media_type=kind, headers={"cache-control": "public, max-age=31536000, immutable"})


PAGE: Final[tuple[Route, ...]] = (
    Route("GET", "/", Role.READER, overview),
    Route("GET", "/resource", Role.READER, resource),
    Route("GET", "/plan", Role.READER, plan),
    Route("GET", "/history", Role.READER, history),
    Route("GET", "/runs/{number:int}", Role.READER, run),
    Route("GET", "/graph", Role.READER, graph),
    Route("GET", "/logs", Role.READER, logs),
    Route("GET", "/doctor", Role.READER, doctor),
    Route("GET", "/access", Role.READER, access),
    Route("GET", "/confirm/{action}", Role.OPERATOR, confirm),
    Route("POST", "/act/{action}", Role.OPERATOR, act, body=BODY, form=True),
    Route("GET", "/static/{name}", Role.ANYONE, file, quick=True),
)


# ------------------------------------------------------------------ parts


def page_of_error(desk: Desk, visitor: Visitor, status: int, message: str) -> Response:
    """A page that says why something is not shown."""
    headings = {401: "Not logged in", 403: "Not permitted", 404: "Not found", 503: "Not ready"}
    heading = headings.get(status, "Not done" if status < 500 else "Failed")
    return desk.pages.html("message", visitor, status=status, title=heading, heading=heading, message=message, near=())


def _html(call: Call, template: str, **values: Any) -> Response:
    # The page's script encodes the slash of `Europe/Berlin`.
    zone = call.request.cookies.get("tz", "").replace("%2F", "/")
    return call.desk.pages.html(template, call.visitor, zone, scene=call.desk.scene, **values)


def _model(call: Call) -> Model:
    """The view of the last look, made once for it and for the pauses of now."""
    desk = call.desk
    scene, pauses = desk.scene, tuple(desk.board.pauses.active(desk.wall()))
    key, found = desk.model
    # A pause may begin or end between two looks, and each row shows it.
    if key != (scene.number, pauses):
        found = model(desk.board, scene)
        desk.model = (scene.number, pauses), found
    assert isinstance(found, Model)
    return found


def _row(call: Call, found: Model, subject: str = "") -> Row:
    text = subject or call.query.get("address", "")
    address = address_of(text)
    row = found.row(address) if address else None
    if row is None:
        raise Wrong(404, f"There is no resource {text[:300]}.")
    return row


def _require_subject(call: Call, subject: str) -> None:
    if subject != EVERYTHING:
        _row(call, _model(call), subject)


def _examinations(call: Call) -> Examinations:
    if call.desk.examinations is None:
        raise Wrong(404, "This daemon has no doctor.")
    return call.desk.examinations


def _passes(call: Call, only: Address | None = None) -> list[PassRows]:
    """The passes under way, or those that have steps of one resource."""
    found = (pass_rows(each, call.desk.wall(), only) for each in call.desk.board.under_way.passes)
    return [each for each in found if each.total]


def _query(call: Call, *names: str) -> dict[str, str]:
    return {name: call.query.get(name, "")[:300].strip() for name in names}


def _number(call: Call, name: str, usual: int) -> int:
    return natural(call.query.get(name, ""), most=10**8) or usual


def _runs(call: Call, *, limit: int, address: str = "") -> Sequence[tuple[Run, Sequence[ChangeRecord]]]:
    return call.desk.scene.session.history.runs(address=address, limit=limit)


def _title(found: Model) -> str:
    wrong = sum(row.sign is not Sign.IN_SYNC for row in found.rows)
    return f"{f'({wrong}) ' if wrong else ''}{found.verdict.word} · {found.scene.project}"


def _sentence(found: Model) -> str:
    if found.verdict in _SENTENCES:
        return _SENTENCES[found.verdict]
    rows = [row for row in found.rows if row.sign is found.verdict]
    first = rows[0]
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{len(rows)} of {len(found.rows)}: {first.address}{f' ({first.note})' if first.note else ''}{more}."


def _needs_a_person(found: Model) -> Iterator[tuple[str, Address | str, str, float | None]]:
    """The troubles that no repair ends by itself."""
    for trouble in found.scene.state.troubles:
        address = address_of(trouble.subject)
        subject = address if address and found.row(address) else trouble.subject
        yield trouble.ailment.value, subject, trouble.note, found.scene.troubled_since.get(trouble.key)
    for row in found.rows:
        if row.failures >= TRIES:
            yield "repair fails", row.address, f"{row.failures} times in a row", row.since


def _findings(call: Call) -> Iterator[tuple[str, str, str, float]]:
    """The findings of the last examination, in a line."""
    last = call.desk.examinations.last if call.desk.examinations else None
    if last and last.result and last.result.diagnoses:
        diagnoses = last.result.diagnoses
        yield "findings of the doctor", diagnoses[0].where, diagnoses[0].message, last.ended


def _access_link(scene: Scene, address: Address) -> str:
    """The page with the access of a user or group, "" for anything else."""
    source = scene.session.providers.get(address.provider)
    if not isinstance(source, UserDirectory) or address.kind not in (source.user_kind, source.group_kind):
        return ""
    realm, *path = address.path
    subject = {"user": path[-1]} if address.kind == source.user_kind else {"group": f"/{'/'.join(path)}"}
    return f"/access?{urlencode({'realm': realm, **subject})}"


def _fields(change: Change, kind: Kind) -> list[FieldRow]:
    return [
        FieldRow(
            path_of(field, change),
            None if field.before is ABSENT else shown(field.before, unit_of(field, kind)),
            shown(field.after, unit_of(field, kind)),
            str(change.place(field) or ""),
            COSTS[field.effect],
            known_cause(field.cause),
        )
        for field in change.fields[:MOST_FIELDS]
    ]


def _live_fields(call: Call, row: Row, kind: Kind) -> list[tuple[str, str]]:
    """The live values, for operators: an environment may hold more than the secrets that are known."""
    live = row.change.observed
    # A value that no file declares as a secret, such as one set by hand, can't be known as one.
    if live is None or call.visitor.role < Role.OPERATOR:
        return []
    known = call.desk.writer.known
    found: list[tuple[str, str]] = []
    for name, value in sorted(live.spec.items()):
        sealed = concealed((name,), value, known.__contains__)
        unit = kind.fields[name].unit if name in kind.fields else ""
        # A mapping is a row for each key: a long environment in one cell can't be read.
        parts = sealed.items() if isinstance(sealed, Mapping) else ()
        found += [(f"{name}.{key}", shown(part)) for key, part in parts] or [(name, shown(sealed, unit))]
    return found[:500]


def _program(scene: Scene, row: Row) -> tuple[LogSource, str] | None:
    """The source of a resource's log and the name of it there, None for what runs no program."""
    source, kind = scene.session.providers.get(row.address.provider), scene.session.kinds[row.address.kind]
    if row.change.observed is None or "state" not in kind.fields or not isinstance(source, LogSource):
        return None
    # The name that `reconcile logs` takes: `web`, or `web-2` for a replica.
    return source, "-".join(row.address.path)


@contextmanager
def _asking(call: Call, otherwise: str) -> Iterator[None]:
    """Ask a server meanwhile; few at a time may do so, so that one that hangs takes few threads."""
    if not call.desk.slow_calls.acquire(blocking=False):
        raise Wrong(503, "Too many requests wait for a server. Try again.")
    try:
        yield
    except ReconcileError as error:
        raise Wrong(502, f"{otherwise}: {error}") from error
    finally:
        call.desk.slow_calls.release()


_OWN_TIME: Final = lazy_pattern(r"^\S+ (?=.{0,30}?\b\d{1,4}[-/ .](?:\d\d|[A-Z][a-z]{2})[-/ .]\d{2,4}[T :]\d\d:\d\d)")
"""The engine's time at the beginning of a line in which the program has written its own."""


def _last_lines(call: Call, row: Row) -> list[str] | None:
    if _program(call.desk.scene, row) is None or row.sign is Sign.UNKNOWN:
        return None
    try:
        return _log(call, row, FEW_LINES)
    except Wrong as wrong:
        # The page of a resource is of use without its log, so a failure is a line where the log would be.
        return [wrong.message]


def _log(call: Call, row: Row, tail: int) -> list[str]:
    """The last lines of a log."""
    found = _program(call.desk.scene, row)
    if found is None:
        raise Wrong(404, f"{row.address} has no log.")
    source, name = found
    with _asking(call, "The log can't be read"):
        pairs = [line.partition(" ") for line in source.logs(name, tail=tail, follow=False, timestamps=True)]
        # Without the engine's times, which stand between the parts of a secret of several lines.
        texts = call.desk.writer.known.hidden_lines([text for _, _, text in pairs])
        timed = (f"{time}{blank}{text}" for (time, blank, _), text in zip(pairs, texts, strict=True))
        lines = [with_its_colours(one_line(_OWN_TIME.sub("", line)), shown=False) for line in timed]
    return [line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}… (cut)" for line in lines]
