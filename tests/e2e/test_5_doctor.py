"""Faults of the login on the running seed stack: doctor names the cause of each, and is silent where all is well."""

from __future__ import annotations

import json
import os

import pytest

from tests.kit import sso
from tests.kit.login_faults import BY_DAY, FAULTS, PASSWORD

ALL = os.environ.get("RECONCILE_TEST_SWEEPS") == "all"
TRIED = [fault for fault in FAULTS if ALL or fault.name in BY_DAY]
HEALTHY_RUNS = 100 if ALL else 1


def examined(seed):
    ran = seed.run("doctor", "--format", "json", timeout=180)
    assert ran.code in (0, 2), ran.out + ran.err
    return json.loads(ran.out)


def test_a_healthy_stack_has_no_findings(seed):
    for _ in range(HEALTHY_RUNS):
        found = examined(seed)

        assert (found["findings"], found["login"]["works"]) == ([], True)


@pytest.mark.parametrize("fault", TRIED, ids=lambda fault: fault.name)
def test_the_cause_of_a_fault_is_named_first(seed, fault):
    with fault.on(seed):
        found = examined(seed)

    first = found["findings"][0]
    assert first["code"] == fault.code, found["findings"]
    assert fault.place in first["where"]
    assert fault.remedy in first["remedy"]


def test_an_apply_that_breaks_the_login_is_taken_back(seed):
    stack = seed.directory / "stack.yaml"
    before = stack.read_text(encoding="utf-8")
    broken = before.replace("\n  login: #", "\n  gates: [login]\n  login: #")
    broken = broken.replace("OIDC_GROUP_NAME: ${OIDC_GROUP_NAME:-mlflow_users}", "OIDC_GROUP_NAME: others")
    assert broken.count("others") == before.count("others") + 1
    try:
        stack.write_text(broken, encoding="utf-8")
        ran = seed.run("apply", "--yes")

        assert ran.code == 7, ran.out + ran.err
        assert "taken back: docker.container/mlflow" in ran.err
        assert "OIDC_GROUP_NAME=mlflow_users" in seed.inspect("mlflow")["Config"]["Env"]
        login = sso.login(seed.url("MLFLOW_PORT"), "mlflow_user", PASSWORD)
        assert login.outcome is sso.Outcome.SIGNED_IN, login.message
    finally:
        stack.write_text(before, encoding="utf-8")
    assert seed.run("diff").code == 0
