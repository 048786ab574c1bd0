"""Scalars mean what they mean to the Compose CLI; ``test_oracle`` asks it about the same table."""

from __future__ import annotations

import pytest

from reconciler.config.yaml.quantities import go_text
from reconciler.config.yaml.scalars import as_date, resolved

SCALARS = {
    # what is written: the text that it becomes where a text is wanted
    "true": "true",
    "True": "true",
    "TRUE": "true",
    "tRue": "tRue",
    "yes": "yes",
    "on": "on",
    "n": "n",
    "~": "",
    "null": "",
    "Null": "",
    "nUll": "nUll",
    "0": "0",
    "+1": "1",
    "-5": "-5",
    "-0": "-0",
    "1_000": "1000",
    "_1": "_1",
    "0777": "511",
    "-017": "-15",
    "0o17": "15",
    "0O17": "15",
    "0o8": "0o8",
    "08": "8",
    "0789": "789",
    "0x1F": "31",
    "0x": "0x",
    "0b101": "5",
    "0b2": "0b2",
    "12345678901234567890": "12345678901234567890",
    "18446744073709551616": "1.8446744073709552e+19",
    "-9223372036854775809": "-9.223372036854776e+18",
    "1.10": "1.1",
    "1.0": "1",
    ".5": "0.5",
    "5.": "5",
    "..5": "..5",
    "1e3": "1000",
    "1e5": "100000",
    "1e6": "1e+06",
    "1234567.5": "1.2345675e+06",
    "100000000.0": "1e+08",
    "1e21": "1e+21",
    "1e400": "1e400",
    "0.0001": "0.0001",
    "0.00001": "1e-05",
    "1_0.5": "10.5",
    "22:22": "22:22",
    "1:2:3": "1:2:3",
    "1p4": "1p4",
    "Infinity": "Infinity",
    "NaN": "NaN",
    "e3": "e3",
    "1e": "1e",
    "=": "=",
}
DATES = {
    "2024-01-01": "2024-01-01 00:00:00 +0000 UTC",
    "2024-1-2": "2024-01-02 00:00:00 +0000 UTC",
    "2001-12-14 21:59:43": "2001-12-14 21:59:43 +0000 UTC",
    "2001-12-14T21:59:43Z": "2001-12-14 21:59:43 +0000 UTC",
    "2001-12-14t21:59:43.10Z": "2001-12-14 21:59:43.1 +0000 UTC",
    "2001-12-14T21:59:43+02:00": "2001-12-14 21:59:43 +0200 +0200",
}


@pytest.mark.parametrize(("written", "text"), SCALARS.items())
def test_a_plain_scalar_means_what_it_means_to_compose(written, text):
    assert go_text(resolved(written)) == text


@pytest.mark.parametrize(("written", "text"), DATES.items())
def test_a_plain_date_becomes_the_text_that_compose_makes_of_it(written, text):
    assert as_date(written) == text


@pytest.mark.parametrize("written", ["2024-13-01", "2024-01-32", "2024", "20240101", "2001-12-14T21:59:43", "a-b"])
def test_what_only_looks_like_a_date_is_none(written):
    assert as_date(written) is None
