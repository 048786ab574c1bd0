from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reconciler.core.difference.cause import Applied, Cause, NoMemory
from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect
from reconciler.core.message.errors import Refusal
from reconciler.core.message.problem import Problem
from reconciler.core.plan.access import AccessChange
from reconciler.core.plan.attribution import attributed
from reconciler.core.plan.plan import make, with_unread
from reconciler.core.resource.resource import Origin, at
from reconciler.core.resource.values import Secret
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from reconciler.render.ci.findings import findings_of_plan
from reconciler.render.ci.github import findings_github
from reconciler.render.ci.markdown import LIMIT, plan_markdown
from reconciler.render.output.values import shown
from reconciler.render.plan.jsonplan import PlanDocument, checksum
from reconciler.render.plan.text import Style, plan_text, row_of
from tests.kit.build import address, live, resource
from tests.kit.plans import a_plan

KINDS = MemoryProvider.kinds
SCHEMA = json.loads((Path(__file__).parents[4] / "schemas/plan.schema.json").read_text(encoding="utf-8"))


def github(plan):
    return findings_github(findings_of_plan(plan, KINDS, ["stack.yaml"], "p"))


def renderings():
    plan = a_plan()
    return {
        "text": plan_text(plan, KINDS, ["stack.yaml"]),
        "colour": plan_text(plan, KINDS, ["stack.yaml"], Style(colour=True)),
        "json": json.dumps(PlanDocument("p", KINDS, "salt").of(plan)),
        "markdown": plan_markdown(plan, KINDS, ["stack.yaml"], "p"),
        "github": github(plan),
    }


@pytest.mark.parametrize("form", renderings())
def test_no_format_shows_a_secret(form):
    assert "hush" not in renderings()[form]


def test_a_long_value_is_cut_where_it_is_new_but_never_where_it_differs():
    desired, observed = [resource("memory.box/web", image="i" * 100)], [live("memory.box/web", image="j" * 100)]

    new, other = (make({"memory": MemoryProvider()}, desired, there) for there in ([], observed))

    assert f"image  {'i' * 71}…\n" in plan_text(new, KINDS, ["stack.yaml"])
    assert f"image  {'i' * 100}\n" in plan_text(new, KINDS, ["stack.yaml"], Style(full=True))
    assert f"image  {'j' * 100} → {'i' * 100}  (forces the replacement)\n" in plan_text(other, KINDS, ["stack.yaml"])


def test_every_format_names_the_leaf_that_differs_in_a_list_of_objects():
    before, after = ({"name": "a", "n": 1}, {"name": "b", "n": 1}), ({"name": "a", "n": 1}, {"name": "b", "n": 2})
    plan = make(
        {"memory": MemoryProvider()},
        [resource("memory.box/web", image=after)],
        [live("memory.box/web", image=before)],
    )

    shown_parts = "[1].n 1 → 2"
    document = PlanDocument("p", KINDS, "salt").of(plan)
    jsonschema.validate(document, SCHEMA)
    assert f"image  {shown_parts}  (forces the replacement)\n" in plan_text(plan, KINDS, ["stack.yaml"])
    assert shown_parts in plan_markdown(plan, KINDS, ["stack.yaml"], "p")
    assert shown_parts in github(plan)
    (change,) = document["actions"][0]["changes"]
    assert change["parts"] == [{"path": "[1].n", "before": 1, "after": 2, "moved": False}]


def test_the_text_says_what_changes_from_what_to_what_and_at_what_cost():
    assert (
        plan_text(a_plan(), KINDS, ["stack.yaml"])
        == """\
+ memory.box/new                               create
      size        1
      settings.a  1
      key         (secret)
~ memory.box/live                              update, in place
      size  1 → 2
± memory.box/swap                              replace, with downtime until the new one is ready
      image  sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb  (forces the replacement)
      key    (secret) → (another secret)
> memory.box/down                              start
      state  paused → running
+ memory.client/app                            create
      redirect  x
… memory.box/waits                             create, deferred: waits for memory.client/app#secret
- memory.box/orphan                            delete, not declared

! memory.box/kept is as declared, but

Plan: 2 to create, 1 to start, 1 to update, 1 to replace, 1 to delete, 1 deferred; 1 unchanged; \
longest outage: memory.box/swap, until the new one is ready.""".replace("as declared, but\n", "as declared, but \n")
    )


def test_what_will_fail_is_told_with_the_place_where_it_is_declared():
    said = Problem("engine is too old", Origin("stack.yaml", 5, 7), address=address("memory.box/new"))
    plan = replace(a_plan(), obstacles=(said,))

    text = plan_text(plan, KINDS, ["stack.yaml"])

    assert "! stack.yaml:5:7: memory.box/new engine is too old\n! memory.box/kept is as declared, but" in text
    assert "- ⚠ stack.yaml:5:7: `memory.box/new` engine is too old\n" in plan_markdown(plan, KINDS, [], "p")


def test_what_can_not_be_read_is_unknown_in_every_format_and_no_change_without_an_outage():
    desired = [resource("memory.box/a", size=1), resource("memory.box/b", size=2)]
    made = make({"memory": MemoryProvider()}, desired, [], unread={"memory": None})
    plan = with_unread(made, {"memory": "it is away"})
    memory = Remembering({address("memory.box/a"): Applied()})
    plan = replace(plan, changes=attributed(plan, {each.address: each for each in desired}, KINDS, memory))

    text = plan_text(plan, KINDS, ["stack.yaml"], Style(legend=True))
    document = PlanDocument("p", KINDS, "salt").of(plan)

    assert "? memory.box/a                                 unknown: can't be read: it is away\n" in text
    assert text.endswith("Symbols: ? unknown\nPlan: 2 unknown; 0 unchanged.")
    assert "outside of the files" not in text
    assert "unknown: can't be read: it is away" in plan_markdown(plan, KINDS, [], "p")
    assert (document["summary"]["unknown"], document["summary"]["create"]) == (2, 0)
    assert {each["unread"] for each in document["actions"]} == {"it is away"}
    jsonschema.validate(document, SCHEMA)


class Remembering(NoMemory):
    """A memory with what was applied last."""

    def __init__(self, known):
        self.known = known

    def applied(self, addresses):
        return {each: self.known[each] for each in addresses if each in self.known}

    def knows(self, _provider):
        return True


def test_nothing_to_do_says_how_much_was_compared():
    plan = make({"memory": MemoryProvider()}, [resource("memory.box/a")], [live("memory.box/a")])

    assert (
        plan_text(plan, KINDS, ["stack.yaml", "users.yaml"])
        == "No changes. 1 resource matches stack.yaml and users.yaml."
    )


def test_the_json_is_as_its_schema_says():
    jsonschema.validate(PlanDocument("p", KINDS, "salt").of(a_plan()), SCHEMA)


def test_the_json_tells_equal_secrets_from_changed_ones():
    document = PlanDocument("p", KINDS, "salt")

    assert document.value(Secret("a")) == document.value(Secret("a"))
    assert document.value(Secret("a")) != document.value(Secret("b"))
    assert document.value(Secret("a")) != PlanDocument("p", KINDS, "pepper").value(Secret("a"))


def test_the_json_has_the_actions_in_order_of_dependency():
    actions = PlanDocument("p", KINDS, "salt").of(a_plan())["actions"]

    names = [action["address"] for action in actions]
    assert names.index("memory.client/app") < names.index("memory.box/waits")
    assert actions[names.index("memory.box/live")]["changes"] == [
        {
            "path": "size",
            "before": 1,
            "after": 2,
            "reaction": "in-place",
            "cause": "unknown",
            "source": {"file": "stack.yaml", "line": 1, "column": 1},
        }
    ]


def test_markdown_ends_with_a_mark_for_bots_and_stays_below_the_limit():
    many = [
        resource(f"memory.box/{number}", settings={str(key): "x" * 50 for key in range(40)}) for number in range(60)
    ]
    plan = make({"memory": MemoryProvider()}, many, [])

    text = plan_markdown(plan, KINDS, ["stack.yaml"], "shop")

    assert text.endswith("<!-- reconcile:shop -->")
    assert len(text) <= LIMIT
    assert "more details are not shown" in text


def test_annotations_stand_at_the_line_of_the_file_with_the_worst_first():
    lines = github(a_plan()).splitlines()

    assert lines[0].startswith(
        "::warning file=stack.yaml,line=1,col=1,title=memory.box/swap%3A replace%2C with downtime"
    )
    assert "image: sha256" in lines[0]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (512 << 20, "bytes", "512 MiB"),
        (3 << 29, "bytes", "1.5 GiB"),
        (0, "bytes", "unlimited"),
        (10, "seconds", "10 seconds"),
        ("", "", '""'),
        (True, "", "true"),
        ("two\nlines", "", '"two\\nlines"'),
        (("a", Secret("x")), "", "[a, (secret)]"),
    ],
)
def test_values_are_shown_for_people(value, unit, expected):
    assert shown(value, unit) == expected


def test_every_action_has_a_symbol_and_a_word():
    from reconciler.render.plan.text import SYMBOLS
    from reconciler.render.progress.progress import DONE

    assert SYMBOLS.keys() == set(Action)
    assert DONE.keys() | {Action.DEFERRED} == set(Action)


def test_who_gains_or_loses_is_said_first_and_in_json_in_full():
    names = tuple(f"user{number}" for number in range(97))
    access = (
        AccessChange("lab", names, ("app/edit", "/staff"), ()),
        AccessChange("lab", ("ann",), (), ("reader",)),
        AccessChange("lab", (), ("login to app",), ()),
        AccessChange("other", note="can't be told: no rights"),
    )
    plan = replace(a_plan(), access=access)

    text, document = plan_text(plan, KINDS, ["stack.yaml"]), PlanDocument("p", KINDS, "salt").of(plan)

    lines = [
        "Access in realm lab:",
        "  + user0, user1, user2 and 94 more gain app/edit, /staff",
        "  - ann loses reader",
        "  + everybody gains login to app",
        "Access in realm other:",
        "  ! can't be told: no rights",
    ]
    assert text.splitlines()[:7] == [*lines, ""]
    assert "\n".join(lines) in plan_markdown(plan, KINDS, ["stack.yaml"], "p")
    assert github(plan).splitlines()[:6] == lines
    assert [len(each["users"]) for each in document["access"]] == [97, 1, 0, 0]
    assert [each["everybody"] for each in document["access"]] == [False, False, True, False]
    jsonschema.validate(document, SCHEMA)


def a_refused_plan(count):
    plan = a_plan()
    boxes = [address(f"memory.box/{number}") for number in range(count)]
    floods = [Refusal(box, f"{box} would be deleted", f"allow it with `--allow-delete {box}`") for box in boxes]
    live_one = Refusal(address("memory.box/live"), "memory.box/live is protected", "take it out of `protect` first")
    return replace(plan, refusals=(*floods, live_one))


@pytest.mark.parametrize(("count", "lines", "shown"), [(5, 6, 6), (9, 5, 10), (40, 5, 10)])
def test_every_format_has_the_refusals_and_folds_many_of_one_sort(count, lines, shown):
    plan = a_refused_plan(count)

    text, markdown = plan_text(plan, KINDS, ["s"]), plan_markdown(plan, KINDS, ["s"], "p")
    annotations, document = github(plan), PlanDocument("p", KINDS, "salt").of(plan)

    assert [form.count("refused: ") for form in (text, markdown)] == [lines, lines]
    assert annotations.count("::error ") == shown
    assert "::error file=stack.yaml,line=1,col=1,title=refused::memory.box/live is protected" in annotations
    assert len(document["refusals"]) == count + 1
    jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize(
    ("before", "after", "shown_as"),
    [
        (Secret("a"), Secret("b"), "(secret) → (another secret)"),
        (Secret("a"), Secret("a"), "(secret)"),
        ("a", Secret("a"), "a → (secret)"),
        (("x", Secret("a")), ("x", Secret("b")), "(secret) → (another secret)"),
        (("x", Secret("a")), ("y", Secret("a")), "[x, (secret)] → [y, (secret)]"),
    ],
)
def test_another_secret_is_said_only_where_it_is_another(before, after, shown_as):
    kept = live("memory.box/a")
    fields = (FieldChange(("key",), before, after, Effect.LIVE),)
    change = Change(kept.address, Action.UPDATE, fields, observed=kept)

    assert row_of(fields[0], change, KINDS["memory.box"])[1] == shown_as


def boxes(*, key="hush-1", line=1, size=1):
    desired = replace(resource("memory.box/a", size=size, key=Secret(key)), locate=at(Origin("stack.yaml", line, 1)))
    return make({"memory": MemoryProvider()}, [desired], [])


def remembered(plan):
    """The plan as a machine makes it that knows another cause of each change."""
    changes = [replace(c, fields=tuple(replace(f, cause=Cause.DRIFT) for f in c.fields)) for c in plan.changes]
    return replace(plan, changes=tuple(changes))


def test_a_checksum_is_of_what_is_done_secrets_among_it_and_not_of_where_that_is_declared():
    plain = checksum(boxes(), "p", KINDS)

    assert plain == checksum(boxes(line=9), "p", KINDS)
    assert plain == checksum(remembered(boxes()), "p", KINDS)
    others = [(boxes(key="hush-2"), "p"), (boxes(size=2), "p"), (boxes(), "q")]
    assert plain not in {checksum(plan, project, KINDS) for plan, project in others}
