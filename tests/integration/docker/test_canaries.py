"""No secret in any output: a project full of marked secrets goes through every command, format and state."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.kit.canaries import Outputs
from tests.kit.cli import called
from tests.kit.docker.engine import PROBE, Project

CANARIES = {
    "PG_PASSWORD": 'canary-01-Pg47"11',
    "API_TOKEN": "canary-02/To+ken=",
    "DSN": "postgres://app:canary-03-Dsn@db/app",
    "BASE_KEY": "canary-04-Key\\x",
    "smtpPwd": "canary-05-Smtp",
    "PLAIN": "canary-06-declared",
    "HOST_SECRET": "canary-07-host",
    "SHORT_PASSWORD": "qz7",
}
LITERALS = ("canary-08-literal", "canary-09-attached", "canary-10-option", "canary-11-file", "canary-12-config")
IN_THE_URL = "canary-03-Dsn"
LOGS = ("logs", "--tail", "20")
NOISE = 'while :; do echo "$PG_PASSWORD $DSN"; cat /run/secrets/key /etc/app.ini; sleep 1; done'


def model(**changes: object) -> dict[str, object]:
    """A service in which secrets are wherever Compose has a place for one."""
    web = {
        "image": PROBE,
        "init": True,
        "environment": {
            "PG_PASSWORD": "${PG_PASSWORD}",
            "URL": "postgres://u:${PG_PASSWORD}@h/db",
            "DSN": "${DSN}",
            "HEADER": "Bearer ${API_TOKEN}",
            "smtpPwd": "${smtpPwd}",
            "X": "${PLAIN}",
            "SHORT_PASSWORD": "${SHORT_PASSWORD}",
            "LITERAL": "redis://:canary-08-literal@cache/0",
        },
        "labels": {"secret.of": "${BASE_KEY}", "note": "${PG_PASSWORD}", "neighbour": "shown"},
        "command": [
            "sh",
            "-c",
            f"{NOISE.replace('$', '$$')} # -pcanary-09-attached --requirepass canary-10-option ${{PG_PASSWORD}}",
        ],
        "healthcheck": {
            "test": "echo $$PG_PASSWORD $$HEADER; cat /run/secrets/key; : ${API_TOKEN}",
            "interval": "300ms",
        },
        "extra_hosts": ["${HOST_SECRET}:10.0.0.1"],
        "secrets": ["key"],
        "configs": [{"source": "ini", "target": "/etc/app.ini"}],
        **changes,
    }
    return {
        "services": {"web": {name: value for name, value in web.items() if value is not None}},
        "secrets": {"key": {"file": "key.txt"}},
        "configs": {"ini": {"content": "[db]\npassword = ${PG_PASSWORD}\ntoken = canary-12-config\n"}},
        "x-reconcile": {"secrets": ["PLAIN"]},
    }


@pytest.fixture
def outputs(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Outputs:
    names = "".join(f"{name}='{value}'\n" for name, value in CANARIES.items())
    (project.directory / ".env").write_text(names, encoding="utf-8")
    (project.directory / "key.txt").write_text("canary-11-file\n", encoding="utf-8")
    shown_by_name = (value for name, value in CANARIES.items() if name != "DSN")
    canaries = (*shown_by_name, IN_THE_URL, *LITERALS)
    return Outputs(project.directory, canaries, partial(called, monkeypatch, capsys))


def rename(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_no_secret_is_in_any_output(outputs: Outputs, project: Project) -> None:
    stack = project.directory / "stack.yaml"
    project.write(**model())

    outputs.everything("nothing there", LOGS)
    applied = outputs.run("apply", "apply", "--yes")
    assert applied.code == 0, applied.err
    assert "canary-01" in str(project.inspect()["Config"]["Env"])
    outputs.everything("in sync", LOGS)

    project.write(**model(environment={"PG_PASSWORD": "${PG_PASSWORD}"}, labels=None, command=["sleep", "3600"]))
    outputs.everything("lines are gone", LOGS)
    project.write(
        **model(environment={"X": "1"}, labels={"note": "plain"}, command=None, healthcheck=None, extra_hosts=None)
    )
    rename(project.directory / ".env", "PG_PASSWORD", "PG2_PASSWORD")
    rename(stack, "${PG_PASSWORD}", "x")
    outputs.everything("a variable is renamed", LOGS)

    rename(project.directory / ".env", "PG2_PASSWORD", "PG_PASSWORD")
    project.write(
        **model(
            healthcheck={
                "test": "echo $$PG_PASSWORD $$HEADER; cat /run/secrets/key; false",
                "interval": "300ms",
                "retries": 1,
            }
        )
    )
    outputs.run("unhealthy", "apply", "--yes")
    outputs.run("unhealthy, as JSON", "--log-format", "json", "apply", "--yes")
    outputs.everything("unhealthy", LOGS)

    dying = "echo $$PG_PASSWORD $$DSN; cat /run/secrets/key /etc/app.ini; exit 3"
    project.write(**model(command=["sh", "-c", dying], healthcheck=None))
    outputs.run("dying", "apply", "--yes")
    outputs.run("dying, as JSON", "--log-format", "json", "apply", "--yes")
    outputs.everything("dying", LOGS)

    for command in ("unlock", "init", "down"):
        outputs.run("at the end", command)
    for name, line in WRONG.items():
        stack.write_text(f"services:\n  web:\n    image: {PROBE}\n{line}\n", encoding="utf-8")
        for command in ("validate", "diff", "apply", "status", "config"):
            outputs.run(f"wrong file, {name}", command)

    assert outputs.leaks == []
    assert outputs.count > 120, outputs.count


def test_a_password_that_is_only_in_a_live_url_is_hidden_where_its_line_is_gone(
    outputs: Outputs, project: Project
) -> None:
    url = "postgres://u:${PG_PASSWORD}@h/db"
    shown = {"labels": {"note": "${PG_PASSWORD}"}, "command": ["sh", "-c", "sleep 3600 # ${PG_PASSWORD}"]}
    project.service(environment={"URL": url}, **shown)
    outputs.run("apply", "apply", "--yes")
    assert "canary-01" in str(project.inspect()["Config"]["Labels"])

    rename(project.directory / ".env", CANARIES["PG_PASSWORD"], "another-one-by-now")
    project.service(environment={"URL": url})
    outputs.everything("rotated", LOGS)

    assert outputs.leaks == []


WRONG = {
    "an unknown key": "    environmnt: {DB_PASSWORD: canary-08-literal}",
    "a key twice": "    environment:\n      GPG_PASSPHRASE: canary-08-literal\n      GPG_PASSPHRASE: canary-10-option",
    "a list that is not closed": "    command: [redis-server, --requirepass, canary-10-option",
    "attached": "    comand: mysqladmin ping -pcanary-09-attached",
    "a URL": "    enviroment: {A: 'postgres://u:canary-08-literal@h/db'}",
    "a block": "    environment:\n      A_PASSWORD: |\n        canary-08-literal\n       x",
    "a variable": "    ports: ['${PG_PASSWORD}']\n    imag: '${DSN}'",
}
