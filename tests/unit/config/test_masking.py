"""Lines that must not tell a secret."""

from __future__ import annotations

import pytest

from reconciler.config.masking import masked, without_values


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
        ("  command: [redis-server, --requirepass, x]", None),
        ("  image: nginx", None),
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
