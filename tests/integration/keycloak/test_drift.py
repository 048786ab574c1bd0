"""Changes by administrators behind the file's back: named exactly, repaired by the least, nothing else touched."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.resource.values import ABSENT, Secret
from tests.kit.keycloak.realms import AUDIENCE_MAPPER, GROUPS_MAPPER, a_realm
from tests.kit.keycloak.server import ByHand, Driver, Server, a_made_realm, dropped


@dataclass(frozen=True)
class Lab:
    driver: Driver
    file: dict[str, Any]
    hand: ByHand

    def path(self, collection: str, **keys: str) -> str:
        return f"{collection.partition('?')[0]}/{self.hand.id_of(collection, **keys)}"

    def at(self, kind: str, *keys: str) -> str:
        return "/".join((f"keycloak.{kind}", self.file["realm"], *keys))

    def group(self, path: str) -> str:
        return str(self.hand.get(f"group-by-path/{path}")["id"])

    def role(self, name: str, client: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self.hand.get(
            f"{self.path('clients', clientId=client)}/roles/{name}" if client else f"roles/{name}"
        )
        return found

    @property
    def ann(self) -> str:
        return self.path("users", username="ann")

    @property
    def app(self) -> str:
        return self.path("clients", clientId="app")


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[Lab]:
    name = a_made_realm(server)
    admin, own = server.client(), server.client()
    driver, file = Driver(own), a_realm(name)
    try:
        driver.apply(copy.deepcopy(file))
        yield Lab(driver, file, ByHand(admin, name))
    finally:
        admin.close()
        own.close()
        dropped(server, name)


def test_everything_is_made_in_one_pass(driver: Driver, fresh: str) -> None:
    first, *rest = driver.apply(a_realm(fresh))

    assert len(rest) == 1, rest[0].fields
    assert {change.action for change in first.changes.values()} == {Action.CREATE}
    assert len(first.writes) == len(first.plan.steps)


def test_nothing_is_written_when_nothing_differs(lab: Lab) -> None:
    events = lab.hand.events()

    again = lab.driver.once(lab.file)

    assert again.plan.in_sync
    assert again.writes == ()
    assert lab.hand.events() == events


def test_order_in_lists_means_nothing(lab: Lab) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(part) for key, part in reversed(value.items())}
        return [turned(part) for part in reversed(value)] if isinstance(value, list) else value

    assert lab.driver.look(turned(lab.file)).plan.in_sync


def test_what_nobody_declares_is_left_alone(lab: Lab) -> None:
    lab.hand.post("clients", {"clientId": "foreign"})
    lab.hand.post("roles", {"name": "foreign"})
    lab.hand.post("groups", {"name": "foreign"})
    lab.hand.post("users", {"username": "foreign", "enabled": True})
    lab.hand.change(lab.app, description="by hand", attributes={"login_theme": "keycloak"})
    lab.hand.change("", loginTheme="keycloak")

    assert lab.driver.look(lab.file).plan.in_sync


# ------------------------------------------------------------------ one by one


Edit = Callable[[Lab], Any]
CASES: dict[str, tuple[Edit, int, tuple[str, ...]]] = {}


def case(name: str, *properties: str, writes: int = 1) -> Callable[[Callable[[Lab], Any]], Callable[[Lab], Any]]:
    """An edit by hand, which returns what is to be reported: ``ADDRESS path`` → old and new value.

    ``properties`` are the kinds and the names of what it is about.
    """

    def noted(edit: Callable[[Lab], Any]) -> Callable[[Lab], Any]:
        CASES[name] = edit, writes, properties
        return edit

    return noted


@case("redirect URI changed", "client redirectUris")
def _(lab: Lab) -> Any:
    lab.hand.change(lab.app, redirectUris=["https://evil.example.org/*"])
    before, after = ("https://evil.example.org/*",), ("https://app.example.org/a", "https://app.example.org/b")
    return {f"{lab.at('client', 'app')} redirectUris": (before, after)}


@case("client secret regenerated", "client secret")
def _(lab: Lab) -> Any:
    lab.hand.post(f"{lab.app}/client-secret", {})
    return {f"{lab.at('client', 'app')} secret": (ANYTHING, Secret("first secret"))}


@case("client attribute changed", "client attributes")
def _(lab: Lab) -> Any:
    lab.hand.change(lab.app, attributes={"pkce.code.challenge.method": "plain"})
    return {f"{lab.at('client', 'app')} attributes.pkce.code.challenge.method": ("plain", "S256")}


@case("mapper value changed", "client protocolMappers")
def _(lab: Lab) -> Any:
    mapper = lab.hand.one(f"{lab.app}/protocol-mappers/models", name="groups")
    lab.hand.put(
        f"{lab.app}/protocol-mappers/models/{mapper['id']}",
        {**mapper, "config": {**mapper["config"], "full.path": "true"}},
    )
    return {f"{lab.at('client', 'app')} protocolMappers.groups.config.full.path": ("true", "false")}


@case("mapper key added", "client protocolMappers")
def _(lab: Lab) -> Any:
    mapper = lab.hand.one(f"{lab.app}/protocol-mappers/models", name="groups")
    lab.hand.put(
        f"{lab.app}/protocol-mappers/models/{mapper['id']}",
        {**mapper, "config": {**mapper["config"], "access.token.claim": "true"}},
    )
    return {f"{lab.at('client', 'app')} protocolMappers.groups.config.access.token.claim": ("true", ABSENT)}


@case("mapper deleted", "client protocolMappers")
def _(lab: Lab) -> Any:
    lab.hand.delete(lab.path(f"{lab.app}/protocol-mappers/models", name="groups"))
    whole = {**{key: GROUPS_MAPPER[key] for key in ("protocol", "protocolMapper")}, "config": {**CONFIG}}
    return {f"{lab.at('client', 'app')} protocolMappers.groups": (ABSENT, whole)}


CONFIG = {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"}


@case("foreign mapper added", "client protocolMappers")
def _(lab: Lab) -> Any:
    lab.hand.post(f"{lab.app}/protocol-mappers/models", {**AUDIENCE_MAPPER, "name": "foreign"})
    return {f"{lab.at('client', 'app')} protocolMappers.foreign": (ANYTHING, ABSENT)}


@case("default scope taken away", "client defaultClientScopes")
def _(lab: Lab) -> Any:
    lab.hand.delete(f"{lab.app}/default-client-scopes/{lab.hand.id_of('client-scopes', name='email')}")
    before, after = ("basic", "extra", "profile"), ("basic", "email", "extra", "profile")
    return {f"{lab.at('client', 'app')} defaultClientScopes": (before, after)}


@case("optional scope added", "client optionalClientScopes")
def _(lab: Lab) -> Any:
    lab.hand.put(f"{lab.app}/optional-client-scopes/{lab.hand.id_of('client-scopes', name='address')}")
    return {f"{lab.at('client', 'app')} optionalClientScopes": (("address", "phone"), ("phone",))}


@case("default scope made optional", "client defaultClientScopes", "client optionalClientScopes", writes=2)
def _(lab: Lab) -> Any:
    scope = lab.hand.id_of("client-scopes", name="email")
    lab.hand.delete(f"{lab.app}/default-client-scopes/{scope}")
    lab.hand.put(f"{lab.app}/optional-client-scopes/{scope}")
    return {
        f"{lab.at('client', 'app')} defaultClientScopes": (
            ("basic", "extra", "profile"),
            ("basic", "email", "extra", "profile"),
        ),
        f"{lab.at('client', 'app')} optionalClientScopes": (("email", "phone"), ("phone",)),
    }


@case("scope attribute changed", "client-scope attributes")
def _(lab: Lab) -> Any:
    path = lab.path("client-scopes", name="extra")
    lab.hand.change(path, attributes={"include.in.token.scope": "true"})
    return {f"{lab.at('client-scope', 'extra')} attributes.include.in.token.scope": ("true", "false")}


@case("mapper of a scope changed", "client-scope protocolMappers")
def _(lab: Lab) -> Any:
    scope = lab.path("client-scopes", name="extra")
    mapper = lab.hand.one(f"{scope}/protocol-mappers/models", name="audience")
    config = {**mapper["config"], "included.client.audience": "other"}
    lab.hand.put(f"{scope}/protocol-mappers/models/{mapper['id']}", {**mapper, "config": config})
    path = "protocolMappers.audience.config.included.client.audience"
    return {f"{lab.at('client-scope', 'extra')} {path}": ("other", "app")}


@case("realm attribute changed", "realm attributes")
def _(lab: Lab) -> Any:
    lab.hand.change("", attributes={**lab.hand.get()["attributes"], "note": "other"})
    return {f"{lab.at('realm')} attributes.note": ("other", "kept")}


@case("realm attribute removed", "realm attributes")
def _(lab: Lab) -> Any:
    kept = {key: value for key, value in lab.hand.get()["attributes"].items() if key != "note"}
    lab.hand.change("", attributes=kept)
    return {f"{lab.at('realm')} attributes.note": (ABSENT, "kept")}


@case("setting changed that an attribute mirrors", "realm oauth2DeviceCodeLifespan")
def _(lab: Lab) -> Any:
    lab.hand.change("", oauth2DeviceCodeLifespan=777)
    return {f"{lab.at('realm')} oauth2DeviceCodeLifespan": (777, 500)}


@case("security header changed", "realm browserSecurityHeaders")
def _(lab: Lab) -> Any:
    lab.hand.change("", browserSecurityHeaders={"xFrameOptions": "SAMEORIGIN"})
    return {f"{lab.at('realm')} browserSecurityHeaders.xFrameOptions": ("SAMEORIGIN", "DENY")}


@case("addresses shared", "realm duplicateEmailsAllowed", "realm loginWithEmailAllowed")
def _(lab: Lab) -> Any:
    lab.hand.change("", loginWithEmailAllowed=False, duplicateEmailsAllowed=True)
    return {
        f"{lab.at('realm')} loginWithEmailAllowed": (False, True),
        f"{lab.at('realm')} duplicateEmailsAllowed": (True, False),
    }


@case("mail server changed", "realm smtpServer")
def _(lab: Lab) -> Any:
    lab.hand.change("", smtpServer={**lab.hand.get()["smtpServer"], "host": "other", "ssl": "false"})
    return {f"{lab.at('realm')} smtpServer.host": ("other", "mail")}


@case("role description erased", "role description")
def _(lab: Lab) -> Any:
    lab.hand.put("roles/viewer", {"name": "viewer"})
    return {f"{lab.at('role', 'viewer')} description": (ABSENT, "May look")}


@case("role attribute changed", "role attributes")
def _(lab: Lab) -> Any:
    lab.hand.change("roles/viewer", attributes={"level": ["2"], "foreign": ["x"]})
    return {
        f"{lab.at('role', 'viewer')} attributes.level": (("2",), ("1",)),
        f"{lab.at('role', 'viewer')} attributes.foreign": (("x",), ABSENT),
    }


@case("composite taken away", "role composites")
def _(lab: Lab) -> Any:
    lab.hand.delete("roles/boss/composites", [lab.role("viewer")])
    return {f"{lab.at('role', 'boss')} composites.realm": (ABSENT, ("viewer",))}


@case("composites added", "role composites", writes=1)
def _(lab: Lab) -> Any:
    lab.hand.client.post(
        lab.hand.path("roles/boss/composites"), [lab.role("ping"), lab.role("manage-account", "account")]
    )
    return {
        f"{lab.at('role', 'boss')} composites.realm": (("ping", "viewer"), ("viewer",)),
        f"{lab.at('role', 'boss')} composites.client.account": (("manage-account", "view-profile"), ("view-profile",)),
    }


@case("role deleted", writes=5)  # the role, and what it had been part of
def _(lab: Lab) -> Any:
    lab.hand.delete("roles/viewer")
    return ANYTHING


@case("client role with a slash changed", "client-role attributes")
def _(lab: Lab) -> Any:
    path = f"roles-by-id/{lab.hand.id_of(f'{lab.app}/roles', name='a/b c')}"
    lab.hand.change(path, attributes={"x": ["z"]})
    return {f"{lab.at('client-role', 'app', 'a%2Fb c')} attributes.x": (("z",), ("y",))}


@case("group attribute changed", "group attributes")
def _(lab: Lab) -> Any:
    lab.hand.change(f"groups/{lab.group('staff')}", attributes={"floor": ["3"]})
    return {f"{lab.at('group', 'staff')} attributes.floor": (("3",), ("1", "2"))}


@case("role given to a group", "group realmRoles")
def _(lab: Lab) -> Any:
    lab.hand.client.post(lab.hand.path(f"groups/{lab.group('staff')}/role-mappings/realm"), [lab.role("boss")])
    return {f"{lab.at('group', 'staff')} realmRoles": (("boss", "viewer"), ("viewer",))}


@case("client role taken from a group", "group clientRoles")
def _(lab: Lab) -> Any:
    app = lab.hand.id_of("clients", clientId="app")
    lab.hand.delete(f"groups/{lab.group('staff')}/role-mappings/clients/{app}", [lab.role("reader", "app")])
    return {f"{lab.at('group', 'staff')} clientRoles.app": (ABSENT, ("reader",))}


@case("group deleted", writes=2)  # the group, and Ann's place in it
def _(lab: Lab) -> Any:
    lab.hand.delete(f"groups/{lab.group('guests')}")
    return ANYTHING


@case("subgroups deleted", writes=4)  # two groups, and Ann's places in them
def _(lab: Lab) -> Any:
    lab.hand.delete(f"groups/{lab.group('staff/night')}")
    return ANYTHING


@case("user disabled", "user enabled")
def _(lab: Lab) -> Any:
    lab.hand.change(lab.ann, enabled=False)
    return {f"{lab.at('user', 'ann')} enabled": (False, True)}


@case("user's e-mail changed", "user email")
def _(lab: Lab) -> Any:
    lab.hand.change(lab.ann, email="other@example.org")
    return {f"{lab.at('user', 'ann')} email": ("other@example.org", "ann@example.org")}


@case("user removed from a group", "user groups")
def _(lab: Lab) -> Any:
    lab.hand.delete(f"{lab.ann}/groups/{lab.group('guests')}")
    before, after = ("/staff/night", "/staff/night/r&d / x"), ("/guests", "/staff/night", "/staff/night/r&d / x")
    return {f"{lab.at('user', 'ann')} groups": (before, after)}


@case("user put into a foreign group", "user groups")
def _(lab: Lab) -> Any:
    lab.hand.put(f"{lab.path('users', username='bob')}/groups/{lab.group('staff')}")
    return {f"{lab.at('user', 'bob')} groups": (("/staff",), ())}


@case("role given to a user", "user realmRoles")
def _(lab: Lab) -> Any:
    lab.hand.client.post(lab.hand.path(f"{lab.ann}/role-mappings/realm"), [lab.role("boss")])
    return {f"{lab.at('user', 'ann')} realmRoles": (ANYTHING, ANYTHING)}


@case("client role given to a user", "user clientRoles")
def _(lab: Lab) -> Any:
    account = lab.hand.id_of("clients", clientId="account")
    lab.hand.client.post(
        lab.hand.path(f"{lab.ann}/role-mappings/clients/{account}"), [lab.role("view-groups", "account")]
    )
    return {f"{lab.at('user', 'ann')} clientRoles.account": (("view-groups",), ABSENT)}


@case("role taken from a service account", "user realmRoles")
def _(lab: Lab) -> Any:
    user = lab.hand.get("users?username=service-account-robot&exact=true")[0]["id"]
    lab.hand.delete(f"users/{user}/role-mappings/realm", [lab.role("viewer")])
    return {f"{lab.at('user', 'service-account-robot')} realmRoles": (ANYTHING, ANYTHING)}


@case("user deleted", writes=3)  # the user, the realm's role, the client's role
def _(lab: Lab) -> Any:
    lab.hand.delete(lab.ann)
    return ANYTHING


@case("client deleted", writes=7)  # the client, its roles, and what they had been part of
def _(lab: Lab) -> Any:
    lab.hand.delete(lab.app)
    return ANYTHING


def tried() -> Iterator[tuple[str, str]]:
    """The kinds and properties of all cases."""
    for _, _, properties in CASES.values():
        for each in properties:
            kind, _, name = each.partition(" ")
            yield kind, name


class _Anything:
    def __eq__(self, _other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


ANYTHING = _Anything()


def about(key: str) -> str:
    """The kind and the property of a difference."""
    address, _, path = key.rpartition(" ")
    return f"{address.partition('/')[0].removeprefix('keycloak.')} {path.partition('.')[0]}"


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("name", CASES)
def test_drift_is_named_exactly_and_repaired_by_the_least(lab: Lab, name: str) -> None:
    edit, writes, properties = CASES[name]
    expected: Any = edit(lab)
    events = len(lab.hand.events())

    seen = lab.driver.look(lab.file)
    repaired = lab.driver.once(lab.file)
    after = lab.driver.look(lab.file)

    assert seen.fields == expected
    assert properties == () or set(properties) == {about(key) for key in expected}
    assert len(repaired.writes) == writes, repaired.writes
    assert len(lab.hand.events()) - events == writes
    assert after.plan.in_sync, after.fields
