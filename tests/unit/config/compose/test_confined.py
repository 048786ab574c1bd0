"""The policy that no path leads out of the project's directory: what it finds, and that it reads nothing there."""

from __future__ import annotations

import re
from functools import reduce
from operator import getitem

import pytest

from reconciler.config import Sources, load, load_stack
from reconciler.config.compose.assembly.confined import CONFINED
from reconciler.config.schema.validator import schema_document
from reconciler.core.message.errors import ConfigError

SAID = "outside of the project's directory; `x-reconcile.policy` allows only what is inside"
POLICY = "x-reconcile: {policy: {paths: project}}\n"
ELSEWHERE = "K: [not what it should be\n"


@pytest.fixture
def project(tmp_path):
    """A directory with something beside it, and links that lead there, one of them by way of another."""
    inside, outside = tmp_path / "project", tmp_path / "elsewhere"
    (inside / "app").mkdir(parents=True)
    outside.mkdir()
    (outside / "file").write_text(ELSEWHERE, encoding="utf-8")
    (inside / "app" / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    (inside / "own.env").write_text("A=b\n", encoding="utf-8")
    (inside / "link").symlink_to(outside)
    (inside / "app" / "up").symlink_to("../link/file")
    (inside / "near").symlink_to("app")
    (inside / "loop").symlink_to("loop")
    return inside


def told(project, text, **options):
    """The problems of a stack, as line, column and words."""
    file = project / "stack.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(Sources(directory=project, stack_files=(file,), **options))
    assert ELSEWHERE.strip() not in str(caught.value)
    return [f"{each.origin.line}:{each.origin.column}: {each.message}" for each in caught.value.problems]


@pytest.mark.parametrize("path", ["../elsewhere/file", "link/file", "./app/up", "app/../../elsewhere/file"])
@pytest.mark.parametrize(
    ("service", "column"),
    [
        ("env_file: {}", 15),
        ("env_file: [own.env, {{path: {}, required: false}}]", 32),
        ("label_file: [own.env, {}]", 27),
        ("build: {{context: app, dockerfile: ../{}}}", 39),
        ("build: {{context: {}, dockerfile_inline: FROM scratch}}", 22),
        ("volumes: ['./{}:/data']", 15),
        ("volumes: [{{type: bind, source: {}, target: /data}}]", 36),
        ("extends: {{file: {}, service: a}}", 21),
    ],
)
def test_a_path_of_a_service_that_leads_out_is_an_error_at_its_place(project, service, column, path):
    stack = f"services:\n  a:\n    image: x\n    {service.format(path)}\n"

    problems = told(project, POLICY + stack)

    assert [(each.split(": ")[0], each.endswith(SAID)) for each in problems] == [(f"5:{column}", True)]


@pytest.mark.parametrize("path", ["../elsewhere/file", "link/file"])
@pytest.mark.parametrize(
    ("entry", "column"),
    [
        ("{}", 5),
        ("{{path: {}}}", 5),
        ("{{path: more.yaml, env_file: {}}}", 33),
        ("{{path: more.yaml, project_directory: {}}}", 5),
    ],
)
def test_what_is_included_does_not_lead_out(project, entry, column, path):
    (project / "more.yaml").write_text("services: {b: {image: x}}\n", encoding="utf-8")

    problems = told(project, f"{POLICY}services: {{a: {{image: x}}}}\ninclude:\n  - {entry.format(path)}\n")

    assert [(each.split(": ")[0], each.endswith(SAID)) for each in problems] == [(f"4:{column}", True)]


def test_what_others_say_is_bound_as_well(project):
    (project / "more.yaml").write_text("services: {b: {image: x, env_file: link/file}}\n", encoding="utf-8")
    (project / "base.yaml").write_text("services: {c: {image: x, env_file: ../elsewhere/file}}\n", encoding="utf-8")
    (project / "app" / ".env").symlink_to("../../elsewhere/file")
    (project / "app" / "in.yaml").write_text("services: {d: {image: x}}\n", encoding="utf-8")
    file = project / "stack.yaml"
    file.write_text(
        f"{POLICY}include: [more.yaml, app/in.yaml]\nservices: {{a: {{extends: {{file: base.yaml, service: c}}}}}}\n",
        encoding="utf-8",
    )

    with pytest.raises(ConfigError) as caught:
        load(Sources(directory=project, stack_files=(file,)))

    places = [f"{each.origin.file}:{each.origin.line}:{each.origin.column}" for each in caught.value.problems]
    assert sorted(places) == ["base.yaml:1:36", "more.yaml:1:36", "stack.yaml:2:22"]
    assert {each.message.endswith(SAID) for each in caught.value.problems} == {True}


def test_files_of_configs_and_secrets_and_devices_of_volumes_do_not_lead_out(project):
    file = project / "stack.yaml"
    file.write_text(
        f"{POLICY}services: {{a: {{image: x}}}}\nconfigs:\n  c: {{file: link/file}}\nsecrets:\n  s: {{file: ../s}}\n"
        "volumes:\n  v: {driver: local, driver_opts: {o: bind, device: /etc}}\n",
        encoding="utf-8",
    )

    with pytest.raises(ConfigError) as caught:
        load_stack(file)

    assert [(each.origin.line, each.message.endswith(SAID)) for each in caught.value.problems] == [
        (4, True),
        (6, True),
        (8, True),
    ]


def test_it_says_where_a_link_leads(project):
    stack = "services: {a: {image: x, env_file: link/file}}\n"

    assert told(project, POLICY + stack) == [f"2:36: `link/file` leads to {project.parent}/elsewhere/file, {SAID}"]


def test_what_stays_inside_is_no_error(project):
    file = project / "stack.yaml"
    file.write_text(
        f"{POLICY}services:\n  a:\n    build: {{context: near, dockerfile: ../app/Dockerfile}}\n    env_file: own.env\n"
        "    volumes: ['.:/all', 'data:/data', './app/../app:/app']\n  b: {build: 'https://example.org/x.git'}\n"
        "volumes: {data: }\n",
        encoding="utf-8",
    )

    assert set(load_stack(file)["services"]) == {"a", "b"}


def test_a_link_that_leads_to_itself_is_no_traceback(project):
    stack = "services: {a: {image: x, env_file: loop}}\n"

    assert told(project, POLICY + stack) == ["2:36: env_file loop: can't be read: Too many levels of symbolic links"]


def test_the_policy_may_come_from_a_variable_and_a_later_file_does_not_lift_it(project):
    stack, over = project / "stack.yaml", project / "over.yaml"
    stack.write_text(
        "x-reconcile: {policy: {paths: $WHERE}}\nservices: {a: {image: x, env_file: link/file}}\n", encoding="utf-8"
    )
    over.write_text("x-reconcile: {policy: !reset null}\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="allows only what is inside"):
        load(Sources(directory=project, stack_files=(stack, over), environment={"WHERE": "project"}))


def test_a_path_made_of_a_secret_is_not_told(project):
    stack = "services: {a: {image: x, env_file: '../${DB_PASSWORD}'}}\n"

    assert told(project, POLICY + stack, environment={"DB_PASSWORD": "hunter2"}) == [
        f"2:36: `(secret)` is {SAID}",
    ]


def test_without_the_policy_paths_lead_anywhere(project):
    file = project / "stack.yaml"
    file.write_text("services: {a: {image: x, volumes: ['../elsewhere:/data']}}\n", encoding="utf-8")

    assert load(Sources(directory=project, stack_files=(file,))).warnings == ()


PASSED = "services: {{a: {{image: x}}}}\nvolumes: {{v: {{driver_opts: {options}}}}}\n"


@pytest.mark.parametrize(
    "options",
    [
        '{type: overlay, device: overlay, o: "lowerdir=/etc:/usr"}',
        '{type: overlay, device: overlay, o: "rw,lowerdir=etc"}',
        '{type: overlay, device: overlay, o: "lowerdir+=/etc"}',
        '{type: overlay, device: overlay, o: "lowerdir=/a,upperdir=/b,workdir=/c"}',
        '{type: cifs, device: //server/share, o: "credentials=/root/secret"}',
        '{type: none, o: "bind,ro", device: /etc}',
        '{type: none, o: "ro,rbind", device: etc}',
        "{type: nfs, o: bind, device: /etc}",
        "{type: ext4, device: /dev/sda1}",
        "{type: ext4, device: dev/sda1}",
        '{type: tmpfs, device: tmpfs, o: "x=/etc"}',
    ],
)
def test_a_volume_of_the_local_driver_names_no_path_outside_in_any_option(project, options):
    problems = told(project, POLICY + PASSED.format(options=options))

    assert problems
    assert all(each.startswith("3:") and each.endswith(SAID) for each in problems)


@pytest.mark.parametrize(
    "options",
    [
        '{type: nfs, o: "addr=10.0.0.1,rw", device: ":/export/data"}',
        '{type: nfs, o: "addr=10.0.0.1,rw", device: /export/data}',
        '{type: cifs, device: //server/share, o: "username=a,vers=3.0"}',
        '{type: tmpfs, device: tmpfs, o: "size=1m,uid=1000"}',
        "{type: none, o: bind, device: ./app}, driver: local",
    ],
)
def test_a_share_of_the_network_and_memory_are_no_paths(project, options):
    file = project / "stack.yaml"
    file.write_text(POLICY + PASSED.format(options=options), encoding="utf-8")

    assert set(load_stack(file)["services"]) == {"a"}


@pytest.mark.parametrize(
    "service",
    [
        "build: {context: app, cache_from: ['type=local,src=../elsewhere']}",
        "build: {context: app, cache_to: ['type=local,mode=max,dest=/tmp/x']}",
        "image: x\n    logging: {driver: syslog, options: {syslog-tls-ca-cert: /etc/ca.pem}}",
        "image: x\n    logging: {driver: syslog, options: {syslog-address: 'unixgram:///dev/log'}}",
    ],
)
def test_caches_and_logs_do_not_lead_out(project, service):
    problems = told(project, f"{POLICY}services:\n  a:\n    {service}\n")

    assert [each.endswith(SAID) for each in problems] == [True]


@pytest.mark.parametrize("path", ["../elsewhere/file", "link/file", "/etc/ca.pem"])
def test_the_authorities_of_a_login_are_inside(project, path):
    options = f"x-reconcile: {{policy: {{paths: project}}, login: {{url: 'https://x.example', ca_file: {path}}}}}\n"

    problems = told(project, options + "services: {a: {image: x}}\n")

    assert [each.endswith(SAID) for each in problems] == [True]


@pytest.mark.parametrize("path", ["../elsewhere/file", "link/file", "/etc/ca.pem"])
def test_the_certificate_of_the_connection_is_inside(project, path):
    users = project / "users.yaml"
    connection = f"url: 'https://x.example', caFile: {path}"
    users.write_text(f"x-reconcile: {{connection: {{{connection}}}}}\nrealm: r\n", encoding="utf-8")

    problems = told(project, POLICY + "services: {a: {image: x}}\n", users_files=(users,))

    assert [each.endswith(SAID) for each in problems] == [True]


@pytest.mark.parametrize("rule", ["project", "$WHERE"])
def test_the_people_of_a_realm_are_inside(project, rule):
    users = project / "users.yaml"
    users.write_text("realm: r\nusers: {from: ../elsewhere/file}\n", encoding="utf-8")
    stack = f"x-reconcile: {{policy: {{paths: {rule}}}}}\nservices: {{a: {{image: x}}}}\n"

    problems = told(project, stack, users_files=(users,), environment={"WHERE": "project"})

    assert [each.endswith(SAID) for each in problems] == [True]


# ------------------------------------------------------------------ nothing is forgotten

NO_PATHS_OF_THIS_MACHINE = {
    # in a container, an image, a volume or another server
    r"x-reconcile\.secrets\.\*\.from\.vault\.(mount|path)",
    r".*\.(target|subpath|working_dir|uid|gid|mode)",
    # files that are read on the way to one document, and refused there
    r"include(\.\*\.(path|project_directory|env_file))?",
    r"services\.\*\.extends(\.file)?",
    # sources of secrets, refused by the loader before they are asked
    r"x-reconcile\.secrets\.\*\.from\.(file|env_file|env_file\.path|sops(\.path)?|age(\.(path|identity))?)",
    r"x-reconcile\.secrets\.\*\.from\.vault(\.(token_file|ca_file))?",
    # devices: what a container may do to its host is no matter of paths
    r".*\.blkio_config\.\w+(\.\*\.path)?",
    r"services\.\*\.(pre_start\.\*\.)?devices\.\*\.source",
    # not supported
    r"services\.\*\.(pre_start\.\*\.)?credential_spec\.file",
    # names of other parts of the file, words and choices
    r".*\.(configs|secrets)\.\*\.source",
    r".*\.(env_file\.\*\.required|logging\.driver|read_only|bind\.create_host_path)",
    r"services\.\*\.x-reconcile\.waivers\.host-paths",
    r"configs\.\*\.content",
    r"x-reconcile\.prune",
    # lists and groups of attributes, whose parts are listed
    r"(services\.\*\.(pre_start\.\*\.)?)?(configs|secrets|volumes|env_file|label_file|develop|devices)",
    r"services\.\*\.develop\.watch",
    r"services\.\*\.x-reconcile\.reload(\.\*)?",
    r"x-reconcile\.policy(\.paths)?",
    # the people of a realm and the certificate of a connection, refused by the loader
    r"users(\.from)?|x-reconcile\.connection\.caFile",
    # objects of Keycloak
    r"(groups|organizations\.\*\.groups)\.\*\.path|userProfile|users\.\*\.credentials\.\*\.(device|federationLink)",
    r"clients\.\*\.authorizationSettings\.resources\.\*\.uri",
}
ONE_OF_SEVERAL_REALMS = re.compile(r"^(\*|realms\.\*)\.")
PATH_LIKE = re.compile(r"(?i)(^|_)(path|file|source|device|context|dockerfile|dir|directory)$|File$")
ABOUT_FILES = re.compile(r"(?i)\b(files?|director(y|ies)|folders?)\b")


def attributes(schema):
    """Each attribute that a schema knows, as a pattern, with its description."""
    document, found = schema_document(schema), {}

    def walk(node, path, within):
        if not isinstance(node, dict):
            return
        if "$ref" in node and node["$ref"] not in within:
            target = reduce(getitem, node["$ref"].lstrip("#/").split("/"), document)
            walk(target, path, (*within, node["$ref"]))
        several = [each for key in ("oneOf", "anyOf", "allOf") for each in node.get(key, ())]
        for each in (*several, *map(node.get, ("if", "then", "else"))):
            walk(each, path, within)
        for name, each in node.get("properties", {}).items():
            found.setdefault(".".join((*path, name)), each.get("description", ""))
            walk(each, (*path, name), within)
        others = map(node.get, ("additionalProperties", "items"))
        for each in (*node.get("patternProperties", {}).values(), *others):
            walk(each, (*path, "*"), within)

    walk(document, (), ())
    return found


@pytest.mark.parametrize("schema", ["stack", "users"])
def test_each_attribute_that_may_name_a_file_is_in_the_table_or_known_to_name_none(schema):
    known = [re.compile(each) for each in NO_PATHS_OF_THIS_MACHINE]
    confined = {part for each in CONFINED for part in (each, each.removesuffix(".*"))}

    found = {
        path
        for path, words in attributes(schema).items()
        if (PATH_LIKE.search(path.rpartition(".")[2]) or ABOUT_FILES.search(words)) and path not in confined
    }

    of_a_realm = {ONE_OF_SEVERAL_REALMS.sub("", path) for path in found}
    assert not {path for path in of_a_realm if not any(each.fullmatch(path) for each in known)}


def test_the_table_names_attributes_that_there_are():
    found = attributes("stack")

    assert not [each for each in CONFINED if each not in found and each.removesuffix(".*") not in found]
