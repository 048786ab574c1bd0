"""The place where a value is to be corrected: by each way in which a value gets into the files."""

from __future__ import annotations

import pytest

from reconciler.run.session.session import read
from reconciler.settings import Settings

USERS = """\
x-reconcile:
  connection:
    url: http://localhost:${PORT:-8080}
    auth:
      username: admin
      password: {password}
realm: shop
"""
PASSWORD = ("realms", 0, "x-reconcile", "connection", "auth", "password")
URL = ("realms", 0, "x-reconcile", "connection", "url")


def place(folder, path, *, password="${KC_PASSWORD}", files=None, environment=None, env_files=None, more="", **options):
    text = more + USERS.replace("{password}", password)
    (folder / "users.yaml").write_text(text, encoding="utf-8")
    for name, content in (files or {".env": "KC_PASSWORD=x\n"}).items():
        (folder / name).write_text(content, encoding="utf-8")
    settings = Settings(
        folder,
        users_files=(folder / "users.yaml",),
        env_files=tuple(folder / name for name in env_files) if env_files else None,
        environment=environment or {},
        **options,
    )
    return read(settings)[0].document.place(path)


def test_a_literal_is_corrected_in_its_line(tmp_path):
    assert place(tmp_path, PASSWORD, password="hunter2") == "`password` at users.yaml:6:7"


def test_a_variable_of_the_env_file_is_corrected_there(tmp_path):
    assert place(tmp_path, PASSWORD) == f"KC_PASSWORD in {tmp_path}/.env"


def test_a_variable_of_the_environment_wins(tmp_path):
    assert place(tmp_path, PASSWORD, environment={"KC_PASSWORD": "y"}) == "KC_PASSWORD in the environment"


def test_of_several_env_files_the_last_one_that_sets_it_counts(tmp_path):
    files = {"a.env": "KC_PASSWORD=x\n", "b.env": "KC_PASSWORD=y\n", "c.env": "OTHER=z\n"}

    found = place(tmp_path, PASSWORD, files=files, env_files=["a.env", "b.env", "c.env"])

    assert found == f"KC_PASSWORD in {tmp_path}/b.env"


@pytest.mark.parametrize(
    ("source", "kind"),
    [("{file: secret.txt}", "file"), ("{env_file: {path: other.env, name: KC_PASSWORD}}", "env_file")],
)
def test_a_secret_with_a_source_is_corrected_at_its_source(tmp_path, source, kind):
    text = USERS.replace("x-reconcile:\n", f"x-reconcile:\n  secrets: {{KC_PASSWORD: {{from: {source}}}}}\n")
    (tmp_path / "users.yaml").write_text(text.replace("{password}", "${KC_PASSWORD}"), encoding="utf-8")
    (tmp_path / "secret.txt").write_text("x\n", encoding="utf-8")
    (tmp_path / "other.env").write_text("KC_PASSWORD=x\n", encoding="utf-8")
    (tmp_path / ".env").write_text("KC_PASSWORD=unused\n", encoding="utf-8")
    settings = Settings(tmp_path, users_files=(tmp_path / "users.yaml",))

    assert read(settings)[0].document.place(PASSWORD) == f"KC_PASSWORD in its source ({kind})"


def test_a_default_is_corrected_in_its_line(tmp_path):
    assert place(tmp_path, URL) == "`url` at users.yaml:3:5"
    assert place(tmp_path, URL, files={".env": "PORT=1\nKC_PASSWORD=x\n"}) == f"PORT in {tmp_path}/.env"


def test_a_variable_or_option_for_the_connection_wins_over_the_file(tmp_path):
    environment = {"RECONCILE_KEYCLOAK_PASSWORD": "z", "RECONCILE_KEYCLOAK_URL": "http://localhost:1"}

    assert place(tmp_path, PASSWORD, environment=environment) == "RECONCILE_KEYCLOAK_PASSWORD in the environment"
    assert place(tmp_path, URL, environment=environment) == "RECONCILE_KEYCLOAK_URL in the environment"
    assert place(tmp_path, URL, environment=environment, keycloak_url="http://localhost:2") == "--keycloak-url"


def test_an_escaped_dollar_is_no_variable(tmp_path):
    assert place(tmp_path, PASSWORD, password="a$$KC_PASSWORD") == "`password` at users.yaml:6:7"
