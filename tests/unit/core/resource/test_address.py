from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.resource.address import Address

segments = st.lists(st.text(min_size=1), min_size=1, max_size=4)


@given(segments)
def test_parsing_undoes_printing(path):
    address = Address("docker.container", tuple(path))

    assert Address.parse(str(address)) == address


def test_segments_are_percent_encoded():
    assert str(Address("docker.image", ("keycloak/keycloak:26.7",))) == "docker.image/keycloak%2Fkeycloak:26.7"


@pytest.mark.parametrize("text", ["", "redis", "docker.container", "docker.container/", "container/redis"])
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="for example docker.container/redis"):
        Address.parse(text)
