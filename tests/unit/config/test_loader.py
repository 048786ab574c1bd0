"""Sources and their precedence: files, variables, the project's name, profiles, generated secrets."""

from __future__ import annotations

import pytest

from reconciler.config import Sources, declared_secrets, load, load_stack, missing_secrets
from reconciler.config.schema.validator import schema_document
from reconciler.core.message.errors import ConfigError
from reconciler.core.resource.values import Secret


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write


def a_stack(body=""):
    return f"services:\n  web:\n    image: nginx\n{body}"


def environment_of(loaded):
    return loaded.document.stack["services"]["web"]["environment"]


def test_without_files_nothing_is_managed(tmp_path):
    document = load(Sources(directory=tmp_path)).document

    assert document.stack is None
    assert document.realms is None


def test_each_half_can_be_loaded_alone(write, tmp_path):
    stack, users = write("stack.yaml", a_stack()), write("users.yaml", "realm: r\n")

    assert load(Sources(directory=tmp_path, stack_files=(stack,))).document.realms is None
    assert load(Sources(directory=tmp_path, users_files=(users,))).document.stack is None
    assert load(Sources(directory=tmp_path, users_files=(users,))).document.realms == ({"realm": "r"},)


def test_the_environment_wins_over_env_files_and_the_later_file_over_the_earlier(write, tmp_path):
    stack = write("stack.yaml", a_stack("    environment: {A: $A, B: $B, C: $C}\n"))
    files = (write("one.env", "A=one\nB=one\nC=one\n"), write("two.env", "B=two\nC=two\n"))
    sources = Sources(directory=tmp_path, stack_files=(stack,), env_files=files, environment={"C": "environment"})

    assert environment_of(load(sources)) == {"A": "one", "B": "two", "C": "environment"}


def test_the_projects_env_file_is_read_unless_others_are_named(write, tmp_path):
    stack = write("stack.yaml", a_stack("    environment: {A: '${A-none}'}\n"))
    write(".env", "A=dot\n")

    assert environment_of(load(Sources(directory=tmp_path, stack_files=(stack,)))) == {"A": "dot"}
    assert environment_of(load(Sources(directory=tmp_path, stack_files=(stack,), env_files=()))) == {"A": "none"}


def test_an_env_file_that_is_named_must_be_there(write, tmp_path):
    stack = write("stack.yaml", a_stack())

    with pytest.raises(ConfigError, match=r"nowhere\.env: no such file"):
        load(Sources(directory=tmp_path, stack_files=(stack,), env_files=(tmp_path / "nowhere.env",)))


def test_environment_wins_over_env_file_and_the_later_file_over_the_earlier(write, tmp_path):
    files = "[a.env, {path: b.env}, {path: c.env, required: false}]"
    stack = write("stack.yaml", a_stack(f"    env_file: {files}\n    environment: {{A: own, E: }}\n"))
    write("a.env", "A=a\nB=a\nC=a\nE=a\n")
    write("b.env", "B=b\nD=$C-$A-$OUT\n")

    loaded = load(Sources(directory=tmp_path, stack_files=(stack,), environment={"OUT": "out"}))

    assert environment_of(loaded) == {"A": "own", "B": "b", "C": "a", "D": "a-own-out", "E": None}


def test_a_variable_without_a_value_is_taken_from_outside(write, tmp_path):
    stack = write("stack.yaml", a_stack("    environment: [KNOWN, UNKNOWN, EMPTY=]\n"))

    loaded = load(Sources(directory=tmp_path, stack_files=(stack,), environment={"KNOWN": "yes"}))

    assert environment_of(loaded) == {"KNOWN": "yes", "UNKNOWN": None, "EMPTY": ""}


@pytest.mark.parametrize(
    ("given", "environment", "named", "project"),
    [
        ("given", {"COMPOSE_PROJECT_NAME": "env"}, "name: file\n", "given"),
        (None, {"COMPOSE_PROJECT_NAME": "env"}, "name: file\n", "env"),
        (None, {"PART": "x"}, "name: My.File_${PART}\n", "myfile_x"),
        (None, {}, "", "my-dir_1"),
    ],
)
def test_the_projects_name(write, given, environment, named, project):
    stack = write("_My-Dir_1/stack.yaml", named + a_stack())
    sources = Sources(directory=stack.parent, stack_files=(stack,), environment=environment, project=given)

    document = load(sources).document

    assert document.project == project
    assert document.stack["networks"]["default"]["name"] == f"{project}_default"


def test_a_name_that_is_none_is_refused(write, tmp_path):
    stack = write("stack.yaml", a_stack())

    with pytest.raises(ConfigError, match=r"--project: `My Project` is not a valid project name"):
        load(Sources(directory=tmp_path, stack_files=(stack,), project="My Project"))


def test_only_services_of_the_profiles_are_active(write, tmp_path):
    debug = "  debug: {image: x, profiles: [debug], networks: [own]}\nnetworks: {own: }\n"
    stack = write("stack.yaml", a_stack() + debug)

    def services(*profiles, **environment):
        sources = Sources(directory=tmp_path, stack_files=(stack,), profiles=profiles, environment=environment)
        return set(load(sources).document.stack["services"]), set(load(sources).document.stack["networks"])

    assert services() == ({"web"}, {"default"})
    assert services("debug") == ({"web", "debug"}, {"default", "own"})
    assert services("*") == ({"web", "debug"}, {"default", "own"})
    assert services(COMPOSE_PROFILES="other, debug") == ({"web", "debug"}, {"default", "own"})


def test_what_only_other_profiles_use_is_idle(write, tmp_path):
    debug = "    networks: [own]\n  debug: {image: x, profiles: [debug], volumes: ['data:/data']}\n"
    stack = write("stack.yaml", a_stack() + debug + "networks: {own: }\nvolumes: {data: }\n")

    def idle(*profiles):
        loaded = load(Sources(directory=tmp_path, stack_files=(stack,), profiles=profiles))
        return {str(address) for address in loaded.document.idle}

    assert idle() == {"docker.container/debug", "docker.network/default", "docker.volume/data"}
    assert idle("debug") == set()


def test_an_undefined_variable_is_an_error_but_for_load_stack(write, tmp_path):
    stack = write("stack.yaml", a_stack("    user: $WHO\n    labels: {a: 'x${WHO}'}\n"))

    with pytest.raises(ConfigError) as caught:
        load(Sources(directory=tmp_path, stack_files=(stack,)))

    assert [(problem.origin.line, problem.origin.column) for problem in caught.value.problems] == [(4, 11), (5, 19)]
    assert load_stack(stack)["services"]["web"]["labels"] == {"a": "x"}


def test_declared_secrets_of_both_files_are_known_and_those_without_a_value_missing(write, tmp_path):
    stack = write("stack.yaml", "x-reconcile: {secrets: [A, B, C, D]}\n" + a_stack("    command: $A $B $UNDEFINED\n"))
    users = write("users.yaml", "realm: r\nx-reconcile: {connection: {url: http://k}, secrets: [C, E]}\n")
    write(".env", "A=\nB=there\nOTHER=$NOWHERE\n")
    sources = Sources(
        directory=tmp_path, stack_files=(stack,), users_files=(users,), environment={"D": "there", "E": ""}
    )

    assert declared_secrets(sources) == ("A", "B", "C", "D", "E")
    assert missing_secrets(sources) == ("A", "C", "E")


def test_generated_values_stand_in_for_missing_ones_and_for_no_others(write, tmp_path):
    body = a_stack("    environment: {A: '${A:?}', B: '$B', U: '$U'}\n")
    stack = write("stack.yaml", "x-reconcile: {secrets: [A, B]}\n" + body)
    write(".env", "A=\nB=there\nU=x-$A\n")

    loaded = load(Sources(directory=tmp_path, stack_files=(stack,), generated={"A": "new", "B": "new"}))

    assert environment_of(loaded) == {"A": Secret("new"), "B": Secret("there"), "U": Secret("x-new")}


POLICY_OF_STACK = "x-reconcile: {daemon: {policy: observe, policies: {keycloak: observe, docker: heal}}}\n"
ALWAYS = "{schedule: '0 22 * * 6', duration: 4h}"
POLICIES_OF_DAEMON = {
    "of users.yaml alone": ("", "policy: observe", {"policies": {"keycloak": "observe"}}),
    "of a realm": ("", "policies: {keycloak.user/r: observe}", {"policies": {"keycloak.user/r": "observe"}}),
    "of stack.yaml alone": (
        POLICY_OF_STACK,
        "",
        {"policy": "observe", "policies": {"keycloak": "observe", "docker": "heal"}},
    ),
    "of both": (
        POLICY_OF_STACK,
        "policy: heal",
        {"policy": "observe", "policies": {"keycloak": "heal", "docker": "heal"}},
    ),
    "a window": ("", f"windows: [{ALWAYS}]", {"windows": [("keycloak",)]}),
    "windows of both": (
        f"x-reconcile: {{daemon: {{windows: [{ALWAYS}]}}}}\n",
        f"windows: [{ALWAYS[:-1]}, resources: [keycloak.user]}}]",
        {"windows": [("*",), ("keycloak.user",)]},
    ),
}


@pytest.mark.parametrize("case", POLICIES_OF_DAEMON)
def test_the_policy_of_the_daemon_stands_in_either_file(write, tmp_path, case):
    of_stack, of_users, expected = POLICIES_OF_DAEMON[case]
    stack = (write("stack.yaml", of_stack + a_stack()),) if of_stack else ()
    users = write("users.yaml", f"realm: r\nx-reconcile: {{daemon: {{{of_users}}}}}\n")

    found = load(Sources(directory=tmp_path, stack_files=stack, users_files=(users,))).document.daemon

    windows = [tuple(each.get("resources", ("*",))) for each in found["windows"]]
    assert {**found, "windows": windows} == {"policies": {}, "windows": [], **expected}


def test_both_schemas_say_the_same_of_a_window():
    both = [schema_document(name)["$defs"] for name in ("stack", "users")]

    assert both[0]["daemon_policy"] == both[1]["daemon_policy"]
    assert both[0]["window"]["properties"].keys() == both[1]["window"]["properties"].keys()
    assert both[0]["window"]["required"] == both[1]["window"]["required"]


def test_the_connection_of_a_later_file_wins_key_by_key(write, tmp_path):
    stack = write("stack.yaml", "x-reconcile: {keycloak: web}\n" + a_stack())
    one = write("one.yaml", "realm: r\nx-reconcile: {connection: {url: http://a, auth: {username: u, password: p}}}\n")
    two = write("two.yaml", "realm: r\nx-reconcile: {connection: {url: http://b, auth: {username: v}}}\n")

    document = load(Sources(directory=tmp_path, stack_files=(stack,), users_files=(one, two))).document

    assert document.connection == {
        "service": "web",
        "url": "http://b",
        "auth": {"username": "v", "password": Secret("p")},
    }


def test_an_address_that_the_other_file_does_not_declare_is_an_error(write, tmp_path):
    names = "[keycloak.client/r/ap, keycloak.realm/r, keycloak.clint/r/x]"
    stack = write("stack.yaml", a_stack(f"    x-reconcile: {{depends_on: {names}}}\n"))
    users = write("users.yaml", "realm: r\nclients: [{clientId: app}]\n")

    with pytest.raises(ConfigError) as caught:
        load(Sources(directory=tmp_path, stack_files=(stack,), users_files=(users,)))

    assert [str(problem) for problem in caught.value.problems] == [
        "stack.yaml:4:32: `keycloak.client/r/ap` is not declared; did you mean `keycloak.client/r/app`?",
        "stack.yaml:4:72: `keycloak.clint/r/x` is of no kind that can be named; did you mean `keycloak.client`?",
    ]
    assert load(Sources(directory=tmp_path, stack_files=(stack,))).document.stack  # the other half is not managed


def test_a_stack_may_wait_for_a_workflow_and_for_a_user_who_is_named_by_the_address(tmp_path):
    stack, users = tmp_path / "stack.yaml", tmp_path / "users.yaml"
    names = "[keycloak.user/r/ann%40x.org, keycloak.workflow/r/leave]"
    stack.write_text(f"services: {{web: {{image: nginx, x-reconcile: {{depends_on: {names}}}}}}}\n")
    users.write_text(
        "realm: r\nregistrationEmailAsUsername: true\nusers: [{email: Ann@x.org}]\n"
        "workflows: [{name: leave, steps: [{uses: disable-user}]}]\n"
    )

    assert load(Sources(tmp_path, (stack,), (users,))).warnings == ()


def test_paths_are_seen_from_the_projects_directory(write, tmp_path):
    body = "    volumes: ['./a:/a', '~/b:/b', '../c:/c', '/d:/d']\n    build: {context: img}\n"
    stack = write("deploy/stack.yaml", a_stack(body))
    write("img/Dockerfile", "")

    loaded = load(Sources(directory=tmp_path, stack_files=(stack,), environment={"HOME": "/home/me"}))

    web = loaded.document.stack["services"]["web"]
    sources = [item["source"] for item in web["volumes"]]
    assert sources == [f"{tmp_path}/a", "/home/me/b", f"{tmp_path.parent}/c", "/d"]
    assert web["build"]["context"] == f"{tmp_path}/img"
    assert str(loaded.document.locate(("stack", "services", "web"))) == "deploy/stack.yaml:2:3"


def test_a_bind_of_a_file_that_is_missing_is_a_warning(write, tmp_path):
    stack = write("stack.yaml", a_stack("    volumes: ['./nginx.conf:/etc/nginx.conf', './data:/data']\n"))

    loaded = load(Sources(directory=tmp_path, stack_files=(stack,)))

    (warning,) = loaded.warnings
    assert str(warning) == (
        "stack.yaml:4:15: services.web.volumes[0]: there is no `nginx.conf`; the engine would make a directory of it"
    )


def test_what_is_not_active_may_be_undefined(write, tmp_path):
    idle = "  debug: {image: '$NONE', profiles: [debug]}\nx-unused: $NONE\n"
    stack = write("stack.yaml", a_stack() + idle)

    loaded = load(Sources(directory=tmp_path, stack_files=(stack,)))

    assert [(warning.origin.line, warning.message.split(":")[0]) for warning in loaded.warnings] == [
        (4, "undefined variable `NONE`"),
        (5, "undefined variable `NONE`"),
    ]
    with pytest.raises(ConfigError):
        load(Sources(directory=tmp_path, stack_files=(stack,), profiles=("debug",)))


def test_what_an_anchor_hands_on_must_be_defined(write, tmp_path):
    stack = write("stack.yaml", "x-common: &common {user: $NONE}\n" + a_stack("    <<: *common\n"))

    with pytest.raises(ConfigError) as caught:
        load(Sources(directory=tmp_path, stack_files=(stack,)))

    assert [str(problem.origin) for problem in caught.value.problems] == ["stack.yaml:1:26"]


def test_misspelt_settings_are_a_warning(write, tmp_path):
    stack = write("stack.yaml", "x-recncile: {}\nx-record: {}\n" + a_stack("    x-reconcil: {job: true}\n"))

    loaded = load(Sources(directory=tmp_path, stack_files=(stack,)))

    assert [str(warning) for warning in loaded.warnings] == [
        "stack.yaml:1:1: `x-recncile` has no effect; did you mean `x-reconcile`?",
        "stack.yaml:6:5: `x-reconcil` has no effect; did you mean `x-reconcile`?",
    ]
