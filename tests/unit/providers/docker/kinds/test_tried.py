"""The tests on a real engine leave out no field of a table."""

from __future__ import annotations

from reconciler.providers.docker.kinds import container, image, network, volume
from tests.integration.docker.test_fields import ELSEWHERE
from tests.kit.docker.fields import ROWS
from tests.kit.docker.hands import HANDS, NETWORK_ROWS


def test_no_field_is_without_a_case():
    fields = {(kind.NAME, name) for kind in (container, network, volume, image) for name in kind.KIND.fields}
    rows = {(container.NAME, row.field) for row in ROWS} | {(network.NAME, row.field) for row in NETWORK_ROWS}
    shown = rows | {case for hand in HANDS for case in hand.fields} | ELSEWHERE

    assert sorted(fields - shown) == []
