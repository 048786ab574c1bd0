"""The alerts and the metrics, as Prometheus itself reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit.web import Stage, box, living

ALERTS = Path(__file__).parents[3] / "ops/prometheus"
PUT_ASIDE = Path.home() / ".cache/reconcile/bin/promtool"


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool") or (str(PUT_ASIDE) if PUT_ASIDE.exists() else "")
    assert found, "promtool is missing; `make test-machine` fetches it"
    return found


def test_the_alerts_are_rules(promtool) -> None:
    done = subprocess.run(
        [promtool, "check", "rules", ALERTS / "alerts.yaml"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, "9 rules found" in done.stdout) == (0, True), done.stdout + done.stderr


def test_each_alert_is_raised_by_its_trouble_and_by_no_other(promtool) -> None:
    command = [promtool, "test", "rules", "alerts.test.yaml"]
    done = subprocess.run(command, cwd=ALERTS, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_metrics_keep_the_rules_of_names_and_types(promtool, tmp_path) -> None:
    stage = Stage(tmp_path, [box("a", size=2)], [living("a", size=1)])
    stage.look()
    text = stage.client().get("/metrics").text
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)

    assert "reconcile_resources" in text
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
