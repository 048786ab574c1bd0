"""A realm without what every new realm has."""

from __future__ import annotations

import pytest

from reconciler.config.realm.minimal import minimal
from reconciler.core.provider import Sample

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


def test_nothing_is_said_of_what_is_empty_and_no_new_realm_has():
    roles = {**NEW["roles"], "client": {"account": [], "own": []}}

    assert minimal(changed(roles=roles, localizationTexts={}, groups=[], attributes={"a": "1"}), NEW) == {"realm": "r"}
    assert minimal(changed(attributes={}, clients=[{"clientId": "account", "redirectUris": []}]), NEW) == {
        "realm": "r",
        "attributes": {},
        "clients": [{"clientId": "account", "redirectUris": []}],
    }


SAMPLE = Sample(
    {"clientId": "sample-0"}, {"serviceAccountsEnabled": True}, {"clientId": "sample-0", "rules": ["sample-0:x"]}
)
ACCOUNT = {"serviceAccountClientId": "sample-0", "username": "service-account-sample-0", "enabled": True}
USER = {"username": "sample", "enabled": False, "emailVerified": False, "groups": [], "requiredActions": []}


def samples():
    own = {"clientRoles": {"sample-0": ["uma_protection"]}}
    return {
        "clients": [SAMPLE],
        "users": [
            Sample({"username": "sample"}, {"serviceAccountClientId": None}, USER),
            Sample({"serviceAccountClientId": "sample-0"}, {"serviceAccountClientId": "robot"}, {**ACCOUNT, **own}),
        ],
    }


def robot(*more_roles, **of_account):
    roles = {**NEW["roles"], "client": {"account": [], "robot": [{"name": "uma_protection"}, *more_roles]}}
    held = {"clientRoles": {"robot": ["uma_protection"]}}
    account = {"serviceAccountClientId": "robot", "username": "service-account-robot", "enabled": True, **held}
    return changed(
        roles=roles,
        users=[{**account, **of_account}],
        clients=[*NEW["clients"], {"clientId": "robot", "serviceAccountsEnabled": True, "rules": ["robot:x"]}],
    )


def test_what_comes_with_a_client_is_told_by_the_sample_of_its_sort():
    new = {**NEW, "roles": {**NEW["roles"], "client": {"account": [], "sample-0": [{"name": "uma_protection"}]}}}

    assert minimal(robot(), new, samples()) == {
        "realm": "r",
        "clients": [{"clientId": "robot", "serviceAccountsEnabled": True}],
    }
    assert minimal(robot({"name": "reader"}, realmRoles=["viewer"]), new, samples()) == {
        "realm": "r",
        "clients": [{"clientId": "robot", "serviceAccountsEnabled": True}],
        "roles": {"client": {"robot": [{"name": "reader"}]}},
        "users": [
            {
                "username": "service-account-robot",
                "serviceAccountClientId": "robot",
                "realmRoles": ["viewer"],
            }
        ],
    }


def test_of_several_samples_that_counts_which_leaves_the_least_and_adds_nothing():
    like = {"serviceAccountsEnabled": None}
    plain = Sample({"clientId": "sample-1"}, like, {"clientId": "sample-1", "direct": False})
    named = Sample(
        {"clientId": "sample-2", "protocol": "oidc"},
        like,
        {"clientId": "sample-2", "protocol": "oidc", "direct": True, "attributes": {"logout": "true"}},
    )
    client = {"clientId": "own", "protocol": "oidc", "direct": True, "name": "", "attributes": {"logout": "true"}}

    def of(own):
        return minimal(changed(clients=[*NEW["clients"], own]), NEW, {"clients": [plain, named]})["clients"]

    assert of(client) == [{"clientId": "own", "protocol": "oidc"}]
    assert of({**client, "attributes": {"x": "y"}}) == [
        {"clientId": "own", "protocol": "oidc", "direct": True, "attributes": {"x": "y"}}
    ]


def test_a_certificate_goes_with_its_private_key():
    keys = {"saml.signing.private.key": "k", "saml.signing.certificate": "c", "saml.encryption.certificate": "theirs"}

    found = minimal(changed(clients=[*NEW["clients"], {"clientId": "own", "attributes": keys}]), NEW)

    assert found["clients"] == [{"clientId": "own", "attributes": {"saml.encryption.certificate": "theirs"}}]


@pytest.mark.parametrize(
    ("realm", "kept"),
    [
        ({}, {}),
        ({"defaultGroups": ["/all"]}, {"groups": []}),
        ({"requiredActions": [{"alias": "a", "defaultAction": True}]}, {"requiredActions": []}),
    ],
)
def test_a_user_is_said_to_have_nothing_only_where_a_new_one_is_given_something(realm, kept):
    found = minimal(changed(users=[{**USER, "username": "ann", "enabled": True}], **realm), NEW, samples())

    assert found["users"] == [{"username": "ann", "enabled": True, **kept}]


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
