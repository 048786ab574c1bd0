"""Several files: laid one over the other, extended, included. What Compose prints of each case is beside it.

A case of ``tests/cases/config/files.txt`` is a title, the files on the command line where they are more than
stack.yaml, variables, and every file. ``files.models.json`` has the models; null where Compose refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.config import Sources, load, load_stack
from reconciler.core.message.errors import ConfigError
from tests.kit.docker.compose import HOME, comparable, compose_cli, compose_config, differences, with_limits

CASES = Path(__file__).parents[3] / "cases" / "config"
MODELS = json.loads((CASES / "files.models.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Case:
    """Some files, and those of them that are named on the command line."""

    title: str
    files: dict[str, str]
    named: tuple[str, ...]
    environment: dict[str, str]

    def write(self, folder: Path) -> list[Path]:
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return [folder / name for name in self.named]


def read_case(text: str) -> Case:
    """A case as it is written; without a name for it, its one file is stack.yaml."""
    head, *parts = text.split("--- ")
    title, *settings = head.splitlines()
    named = next((line.split()[1:] for line in settings if line.startswith("files: ")), ["stack.yaml"])
    environment = dict(line.split()[1].split("=") for line in settings if line.startswith("environment: "))
    files = dict(part.split("\n", 1) for part in parts)
    return Case(title, files, tuple(named), environment)


def cases() -> Iterator[Case]:
    return map(read_case, (CASES / "files.txt").read_text(encoding="utf-8").split("=== ")[1:])


UNDEFINED = "undefined variable `NOWHERE`: set it in .env, in the environment, or write ${NOWHERE:-default}"
MISPLACED = "`x-reconcile` at the top of an included file has no effect; write it in the file that includes it"
ALL = [pytest.param(case, id=case.title) for case in cases()]


def ours(paths: list[Path], case: Case):
    """Our model as a text that does not depend on the folder; None where we refuse."""
    folder = paths[0].parent
    environment = {**case.environment, "HOME": HOME}
    try:
        model = load_stack(paths, directory=folder, environment=environment, project="test")
    except ConfigError:
        return None
    return placeless(with_limits(comparable(model)), folder)


def placeless(model, folder):
    return json.loads(json.dumps(model).replace(str(folder), "/project"))


@pytest.mark.parametrize("case", ALL)
def test_several_files_give_the_model_that_compose_printed(case, tmp_path):
    model = ours(case.write(tmp_path), case)

    assert list(differences(model, MODELS[case.title])) == []


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI is installed")
def test_compose_still_prints_these_models(tmp_path):
    def printed(number_and_case):
        number, case = number_and_case
        paths = case.write(tmp_path / str(number))
        more = [option for name in case.named[1:] for option in ("-f", name)]
        model = compose_config(paths[0], environment=case.environment, options=more).model
        return None if model is None else placeless(model, paths[0].parent)

    with ThreadPoolExecutor() as pool:
        models = list(pool.map(printed, enumerate(cases())))

    assert dict(zip((case.title for case in cases()), models, strict=True)) == MODELS


def told(tmp_path, files, *named):
    """All that is wrong with some files, as it is told."""
    paths = Case("", files, named or ("stack.yaml",), {}).write(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(Sources(directory=tmp_path, stack_files=tuple(paths)))
    return [str(problem) for problem in caught.value.problems]


def test_a_mistake_is_told_at_its_place_in_its_file_and_all_of_them_at_once(tmp_path):
    files = {
        "stack.yaml": "include: [more/db.yaml]\nservices:\n  web: {image: x, ports: [a]}\n",
        "over.yaml": "services:\n  web:\n    enviroment: {}\n    extends: {file: base.yaml, service: bas}\n",
        "base.yaml": "services:\n  base: {user: u}\n",
        "more/db.yaml": "services:\n  db:\n    image: y\n    extends: {file: common.yaml, service: all}\n",
        "more/common.yaml": "services:\n  all:\n    restart: $NOWHERE\n    volums: []\n  unused: {imagge: x}\n",
    }

    assert told(tmp_path, files, "stack.yaml", "over.yaml") == [
        "stack.yaml:3:27: `a` is no container port; expected a number or a range such as 8000-8010",
        "over.yaml:3:5: unknown key `enviroment` in services.web; did you mean `environment`?",
        (
            "over.yaml:4:41: services.web.extends names `bas` of base.yaml, but there is no such service; "
            "did you mean `base`?"
        ),
        f"more/common.yaml:3:14: {UNDEFINED}",
        "more/common.yaml:4:5: unknown key `volums` in services.all; did you mean `volumes`?",
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"stack.yaml": "services:\n  a: {extends: b}\n  b:\n    extends:\n      service: a\n"},
            "stack.yaml:5:16: services extend each other in a circle: a → b → a",
        ),
        (
            {"stack.yaml": "services:\n  a:\n    image: x\n    extends: {file: no.yaml, service: a}\n"},
            "stack.yaml:4:21: no.yaml: no such file",
        ),
        (
            {"stack.yaml": "services:\n  a: {image: x, extends: {file: 'https://example.com/c.yaml', service: a}}\n"},
            "stack.yaml:2:33: `https://example.com/c.yaml` is not supported yet: only files can be extended",
        ),
        (
            {"stack.yaml": "include: [a.yaml]\nservices: {}\n", "a.yaml": "include:\n  - path: stack.yaml\n"},
            "a.yaml:2:5: files include each other in a circle: stack.yaml → a.yaml → stack.yaml",
        ),
        (
            {"stack.yaml": "include: [no.yaml]\nservices: {a: {image: x}}\n"},
            "stack.yaml:1:11: no.yaml: no such file",
        ),
        (
            {"stack.yaml": "include: ['oci://example.com/x']\nservices: {a: {image: x}}\n"},
            "stack.yaml:1:11: `oci://example.com/x` is not supported yet: only files can be included",
        ),
        (
            {"stack.yaml": "include: [a.yaml]\nservices: {}\n", "a.yaml": "x-reconcile: {secrets: [A]}\n"},
            f"a.yaml:1:1: {MISPLACED}",
        ),
        (
            {"stack.yaml": "include: [{pth: a.yaml}]\nservices: {}\n"},
            "stack.yaml:1:12: unknown key `pth` in include[0]; did you mean `path`?",
        ),
    ],
)
def test_what_can_not_be_extended_or_included_is_told(files, expected, tmp_path):
    assert expected in told(tmp_path, files)


def test_what_two_files_write_in_two_forms_is_told(tmp_path):
    files = {
        "stack.yaml": "services:\n  a: {image: x, volumes: [/a]}\n",
        "b.yaml": "services:\n  a:\n    volumes: {b: /b}\n",
    }

    assert told(tmp_path, files, "stack.yaml", "b.yaml")[0] == (
        "b.yaml:3:5: services.a.volumes can't be merged: what it is laid over has another form; write both alike"
    )


def test_a_value_is_found_in_the_file_that_says_it(tmp_path):
    files = {
        "stack.yaml": "include: [db.yaml]\nservices:\n  web: {image: x, environment: {A: a}, ports: ['80:80']}\n",
        "over.yaml": "services:\n  web:\n    extends: {file: base.yaml, service: base}\n    environment: [B=b]\n",
        "base.yaml": "services:\n  base:\n    user: u\n    labels:\n      x: y\n",
        "db.yaml": "services:\n  db:\n    image: y\n",
    }
    paths = Case("", files, ("stack.yaml", "over.yaml"), {}).write(tmp_path)

    locate = load(Sources(directory=tmp_path, stack_files=tuple(paths))).document.locate

    found = {
        ("web",): "stack.yaml:3:3",
        ("web", "environment", "A"): "stack.yaml:3:33",
        ("web", "environment", "B"): "over.yaml:4:19",
        ("web", "user"): "base.yaml:3:5",
        ("web", "labels", "x"): "base.yaml:5:7",
        ("web", "ports", 0): "stack.yaml:3:48",
        ("db", "image"): "db.yaml:3:5",
    }
    assert {path: str(locate(("stack", "services", *path))) for path in found} == found


def test_what_only_other_profiles_use_is_idle_through_files(tmp_path):
    files = {
        "stack.yaml": "include: [more.yaml]\nservices:\n  a: {image: x, volumes: ['data:/d']}\nvolumes: {data: }\n",
        "over.yaml": "services:\n  a: {profiles: [p]}\n  c: {image: z, network_mode: none}\n",
        "more.yaml": "services:\n  b: {image: y, profiles: [q], networks: [n]}\nnetworks: {n: }\n",
    }
    paths = Case("", files, ("stack.yaml", "over.yaml"), {}).write(tmp_path)

    idle = load(Sources(directory=tmp_path, stack_files=tuple(paths))).document.idle

    assert {str(address) for address in idle} == {
        "docker.container/a",
        "docker.container/b",
        "docker.network/default",
        "docker.network/n",
        "docker.volume/data",
    }


def test_declared_secrets_of_all_files_on_the_command_line_count(tmp_path):
    body = "services:\n  a: {image: x, environment: {P: $ONE, Q: $TWO}}\n"
    files = {
        "stack.yaml": "x-reconcile: {secrets: [ONE]}\n" + body,
        "over.yaml": "x-reconcile: {secrets: [TWO]}\n",
        ".env": "ONE=1\nTWO=2\n",
    }
    paths = Case("", files, ("stack.yaml", "over.yaml"), {}).write(tmp_path)

    stack = load(Sources(directory=tmp_path, stack_files=tuple(paths))).document.stack

    assert stack["x-reconcile"] == {"secrets": ("ONE", "TWO")}
    assert "1" not in str(stack["services"]["a"]["environment"])
    assert "2" not in str(stack["services"]["a"]["environment"])


def test_what_a_stack_depends_on_is_known_file_by_file(tmp_path):
    files = {
        "stack.yaml": "include: [more/db.yaml, {path: in.yaml, env_file: in.env}]\nservices:\n"
        "  web: {image: x, env_file: [{path: no.env, required: false}], label_file: a.labels, configs: [c]}\n"
        "  api: {extends: {file: base.yaml, service: base}}\nconfigs: {c: {file: c.conf}}\n",
        "base.yaml": "services: {base: {extends: {file: lower.yaml, service: low}}}\n",
        "lower.yaml": "services: {low: {image: y}}\n",
        "more/db.yaml": "services: {db: {image: z, env_file: db.env}}\n",
        "more/db.env": "A=b\n",
        "in.yaml": "services: {in: {image: $IN}}\n",
        "in.env": "IN=i\n",
        "a.labels": "a=b\n",
        "c.conf": "",
    }
    paths = Case("", files, ("stack.yaml",), {}).write(tmp_path)

    found = load(Sources(directory=tmp_path, stack_files=tuple(paths))).files

    absent = {"no.env", ".env", "more/.env"}
    assert {str(path.relative_to(tmp_path)) for path in found} == {*files, *absent}
