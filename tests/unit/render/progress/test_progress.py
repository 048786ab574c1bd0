"""The lines and the rows of a run, from its events and a clock that the test turns."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.report import Event, What
from reconciler.core.plan.plan import Plan, Step
from reconciler.core.resource.amount import Amount
from reconciler.render.progress.ongoing import Ongoing, Row, amount_text, doing
from reconciler.render.progress.progress import Progress
from tests.kit.build import address

WEB, DB = address("memory.box/web"), address("memory.box/db")
PEOPLE = [address(f"memory.user/lab/u{number}") for number in range(400)]
BUILD = Step("build", WEB, "image.build")
WAIT = Step("wait", DB, "container.wait", timeout_s=60)
FIRST, SECOND = (
    Step(f"batch {start}", PEOPLE[start], "import", covers=tuple(PEOPLE[start : start + 200])) for start in (0, 200)
)


def a_plan(*steps):
    addresses = dict.fromkeys(each for step in steps for each in (step.address, *step.covers))
    return Plan(tuple(Change(each, Action.CREATE) for each in addresses), steps)


def lines(*events):
    progress = Progress(a_plan(*{event.step.id: event.step for event in events}.values()))
    return [line for event in events for line in progress.lines(event)]


def rows(now, *happened):
    ongoing = Ongoing(a_plan(*{event.step.id: event.step for _, event in happened}.values()))
    for moment, event in happened:
        ongoing.happened(event, moment)
    return [(row.subject, row.doing, row.time, row.note) for row in ongoing.rows(now)]


def test_without_a_terminal_a_build_is_announced_and_told_every_ten_seconds():
    told = [Event(BUILD, What.PENDING, "Step 1/2", float(second)) for second in range(1, 25)]

    written = lines(Event(BUILD, What.STARTED), *told, Event(BUILD, What.DONE, "", 25.0))

    assert [line.split()[2:] for line in written] == [
        ["building"],
        ["building,", "10", "s:", "Step", "1/2"],
        ["building,", "20", "s:", "Step", "1/2"],
        ["created", "(25.0", "s)"],
    ]


def test_a_batch_of_many_is_one_line():
    (line,) = lines(Event(FIRST, What.DONE, "", 2.0))

    assert line == "  ✓ memory.user/lab/u0 and 199 more              created (2.0 s)"


def test_a_batch_of_several_says_how_much_of_all_is_done_how_fast_and_for_how_long_yet():
    plan = a_plan(FIRST, SECOND)
    progress, ongoing = Progress(plan), Ongoing(plan)
    written = list[str]()
    for moment, event in ((0.0, Event(FIRST, What.STARTED)), (4.0, Event(FIRST, What.DONE, "", 4.0)),
                          (8.0, Event(SECOND, What.DONE, "", 4.0))):  # fmt: skip
        ongoing.happened(event, moment)
        written += progress.lines(event, ongoing.part(event.step, moment))

    assert [line.partition("created ")[2] for line in written] == ["(4.0 s): 200 of 400, 50/s, 4 s left", "(4.0 s)"]
    assert ongoing.part(BUILD, 8.0) is None


def test_every_step_that_goes_on_has_a_row_with_what_it_waits_for_and_for_how_long():
    assert rows(
        30.0,
        (10.0, Event(BUILD, What.STARTED)),
        (12.0, Event(BUILD, What.PENDING, "RUN make", 2.0, amount=Amount(3, 7, "steps"))),
        (20.0, Event(WAIT, What.STARTED)),
        (21.0, Event(WAIT, What.PENDING, "health: starting, last probe: exit code 1", 1.0)),
    ) == [
        (str(WEB), "building", "20 s", "step 3 of 7, RUN make"),
        (str(DB), "waiting", "10 s", "health: starting, last probe: exit code 1"),
    ]


def test_what_has_ended_has_no_row():
    ends = (What.DONE, What.FAILED, What.INTERRUPTED)

    assert [rows(5.0, (1.0, Event(BUILD, What.STARTED)), (2.0, Event(BUILD, end))) for end in ends] == [[], [], []]


def test_the_batches_of_a_kind_are_one_row_with_rate_and_time_left():
    assert rows(
        8.0,
        (0.0, Event(FIRST, What.STARTED)),
        (4.0, Event(FIRST, What.DONE, "", 4.0)),
        (4.0, Event(SECOND, What.STARTED)),
    ) == [("memory.user/lab", "importing", "8 s", "200 of 400, 25/s, 8 s left")]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Amount(0, 400 << 20, "bytes"), "0 B of 400 MiB"),
        (Amount(100 << 20, 400 << 20, "bytes"), "100 MiB of 400 MiB, 10 MiB/s, 30 s left"),
        (Amount(3, 7, "steps"), "step 3 of 7"),
        (Amount(50, 2000, "objects"), "50 of 2000, 5/s, 390 s left"),
    ],
)
def test_an_amount_says_rate_and_time_left_where_they_can_be_known(amount, text):
    assert amount_text(amount, 10.0) == text


def test_a_run_that_ends_at_once_says_what_was_begun_and_what_was_not():
    ongoing = Ongoing(a_plan(BUILD, WAIT, FIRST))
    ongoing.happened(Event(BUILD, What.STARTED), 0.0)
    ongoing.happened(Event(BUILD, What.DONE, "", 3.0), 3.0)
    ongoing.happened(Event(WAIT, What.STARTED), 3.0)

    left = list(ongoing.given_up(10.0))

    assert [(event.step.id, event.what, event.seconds) for event in left] == [
        ("wait", What.INTERRUPTED, 7.0),
        ("batch 0", What.NOT_STARTED, 0.0),
    ]


@pytest.mark.parametrize(
    ("verb", "word"),
    [
        ("image.pull", "pulling"),
        ("container.create", "creating"),
        ("container.stop", "stopping"),
        ("create part", "creating part"),
        ("set aside", "setting aside"),
    ],
)
def test_a_verb_is_a_participle_while_it_goes_on(verb, word):
    assert doing(Step("s", WEB, verb)) == word


@pytest.mark.parametrize(
    ("seconds", "limit", "says"),
    [(7.0, 1052.0, "7 s"), (262.0, 1052.0, "262 s"), (270.0, 1052.0, "270 of 1052 s"), (900.0, 0.0, "900 s")],
)
def test_a_wait_shows_its_limit_once_a_good_part_of_it_has_passed(seconds, limit, says):
    assert Row("docker.container/a", "waiting", seconds, limit=limit).time == says
