"""Findings of an examination, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from reconciler.core.diagnosis import Checked, Diagnosis, Verdict
from reconciler.core.login import Login, Walk, origin_of
from reconciler.render.output.plain import joined, painted

_VERDICTS: Final = {
    Verdict.OK: "fine",
    Verdict.FOUND: "with findings",
    Verdict.SKIPPED: "left out",
    Verdict.UNKNOWN: "without a result",
}


def doctor_text(
    checked: Sequence[Checked],
    diagnoses: Sequence[Diagnosis],
    login: Login | None,
    walk: Walk | None,
    *,
    colour: bool = False,
    full: bool = False,
) -> str:
    """The login, each finding with its remedy, and numbers; with ``full`` each check as well."""
    lines = [f"login   {login_words(login, walk)}", ""]
    for each in diagnoses:
        lines += _finding(each, colour=colour)
    # Checks that ended well are shown on request only; those without an answer always, as something may hide there.
    unknown = [each for each in checked if each.verdict is Verdict.UNKNOWN]
    shown = checked if full else unknown
    lines += [
        f"{each.verdict.value:<8}{each.code}: {each.title}{f' ({each.note})' if each.note else ''}" for each in shown
    ]
    lines += [""] if shown else []
    return joined([*lines, _total(checked, len(diagnoses))])


def _total(checked: Sequence[Checked], number: int) -> str:
    """The last line, with the number of findings and those of checks by verdict."""
    counts = Counter(each.verdict for each in checked)
    total = ", ".join(f"{counts[verdict]} {words}" for verdict, words in _VERDICTS.items() if counts[verdict])
    found = "No findings" if not number else f"{number} finding{'s' if number > 1 else ''}"
    return f"{found}. {len(checked)} checks: {total}."


def login_words(login: Login | None, walk: Walk | None) -> str:
    """The outcome of a login, in a line."""
    if login is None:
        return "not walked; declare its address under `x-reconcile.login` in stack.yaml"
    who = f" as {login.user}" if login.user else ", as far as the login form"
    if walk is None:
        return f"{login.url}{who}: no result"
    if walk.works:
        return f"{login.url}{who}: works"
    if not walk.fails:
        return f"{login.url}{who}: not walked to its end, as {hidden_words(walk)}"
    status = f" ({walk.status})" if walk.status else ""
    return f"{login.url}{who}: fails at `{walk.stage.value}`: {walk.url}{status}: {walk.message or walk.trouble.value}"


def hidden_words(walk: Walk) -> str:
    """The reason for which a walk ended at an address that a browser may reach all the same."""
    return f"{origin_of(walk.url)} can't be reached from here: {walk.message}"


def _finding(each: Diagnosis, *, colour: bool) -> Iterator[str]:
    place = f" ({each.origin})" if each.origin and each.origin.file else ""
    follows = f", follows from {each.after}" if each.after else ""
    yield f"{painted('✗', '31') if colour else '✗'} {each.code}  {each.where}{place}{follows}"
    yield f"    {each.message}"
    yield f"    remedy: {each.remedy}"
    yield ""


def doctor_json(
    project: str, checked: Sequence[Checked], diagnoses: Sequence[Diagnosis], login: Login | None, walk: Walk | None
) -> dict[str, Any]:
    """The same facts for programs."""
    return {
        "schema": "reconcile.doctor/v1",
        "project": project,
        "healthy": not diagnoses,
        "login": _login_json(login, walk),
        "findings": [_finding_json(each) for each in diagnoses],
        "checks": [
            {"code": each.code, "title": each.title, "verdict": each.verdict.value, "note": each.note}
            for each in checked
        ],
    }


def _login_json(login: Login | None, walk: Walk | None) -> dict[str, Any] | None:
    if login is None:
        return None
    declared = {"url": login.url, "user": login.user or None}
    if walk is None:
        return {**declared, "works": None, "message": "", "requests": []}
    return {
        **declared,
        "works": walk.works if walk.works or walk.fails else None,
        "step": walk.stage.value,
        "trouble": walk.trouble.value,
        "ended_at": walk.url,
        "status": walk.status or None,
        "message": walk.message,
        "requests": [{"method": each.method, "url": each.url, "status": each.status or None} for each in walk.trail],
    }


def _finding_json(each: Diagnosis) -> dict[str, Any]:
    origin = each.origin if each.origin and each.origin.file else None
    return {
        "code": each.code,
        "message": each.message,
        "where": each.where,
        "address": str(each.address) if each.address else None,
        "follows_from": str(each.after) if each.after else None,
        "source": {"file": origin.file, "line": origin.line, "column": origin.column} if origin else None,
        "remedy": each.remedy,
    }
