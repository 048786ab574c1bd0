"""The formats for CI systems: all from one list, each as its own validator wants it, with nothing that steers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml
from sarif_pydantic import Sarif

from reconciler.core.message.errors import ConfigError, Refusal, Unreachable
from reconciler.core.message.problem import Problem, Severity
from reconciler.core.plan.access import AccessChange
from reconciler.core.plan.plan import Plan, make
from reconciler.core.resource.resource import Origin, Resource, Source
from reconciler.core.resource.values import Secret
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from reconciler.render.ci.findings import (
    RULES,
    Findings,
    Level,
    cleaned,
    findings_of_error,
    findings_of_plan,
    findings_of_problems,
)
from reconciler.render.ci.github import MOST, findings_github
from reconciler.render.ci.gitlab import findings_gitlab
from reconciler.render.ci.junit import findings_junit
from reconciler.render.ci.markdown import LIMIT, findings_markdown, plan_markdown
from reconciler.render.ci.sarif import findings_sarif
from reconciler.render.output.writer import Writer
from tests.kit.build import address, live, resource
from tests.kit.plans import a_plan

KINDS = MemoryProvider.kinds
CASES = Path(__file__).parents[3] / "cases" / "findings"

# https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
CODE_QUALITY: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/]"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def place(file: str) -> str:
    return file or "stack.yaml"


def everything() -> Plan:
    """A plan with one of everything, and what stands beside its changes."""
    said = Problem("engine is too old", Origin("stack.yaml", 5, 7), address=address("memory.box/new"))
    refusal = Refusal(address("memory.box/live"), "memory.box/live is protected", "take it out of `protect` first")
    access = (AccessChange("lab", ("ann",), ("reader",), ("writer",)),)
    return replace(a_plan(), obstacles=(said,), refusals=(refusal,), access=access)


def findings(plan: Plan, *, writer: Writer | None = None) -> Findings:
    doubt = Problem("no service has the profile `nope`", Origin("stack.yaml", 1, 1), Severity.WARNING)
    made = findings_of_plan(plan, KINDS, ["stack.yaml"], "shop", warnings=[doubt])
    return cleaned(made, (writer or Writer()).line, place)


def wrong_files() -> Findings:
    problem = Problem("unknown key `imagee`; did you mean `image`?", Origin("stack.yaml", 3, 5))
    return cleaned(findings_of_error(ConfigError([problem, problem])), Writer().line, place)


def unreachable() -> Findings:
    return cleaned(findings_of_error(Unreachable("there is no engine")), Writer().line, place)


def nothing() -> Findings:
    return findings(make({"memory": MemoryProvider()}, [resource("memory.box/a")], [live("memory.box/a")]))


ALL = {"everything": lambda: findings(everything()), "wrong": wrong_files, "away": unreachable, "nothing": nothing}
all_cases = pytest.mark.parametrize("made", ALL.values(), ids=ALL)


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


FORMS = {
    "github.txt": findings_github,
    "gitlab.json": lambda found: as_json(findings_gitlab(found)),
    "junit.xml": findings_junit,
    "sarif.json": lambda found: as_json({**findings_sarif(found)["runs"][0], "tool": "…"}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_plan_with_one_of_everything_is_written_so(form):
    assert FORMS[form](findings(everything())) + "\n" == (CASES / form).read_text(encoding="utf-8")


@all_cases
def test_sarif_is_as_its_schema_says(made):
    log = findings_sarif(made())

    run = Sarif.model_validate(log).runs[0]
    assert run.results is not None
    assert len(run.results) == len(made().found)
    ids = [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]]
    assert all(ids[result["ruleIndex"]] == result["ruleId"] for result in log["runs"][0]["results"])


@all_cases
def test_gitlab_takes_the_code_quality_report(made):
    report = findings_gitlab(made())

    jsonschema.validate(report, CODE_QUALITY)
    assert len({issue["fingerprint"] for issue in report}) == len(report) == len(made().found)


@all_cases
def test_junit_reads_the_same_numbers_as_it_is_told(made):
    xml = JUnitXml.fromstring(findings_junit(made()).encode())

    suite = next(iter(xml))
    results = [result for case in suite for result in case.result]
    told = suite.tests, suite.failures, suite.errors
    assert told == (
        len(list(suite)),
        sum(isinstance(each, Failure) for each in results),
        sum(isinstance(each, Error) for each in results),
    )
    bad = [each for each in made().found if each.level > Level.NOTE and each.rule != "file-warning"]
    assert len(results) == len({each.address or each.origin.file for each in bad})
    named = {each.address or each.origin.file for each in made().found}
    assert {case.name for case in suite} == {*made().checked, *named}


def test_each_resource_that_was_compared_is_a_test_case():
    xml = JUnitXml.fromstring(findings_junit(nothing()).encode())

    passed = {case.name: case.is_passed for case in next(iter(xml))}
    assert passed["memory.box/a"] is True


def a_located_resource(**places: int) -> Resource:
    """A box whose fields are declared at these lines."""

    def locate(path: tuple[str, ...]) -> Source | None:
        line = places.get(path[0], 0) if path else 1
        return Source("".join(path[:1]), lambda: Origin("stack.yaml", line, 7)) if line else None

    return replace(resource("memory.box/web", size=2, image="b"), locate=locate)


def a_difference(**places: int) -> Findings:
    desired, observed = [a_located_resource(**places)], [live("memory.box/web", size=1, image="a")]
    made = findings_of_plan(make({"memory": MemoryProvider()}, desired, observed), KINDS, ["stack.yaml"], "shop")
    return cleaned(made, Writer().line, place)


def test_a_field_is_marked_at_its_line_and_one_without_at_its_resource():
    found = {each.field: each.origin.line for each in a_difference(size=9).found}

    assert found == {"size": 9, "image": 1}


def test_a_fingerprint_stays_where_lines_and_values_change():
    before, after = a_difference(size=9), a_difference(size=12, image=4)

    assert [each.fingerprint for each in before.found] == [each.fingerprint for each in after.found]
    assert len({each.fingerprint for each in before.found}) == 2


def test_every_rule_has_a_text_and_every_finding_a_rule():
    assert all(rule.text.endswith(".") for rule in RULES.values())
    assert {each.rule for made in ALL.values() for each in made().found} <= RULES.keys()


def test_github_gets_as_many_annotations_as_it_shows_and_the_log_the_rest():
    desired = [resource(f"memory.box/{number}", size=2, image="b") for number in range(30)]
    observed = [live(f"memory.box/{number}", size=1, image="a") for number in range(30)]
    plan = make({"memory": MemoryProvider()}, desired, observed)

    lines = findings_github(findings(plan)).splitlines()

    assert sum(line.startswith("::warning ") for line in lines) == MOST
    assert "title=reconcile::52 more, listed in the log of this step" in lines[MOST - 1]
    listed = [line for line in lines if line.startswith("  stack.yaml:1:1: ")]
    assert len(listed) == 52


def outline(document: Any) -> Any:
    """Keys and levels of a document, without its texts."""
    match document:
        case dict():
            return {key: part if key == "level" else outline(part) for key, part in document.items()}
        case list():
            return [outline(part) for part in document]
        case _:
            return type(document)


READERS = {
    "github.txt": lambda text: [line.partition(" ")[0] for line in text.splitlines() if line.startswith("::")],
    "gitlab.json": lambda text: outline(json.loads(text)),
    "junit.xml": lambda text: [case.classname for case in next(iter(JUnitXml.fromstring(text.encode())))],
    "sarif.json": lambda text: outline(json.loads(text)),
}
SECRETS = ("warning", "testcase", "severity", "stack.yaml", "results")


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_that_is_a_word_of_the_format_breaks_nothing(form):
    writer = Writer()
    writer.known.learn("test", lambda: [Secret(each) for each in SECRETS])

    text = FORMS[form](findings(everything(), writer=writer))

    assert READERS[form](text) == READERS[form](FORMS[form](findings(everything())))


HOSTILE = (
    "x\r\n::error file=a::forged\n##[error]forged "
    "]]></failure> ,title=a::b %0A \x1b[2J\ufffe\ud800 `|@team <img src=x> [a](b)"
)


@pytest.mark.parametrize("form", FORMS)
def test_foreign_text_steers_no_format(form):
    problems = [Problem(HOSTILE, Origin("stack.yaml", 3, 5)), Problem("fine", Origin(HOSTILE, 1, 1))]
    made = cleaned(findings_of_problems(problems), Writer().line, place)

    text = FORMS[form](made)

    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\ud800]", text)
    assert not [line for line in text.splitlines() if line.lstrip().startswith(("##[", "forged", "::error file=a:"))]
    assert "##[" not in text
    text.encode()
    if form == "github.txt":
        assert len(text.splitlines()) == 3
        assert text.splitlines()[1].startswith("::error file=x\\n%3A%3Aerror file=a%3A%3Aforged")
    if form == "junit.xml":
        assert len(list(next(iter(JUnitXml.fromstring(text.encode()))))) == 2


def test_foreign_text_is_no_markup_in_a_comment():
    problems = [Problem(HOSTILE, Origin("stack.yaml", 3, 5))]

    text = findings_markdown(cleaned(findings_of_problems(problems), Writer().line, place))

    assert len([line for line in text.splitlines() if line.startswith("- ⛔")]) == 1
    assert "<img" not in text
    assert "@team" not in text
    assert "](b)" not in text.replace("\\](b)", "")


def test_a_comment_keeps_its_mark_and_cuts_at_whole_resources_however_many_there_are():
    many = [resource(f"memory.box/{number}", image="x" * 300, settings={"a": "\x1b" * 50}) for number in range(3000)]
    plan = make({"memory": MemoryProvider()}, many, [])

    text = plan_markdown(plan, KINDS, ["stack.yaml"], "shop", clean=Writer().line)

    assert len(Writer().text(text)) <= LIMIT
    assert text.endswith("<!-- reconcile:shop -->")
    assert text.count("<details>") == text.count("</details>") > 10
    rows = sum(line.startswith("| `+`") for line in text.splitlines())
    assert f"_{3000 - rows} more resources are not shown._" in text
    assert f"_{3000 - text.count('<details>')} more details are not shown._" in text
    assert text.count("```diff") * 2 == text.count("```")


def test_many_wrong_lines_are_cut_as_well():
    problems = [Problem("x" * 500, Origin("stack.yaml", line, 1)) for line in range(1, 500)]

    text = findings_markdown(cleaned(findings_of_problems(problems), Writer().line, place))

    assert len(text) <= LIMIT
    assert text.endswith("<!-- reconcile: -->")
    assert "more findings are not shown" in text
