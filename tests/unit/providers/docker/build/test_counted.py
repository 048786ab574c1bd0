from __future__ import annotations

import pytest

from reconciler.core.resource.amount import Amount
from reconciler.providers.docker.build.counted import counted


@pytest.mark.parametrize(
    ("line", "note", "amount"),
    [
        ("Step 3/7 : RUN make", "RUN make", Amount(3, 7, "steps")),
        ("#8 [3/7] RUN make", "RUN make", Amount(3, 7, "steps")),
        ("#12 [stage-1 2/4] COPY a b", "COPY a b", Amount(2, 4, "steps")),
        ("#12 [linux/amd64 build 2/4] COPY a b", "COPY a b", Amount(2, 4, "steps")),
        ("#5 [internal] load build context", "[internal] load build context", None),
        ("#8 0.412 compiled 3/7 files", "compiled 3/7 files", None),
        ("compiled 3/7 files", "compiled 3/7 files", None),
    ],
)
def test_a_line_of_a_build_says_which_step_it_begins(line, note, amount):
    (pending,) = counted([line])

    assert (pending.note, pending.amount) == (note, amount)


@pytest.mark.parametrize(
    "line", [" ---> Running in 6f0c", " ---> 3088735ba6b1", "Removing intermediate container 6f0c", "#8 DONE 0.3s", ""]
)
def test_what_a_builder_says_of_its_own_work_hides_no_command(line):
    *_, last = counted(["Step 2/3 : RUN make", line])

    assert (last.note, last.amount) == ("RUN make", Amount(2, 3, "steps"))


def test_the_output_of_a_step_belongs_to_it():
    assert [each.amount for each in counted(["Step 1/2 : FROM x", "hello"])] == [Amount(1, 2, "steps")] * 2
