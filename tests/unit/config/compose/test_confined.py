"""The policy that no path leads out of the project's directory: what it finds, and that it reads nothing there."""

from __future__ import annotations

import pytest

from reconciler.config import Sources, load, load_stack
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
