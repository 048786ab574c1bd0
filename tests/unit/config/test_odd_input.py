"""Input that is odd but has a meaning to somebody is answered: by an error, or by a warning, never by silence."""

from __future__ import annotations

import pytest

from reconciler.config import Sources, commandline, load, printable
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import UNREADABLE

STACK = "services:\n  web:\n    image: nginx\n"


def found_in(folder, environment=None, **options):
    """The problems of the files of a folder, found as the command line finds them: severity, place, message."""
    environment = {"PWD": str(folder), **(environment or {})}
    files = commandline.find((), (), directory=folder, env_files=(), environment=environment)
    sources = Sources(files.directory, files.stack, files.users, files.env_files, files.environment, **options)
    try:
        found = load(sources).warnings
    except ConfigError as error:
        found = error.problems
    else:
        of_text = tuple(each for each in found if each.code != UNREADABLE or each.origin.file.endswith(".env"))
        assert printable(sources).warnings == of_text, "`config` looks at no file that only a start needs"
    return [f"{each.severity.value} {each.origin}: {each.message}" for each in found]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    return tmp_path


def write(folder, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")


def test_a_directory_in_the_place_of_the_env_file_is_reported(folder):
    (folder / ".env").mkdir()

    message = "is a directory, so it gives no variables; remove it, or name a file with --env-file"
    assert found_in(folder) == [f"warning .env: {message}"]


def test_it_is_reported_beside_the_variables_that_are_missing_for_it(folder):
    (folder / ".env").mkdir()
    write(folder, stack_yaml=f"{STACK}    user: $NOBODY\n")

    assert [each.partition(":")[0] for each in found_in(folder)] == ["warning .env", "error stack.yaml"]


def test_a_directory_in_the_place_of_an_included_env_file_is_reported(folder):
    (folder / "part" / ".env").mkdir(parents=True)
    (folder / "part" / "part.yaml").write_text("services: {db: {image: nginx}}\n", encoding="utf-8")
    write(folder, stack_yaml=f"include: [part/part.yaml]\n{STACK}")

    assert found_in(folder)[0].startswith("warning part/.env: is a directory")


LINKS = {
    "stack.yaml": "",
    "users.yaml": "",
    ".env": "",
    "a.env": f"{STACK}    env_file: a.env\n",
    "labels": f"{STACK}    label_file: labels\n",
    "conf": f"{STACK}    configs: [c]\nconfigs: {{c: {{file: conf}}}}\n",
    "secret": f"{STACK}    secrets: [c]\nsecrets: {{c: {{file: secret}}}}\n",
    "context": f"{STACK}    build: context\n",
    "part.yaml": f"include: [part.yaml]\n{STACK}",
    "base.yaml": f"{STACK}    extends: {{file: base.yaml, service: web}}\n",
    "seccomp.json": f"{STACK}    security_opt: ['seccomp=./seccomp.json']\n",
}


@pytest.mark.parametrize("name", LINKS)
def test_a_link_that_leads_nowhere_is_an_error_that_shows_it(name, folder):
    if LINKS[name]:
        write(folder, stack_yaml=LINKS[name])
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to("nowhere")

    (found,) = found_in(folder)

    assert found.startswith("error ")
    assert "symbolic link to `nowhere`, which does not exist" in found


def test_a_table_of_users_that_is_such_a_link_is_an_error_at_its_name(folder):
    write(folder, users_yaml="realm: r\nusers: {from: people.csv}\n")
    (folder / "people.csv").symlink_to("nowhere")

    (found,) = found_in(folder)

    assert found.startswith("error users.yaml:2:15: people.csv: is a symbolic link to `nowhere`")


@pytest.mark.parametrize("source", ["option", "environment", ".env"])
def test_a_profile_that_no_service_has_is_reported_whoever_names_it(source, folder):
    write(folder, stack_yaml=f"{STACK}    profiles: [debug]\n  db: {{image: nginx}}\n")
    if source == ".env":
        write(folder, _env="COMPOSE_PROFILES=debgu\n")
    options = {"profiles": ("debgu",)} if source == "option" else {}

    (found,) = found_in(folder, {"COMPOSE_PROFILES": "debgu"} if source == "environment" else {}, **options)

    of = "" if source == "option" else " of COMPOSE_PROFILES"
    assert found == f"warning stack.yaml:1:1: no service has the profile `debgu`{of}; did you mean `debug`?"


@pytest.mark.parametrize("names", ["", "debug", "*", "debug,"])
def test_profiles_that_there_are_and_none_at_all_are_nothing_odd(names, folder):
    write(folder, stack_yaml=f"{STACK}    profiles: [debug]\n  db: {{image: nginx}}\n")

    assert found_in(folder, {"COMPOSE_PROFILES": names}) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("---\n---\n", "is empty"),
        ("[]\n", "declares no realm"),
        ("realms: []\n", "declares no realm"),
    ],
)
def test_users_files_without_a_realm_are_reported(text, message, folder):
    write(folder, users_yaml=text)

    remedy = "write `realm: NAME`, or leave this file out"
    assert found_in(folder) == [f"warning users.yaml:1:1: {message}; {remedy}"]


def test_a_stack_in_which_nothing_is_to_run_is_reported(folder):
    write(folder, stack_yaml="services: {}\n")
    empty = found_in(folder)
    write(folder, stack_yaml=f"{STACK}    profiles: [debug]\n")

    assert empty == ["warning stack.yaml:1:1: declares no service; write one under `services`"]
    idle = "no service is active, since each has a profile; choose some with --profile"
    assert found_in(folder) == [f"warning stack.yaml:1:1: {idle}"]


def test_a_table_without_users_is_reported(folder):
    write(folder, users_yaml="realm: r\nusers: {from: people.csv}\n", people_csv="username,email\n")

    assert found_in(folder) == ["warning people.csv:1:1: has no users; add a row for each"]


def test_a_name_that_is_changed_into_a_valid_one_is_reported(folder):
    write(folder, stack_yaml=f"name: My Project!\n{STACK}")

    (found,) = found_in(folder)

    assert found.startswith("warning stack.yaml:1:7: the project is named `myproject`, since `My Project!` is not")


def test_a_name_of_the_environment_counts_and_nothing_is_said_of_the_one_in_the_file(folder):
    write(folder, stack_yaml=f"name: My Project!\n{STACK}")

    assert found_in(folder, project="mine") == []
