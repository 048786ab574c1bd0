"""The dashboard and the alerts of ops/: all that they ask for is a metric with such labels, as the reference has it."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.report import State as Condition
from reconciler.core.history.facts import Ailment, Difference, Pass, Repair
from tests.kit.web import BOX, Stage, box, living

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "ops/grafana/reconcile.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "ops/prometheus/alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
TESTED = yaml.safe_load((ROOT / "ops/prometheus/alerts.test.yaml").read_text())["tests"]
PANELS = DASHBOARD["panels"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]
OF_PROMETHEUS = {"job", "instance", "le"}
VALUES = {
    "state": {each.value for each in Condition},
    "trouble": {each.name.lower() for each in Ailment},
    "cause": {each.value for each in Cause},
    "result": {"success", "error", "accepted", "replayed", "denied"},
}


@pytest.fixture
def known(tmp_path) -> dict[str, set[str]]:
    """Series → its labels, of a daemon to which everything has happened."""
    stage = Stage(tmp_path, [box("a", size=2)], [living("a", size=1)])
    stage.board.revision = "0123abc"
    stage.look()
    change = Change(BOX, Action.UPDATE)
    for fact in (Difference("1", change), Repair("1", change, 2.0), Pass("1", (), 1, 0, 0, 2.0)):
        stage.desk.metrics(fact)
    stage.desk.metrics.request("/", "GET", 200)
    stage.desk.metrics.webhook("github", "accepted")
    found: dict[str, set[str]] = {}
    for family in stage.desk.metrics.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def asked_for(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Series → the labels that are matched, with their patterns."""
    found = re.findall(r"\b(reconcile_\w+)(?:\{([^}]*)\})?", expression)
    return [(name, dict(re.findall(r'(\w+)\s*[!=~]+\s*"([^"]*)"', labels))) for name, labels in found]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_expression_asks_for_metrics_and_labels_that_there_are(known, expression) -> None:
    assert asked_for(expression)
    for name, matched in asked_for(expression):
        assert name in known, f"{name} is no metric"
        assert matched.keys() <= known[name] | OF_PROMETHEUS
        for label, pattern in matched.items():
            assert label not in VALUES or set(pattern.split("|")) <= VALUES[label]
    grouped = {name.strip() for names in re.findall(r"\bby \(([^)]*)\)", expression) for name in names.split(",")}
    assert grouped <= OF_PROMETHEUS.union(*(known[name] for name, _ in asked_for(expression)))


def test_a_text_speaks_of_labels_that_its_series_has(known) -> None:
    said = [(rule["expr"], json.dumps(rule["annotations"]), r"\$labels\.(\w+)") for rule in RULES]
    said += [(t["expr"], t["legendFormat"], r"{{(\w+)}}") for panel in PANELS for t in panel["targets"]]

    for expression, text, pattern in said:
        labels = OF_PROMETHEUS.union(*(known[name] for name, _ in asked_for(expression)))
        assert set(re.findall(pattern, text)) <= labels, (expression, text)


def test_the_dashboard_shows_every_metric(known) -> None:
    shown = {name for panel in PANELS for target in panel["targets"] for name, _ in asked_for(target["expr"])}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in known}

    assert families - {re.sub(r"_bucket$", "", name) for name in shown} == set()


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    places = [panel["gridPos"] for panel in PANELS]

    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        )  # fmt: skip
        assert apart, (one, other)
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_each_alert_is_tried_with_and_without_its_trouble() -> None:
    names = {rule["alert"] for rule in RULES}
    tried = {(each["alertname"], bool(each["exp_alerts"])) for test in TESTED for each in test["alert_rule_test"]}

    assert tried == {(name, raised) for name in names for raised in (True, False)}
    assert len(names) == len(RULES)


def test_the_documented_metrics_are_those_that_there_are(known) -> None:
    table = (ROOT / "docs/daemon-log.md").read_text().partition("## Metrics")[2]
    documented = {
        name: set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", labels)))
        for name, labels in re.findall(r"^\| `(reconcile_\w+)` \|[^|]*\|([^|]*)\|", table, re.MULTILINE)
    }
    families = {re.sub(r"_(bucket|sum|count)$", "", name): labels - {"le"} for name, labels in known.items()}

    assert documented == families
