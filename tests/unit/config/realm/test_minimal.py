"""A realm without what every new realm has."""

from __future__ import annotations

from reconciler.config.realm.minimal import minimal

NEW = {
    "id": "1",
    "realm": "r",
    "enabled": True,
    "accessTokenLifespan": 300,
    "attributes": {"a": "1"},
    "clients": [{"id": "2", "clientId": "account", "enabled": True, "redirectUris": ["b", "a"]}],
    "roles": {"realm": [{"id": "3", "name": "offline_access", "composite": False}], "client": {"account": []}},
    "components": {"keys": [{"id": "4", "name": "rsa", "config": {"priority": ["100"]}}]},
}


def changed(**sections):
    return {**NEW, "id": "5", **sections}


def test_a_new_realm_is_its_name():
    assert minimal(changed(), NEW) == {"realm": "r"}


def test_what_differs_stays_with_the_name_of_what_it_is_in():
    client = {"id": "9", "clientId": "account", "enabled": True, "redirectUris": ["a", "b", "c"]}
    own = {"id": "7", "clientId": "own", "secret": "**********", "description": None, "webOrigins": []}
    roles = {**NEW["roles"], "client": {"account": [], "own": [{"id": "8", "name": "reader", "clientRole": True}]}}

    found = minimal(
        changed(accessTokenLifespan=60, clients=[client, own], roles=roles, attributes={"a": "1", "b": "2"}), NEW
    )

    assert found == {
        "realm": "r",
        "accessTokenLifespan": 60,
        "attributes": {"b": "2"},
        "clients": [
            {"clientId": "account", "redirectUris": ["a", "b", "c"]},
            {"clientId": "own", "secret": "**********"},
        ],
        "roles": {"client": {"own": [{"name": "reader"}]}},
    }


def test_order_is_no_difference():
    client = {"clientId": "account", "enabled": True, "redirectUris": ["a", "b"]}

    assert minimal(changed(clients=[client]), NEW) == {"realm": "r"}


def test_steps_of_a_workflow_keep_their_order():
    steps = [{"id": "1", "uses": "notify-user"}, {"id": "2", "uses": "delete-user", "with": {"b": ["d", "c"]}}]

    found = minimal(changed(workflows=[{"id": "3", "name": "leave", "steps": steps}]), NEW)

    assert found["workflows"] == [
        {"name": "leave", "steps": [{"uses": "notify-user"}, {"uses": "delete-user", "with": {"b": ["c", "d"]}}]}
    ]


def test_of_a_role_of_a_new_realm_all_composites_are_kept():
    everybody = {"name": "default-roles-r", "composites": {"realm": ["a"], "client": {"account": ["view-profile"]}}}
    more = {**everybody, "composites": {"realm": ["a"], "client": {"account": ["view-profile"], "app": ["reader"]}}}

    found = minimal(changed(roles={"realm": [more]}), {**NEW, "roles": {"realm": [everybody]}})

    assert found["roles"] == {"realm": [more]}
