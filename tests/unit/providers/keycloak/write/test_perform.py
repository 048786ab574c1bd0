"""Steps into requests: what is read right before, what exactly is sent."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.message.errors import Conflict, Denied, ProviderError, Rejected, Unreachable
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.write.perform import Performer
from tests.kit.keycloak.scripted import ScriptedConnection

CLIENT = Address("keycloak.client", ("lab", "app"))
USER = Address("keycloak.user", ("lab", "ann"))
ROLE = Address("keycloak.role", ("lab", "viewer"))
GROUP = Address("keycloak.group", ("lab", "staff"))
REALM = Address("keycloak.realm", ("lab",))
READER = Address("keycloak.client-role", ("lab", "app", "reader"))
IDS = {CLIENT: "c1", USER: "u1", ROLE: "r1", GROUP: "g1", READER: "r2"}


def performed(
    address: Address, verb: str, answers: Any = None, *, known: dict[Address, str] | None = None, **args: Any
) -> ScriptedConnection:
    """The line after one step; ``answers`` lack ``admin/realms/``."""
    connection = ScriptedConnection(answers or {})
    directory = Directory(connection)
    for known_address, object_id in (IDS if known is None else known).items():
        directory.learn(known_address, object_id)
    Performer(connection, directory)(Step("step", address, verb, args))
    return connection


def test_a_user_is_changed_together_with_the_profile_of_this_moment() -> None:
    live = {"id": "u1", "username": "ann", "email": "new@example.org", "lastName": "Lee", "enabled": True, "access": {}}

    done = performed(USER, "update", {"GET lab/users/u1": live}, patch={"firstName": "Anna"})

    assert done.requests[0] == "GET lab/users/u1"
    assert done.writes == [
        (
            "PUT lab/users/u1",
            {"username": "ann", "email": "new@example.org", "lastName": "Lee", "firstName": "Anna"},
        )
    ]


def test_attributes_of_a_user_are_sent_whole_and_without_what_goes() -> None:
    live = {"id": "u1", "username": "ann", "attributes": {"a": ["1"], "b": ["2"], "own": ["x"]}}
    profile = {"unmanagedAttributePolicy": "ENABLED"}
    answers = {"GET lab/users/u1": live, "GET lab/users/profile": profile}

    done = performed(USER, "update", answers, patch={"attributes": {"a": ("3",), "b": ABSENT}})

    assert done.writes[0][1] == {"username": "ann", "attributes": {"a": ("3",), "own": ["x"]}}


def test_an_attribute_that_the_profile_lacks_is_refused_before_anything_is_sent() -> None:
    profile = {"attributes": [{"name": "email"}]}

    with pytest.raises(Rejected, match="no attribute `team`"):
        performed(USER, "update", {"GET lab/users/profile": profile}, patch={"attributes": {"team": ("x",)}})


@pytest.mark.parametrize("policy", [None, "ENABLED", "ADMIN_EDIT"])
def test_the_language_of_a_user_takes_a_realm_with_languages_whatever_the_profile_lets_in(policy: str | None) -> None:
    answers = {"GET lab/users/profile": {"attributes": [], "unmanagedAttributePolicy": policy}, "GET lab": {}}

    with pytest.raises(Rejected, match="internationalizationEnabled: true"):
        performed(USER, "update", answers, patch={"attributes": {"locale": ("de",)}})


def test_a_client_is_changed_by_what_differs_alone() -> None:
    live = {"id": "c1", "authorizationServicesEnabled": True, "webOrigins": ["x"], "description": "live"}

    done = performed(
        CLIENT,
        "update",
        {"GET lab/clients/c1": live},
        patch={"redirectUris": ("a",), "name": ABSENT, "attributes": {"a": "1", "b": ABSENT}},
    )

    assert done.writes == [
        (
            "PUT lab/clients/c1",
            {
                "authorizationServicesEnabled": True,
                "webOrigins": ["x"],
                "redirectUris": ("a",),
                "name": "",
                "attributes": {"a": "1", "b": None},
            },
        )
    ]


def test_a_realm_keeps_the_settings_that_it_has_in_attributes() -> None:
    live = {"attributes": {"a": "1", "cibaInterval": "9"}, "oauth2DeviceCodeLifespan": 700, "displayName": "live"}

    done = performed(REALM, "update", {"GET lab": live}, patch={"loginTheme": "x", "attributes": {"a": ABSENT}})

    assert done.writes == [
        (
            "PUT lab",
            {"attributes": {"cibaInterval": "9"}, "oauth2DeviceCodeLifespan": 700, "loginTheme": "x"},
        )
    ]


def test_one_number_of_the_otp_policy_takes_the_others_along() -> None:
    live = {"otpPolicyType": "hotp", "otpPolicyDigits": 6, "otpPolicyPeriod": 30, "webAuthnPolicyRpId": "x"}

    done = performed(REALM, "update", {"GET lab": live}, patch={"otpPolicyDigits": 8})

    assert done.writes[0][1] == {"otpPolicyType": "hotp", "otpPolicyDigits": 8, "otpPolicyPeriod": 30}


def test_a_role_keeps_its_description_and_is_named_by_id() -> None:
    live = {"id": "r1", "name": "viewer", "description": "live", "attributes": {"a": ["1"]}, "composite": True}

    done = performed(ROLE, "update", {"GET lab/roles-by-id/r1": live}, patch={"attributes": {"b": ("2",)}})

    body = {"name": "viewer", "description": "live", "attributes": {"a": ["1"], "b": ("2",)}}
    assert done.writes == [("PUT lab/roles-by-id/r1", body)]


def test_a_mapper_is_changed_by_itself_and_keeps_what_else_it_says() -> None:
    live = [{"id": "m1", "name": "groups", "protocolMapper": "x", "config": {"a": "1", "b": "2", "c": "3"}}]

    done = performed(
        CLIENT,
        "update part",
        {"GET lab/clients/c1/protocol-mappers/models": live},
        field="protocolMappers",
        part="groups",
        patch={"config": {"a": "9", "b": ABSENT}},
    )

    body = {"id": "m1", "name": "groups", "protocolMapper": "x", "config": {"a": "9", "c": "3"}}
    assert done.writes == [("PUT lab/clients/c1/protocol-mappers/models/m1", body)]


def test_a_mapper_that_is_gone_already_is_not_deleted_again() -> None:
    done = performed(CLIENT, "delete part", field="protocolMappers", part="groups")

    assert done.writes == []


def test_a_group_is_joined_by_ids_that_are_looked_up_once() -> None:
    target = "keycloak.group/lab/staff/night"
    answers = {"GET lab/group-by-path/staff/night": {"id": "g2", "path": "/staff/night", "name": "night"}}

    done = performed(USER, "add", answers, field="groups", targets=(target,))

    assert done.requests == ["GET lab/group-by-path/staff/night", "PUT lab/users/u1/groups/g2"]


def test_roles_are_granted_in_one_request_with_ids_and_names() -> None:
    targets = ("keycloak.client-role/lab/app/reader",)

    done = performed(USER, "remove", field="clientRoles", targets=targets)

    assert done.sent == [("DELETE lab/users/u1/role-mappings/clients/c1", [{"id": "r2", "name": "reader"}])]


def test_what_is_gone_already_has_been_removed() -> None:
    unknown = performed(USER, "remove", field="groups", targets=("keycloak.group/lab/guests",))
    meanwhile = {"DELETE lab/users/u1/groups/g1": Conflict("Group not found (404)")}

    gone = performed(USER, "remove", meanwhile, field="groups", targets=(str(GROUP),))

    assert unknown.writes == []
    assert gone.requests == ["DELETE lab/users/u1/groups/g1", "GET lab/group-by-path/staff"]


def test_of_several_only_what_is_gone_is_left_out() -> None:
    targets = ("keycloak.client-role/lab/app/gone", str(READER))

    done = performed(USER, "remove", field="clientRoles", targets=targets)

    assert done.writes == [("DELETE lab/users/u1/role-mappings/clients/c1", [{"id": "r2", "name": "reader"}])]


def test_a_removal_that_fails_for_another_reason_fails() -> None:
    answers = {
        "DELETE lab/users/u1/groups/g1": Conflict("User not found (404)"),
        "GET lab/group-by-path/staff": {"id": "g1", "path": "/staff", "name": "staff"},
    }

    with pytest.raises(Conflict, match="User not found"):
        performed(USER, "remove", answers, field="groups", targets=(str(GROUP),))


def test_what_is_named_and_not_there_is_a_conflict_that_says_what_to_do() -> None:
    with pytest.raises(Conflict, match=r"keycloak\.group/lab/guests is not there; declare it"):
        performed(USER, "add", field="groups", targets=("keycloak.group/lab/guests",))


def test_a_subgroup_is_made_below_its_parent() -> None:
    done = performed(Address("keycloak.group", ("lab", "staff", "night")), "create", body={"name": "night"}, targets=())

    assert done.sent == [("POST lab/groups/g1/children", {"name": "night"})]


def test_a_client_role_is_made_below_its_client() -> None:
    done = performed(Address("keycloak.client-role", ("lab", "app", "x")), "create", body={"name": "x"}, targets=())

    assert done.sent == [("POST lab/clients/c1/roles", {"name": "x"})]


def test_names_are_quoted_in_paths() -> None:
    realm = Address("keycloak.realm", ("a/b c",))

    done = performed(realm, "update", {"GET a%2Fb%20c": {"id": "1"}}, patch={"enabled": True})

    assert done.requests[-1] == "PUT a%2Fb%20c"


def test_after_a_new_realm_a_new_token_is_taken() -> None:
    done = performed(REALM, "create", body={"realm": "lab"}, targets=())

    assert done.requests == ["POST admin/realms", "LOGIN"]


def test_what_was_made_meanwhile_is_a_conflict() -> None:
    answers = {"POST lab/groups": Conflict("exists"), "GET lab/group-by-path/staff": {"id": "9", "path": "/staff"}}

    with pytest.raises(Conflict, match="somebody else made it"):
        performed(GROUP, "create", answers, known={}, body={}, targets=())


def test_a_refusal_of_what_is_not_there_is_the_files_fault() -> None:
    with pytest.raises(Rejected, match="same email"):
        performed(USER, "create", {"POST lab/users": Conflict("same email")}, known={}, body={}, targets=())


def test_a_creation_whose_answer_was_lost_is_done_when_the_object_is_there() -> None:
    connection = ScriptedConnection({"POST lab/groups": Unreachable("lost")})
    performer = Performer(connection, Directory(connection))
    step = Step("s", GROUP, "create", {"body": {}, "targets": ()})
    with pytest.raises(Unreachable):
        performer(step)
    connection.answers = {
        "POST lab/groups": Conflict("exists"),
        "GET lab/group-by-path/staff": {"id": "9", "path": "/staff"},
    }

    performer(step)

    assert connection.requests[-1] == "GET lab/group-by-path/staff"


def test_a_change_of_what_is_gone_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="not there any more"):
        performed(ROLE, "update", patch={"description": "x"})


@pytest.mark.parametrize(
    "address",
    [
        Address("keycloak.realm", ("master",)),
        Address("keycloak.client", ("lab", "account")),
        Address("keycloak.client", ("master", "lab-realm")),
        Address("keycloak.client-scope", ("lab", "email")),
        Address("keycloak.role", ("lab", "offline_access")),
        Address("keycloak.role", ("lab", "default-roles-lab")),
        Address("keycloak.client-role", ("lab", "realm-management", "realm-admin")),
    ],
)
def test_what_is_built_in_is_never_deleted(address: Address) -> None:
    with pytest.raises(Rejected, match="built into Keycloak"):
        performed(address, "delete")


def test_the_account_in_use_is_never_deleted() -> None:
    connection = ScriptedConnection(account=USER)

    with pytest.raises(Rejected, match="belongs to the account"):
        Performer(connection, Directory(connection))(Step("s", USER, "delete"))
    assert connection.sent == []


@pytest.mark.parametrize("error", [Conflict, Rejected])
def test_deleting_what_is_gone_is_done(error: type[Exception]) -> None:
    done = performed(GROUP, "delete", {"DELETE lab/groups/g1": error("gone")})

    assert done.requests == ["DELETE lab/groups/g1", "GET lab/group-by-path/staff"]


def test_errors_know_resource_and_step_and_name_the_missing_role() -> None:
    with pytest.raises(Denied, match="needs the role manage-users in realm lab") as denied:
        performed(GROUP, "delete", {"DELETE lab/groups/g1": Denied("no")})
    there = {"GET lab/group-by-path/staff": {"id": "g1", "name": "staff", "path": "/staff"}}
    with pytest.raises(ProviderError) as rejected:
        performed(GROUP, "delete", {"DELETE lab/groups/g1": Rejected("no"), **there})

    for caught in (denied, rejected):
        assert (caught.value.address, caught.value.doing) == (GROUP, "delete")


def test_a_secret_is_still_one_when_it_reaches_the_line() -> None:
    done = performed(CLIENT, "update", {"GET lab/clients/c1": {}}, patch={"secret": Secret("x")})

    assert done.writes[0][1] == {"secret": Secret("x")}


def test_an_organization_is_found_by_its_alias_whatever_its_name_is() -> None:
    """Keycloak searches organizations by name and domain."""
    listed = [{"id": "o1", "alias": "acme", "name": "The Company"}, {"id": "o2", "alias": "other", "name": "acme"}]
    connection = ScriptedConnection({"GET lab/organizations?first=0&max=1000": listed})

    assert Directory(connection).id(Address("keycloak.organization", ("lab", "acme"))) == "o1"
