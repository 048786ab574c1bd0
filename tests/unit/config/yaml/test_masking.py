"""Lines that must not tell a secret."""

from __future__ import annotations

import pytest

from reconciler.config.yaml.masking import masked, masked_line, without_values


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  DB_PASSWORD: hunter2", "  DB_PASSWORD: ********"),
        ("  password: 'hun ter2' # c", "  password: '********"),
        ("  - API_TOKEN=hunter2", "  - API_TOKEN=********"),
        ("{username: a, password: hunter2, email: x}", "{username: a, password: ********"),
        ('"secret": "hunter2",', '"secret": "********'),
        ("      value: hunter2", "      value: ********"),
        ("  SECRET_KEY: ${SECRET_KEY:?run it}", None),
        ("  URL: postgres://u:${DB_PASSWORD}@db", None),
        ("  X: ${DB_PASSWORD:-hunter2}/x", "  X: ${DB_PASSWORD:-********}/x"),
        ("  secrets: [DB_PASSWORD, API_TOKEN]", None),
        ("  command: [redis-server, --requirepass, x]", "  command: [redis-server, --requirepass, ********]"),
        ("  image: nginx", None),
        ("environmnt: {DB_PASSWORD: x}", "environmnt: {DB_PASSWORD: ********"),
        ("  GPG_PASSPHRASE: x", "  GPG_PASSPHRASE: ********"),
        ("  SMTP_AUTH: x", "  SMTP_AUTH: ********"),
        ("  APIKEY: x", "  APIKEY: ********"),
        ("  dbPwd: x", "  dbPwd: ********"),
        ("  scret: x", "  scret: ********"),
        ("  db_pasword: x", "  db_pasword: ********"),
        ("  taken: x", None),
        ("  test: mysqladmin ping -phunter2", "  test: mysqladmin ping -p********"),
        ('  test: ["CMD", "redis-cli", "-a", "x", "ping"]', '  test: ["CMD", "redis-cli", "-a", "********", "ping"]'),
        ("  - --password=x", "  - --password=********"),
        ("  URL: postgres://u:hunter2@db", "  URL: postgres://u:********@db"),
        ("  URL: https://hunter2@example.org/a", "  URL: https://********@example.org/a"),
        ("  URL: http://example.org:8080/a?b=c@d", None),
    ],
)
def test_a_line_is_shown_without_secrets(line, shown):
    assert masked(line) == (line if shown is None else shown)


@pytest.mark.parametrize(
    ("line", "shown"),
    [("A=hunter2", "A=********"), ("export A: 'hunter2", "export A: ********"), ("hunter2'", ""), ("# c", "")],
)
def test_of_a_private_file_only_names_are_shown(line, shown):
    assert without_values(line) == shown


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("  PASSWORD: |", "    hunter2"),
        ("  PASSWORD: >-", "    hun: ter2"),
        ("  password:", "    - hunter2"),
        ("  - --requirepass", "  - hunter2"),
        ("  command: [redis-server, --requirepass,", "    hunter2]"),
    ],
)
def test_a_value_is_masked_by_the_line_above_it(above, line):
    assert "ter2" not in masked_line(("services:", above, line))


@pytest.mark.parametrize("line", ["  A_PASSWORD:", "  - A_PASSWORD"])
def test_the_names_of_declared_secrets_are_shown(line):
    assert masked_line(("secrets:", line)) == line
