"""The demo's promises: a person logs in to MLflow through Keycloak, works, and only who may gets in."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.kit import sso
from tests.kit.machine import browser, s3
from tests.kit.sso import Outcome


@pytest.fixture(scope="module")
def mlflow(seed):
    return seed.url("MLFLOW_PORT")


def test_the_demo_ends_with_three_urls_and_how_to_log_in(seed):
    for port in ("MLFLOW_PORT", "KEYCLOAK_PORT", "S3_CONSOLE_PORT"):
        assert seed.url(port) in seed.demo.out
    assert "mlflow_user, password password123" in seed.demo.out


def test_secrets_are_in_a_file_that_nobody_else_can_read(seed):
    assert (seed.directory / ".env").stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(seed.settings["OIDC_CLIENT_SECRET"])) == 32


def test_no_secret_is_printed_on_the_way(seed):
    secrets = [value for name, value in seed.settings.items() if name.endswith(("PASSWORD", "SECRET", "_KEY"))]

    assert len(secrets) >= 9
    assert not [secret for secret in secrets if secret in seed.demo.out + seed.demo.err]


def test_a_user_logs_a_run_with_an_artifact_and_reads_it_back(seed, mlflow):
    login = sso.login(mlflow, "mlflow_user", "password123")
    assert login.outcome is Outcome.SIGNED_IN, login.message
    account = sso.whoami(login.session)
    assert (account.username, account.is_admin) == ("mlflow_user@example.com", False)

    run = sso.log_run(login.session, experiment="proof", metrics={"loss": 0.5}, artifacts={"notes/a.txt": b"proof"})

    assert sso.read_metrics(login.session, run)["loss"] == 0.5
    assert sso.read_artifact(login.session, run, "notes/a.txt") == b"proof"
    account_name, password = seed.settings.get("MINIO_ROOT_USER", "minio"), seed.settings["MINIO_ROOT_PASSWORD"]
    store = s3.S3(seed.url("S3_PORT"), account_name, password)
    assert store.content("mlflow", f"{run.experiment_id}/{run.run_id}/artifacts/notes/a.txt") == b"proof"
    assert s3.refuses_strangers(seed.url("S3_PORT"), "mlflow")


def test_the_admin_is_admin(seed, mlflow):
    login = sso.login(mlflow, "mlflow_admin", seed.settings["MLFLOW_ADMIN_PASSWORD"])

    assert login.outcome is Outcome.SIGNED_IN, login.message
    assert sso.whoami(login.session).is_admin


def test_a_wrong_password_is_rejected(mlflow):
    assert sso.login(mlflow, "mlflow_user", "wrong").outcome is Outcome.REJECTED


def test_a_stranger_gets_nothing_from_the_api(mlflow):
    with pytest.raises(sso.NotSignedIn):
        sso.whoami(sso.login(mlflow, "stranger", "wrong").session)


def test_a_user_in_no_group_is_refused(seed, mlflow):
    """Added the way README says: edit users.yaml, `reconcile apply`."""
    users = seed.directory / "users.yaml"
    before = users.read_text(encoding="utf-8")
    nobody = "{username: nobody, enabled: true, email: n@example.com, firstName: No, lastName: Body, password: none123}"
    try:
        users.write_text(f"{before.rstrip()}\n  - {nobody}\n", encoding="utf-8")
        assert seed.run("apply").code == 0

        login = sso.login(mlflow, "nobody", "none123")

        assert login.outcome is Outcome.REFUSED
        assert "Failed to get user groups" in login.message
    finally:
        users.write_text(before, encoding="utf-8")
        with closing(seed.admin()) as admin:
            (user,) = admin.get("/admin/realms/mlflow/users?username=nobody&exact=true")
            admin.delete(f"/admin/realms/mlflow/users/{user['id']}")
    assert seed.run("diff").code == 0


def test_a_real_browser_logs_in(mlflow, tmp_path):
    visit = browser.sign_in(mlflow, "mlflow_user", "password123", screenshot=tmp_path / "mlflow.png")

    assert visit.titles[1] == "Sign in to MLflow"
    assert visit.titles[-1] == "MLflow"
    assert "Mila User" in visit.text
