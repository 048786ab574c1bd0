"""Properties of newer releases: the questions to a server, the messages, and the requests kept from an older one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.message.errors import Denied, Rejected
from reconciler.core.plan.plan import Plan, Step, make
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.export import whole
from reconciler.providers.keycloak.kinds.workflow import KIND as WORKFLOWS
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.required_release import Server, lack
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

LAB = Address("keycloak.realm", ("lab",))
ACME = Address("keycloak.organization", ("lab", "acme"))
WORKFLOW: Mapping[str, Any] = {"name": "leave", "steps": [{"uses": "disable-user"}]}
EXPORT = {"id": "lab", "realm": "lab", "organizationsEnabled": True}
WHOLE = "ASK lab/partial-export?exportClients=true&exportGroupsAndRoles=true"
ORGANIZATIONS = "GET lab/organizations?first=0&max=1000&briefRepresentation=false"


def info(version: str | None, *features: str) -> dict[str, Any]:
    told = {"systemInfo": {"version": version}} if version else {}
    known = ("WORKFLOWS", "SCIM_API", "ORGANIZATION")
    return {
        **told,
        "features": [{"name": each, "enabled": each.lower().replace("_", "-") in features} for each in known],
    }


def server(version: str | None, *features: str) -> ScriptedConnection:
    return ScriptedConnection({"GET admin/serverinfo": info(version, *features)})


def planned(provider: KeycloakProvider, realm: Mapping[str, Any], *live: Observed) -> Plan:
    return make({"keycloak": provider}, provider.expand(document(realm)), live)


def required(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.verb == "require"]


# ------------------------------------------------------------------ what a server is told


@pytest.mark.parametrize(
    ("version", "features", "said"),
    [
        ("26.4.7", (), "needs Keycloak 26.6 or newer, or 26.5 with `--features=workflows`, and this server is 26.4.7"),
        ("26.4.7", ("workflows",), "and this server is 26.4.7; take it out or update the server"),
        ("26.5.6", (), "start it with `--features=workflows` (26.6 and newer have it by themselves), or take it out"),
        ("26.5.6.redhat-00001", ("workflows",), ""),
        ("26.7.3", ("workflows",), ""),
        ("27.0.0", ("workflows",), ""),
        ("999.0.0-SNAPSHOT", ("workflows",), ""),
        ("nightly", ("workflows",), "this server is nightly"),
    ],
)
def test_a_server_that_lacks_something_is_told_which_release_has_it(
    version: str, features: tuple[str, ...], said: str
) -> None:
    answer = lack(WORKFLOWS.requirements.since, "", Server(version, frozenset(features)))

    assert said in answer
    assert bool(said) == bool(answer)


def test_a_property_that_the_server_lacks_is_named() -> None:
    answer = lack(KINDS["keycloak.realm"].requirements.since, "scimApiEnabled", Server("26.5.6", frozenset()))

    assert answer == (
        "`scimApiEnabled` needs Keycloak 26.6 or newer with `--features=scim-api`, and this server is 26.5.6; take it "
        "out or update the server"
    )


def test_a_feature_that_no_release_has_by_itself_is_named() -> None:
    answer = lack(
        KINDS["keycloak.realm"].requirements.since, "verifiableCredentialsEnabled", Server("26.7.3", frozenset())
    )

    assert answer == (
        "`verifiableCredentialsEnabled` needs the feature oid4vc-vci, which this server has not switched on; start it "
        "with `--features=oid4vc-vci`, or take it out"
    )


@pytest.mark.parametrize(
    ("name", "feature", "option"),
    [
        ("organizationsEnabled", "organization", "organization"),
        ("adminPermissionsEnabled", "admin-fine-grained-authz-v2", "admin-fine-grained-authz"),
    ],
)
def test_a_feature_that_was_switched_off_is_named(name: str, feature: str, option: str) -> None:
    server, rows = Server("26.7.3", frozenset()), KINDS["keycloak.realm"].requirements.since

    assert lack(rows, name, server, asked=True) == (
        f"`{name}` needs the feature {feature}, which this server has switched off; start it without "
        f"`--features-disabled={option}`, or take it out"
    )
    assert lack(rows, name, server, asked=False) == ""
    assert lack(rows, name, Server("26.7.3", frozenset({feature})), asked=True) == ""
    assert "and this server is 25.0.6; take it out or update" in lack(rows, name, Server("25.0.6", frozenset()))


# ------------------------------------------------------------------ before anything is written


def test_the_server_is_asked_before_anything_of_the_realm_is_written() -> None:
    orphan = Observed(Address("keycloak.group", ("lab", "old")), "g1", {}, surplus=True)
    realm = {"realm": "lab", "displayName": "Lab", "users": [{"username": "ann"}], "workflows": [WORKFLOW]}
    provider = KeycloakProvider({})
    live = Observed(LAB, "lab", {"displayName": "Old"})

    plan = make({"keycloak": provider}, provider.expand(document(realm)), (live, orphan), prunes=lambda _: True)

    (first,) = required(plan)
    others = [step for step in plan.steps if step != first]
    assert {step.verb for step in others} == {"update", "create", "delete"}
    assert all(first.id in step.after for step in others)


def test_another_realm_does_not_wait_for_the_answer() -> None:
    provider = KeycloakProvider({})
    realms = ({"realm": "lab", "workflows": [WORKFLOW]}, {"realm": "other"})

    plan = make({"keycloak": provider}, provider.expand(document(*realms)), ())

    (first,) = required(plan)
    assert first.address == LAB
    assert not [step for step in plan.steps if step.address.path == ("other",) and first.id in step.after]


def test_a_server_that_lacks_what_is_declared_refuses_it_with_its_place() -> None:
    groups = {"alias": "acme", "name": "acme", "groups": [{"name": "smiths"}]}
    realm = {"realm": "lab", "webAuthnPolicyResidentKey": "Yes", "organizations": [groups], "workflows": [WORKFLOW]}
    provider = KeycloakProvider({}, client=server("26.4.7"))
    (first,) = required(planned(provider, realm))

    with pytest.raises(Rejected) as refused:
        provider.perform(first)

    assert {line.partition(" needs ")[0] for line in str(refused.value.args[0]).splitlines()[1:]} == {
        "users.yaml:1:1: keycloak.realm/lab `webAuthnPolicyResidentKey`",
        "users.yaml:1:1: keycloak.organization-groups/lab/acme `groups`",
        "users.yaml:1:1: keycloak.workflow/lab/leave",
    }


def test_a_server_that_has_it_is_asked_once() -> None:
    client = server("26.7.3", "workflows", "scim-api")
    provider = KeycloakProvider({}, client=client)
    plan = planned(provider, {"realm": "lab", "workflows": [WORKFLOW], "scimApiEnabled": True})

    assert provider.obstacles(plan.steps) == ()
    provider.perform(required(plan)[0])

    assert client.requests == ["GET admin/serverinfo"]


def test_what_stands_in_the_way_is_in_the_plan_before_it_is_tried() -> None:
    provider = KeycloakProvider({}, client=server("26.5.6"))
    plan = planned(provider, {"realm": "lab", "workflows": [WORKFLOW]}, Observed(LAB, "lab", {}))

    (obstacle,) = provider.obstacles(plan.steps)

    assert str(obstacle.origin) == "users.yaml:1:1"
    assert str(obstacle.address) == "keycloak.workflow/lab/leave"
    assert "--features=workflows" in obstacle.message


def test_a_setting_that_the_server_shows_and_can_not_switch_on_is_told() -> None:
    """26.7 shows it, takes it, and leaves it as it is."""
    provider = KeycloakProvider({}, client=server("26.7.3"))
    plan = planned(provider, {"realm": "lab", "scimApiEnabled": True}, Observed(LAB, "lab", {"scimApiEnabled": False}))

    (obstacle,) = provider.obstacles(plan.steps)

    assert "`--features=scim-api`, or take it out" in obstacle.message


STRICT: Mapping[str, Any] = {"name": "strict", "mode": "STRICT"}
POLICIES = Address("keycloak.client-policies", ("lab",))


@pytest.mark.parametrize(
    ("declared", "live", "is_asked"),
    [
        ([STRICT], [], True),
        ([STRICT], [{"name": "strict"}], True),
        ([STRICT], [STRICT], False),
        ([{"name": "strict"}], [], False),
        ([], [STRICT], False),
    ],
)
def test_a_word_inside_a_list_is_asked_for_where_it_comes(
    declared: list[Any], live: list[Any], *, is_asked: bool
) -> None:
    provider = KeycloakProvider({}, client=server("26.6.2"))
    realm = {"realm": "lab", "clientPolicies": {"policies": declared}}
    plan = planned(provider, realm, Observed(LAB, "lab", {}), Observed(POLICIES, "", {"policies": live}))

    told = [each.message.partition(", and")[0] for each in provider.obstacles(plan.steps)]

    assert told == (["`mode` needs Keycloak 26.7 or newer"] if is_asked else [])


def test_an_account_that_is_not_told_the_version_finds_it_in_an_export() -> None:
    answers = {"GET admin/serverinfo": info(None), "ASK lab/partial-export": {"keycloakVersion": "26.4.7"}}
    provider = KeycloakProvider({}, client=ScriptedConnection(answers))
    plan = planned(provider, {"realm": "lab", "scimApiEnabled": True}, Observed(LAB, "lab", {}))

    with pytest.raises(Rejected, match=r"this server is 26\.4\.7"):
        provider.perform(required(plan)[0])


def test_an_account_that_may_only_look_is_not_told_the_version_and_is_refused_nothing_for_it() -> None:
    answers = {"GET admin/serverinfo": info(None, "scim-api"), "ASK lab/partial-export": Denied("HTTP 403")}
    provider = KeycloakProvider({}, client=ScriptedConnection(answers))
    plan = planned(provider, {"realm": "lab", "scimApiEnabled": True}, Observed(LAB, "lab", {}))

    assert provider.obstacles(plan.steps) == ()


# ------------------------------------------------------------------ who notices nothing


@pytest.mark.parametrize(
    ("realm", "live"),
    [
        ({"displayName": "Lab"}, {}),
        ({"scimApiEnabled": False, "maxSecondaryAuthFailures": 0, "webAuthnPolicyResidentKey": None}, {}),
        ({"scimApiEnabled": True}, {"scimApiEnabled": True}),
        ({"organizations": [{"alias": "acme", "name": "acme", "groups": []}]}, {}),
    ],
)
def test_no_server_is_asked_for_what_it_has_or_for_what_means_nothing(
    realm: Mapping[str, Any], live: Mapping[str, Any]
) -> None:
    client = ScriptedConnection()
    provider = KeycloakProvider({}, client=client)

    plan = planned(provider, {"realm": "lab", **realm}, Observed(LAB, "lab", live), Observed(ACME, "o1", {}))

    assert required(plan) == []
    assert provider.obstacles(plan.steps) == ()
    assert client.requests == []


def test_a_new_realm_is_not_sent_what_means_nothing_and_an_older_server_refuses() -> None:
    plan = planned(KeycloakProvider({}), {"realm": "lab", "scimApiEnabled": False, "maxSecondaryAuthFailures": 0})

    (step,) = plan.steps
    assert step.args["body"] == {"enabled": True, "realm": "lab"}


def test_an_older_server_is_not_asked_for_what_it_has_not() -> None:
    company = {"id": "o1", "alias": "acme", "name": "acme"}
    below = {f"GET lab/organizations/o1/{part}": [] for part in ("members?first=0&max=1000", "identity-providers")}
    users = {"GET lab/users/count": 0}
    answers = {WHOLE: {**EXPORT, "keycloakVersion": "26.4.7"}, ORGANIZATIONS: [company], **below, **users}
    connection = ScriptedConnection(answers)

    found = whole(connection, "lab")

    assert found["organizations"] == [{**company, "members": [], "identityProviders": []}]
    assert not [request for request in connection.requests if "/groups" in request or "/workflows" in request]


def test_an_older_server_is_not_asked_for_groups_of_an_organization_that_are_declared() -> None:
    members = [{"username": "ann", "groups": ["/smiths"]}]
    company = {"alias": "acme", "name": "acme", "members": members, "groups": [{"name": "smiths"}]}
    export = "ASK lab/partial-export?exportClients=false&exportGroupsAndRoles=false"
    answers = {
        export: {**EXPORT, "keycloakVersion": "26.5.6"},
        ORGANIZATIONS: [{"id": "o1", "alias": "acme"}],
        "GET lab/organizations/o1/members?first=0&max=1000": [{"username": "ann", "id": "u1"}],
    }
    connection = ScriptedConnection(answers)
    provider = KeycloakProvider({}, client=connection)
    desired = list(expand(document({"realm": "lab", "organizations": [company]})))

    plan = make({"keycloak": provider}, desired, provider.observe(desired))

    assert connection.requests == list(answers)
    assert len(required(plan)) == 1


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ({"name": "smiths", "description": "d", "subGroups": [{"name": "night"}]}, []),
        ({"name": "smiths", "realmRoles": ["viewer"]}, ["`realmRoles` needs Keycloak 26.7 or newer"]),
        (
            {
                "name": "smiths",
                "subGroups": [{"name": "night", "subGroups": [{"name": "a", "clientRoles": {"x": []}}]}],
            },
            ["`clientRoles` needs Keycloak 26.7 or newer"],
        ),
    ],
)
def test_roles_of_groups_of_an_organization_are_newer_than_the_groups(group: dict[str, Any], told: list[str]) -> None:
    provider = KeycloakProvider({}, client=server("26.6.4", "organization"))
    company = {"alias": "acme", "name": "acme", "groups": [group]}

    plan = planned(provider, {"realm": "lab", "organizationsEnabled": True, "organizations": [company]})

    assert [each.message.partition(", and")[0] for each in provider.obstacles(plan.steps)] == told


# ------------------------------------------------------------------ settings of components

FEDERATION = "org.keycloak.storage.UserStorageProvider"
KEYS = "org.keycloak.keys.KeyProvider"
LDAP = Address("keycloak.component", ("lab", "ldap"))
KNOWN = {
    FEDERATION: [{"id": "ldap", "properties": [{"name": "usersDn"}, {"name": "bindCredential"}]}],
    KEYS: [{"id": "rsa-generated", "properties": [{"name": "priority"}]}],
}


def knowing() -> ScriptedConnection:
    return ScriptedConnection({"GET admin/serverinfo": {**info("26.7.3"), "componentTypes": KNOWN}})


def component(sort: str, provider: str, **config: Any) -> dict[str, Any]:
    return {"realm": "lab", "components": {sort: [{"name": provider, "providerId": provider, "config": config}]}}


def live(**config: Any) -> Observed:
    return Observed(LDAP, "c1", {"name": "ldap", "providerId": "ldap", "providerType": FEDERATION, "config": config})


@pytest.mark.parametrize("there", [(), (live(usersDn=["dc=x"]),)])
def test_a_setting_that_its_provider_does_not_know_is_told_before_anything_is_written(there: tuple[Observed]) -> None:
    provider = KeycloakProvider({}, client=knowing())
    realm = component(FEDERATION, "ldap", usersDn=["dc=y"], changedSyncEnabled=["false"], usersDN=["dc=y"])
    plan = planned(provider, realm, Observed(LAB, "lab", {}), *there)

    (obstacle,) = provider.obstacles(plan.steps)
    with pytest.raises(Rejected) as refused:
        provider.perform(required(plan)[0])

    assert obstacle.message == (
        "`changedSyncEnabled`, `usersDN` (did you mean `usersDn`?) are no settings of its provider ldap, so Keycloak "
        "would drop them without a word; take them out"
    )
    assert f"users.yaml:1:1: keycloak.component/lab/ldap {obstacle.message}" in str(refused.value.args[0])


@pytest.mark.parametrize(
    "realm",
    [
        component(FEDERATION, "ldap", usersDn=["dc=y"], bindCredential=["s"], enabled=["true"], fullSyncPeriod=["-1"]),
        component(FEDERATION, "of-somebody-else", anything=["x"]),
        component("org.example.TheirType", "theirs", anything=["x"]),
        component(
            KEYS, "rsa-generated", priority=["1"], privateKey=["k"], certificate=["c"], keyUse=["SIG"], kid=["a"]
        ),
        component(FEDERATION, "ldap", changedSyncEnabled=[], debug=None),
    ],
)
def test_a_component_with_what_its_provider_knows_or_the_server_does_not_tell_of_is_not_in_the_way(
    realm: Mapping[str, Any],
) -> None:
    provider = KeycloakProvider({}, client=knowing())
    plan = planned(provider, realm, Observed(LAB, "lab", {}))

    assert provider.obstacles(plan.steps) == ()


def test_no_server_is_asked_about_settings_that_it_shows() -> None:
    client = ScriptedConnection()
    provider = KeycloakProvider({}, client=client)
    plan = planned(provider, component(FEDERATION, "ldap", usersDn=["dc=y"]), live(usersDn=["dc=x"]))

    assert provider.obstacles(plan.steps) == ()
    assert client.requests == []
