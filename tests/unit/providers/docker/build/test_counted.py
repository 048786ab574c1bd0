from __future__ import annotations

import pytest

from reconciler.core.resource.amount import Amount
from reconciler.providers.docker.build.counted import counted


@pytest.mark.parametrize(
    ("line", "amount"),
    [
        ("Step 3/7 : RUN make", Amount(3, 7, "steps")),
        ("#8 [3/7] RUN make", Amount(3, 7, "steps")),
        ("#12 [stage-1 2/4] COPY a b", Amount(2, 4, "steps")),
        ("#12 [linux/amd64 build 2/4] COPY a b", Amount(2, 4, "steps")),
        ("#5 [internal] load build context", None),
        ("compiled 3/7 files", None),
    ],
)
def test_a_line_of_a_build_says_which_step_it_begins(line, amount):
    (pending,) = counted([line])

    assert (pending.note, pending.amount) == (line, amount)


def test_the_output_of_a_step_belongs_to_it():
    assert [each.amount for each in counted(["Step 1/2 : FROM x", "hello"])] == [Amount(1, 2, "steps")] * 2
