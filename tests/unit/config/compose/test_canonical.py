"""The canonical model, attribute by attribute, without the Compose CLI at hand: what it printed is beside the case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.config import load_stack
from reconciler.config.compose.model.mounts import BadMount, mount
from reconciler.config.compose.model.ports import BadPort, port_mappings
from reconciler.config.compose.model.shellwords import Unbalanced, shell_words
from reconciler.config.yaml.quantities import duration, single, size
from reconciler.core.resource.units import BadQuantity
from tests.kit.docker.compose import HOME, comparable, differences

CASES = Path(__file__).parents[3] / "cases" / "config"


def model_of(tmp_path, text):
    file = tmp_path / "stack.yaml"
    file.write_text(text, encoding="utf-8")
    return load_stack(file, environment={})


def test_an_unset_variable_asks_for_no_name_server(tmp_path):
    model = model_of(tmp_path, "services: {a: {image: x, dns: $UNSET}, b: {image: x, dns: ['', 9.9.9.9]}}")

    assert "dns" not in model["services"]["a"]
    assert model["services"]["b"]["dns"] == ["9.9.9.9"]


def test_every_attribute_has_the_form_that_compose_prints():
    expected = json.loads((CASES / "every_attribute.model.json").read_text(encoding="utf-8"))

    model = load_stack(
        CASES / "every_attribute.stack.yaml", directory=Path("/project"), environment={"HOME": HOME, "C": "outside"}
    )

    assert list(differences(comparable(model), expected)) == []


def test_extensions_stay_where_they_are():
    model = load_stack(CASES / "every_attribute.stack.yaml", directory=Path("/project"))

    assert model["services"]["short"]["x-own"] == {"note": "kept", "number": 1.5}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b", ["a", "b"]),
        ("a 'b c' \"d e\"f", ["a", "b c", "d ef"]),
        ("a\\ b \\t '\\t'", ["a b", "\t", "\\t"]),
        ("'' a", ["", "a"]),
        ("echo $(date x) `date y`", ["echo", "$(date x)", "`date y`"]),
        ("a; b", ["a"]),
        ("a 2> b", ["a"]),
        ("  ", []),
        ("", []),
    ],
)
def test_a_command_is_split_as_compose_splits_it(line, words):
    assert shell_words(line) == words


@pytest.mark.parametrize("line", ["a '", 'a "', "a `", "a (b)", "a)", "a \\", "$(a"])
def test_a_command_with_something_open_is_refused(line):
    with pytest.raises(Unbalanced):
        shell_words(line)


NO_PORTS = ["", "80:", "a:80", "80:a", "1-2:1-3", "2-1:2-1", "70000:80", "x:80:80", "80/foo", "1.2.3.4:80"]


@pytest.mark.parametrize("text", NO_PORTS)
def test_what_is_no_port_is_refused(text):
    with pytest.raises(BadPort):
        list(port_mappings(text))


@pytest.mark.parametrize("text", ["", "vol:", ":/x", "vol::/x", "vol:/a:ro:x"])
def test_what_is_no_mount_is_refused(text):
    with pytest.raises(BadMount):
        mount(text)


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("0", "0s"),
        ("1s", "1s"),
        ("90s", "1m30s"),
        ("1h", "1h0m0s"),
        ("1.5s", "1.5s"),
        ("500ms", "500ms"),
        ("250us", "250µs"),
        ("1d", "24h0m0s"),
        ("1w", "168h0m0s"),
        ("1h1ms", "1h0m0.001s"),
        ("-1s", "-1s"),
    ],
)
def test_durations_are_printed_as_compose_prints_them(written, printed):
    assert duration(written) == printed


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "5x", "1m 30s", "five"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(BadQuantity):
        duration(text)


@pytest.mark.parametrize(
    ("written", "count"),
    [(5, "5"), ("5", "5"), ("-1", "-1"), ("1k", "1024"), ("1.5G", "1610612736"), ("10 kb", "10240"), ("1KiB", "1024")],
)
def test_sizes_are_counted_in_bytes(written, count):
    assert size(written) == count


@pytest.mark.parametrize("text", ["", "k", "1x", "1 000", "1.5.5g", "-1k"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(BadQuantity):
        size(text)


@pytest.mark.parametrize("number", [0.1, 0.5, 1.0, 0.333, 1.23456789, 16.0])
def test_processors_are_kept_in_single_precision_and_read_as_written(number):
    assert single(number) == pytest.approx(number, rel=1e-7)
    assert len(str(single(number))) <= 10
