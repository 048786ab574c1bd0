"""Hostile text in names, values, notes, log lines, reasons and authors: no markup of theirs, no control character, no
secret gets into a view."""

from __future__ import annotations

import re
from contextlib import nullcontext
from html.parser import HTMLParser
from itertools import product

import pytest

from reconciler.core.diagnosis import Checked, Diagnosis, Verdict
from reconciler.core.history.author import Author
from reconciler.core.history.facts import Ailment, Trouble
from reconciler.core.history.records import ChangeRecord, FieldRecord, Run
from reconciler.core.login import Login, Stage, Walk
from reconciler.core.login import Trouble as LoginTrouble
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret
from reconciler.render.output.plain import steers
from reconciler.run.commands.doctor import Examination
from reconciler.run.daemon.pauses import EVERYTHING, Pause
from tests.kit.canaries import forms_of
from tests.kit.web import BOX, HTML, Access, box, living
from tests.kit.web import Stage as WebStage

MARKUP = (
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<b>bold</b>"),
    *("<a href='javascript:alert(1)'>x</a>", "<style>*{display:none}</style>", "<meta http-equiv=refresh content=0>"),
    *("<!--", "-->", "<![CDATA[", "</title><script>1</script>", "<iframe src=//evil.example>", "</table></main>"),
    *("&lt;script&gt;", "&#60;b&#62;", "&quot; onclick=alert(1)", "{{ 7 * 7 }}", "{% include 'base.html' %}", "${7*7}"),
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>1</script>", "vbscript:x"),
    *("<form action=//evil.example><button>", "<input autofocus onfocus=alert(1)>", "<object data=x>", "<math><mtext>"),
    *("//evil.example/x", "<base href=//evil.example>"),
)
QUOTES = ("", '"', "'", '">', "'>", "`", "\\", "</td>")
CONTROL = (
    *("\x00", "\x07bell", "\x08\x08\x08back", "\x1b[31mred", "\x1b]8;;https://evil.example\x07link", "\x7f", "\x85"),
    *("\u202eright to left", "\u2066isolate", "\u200bzero", "\u2028line", "\ufeffmark", "a\r\nset-cookie: x=y"),
    *("\u00adsoft", "\U000e0041tag", "\ufff9note", "::set-output name=x::y", "##vso[task.setvariable]x", "tab\there"),
    *("\x9b31m", "\ufdd031\ufdd0paint"),
)
QUOTED = (f"{quote}{text}" for quote, text in product(QUOTES[:6], MARKUP))
CASES = tuple(dict.fromkeys([*QUOTED, *QUOTES[6:], *CONTROL]))
LINK = re.compile(r"(/(?!/)|\?|#main$)")


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes, and the links that it has."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.links = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, tuple(name for name, _ in attributes)))
        self.links += [value for name, value in attributes if name in ("href", "src", "action")]


def hostile(folder, texts):
    """A stage on which each text stands in every place that foreign text can come from."""
    names = [f"{number:03} {text}" for number, text in enumerate(texts)]
    wanted = [box(name, size=f"new {text}") for name, text in zip(names, texts, strict=True)]
    live = [
        living(name, size=f"old {text}", settings={text or "k": text}) for name, text in zip(names, texts, strict=True)
    ]
    realms = [{"realm": "shop"}]
    stack = {
        "services": {names[0]: {"ports": ({"published": "5000"},)}},
        "x-reconcile": {"login": {"url": "http://127.0.0.1:5000/", "user": texts[0]}},
    }
    stage = WebStage(folder, wanted, live, stack=stack, realms=realms)
    stage.addresses = [str(each.address) for each in wanted]
    troubles = [
        Trouble(Ailment.FIGHT, str(each.address), f"note {text}", details={"causes": [text]})
        for each, text in zip(wanted, texts, strict=True)
    ]
    stage.look(*troubles, Trouble(Ailment.UNREAD, "elsewhere", f"is away: {texts[0]}"))
    for number, text in enumerate(texts):
        field = FieldRecord(f"size{text}", text, {"k": text}, "drift", f"file{text}:1:1")
        author = Author(1.0, f"act {text}", text, text, text)
        change = ChangeRecord(
            stage.addresses[number], "update", "drift", text, "none", text, (field,), (author,), 1.0, "failed", 1.0,
            1.0, text,
        )  # fmt: skip
        run = stage.history.begin(Run(0, f"run {text}", 1_790_000_000.0 + number, text, text, text, text))
        stage.history.add(run, [change])
    users, told = {text: {"enabled": True} for text in names}, {text: [text] for text in names}
    after = {text: [f"new {text}"] for text in names}
    stage.provider.before = Access(users, names, told, names)
    stage.provider.after = Access(users, names, after, [f"new {text}" for text in names])
    stage.repair(*names, note=texts[0])
    stage.examination = examination(texts)
    stage.desk.examinations.begin(texts[0], nullcontext)
    stage.examined()
    stage.board.pauses.add(Pause(EVERYTHING, texts[0], texts[0], 0.0, 1e11))
    return stage


def examination(texts):
    """A failed login with a finding for each text."""
    login = Login("http://127.0.0.1:5000/", texts[0])
    walk = Walk(login, Stage.RETURN, LoginTrouble.STATUS, f"http://127.0.0.1/{texts[0]}", 500, texts[0])
    diagnoses = tuple(
        Diagnosis(text, text, text, text, Address("memory.box", (f"{number:03} {text}",)), after=BOX)
        for number, text in enumerate(texts)
    )
    return Examination(tuple(Checked(text, text, Verdict.UNKNOWN, text) for text in texts), diagnoses, login, walk)


def pages(stage, count):
    """Each view that shows the stage, with its name; the first so many of the resources."""
    client = stage.client()
    for path in ("/", "/plan", "/history", "/graph", "/?q=memory&page=2", "/doctor"):
        yield path, client.get(path, headers=HTML)
    yield "/access?q", client.get("/access", params={"q": "00"}, headers=HTML)
    for kind in ("user", "group"):
        name = next(iter(stage.provider.before.users))
        yield f"/access?{kind}", client.get("/access", params={kind: name}, headers=HTML)
    yield "/confirm", client.get("/confirm/pause", params={"address": stage.addresses[0]}, headers=HTML)
    for number, address in enumerate(stage.addresses[:count]):
        yield "/resource", client.get("/resource", params={"address": address}, headers=HTML)
        if number % 10 == 0:
            yield "/logs", client.get("/logs", params={"address": address, "q": ""}, headers=HTML)
            yield "/runs", client.get(f"/runs/{number + 1}", headers=HTML)


def test_there_are_many_cases():
    assert len(CASES) >= 190


def test_no_text_changes_the_shape_of_a_page(tmp_path):
    wicked, harmless = hostile(tmp_path / "a", CASES), hostile(tmp_path / "b", ["x"] * len(CASES))
    for stage, texts in ((wicked, CASES), (harmless, ["x"] * len(CASES))):
        stage.provider.lines = [f"line {text}" for text in texts]

    wrong = []
    twins = {path: Shape(page.text) for path, page in pages(harmless, 1)}
    for path, page in pages(wicked, len(CASES)):
        assert page.status_code == 200, (path, page.text[:2_000])
        shape, expected = Shape(page.text), twins[path]
        if shape.elements != expected.elements:
            wrong.append(
                (
                    path,
                    [pair for pair in zip(shape.elements, expected.elements, strict=False) if pair[0] != pair[1]][:2],
                )
            )
        wrong += [(path, link) for link in shape.links if not LINK.match(link)]
        wrong += [(path, line) for line in page.text.split("\n") if steers(line.replace("::", ""))]

    assert wrong == []


@pytest.mark.parametrize("text", ["\x1b[31mred", "\u202eabc", "<b>", "a\r\nb: c"])
def test_no_text_of_a_request_comes_back_as_it_was(tmp_path, text):
    stage = WebStage(tmp_path, [box("a", size=1)])
    stage.look()
    client = stage.client()

    for path in ("/", "/resource", "/logs", "/graph", "/history", "/confirm/pause", "/login", f"/{'x'}"):
        names = ("q", "address", "who", "kind", "focus", "state", "next", "action")
        page = client.get(path, params=dict.fromkeys(names, text), headers=HTML)

        assert text not in page.text
        assert all(text not in value for value in page.headers.values())


CANARIES = ("correct-horse/battery+staple", 'quo"ted-secret<&>value', "päss-wörd-12345")


def test_no_secret_is_in_any_view(tmp_path):
    stage = hostile(tmp_path, [f"{form}" for canary in CANARIES for form in forms_of(canary)])
    stage.writer.known.learn("test", lambda: [Secret(canary) for canary in CANARIES])
    stage.provider.lines = [f"login with {form}" for canary in CANARIES for form in forms_of(canary)]
    stage.board.failed(f"the engine says: {CANARIES[0]}")
    client = stage.client()
    answers = [*pages(stage, len(stage.addresses)), *((path, client.get(path)) for path in API)]

    leaks = [
        (path, form)
        for path, answer in answers
        for canary in CANARIES
        for form in forms_of(canary)
        if form in answer.text or form in str(answer.headers)
    ]

    assert leaks == []


API = ("/api/v1/status", "/api/v1/plan", "/api/v1/history", "/api/v1/openapi.json", "/metrics", "/resource?address=x/y")
