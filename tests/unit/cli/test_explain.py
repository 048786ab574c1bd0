"""Codes of errors and fields of the files, explained."""

from __future__ import annotations

import inspect
from functools import partial
from importlib import import_module
from pkgutil import walk_packages

import pytest

import reconciler
from reconciler.cli.exitcodes import of_error
from reconciler.config.schema.fields import described_fields
from reconciler.config.schema.validator import schema_document
from reconciler.core.message import errors
from reconciler.core.message.codes import BUG, CODES, USAGE, code_of
from reconciler.core.message.errors import ReconcileError, Refusal
from reconciler.core.message.problem import CHECK, SCHEMA, SYNTAX, UNREADABLE, UNSUPPORTED, VARIABLE
from reconciler.render.answers.explanations import code_text
from tests.kit.cli import called

NAMES = [name for _, name, _ in walk_packages(reconciler.__path__, "reconciler.") if not name.endswith("__main__")]


def subclasses(kind):
    yield kind
    for each in kind.__subclasses__():
        yield from subclasses(each)


def made(kind):
    """An error of this class, with whatever it wants to be made of."""
    given = {"problems": [], "refusals": [Refusal(None, "no", "allow it")], "retry_in": 1.0}
    wanted = inspect.signature(kind.__init__).parameters.values()
    named = [each for each in wanted if each.default is each.empty and each.name != "self"]
    plain = [given.get(each.name, "no") for each in named if each.kind is each.POSITIONAL_OR_KEYWORD]
    return kind(*plain, **{each.name: given[each.name] for each in named if each.kind is each.KEYWORD_ONLY})


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path):
    return partial(called, monkeypatch, capsys, cwd=tmp_path)


def test_every_class_of_errors_has_a_code_with_the_exit_code_that_it_ends_with():
    for name in NAMES:
        import_module(name)
    kinds = list(dict.fromkeys(subclasses(ReconcileError)))

    assert len(kinds) > 15
    for kind in kinds:
        assert of_error(made(kind)) in code_of(made(kind)).exits, kind


def test_each_class_of_the_table_of_errors_has_a_code_of_its_own():
    own = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, ReconcileError)]

    others = {*(SYNTAX, SCHEMA, VARIABLE, CHECK, UNSUPPORTED, UNREADABLE), USAGE, BUG}
    names = {code_of(made(kind)).name for kind in own}
    assert len(names) == len(own)
    assert names | others == CODES.keys()
    assert not names & others


@pytest.mark.parametrize("name", CODES)
def test_a_code_says_cause_remedy_and_exit_code(reconcile, name):
    ran = reconcile("explain", name.lower())

    assert ran.code == 0
    assert ran.out.startswith(f"{name}: ")
    assert all(head in ran.out for head in ("\nCause: ", "\nRemedy: ", "\nExit code: "))


def test_an_error_names_its_code(reconcile, tmp_path):
    (tmp_path / "stack.yaml").write_text("services: {web: {imagee: x}}\n", encoding="utf-8")

    assert "`reconcile explain RC0106` explains this error." in reconcile("validate").err


def test_without_an_argument_the_codes_are_listed(reconcile):
    assert [line.split()[0] for line in reconcile("explain").out.splitlines()] == list(CODES)


FIELDS = sorted({each.path for each in described_fields()})


@pytest.mark.parametrize("field", FIELDS[::40])
def test_any_field_of_the_schemas_is_explained(reconcile, field):
    ran = reconcile("explain", field)

    assert (ran.code, ran.err) == (0, "")
    assert f".yaml: {field}\n" in ran.out


def keys_of(part):
    """The keys that the files may have, by a schema."""
    if isinstance(part, dict):
        yield from part.get("properties") or {}
        yield from (key for each in part.values() for key in keys_of(each))
    elif isinstance(part, list):
        yield from (key for each in part for key in keys_of(each))


def test_a_path_has_keys_of_the_files_and_no_name_of_the_schemas_own():
    known = {"NAME", *(key for file in ("stack", "users") for key in keys_of(schema_document(file)))}

    assert {key for path in FIELDS for key in path.split(".")} <= known


@pytest.mark.parametrize(
    ("subject", "path"),
    [
        ("services.web.x-reconcile.reload", "services.NAME.x-reconcile.reload"),
        ("services.web.depends_on.db.condition", "services.NAME.depends_on.NAME.condition"),
        ("x-reconcile.secrets.DB.from.vault", "x-reconcile.secrets.NAME.from.vault"),
        ("users.credentials.ensure", "users.credentials.ensure"),
    ],
)
def test_a_path_as_a_file_has_it_is_understood(reconcile, subject, path):
    ran = reconcile("explain", subject)

    assert f".yaml: {path}\n" in ran.out
    assert {line.partition(": ")[2] for line in ran.out.splitlines() if ".yaml: " in line} == {path}


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("services.mem_limit", "A change of docker.container: depends on the values; the plan says it."),
        (
            "services.hostname",
            "A change of docker.container: the old one serves until the new one is ready; with downtime until the new",
        ),
        ("clients.redirectUris", "A change of keycloak.client: in place."),
        ("service.image", "A change of docker.container: "),
    ],
)
def test_a_field_says_what_its_change_costs(reconcile, field, says):
    ran = reconcile("explain", field)

    assert says in ran.out
    assert ran.out.count(".yaml: ") == 1


@pytest.mark.parametrize("width", [40, 50, 80, 160])
@pytest.mark.parametrize("name", CODES)
def test_an_explanation_fits_the_terminal_and_indents_each_line_alike(name, width):
    lines = code_text(CODES[name], width).splitlines()

    assert max(map(len, lines[2:])) <= min(width, 100)
    remedy = next(number for number, line in enumerate(lines) if line.startswith("Remedy: "))
    assert all(line.startswith(" " * len("Remedy: ")) for line in lines[remedy + 1 : -1])


def test_an_unknown_subject_names_the_nearest(reconcile):
    ran = reconcile("explain", "services.mem_limt")

    assert ran.code == 64
    assert "neither the code of an error nor a field of the files\n     = help: did you mean `mem_limit`?" in ran.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["daemon", "--log-format", "human"], "`reconcile --log-format … daemon`"),
        (["diff", "-v"], "`reconcile -v … diff`"),
        (["logs", "--profile", "x"], "`reconcile --profile … logs`"),
    ],
)
def test_an_option_behind_the_command_is_told_its_place(reconcile, arguments, says):
    ran = reconcile(*arguments)

    assert ran.code == 64
    assert f"= help: write it before the command: {says}" in ran.err


def test_an_option_that_there_is_not_has_no_place(reconcile):
    assert "before the command" not in reconcile("diff", "--nope").err


def test_an_unknown_target_names_the_nearest(reconcile, tmp_path):
    (tmp_path / "stack.yaml").write_text("services: {cache: {image: redis}}\n", encoding="utf-8")

    ran = reconcile("diff", "--target", "docker.container/cach")

    assert ran.code == 64
    assert "there is no docker.container/cach\n     = help: did you mean `docker.container/cache`?" in ran.err


@pytest.mark.parametrize(
    ("stack", "code", "says"),
    [
        ("services: {web: {imagee: x}}", SCHEMA, "= help: did you mean `image`?"),
        ("services: {web: {image: [x}}", SYNTAX, "error[RC0105]: stack.yaml:1:"),
        ("services: {web: {image: 'a:${B'}}", VARIABLE, "stack.yaml:1:"),
        ("services: {web: {image: x, depends_on: [db]}}", CHECK, "stack.yaml:1:"),
        ("services: {web: {image: x, provider: {type: y}}}", UNSUPPORTED, "stack.yaml:1:"),
        (None, UNREADABLE, "stack.yaml"),
    ],
)
def test_a_mistake_in_a_file_has_the_code_of_its_sort(reconcile, tmp_path, stack, code, says):
    if stack is not None:
        (tmp_path / "stack.yaml").write_text(stack, encoding="utf-8")

    ran = reconcile("-f", "stack.yaml", "validate")

    assert ran.code == 65
    assert ran.err.startswith(f"error[{code}]: ")
    assert says in ran.err
    assert f"`reconcile explain {code}` explains this error." in ran.err


def test_wrong_usage_and_a_bug_have_codes_as_well(reconcile):
    assert reconcile("diff", "--nope").err.startswith(f"error[{USAGE}]: ")
    assert BUG in CODES
