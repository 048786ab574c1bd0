"""Reading many users: which requests, and when which way is less."""

from __future__ import annotations

from threading import Barrier
from typing import Any

import pytest

from reconciler.core.message.errors import Denied
from reconciler.core.resource.resource import Observed
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.read.observe import observe
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

EXPORT = {
    "id": "lab",
    "realm": "lab",
    "defaultRole": {"name": "default-roles-lab"},
    "clients": [{"id": "c1", "clientId": "app"}],
    "roles": {
        "realm": [{"id": "r1", "name": "viewer"}, {"id": "r0", "name": "default-roles-lab"}],
        "client": {"app": [{"id": "r2", "name": "reader"}]},
    },
    "groups": [{"id": "g1", "name": "staff", "subGroups": [{"id": "g2", "name": "night"}]}],
}
ALL = "ASK lab/partial-export?exportClients=true&exportGroupsAndRoles=true"
MANY = [f"user{number}" for number in range(30)]
LIVE = [{"id": name, "username": name} for name in MANY]
MEMBERS = "&max=5000&briefRepresentation=true"
PAGE = f"GET lab/users?first=0{MEMBERS}"


def observed(answers: Any, realm: Any) -> tuple[dict[str, Observed], ScriptedConnection]:
    connection = ScriptedConnection(answers)
    found = observe(connection, Directory(connection), list(expand(document(realm))))
    return {str(each.address): each for each in found}, connection


def users(**properties: Any) -> Any:
    return {"realm": "lab", "users": [{"username": name, **properties} for name in MANY]}


EVERYTHING = users(groups=[], realmRoles=[], clientRoles={})


def test_many_users_are_read_in_a_page_and_their_memberships_by_group_and_role() -> None:
    answers = {
        ALL: EXPORT,
        "GET lab/users/count": 30,
        PAGE: LIVE,
        f"GET lab/groups/g2/members?first=0{MEMBERS}": LIVE[:2],
        f"GET lab/roles/viewer/users?first=0{MEMBERS}": LIVE[1:2],
        f"GET lab/clients/c1/roles/reader/users?first=0{MEMBERS}": [*LIVE[:1], {"username": "somebody else"}],
    }

    found, connection = observed(answers, EVERYTHING)

    assert connection.requests[:3] == [ALL, "GET lab/users/count", PAGE]
    assert sorted(connection.requests[3:]) == [  # side by side, so in any order
        f"GET lab/clients/c1/roles/reader/users?first=0{MEMBERS}",
        f"GET lab/groups/g1/members?first=0{MEMBERS}",
        f"GET lab/groups/g2/members?first=0{MEMBERS}",
        f"GET lab/roles/viewer/users?first=0{MEMBERS}",  # not the default role, which everybody has
    ]
    assert found["keycloak.user/lab/user0"].spec == {
        "groups": ("/staff/night",),
        "realmRoles": (),
        "clientRoles": {"app": ["reader"]},
    }
    assert found["keycloak.user/lab/user1"].spec["realmRoles"] == ("viewer",)
    assert found["keycloak.user/lab/user29"].spec["groups"] == ()


def test_roles_that_nobody_declares_are_not_asked_for() -> None:
    answers = {ALL: EXPORT, "GET lab/users/count": 30, PAGE: LIVE}

    found, connection = observed(answers, users(clientRoles={}))

    assert [each for each in connection.requests if "/roles/" in each] == [
        f"GET lab/clients/c1/roles/reader/users?first=0{MEMBERS}"
    ]
    assert found["keycloak.user/lab/user0"].spec == {"clientRoles": {}}


def test_a_few_of_many_thousand_users_are_looked_up() -> None:
    _, connection = observed({ALL: EXPORT, "GET lab/users/count": 100_000}, users())

    assert len([each for each in connection.requests if "exact=true" in each]) == 30


@pytest.mark.parametrize("name", ["attributes", "requiredActions"])
def test_users_are_read_in_full_where_one_of_them_declares_what_a_brief_list_leaves_out(name: str) -> None:
    realm = users()
    realm["users"][3] |= {name: {} if name == "attributes" else []}
    in_full = [{**each, "attributes": {"unit": ["x"]}, "requiredActions": ["VERIFY_EMAIL"]} for each in LIVE]
    answers = {ALL: EXPORT, "GET lab/users/count": 30, "GET lab/users?first=0&max=1000": in_full}

    found, _ = observed(answers, realm)

    assert found["keycloak.user/lab/user3"].spec[name] == in_full[3][name]


def test_pages_are_read_until_one_is_not_full() -> None:
    page = [{"id": str(number), "username": f"other{number}"} for number in range(5000)]
    answers = {
        ALL: EXPORT,
        "GET lab/users/count": 500,
        PAGE: page,
        f"GET lab/users?first=5000{MEMBERS}": LIVE,
    }

    found, _ = observed(answers, users())

    assert len(found) == 31


class Together(ScriptedConnection):
    """Answers some requests only while as many of them are under way."""

    def together(self, part: str, size: int) -> Together:
        self.part, self.barrier = part, Barrier(size, timeout=10)
        return self

    def get(self, path: str) -> Any:
        if self.part in path:
            self.barrier.wait()
        return super().get(path)


@pytest.mark.parametrize(
    ("count", "together", "of"),
    [
        (12_500, "lab/users?first=", 3),
        (30, "/members", 2),
        (30, "/roles/", 2),
        (9_000_000, "exact=true", 2),
    ],
)
def test_several_requests_are_under_way_at_a_time(count: int, together: str, of: int) -> None:
    page = [{"id": str(number), "username": f"other{number}"} for number in range(4970)]
    answers = {ALL: EXPORT, "GET lab/users/count": count}
    answers |= {f"GET lab/users?first={first}{MEMBERS}": [*page, *LIVE] for first in (0, 5000)}
    answers |= {f"GET lab/users?username={name}&exact=true": [{"id": name, "username": name}] for name in MANY}
    connection = Together(answers).together(together, of)

    found = list(observe(connection, Directory(connection), list(expand(document(EVERYTHING)))))

    assert [str(each.address) for each in found[-30:]] == [f"keycloak.user/lab/{name}" for name in MANY]
    assert len([each for each in connection.requests if together in each]) % of == 0


def test_what_one_of_several_requests_is_refused_is_told() -> None:
    answers = {ALL: EXPORT, "GET lab/users/count": 30, PAGE: LIVE}
    answers[f"GET lab/groups/g2/members?first=0{MEMBERS}"] = Denied("not you")

    with pytest.raises(Denied, match="not you; to read realm lab the account needs the roles view-users"):
        observed(answers, EVERYTHING)


def test_where_addresses_serve_as_names_users_that_are_missing_in_the_pages_are_looked_up() -> None:
    answers = {
        ALL: {**EXPORT, "registrationEmailAsUsername": True},
        "GET lab/users/count": 30,
        PAGE: LIVE[1:],
        "GET lab/users?username=user0&exact=true": [{"id": "u0", "username": "user0@example.org"}],
    }

    found, _ = observed(answers, users())

    assert found["keycloak.user/lab/user0"].id == "u0"
