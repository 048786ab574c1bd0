"""The options of all commands, with numbers that no machine can count or wait for."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from importlib import import_module

import click
import pytest

from reconciler.cli.main import COMMANDS
from reconciler.cli.state import addresses, as_address
from reconciler.cli.values import MOST_SECONDS, MOST_WHOLE, Seconds, Whole
from reconciler.history.store import FILE, History
from reconciler.run.session.session import run_of
from tests.kit.cli import called

HUGE = ["9" * 20, "9" * 100, "9" * 5_000, "1" + "0" * 400]
ODD = ["nan", "inf", "-inf", "NaN", "1e999", "0x10", "1_0", "٣", "--", "9" * 20 + "w", "9" * 20 + ".5"]


def _commands(command, words):
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*words, name))


ALL = [found for name in COMMANDS for found in _commands(import_module(f"reconciler.cli.{name}").command, (name,))]
WITH_VALUE = [
    pytest.param(words, option, id=" ".join((*words, option.opts[-1])))
    for words, command in ALL
    for option in command.params
    if isinstance(option, click.Option) and not option.is_flag and option.callback not in (as_address, addresses)
]
NUMBERS = [each for each in WITH_VALUE if isinstance(each.values[1].type, Whole | Seconds)]


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path):
    (tmp_path / "stack.yaml").write_text("name: p\nservices: {web: {image: nginx}}\n", encoding="utf-8")
    history = History(tmp_path / "state" / "p" / FILE)
    history.end(history.begin(run_of("apply", 1.0)), code=0, seconds=1.0, now=2.0)
    history.close()
    settings = {"DOCKER_HOST": "unix:///nowhere.sock", "RECONCILE_STATE_DIRECTORY": str(tmp_path / "state")}
    return partial(called, monkeypatch, capsys, cwd=tmp_path, env=settings)


def _read(option, text):
    """The value that the program gets, by its type and its callback."""
    context = click.Context(click.Command("reconcile"))
    return option.process_value(context, (text,) if option.multiple else text)


def test_there_are_numbers_among_the_options_of_the_commands():
    assert len(NUMBERS) > 10
    assert not [each.id for each in WITH_VALUE if isinstance(each.values[1].type, click.types.IntParamType)]


@pytest.mark.parametrize(("words", "option"), WITH_VALUE)
def test_a_value_is_accepted_or_wrong_usage_whatever_it_is(words, option):
    for text in (*HUGE, *ODD, *(f"-{each}" for each in HUGE)):
        with suppress(click.UsageError):
            assert _read(option, text) is not None, words


@pytest.mark.parametrize(("words", "option"), NUMBERS)
def test_a_number_that_is_none_or_beyond_all_use_is_wrong_usage(words, option):
    for text in (*HUGE, *ODD, "-1", *(f"-{each}" for each in HUGE)):
        with pytest.raises(click.UsageError) as wrong:
            _read(option, text)
        assert len(wrong.value.message) < 200, words


@pytest.mark.parametrize(("words", "option"), NUMBERS)
def test_the_most_is_accepted_and_one_more_is_not(words, option):
    most = MOST_WHOLE if isinstance(option.type, Whole) else f"{MOST_SECONDS:.0f}"

    assert str(_read(option, str(most))) in {str(most), f"{most}.0"}, words
    with pytest.raises(click.UsageError, match="the most is"):
        _read(option, f"{int(most) + 1}")


@pytest.mark.parametrize(("words", "option"), [each for each in NUMBERS if each.values[0][0] != "daemon"])
@pytest.mark.parametrize("text", [str(MOST_WHOLE), "9" * 20, "nan", "-1"])
def test_no_number_of_a_command_is_a_bug(reconcile, words, option, text):
    if isinstance(option.type, Seconds) and text == str(MOST_WHOLE):
        text = f"{MOST_SECONDS:.0f}"
    least = {"exec": ["web", "true"], "restart": ["web"], "why": ["web"], "pause": ["web"]}

    ran = reconcile(*words, option.opts[-1], text, *least.get(words[0], ()))

    assert "RC0599" not in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "span", ["9" * 12 + "w", "9" * 20 + "w", "9" * 5_000 + "s", "٣d", "0001-01-01", "9999-12-31T23:59:59", "4000w"]
)
def test_no_time_of_history_is_a_bug(reconcile, span):
    ran = reconcile("history", "--since", span)

    assert ran.code in {0, 64}
    assert "RC0599" not in ran.err


FILES = [
    "mem_limit: {0}",
    "mem_limit: {0}g",
    "cpus: {0}",
    "cpu_shares: {0}",
    "pids_limit: {0}",
    "oom_score_adj: {0}",
    "scale: {0}",
    "shm_size: {0}",
    "stop_grace_period: {0}s",
    "healthcheck: {{test: x, interval: {0}s, retries: {0}}}",
    "ulimits: {{nofile: {0}}}",
    "sysctls: {{a.b: {0}}}",
    "ports: ['{0}:80']",
    "expose: ['{0}']",
    "user: '{0}'",
    "tmpfs: ['/t:size={0}']",
    "blkio_config: {{weight: {0}}}",
    "deploy: {{replicas: {0}}}",
    "mem_swappiness: {0}",
]


@pytest.mark.parametrize("line", FILES)
@pytest.mark.parametrize("number", ["9" * 20, "9" * 5_000, "-" + "9" * 20, ".nan", ".inf", "-.inf", "1e400"])
def test_no_number_of_a_file_is_a_bug(reconcile, tmp_path, line, number):
    text = f"name: p\nservices:\n  web:\n    image: nginx\n    {line.format(number)}\n"
    (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")

    ran = reconcile("validate")

    assert ran.code in {0, 65}
    assert "RC0599" not in ran.err


@pytest.mark.parametrize("place", ["/proc/x", "below a file"])
def test_a_history_whose_place_can_not_be_used_is_no_empty_one(reconcile, tmp_path, place):
    (tmp_path / "file").write_text("", encoding="utf-8")
    folder = place if place.startswith("/") else tmp_path / "file" / "state"

    ran = reconcile("--state-directory", folder, "history")

    assert ran.code == 1
    assert "No run is recorded" not in ran.out
    assert "RC0502" in ran.err


def test_a_history_that_is_not_begun_yet_is_empty_and_stays_so(reconcile, tmp_path):
    ran = reconcile("--state-directory", tmp_path / "new" / "state", "history")

    assert (ran.code, ran.out) == (0, "No run is recorded.\n")
    assert not (tmp_path / "new").exists()
