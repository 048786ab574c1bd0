"""`x-reconcile.secrets` in both forms and both files: names, declared rotations, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.config import Sources, declared_secrets, load
from reconciler.core.message.errors import ConfigError
from reconciler.core.resource.address import Address
from reconciler.core.resource.rotation import Call, Rotation

SCHEMAS = Path(__file__).parents[3] / "schemas"
SERVICES = "services:\n  db: {image: i, environment: {P: $A}}\n  web: {image: i}\n"


@pytest.fixture
def sources(tmp_path):
    def written(stack, users="", more=""):
        files = {"stack.yaml": stack, "more.yaml": more, "users.yaml": users}
        for name, text in files.items():
            if text:
                (tmp_path / name).write_text(text, encoding="utf-8")
        stacks = tuple(tmp_path / name for name in ("stack.yaml", "more.yaml") if files[name])
        people = (tmp_path / "users.yaml",) if users else ()
        return Sources(tmp_path, stacks, people, environment={"A": "a-value", "B": "b-value", "WHO": "ann"})

    return written


def stack(rotate, name="A"):
    return f"x-reconcile:\n  secrets:\n    {name}:\n      rotate: {rotate}\n{SERVICES}"


def test_a_rotation_has_its_service_commands_and_account(sources):
    text = stack("{service: db, exec: [sh, -c, 'set $$NEW'], check: {service: web, exec: [try]}}")
    users = "realm: r\nx-reconcile: {secrets: {B: {rotate: {user: 'keycloak.user/r/${WHO}'}}}}\n"

    found = sources(text, users)

    assert declared_secrets(found) == ("A", "B")
    assert load(found).document.rotations == {
        "A": Rotation("db", Call("db", ("sh", "-c", "set $NEW")), Call("web", ("try",))),
        "B": Rotation(user=Address("keycloak.user", ("r", "ann"))),
    }


def test_names_need_no_more_than_themselves(sources):
    for text in ("[A, B]", "{A: , B: {}}", "{A: {rotate: {}}, B: }"):
        assert declared_secrets(sources(f"x-reconcile: {{secrets: {text}}}\n{SERVICES}")) == ("A", "B")


@pytest.mark.parametrize("lower", ["[A, B]", "{A: {rotate: {service: web}}, B: }"])
def test_a_later_file_says_more_of_a_name_in_either_form(sources, lower):
    more = "x-reconcile: {secrets: {A: {rotate: {service: db}}}}"

    found = sources(f"x-reconcile: {{secrets: {lower}}}\n{SERVICES}", more=more)

    assert declared_secrets(found) == ("A", "B")
    assert load(found).document.rotations == {"A": Rotation("db", Call("db"), Call("db"))}


@pytest.mark.parametrize(
    ("rotate", "words"),
    [
        ("{exec: [set]}", "`exec` is run in the container of a service"),
        ("{check: [try]}", "`check` is run in the container of a service"),
        ("{service: dbb, exec: [set]}", "there is no service `dbb`; did you mean `db`?"),
        ("{service: db, check: {service: wbe, exec: [try]}}", "there is no service `wbe`; did you mean `web`?"),
        ("{service: db, user: keycloak.user/r/a}", "`user` needs nothing beside it"),
        ("{service: db, exec: [set, $A]}", "a secret must not be part of a command"),
        ("{service: db, check: [try, 'x${A}']}", "a secret must not be part of a command"),
        ("{user: somebody}", "keycloak"),
        ("{service: db, exec: []}", "at least 1"),
        ("{comand: [set]}", "comand"),
    ],
)
def test_a_rotation_that_makes_no_sense_is_reported_with_its_line(sources, rotate, words):
    with pytest.raises(ConfigError) as caught:
        load(sources(stack(rotate)))

    (problem,) = caught.value.problems
    assert words in problem.message
    assert (problem.origin.file, problem.origin.line) == ("stack.yaml", 4)


@pytest.mark.parametrize(
    "broken",
    [
        ("services:", "servicess:"),  # none is left
        ("image: i, environment", "imagee: i, environment"),  # this one is left out
    ],
)
def test_a_service_that_a_mistake_leaves_out_is_not_missed(sources, broken):
    with pytest.raises(ConfigError) as caught:
        load(sources(stack("{service: db, exec: [set]}").replace(*broken)))

    assert [broken[1].split(":")[0] in problem.message for problem in caught.value.problems] == [True]


def test_both_schemas_say_the_same_of_a_secret():
    both = [
        json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))["$defs"]
        for name in ("stack", "users")
    ]

    for name in ("declared_secret", "secret_command"):
        assert both[0][name] == both[1][name]
