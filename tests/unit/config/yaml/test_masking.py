"""Lines that must not tell a secret."""

from __future__ import annotations

import pytest

from reconciler.config.yaml.masking import masked, masked_line, without_values


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  DB_PASSWORD: hunter2", "  DB_PASSWORD: ********"),
        ("  password: 'hun ter2' # c", "  password: '********' # c"),
        ("  - API_TOKEN=hunter2", "  - API_TOKEN=********"),
        ("{username: a, password: hunter2, email: x}", "{username: a, password: ********, email: x}"),
        ('"secret": "hunter2",', '"secret": "********",'),
        ("      value: hunter2", "      value: ********"),
        ("  SECRET_KEY: ${SECRET_KEY:?run it}", None),
        ("  URL: postgres://u:${DB_PASSWORD}@db", None),
        ("  X: ${DB_PASSWORD:-hunter2}/x", "  X: ${DB_PASSWORD:-********}/x"),
        ("  secrets: [DB_PASSWORD, API_TOKEN]", None),
        ("  command: [redis-server, --requirepass, x]", "  command: [redis-server, --requirepass, ********]"),
        ("  image: nginx", None),
        ("  password: hun, ter2]} x", "  password: ********"),
        ("  command: echo { PASSWORD=hun,ter2; }", "  command: echo { PASSWORD=********"),
        ("  command: \"a PASSWORD='hun ter2' b\", x: y", "  command: \"a PASSWORD='********' b\", x: y"),
        ("  command: 'a PASSWORD=hun, ter2 b', x: y", "  command: 'a PASSWORD=********', x: y"),
        ('  a: {password: "hun\\" ter2", b: c}', '  a: {password: "********", b: c}'),
        ('  a: {password: "hun, ter2', '  a: {password: "********'),
        ("  a: [A_PASSWORD=hun ter2, B=c]", "  a: [A_PASSWORD=********, B=c]"),
        ("  {a: don't, password: hun'ter2, b: c}", "  {a: don't, password: ********, b: c}"),
        ("  [x] password: hun, ter2", "  [x] password: ********"),
        ("environmnt: {DB_PASSWORD: x}", "environmnt: {DB_PASSWORD: ********}"),
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
    assert "ter2" not in masked_line(("services:", above, line))[0]


@pytest.mark.parametrize("line", ["  A_PASSWORD:", "  - A_PASSWORD"])
def test_the_names_of_declared_secrets_are_shown(line):
    assert masked_line(("secrets:", line))[0] == line


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("{password: a, enviroment: x}", "enviroment"),
        ("{password: much-longer-than-the-mask, enviroment: x}", "enviroment"),
        ("{enviroment: x, password: a}", "enviroment"),
        ("{a: {token: x}, password: 'y', enviroment: z}", "enviroment"),
        ("{enviroment: x}", "enviroment"),
    ],
)
def test_the_mark_stays_under_its_place(line, at):
    shown, column = masked_line((line,), line.index(at) + 1)

    assert shown[column - 1 :].startswith(at)


def test_the_mark_of_something_hidden_stands_under_the_mask():
    shown, column = masked_line(("{token: a, password: hunter2}",), 25)

    assert shown[column - 1 :].startswith("********}")
