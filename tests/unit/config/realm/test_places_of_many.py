"""Places in a file with many users: right in every form, and found only for what is reported."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from reconciler.config import Sources, load
from reconciler.config.realm.file import read_users
from reconciler.config.realm.load import load_files
from reconciler.config.variables.template import Variables
from reconciler.core.message.errors import ConfigError

USERS = 1000


def user(number, **more):
    return {"username": f"u{number}", "email": f"u{number}@example.org", **more}


def loaded(folder, text, name="users.json"):
    (folder / name).write_text(text, encoding="utf-8")
    return load(Sources(directory=folder, users_files=(folder / name,)))


def problems(folder, text, name="users.json"):
    with pytest.raises(ConfigError) as raised:
        loaded(folder, text, name)
    return raised.value.problems


FORMS = {
    "one line": json.dumps,
    "indented": lambda realm: json.dumps(realm, indent=2),
    "a line for each user": lambda realm: json.dumps(realm).replace('{"username"', '\n  {"username"'),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_place_inside_an_item_is_that_in_the_file(tmp_path, form):
    people = [user(number) for number in range(USERS)]
    people[700] = user(700, emial="x")
    text = FORMS[form]({"realm": "r", "users": people})

    (problem,) = problems(tmp_path, text)

    line, column = problem.origin.line, problem.origin.column
    assert text.splitlines()[line - 1][column - 1 :].startswith('"emial"')


@pytest.mark.parametrize(
    "text",
    [
        "realm: r\nusers:\n  - username: a\n    email: a@example.org\n    emial: x\n",
        "realm: r\nusers:\n  - {username: a,\n     emial: x}\n",
        "realm: r\nusers: [{username: a, emial: x}]\n",
        "realm: r\nusers:\n  - &a {username: a, emial: x}\n",
        "realm: r\nusers:\n      - username: a\n        attributes: {b: [c]}\n        emial: x\n",
    ],
)
def test_so_it_is_in_yaml(tmp_path, text):
    (problem,) = problems(tmp_path, text, "users.yaml")

    line, column = problem.origin.line, problem.origin.column
    assert text.splitlines()[line - 1][column - 1 :].startswith("emial")


def test_reporting_many_mistakes_on_one_line_takes_no_more_than_the_line_and_its_values(tmp_path):
    text = json.dumps({"realm": "r", "users": [user(number, emial="x") for number in range(USERS)]})

    tracemalloc.start()
    try:
        found = problems(tmp_path, text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len({problem.origin.column for problem in found}) > 100
    assert peak < 300 * len(text)


def test_what_may_exist_already_is_looked_up_only_when_it_is_refused(tmp_path):
    file = tmp_path / "users.json"
    file.write_text(
        json.dumps({"realm": "r", "users": [user(number, groups=["gone"]) for number in range(9)]}), "utf-8"
    )
    users = read_users(file, tmp_path)

    found = load_files([users], Variables({}))

    assert len(found.unmade) == 9
    assert "outline" not in vars(users)
    assert found.unmade[3].origin.column > 1
