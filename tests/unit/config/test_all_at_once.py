"""All mistakes are reported in one run, each once; of very many the number."""

from __future__ import annotations

import pytest

from reconciler.config import Sources, load
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import MOST_LISTED, Severity

MANY = 2000
NAMES_A_TABLE = "realm: r\nusers: {from: p.csv}\n"


def problems(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    stack = [folder / "stack.yaml"] if "stack_yaml" in files else []
    users = [folder / "users.yaml"] if "users_yaml" in files else []
    with pytest.raises(ConfigError) as raised:
        load(Sources(folder, tuple(stack), tuple(users), environment={}))
    return raised.value.problems


def shown(found):
    return [f"{each.origin}: {each.message.partition(';')[0]}" for each in found]


def test_rows_of_a_table_are_all_checked_and_so_is_the_file_that_names_it(tmp_path):
    table = "username,email,enabled\nal,al@x.org\nbo,nobody,perhaps\ncy,c@x.org,true,more\n,d@x.org,true\n"

    found = problems(tmp_path, users_yaml="realm: r\nusers: {from: p.csv}\nclients: [{clientid: a}]\n", p_csv=table)

    assert shown(found) == [
        "p.csv:2:1: has 2 cells, but the first line names 3",
        "p.csv:3:4: `nobody` is no e-mail address",
        "p.csv:3:11: users[1].enabled must be one of `true`, `false`, but is the text `perhaps`",
        "p.csv:4:17: has 4 cells, but the first line names 3",
        "p.csv:5:1: a user has no `username`",
        "users.yaml:3:12: unknown key `clientid` in clients[0]",
    ]


def test_a_wrong_first_line_does_not_hide_wrong_rows(tmp_path):
    found = problems(
        tmp_path, users_yaml="realm: r\nusers: {from: p.csv}\n", p_csv="username,bogus,email\na,b,nobody\n"
    )

    assert shown(found) == ["p.csv:1:10: unknown column `bogus`", "p.csv:2:5: `nobody` is no e-mail address"]


@pytest.mark.parametrize("table", ['username\n"al\n', None, "email\nal@x.org\n"])
def test_of_users_that_could_not_be_read_nothing_is_said_to_be_missing(table, tmp_path):
    users = "realm: r\nusers: {from: p.csv}\nclients: [{clientid: a}]\n"
    member = "organizations: [{name: o, domains: [{name: o.org}], members: [{username: al}]}]\n"

    found = problems(tmp_path, users_yaml=users + member, **({} if table is None else {"p_csv": table}))

    assert [each for each in found if "`al`" in each.message] == []
    assert [each.message for each in found if "clientid" in each.message] != []
    assert len(found) == 2


def times(count, line):
    return "".join(f"{line.replace('#', str(number))}\n" for number in range(count))


VERY_MANY = {
    "rows": {"users_yaml": NAMES_A_TABLE, "p_csv": f"username,email\n{times(MANY, 'u#')}"},
    "values": {"users_yaml": NAMES_A_TABLE, "p_csv": f"username,enabled\n{times(MANY, 'u#,perhaps')}"},
    "references": {
        "users_yaml": f"{NAMES_A_TABLE}groups: []\n",
        "p_csv": f"username,groups\n{times(MANY, 'u#,nowhere')}",
    },
    "keys": {"users_yaml": f"realm: r\nusers:\n{times(MANY, '- {username: u#, emial: x}')}"},
    "stack": {"stack_yaml": f"services:\n{times(MANY // 2, '  s#: {image: x, imagee: x, cpus: a}')}"},
}


@pytest.mark.parametrize("files", VERY_MANY.values(), ids=VERY_MANY)
def test_of_very_many_mistakes_some_are_listed_and_all_are_counted(files, tmp_path):
    found = problems(tmp_path, **files)

    errors = [each for each in found if each.severity is Severity.ERROR]
    assert len(errors) <= MOST_LISTED
    assert MANY <= sum(each.count for each in errors) <= MANY + MOST_LISTED
    (more,) = [each for each in errors if each.count > 1]
    assert f"{more.count:,} more mistakes" in more.message
    assert more.origin.line > 1


ANCHORED = """\
x-base: &base
  imagee: x
  environment: {A: [1]}
  healthcheck: &check {test: [CM, x]}
  depends_on: [nosuch]
  networks: [nonet]
  volumes: ["./f:relative"]
  cap_add: 5
services:
  a: *base
  b: *base
  c: {<<: *base, command: [x]}
  d: {image: x, healthcheck: *check}
"""


def test_a_mistake_inside_of_an_anchor_is_reported_once(tmp_path):
    found = problems(tmp_path, stack_yaml=ANCHORED)

    assert [(each.origin.line, each.origin.column) for each in found] == [
        (line, column) for line, column in [(2, 3), (3, 20), (4, 24), (5, 16), (6, 14), (7, 13), (8, 12)]
    ]
    assert "services.a" in found[0].message


def test_two_mistakes_inside_of_one_anchor_are_two(tmp_path):
    stack = "x-b: &b {image: x, depends_on: [db], links: [db]}\nservices: {a: *b, b: *b}\n"

    found = problems(tmp_path, stack_yaml=stack)

    assert shown(found) == [
        "stack.yaml:1:33: services.a.depends_on names `db`, but there is no such service",
        "stack.yaml:1:38: services.a.links names `db`, but there is no such service",
    ]


def test_a_mistake_inside_of_an_anchor_of_users_is_reported_once_and_at_the_anchor(tmp_path):
    users = (
        "realm: r\nusers:\n- {username: a, attributes: &at {x: {y: 1}}}\n- {username: b, attributes: *at}\n"
        "clients:\n- &c {clientId: x, bogus: 1}\n- <<: *c\n  clientId: y\n"
    )

    found = problems(tmp_path, users_yaml=users)

    assert [(each.origin.line, each.origin.column) for each in found] == [(3, 37), (6, 20)]
