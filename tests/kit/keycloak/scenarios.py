"""Changes of realms, one for each way in which the provider works: what is there before, and what is then declared."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from reconciler.core.execution.report import Event, Report
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.clock import TurnedClock
from tests.kit.keycloak.realms import (
    AUDIENCE_MAPPER,
    GROUPS_MAPPER,
    PROFILE_ATTRIBUTES,
    a_realm,
    a_whole_realm,
    the_seed_realm,
)
from tests.kit.keycloak.server import ByHand, document
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

RealmFile: TypeAlias = Mapping[str, Any]

LAB: Final = "lab"
STRANGER: Final = "stranger"
"""A realm that no file declares."""


@dataclass(frozen=True)
class Scenario:
    """A change from one file to another; ``by_hand`` is what somebody does in between.

    ``more`` are the writes that a run may do again after a kill: the one under way, and the secrets that it has written
    and whose digests it has not, as the server does not show them.
    """

    name: str
    before: RealmFile | None
    after: RealmFile
    by_hand: Callable[[ByHand], None] | None = None
    may_lose: tuple[str, ...] = ()
    more: int = 1

    def __str__(self) -> str:
        return self.name

    @property
    def policy(self) -> Policy:
        lost = frozenset(map(Address.parse, self.may_lose))
        return Policy(deletes=True, may_lose=lost, may_disrupt=lost, most_surplus=1000)

    def begun(self) -> bytes:
        """The realms before the change, as they are saved."""
        return _begun(self.name)

    def run(self, server: SimulatedKeycloak) -> tuple[Report, Sequence[Look]]:
        """An `apply`, as in a process of its own."""
        return applied(server, self.after, self.policy)

    def left(self, server: SimulatedKeycloak) -> list[str]:
        """The changes that a look still finds."""
        return left(server, self.after, self.policy)


def a_reconciler(server: SimulatedKeycloak, realm: RealmFile, policy: Policy) -> Reconciler:
    provider = KeycloakProvider({}, client=SimulatedClient(server))
    return Reconciler(document(realm), {"keycloak": provider}, TurnedClock(), policy, workers=1)


def applied(server: SimulatedKeycloak, realm: RealmFile, policy: Policy) -> tuple[Report, Sequence[Look]]:
    happened = list(a_reconciler(server, realm, policy).converge(lambda _look: None))
    report = Report(tuple(each for each in happened if isinstance(each, Event)))
    return report, [each for each in happened if isinstance(each, Look)]


def left(server: SimulatedKeycloak, realm: RealmFile, policy: Policy) -> list[str]:
    plan = a_reconciler(server, realm, policy).look().plan
    return [f"{change.address} {change.action}: {change.fields}" for change in plan.changes if change.acts]


@cache
def _begun(name: str) -> bytes:
    scenario = SCENARIOS[name]
    server = SimulatedKeycloak()
    for realm in (*([scenario.before] if scenario.before else []), {**a_realm(STRANGER)}):
        report, _ = applied(server, realm, Policy())
        assert not report.failed, [event.note for event in report.failed]
    if scenario.by_hand:
        scenario.by_hand(ByHand(SimulatedClient(server), LAB))
    return server.saved()


# ------------------------------------------------------------------ the files


def lab(**sections: Any) -> dict[str, Any]:
    return {"realm": LAB, "enabled": True, **sections}


def exact(*sections: str) -> dict[str, Any]:
    return {"prune": dict.fromkeys(sections, "exact")}


def _seed() -> RealmFile:
    with tempfile.TemporaryDirectory() as folder:
        return the_seed_realm(LAB, Path(folder))


def _whole() -> dict[str, Any]:
    """One object of each type that the simulator has."""
    # Service accounts are in the default groups of the moment, which may need the roles of their clients.
    strange = ("organizations", "workflows", "organizationsEnabled", "adminPermissionsEnabled", "defaultGroups")
    realm = {key: value for key, value in a_whole_realm(LAB).items() if key not in strange}
    realm["clients"] = [each for each in realm["clients"] if each["clientId"] != "admin-permissions"]
    # The actions of a new realm are changed in its second pass, and ask nothing of the users of the first one.
    realm["requiredActions"] = [{**each, "defaultAction": False} for each in realm["requiredActions"]]
    return realm


def _changed_realm() -> dict[str, Any]:
    """The realm of tests, with a change in each of its sections."""
    realm = copy.deepcopy(a_realm(LAB))
    realm |= {"displayName": "Another", "passwordPolicy": "length(9)"}
    realm["smtpServer"]["password"] = "mail's new secret"
    realm["clients"][0] |= {
        "secret": Secret("second secret"),
        "redirectUris": ["https://app.example.org/c"],
        "protocolMappers": [{**GROUPS_MAPPER, "config": {"claim.name": "teams"}}, AUDIENCE_MAPPER],
        "defaultClientScopes": ["basic", "email", "phone"],
        "optionalClientScopes": ["extra", "profile"],
    }
    realm["roles"]["realm"][1]["composites"] = {"realm": ["viewer", "ping"]}
    realm["groups"][0] |= {"attributes": {"floor": ["3"]}, "realmRoles": ["boss"], "clientRoles": {}}
    realm["users"][0] |= {"groups": ["/staff"], "realmRoles": ["boss"], "lastName": "Ho", "requiredActions": []}
    return realm


def _people(count: int) -> dict[str, Any]:
    users = [
        {
            "username": f"user{number:03}",
            "enabled": True,
            "email": f"user{number:03}@example.org",
            "firstName": "U",
            "lastName": str(number),
            "groups": ["/staff"],
            "realmRoles": ["viewer"],
        }
        for number in range(count)
    ]
    return lab(roles={"realm": [{"name": "viewer"}]}, groups=[{"name": "staff"}], users=users)


_USER: Final = {"username": "ann", "enabled": True, "email": "ann@example.org", "firstName": "A", "lastName": "N"}


def _flow(alias: str, *executions: RealmFile, top: bool = True) -> dict[str, Any]:
    numbered = [{"requirement": "ALTERNATIVE", "priority": 10 * index, **each} for index, each in enumerate(executions)]
    return {
        "alias": alias,
        "providerId": "basic-flow",
        "topLevel": top,
        "builtIn": False,
        "authenticationExecutions": numbered,
    }


def _sub(alias: str) -> dict[str, Any]:
    return {"authenticatorFlow": True, "flowAlias": alias}


_COOKIE: Final = {"authenticator": "auth-cookie"}
_FORM: Final = {"authenticator": "auth-username-password-form", "requirement": "REQUIRED"}
_CODE: Final = [
    {"authenticator": "conditional-user-configured", "requirement": "REQUIRED"},
    {"authenticator": "auth-otp-form"},
]


def _settled(number: str) -> dict[str, Any]:
    alias = f"only {number}"
    config = {"alias": alias, "config": {"condUserRole": number}}
    return {"authenticator": "conditional-user-role", "requirement": "REQUIRED", "authenticatorConfig": config}


def _services(*policies: RealmFile, resources: Sequence[str] = ("files",)) -> dict[str, Any]:
    settings = {
        "policyEnforcementMode": "PERMISSIVE",
        "scopes": [{"name": "read"}, {"name": "write"}],
        "resources": [{"name": name, "uris": [f"/{name}"], "scopes": [{"name": "read"}]} for name in resources],
        "policies": list(policies),
    }
    client = {
        "clientId": "app",
        "enabled": True,
        "secret": Secret("s"),
        "serviceAccountsEnabled": True,
        "authorizationServicesEnabled": True,
        "authorizationSettings": settings,
    }
    return lab(roles={"realm": [{"name": "viewer"}, {"name": "boss"}]}, clients=[client])


def _role_policy(role: str) -> dict[str, Any]:
    return {"name": "who", "type": "role", "logic": "POSITIVE", "config": {"roles": f'[{{"id": "{role}"}}]'}}


_HOURS: Final = {"name": "who", "type": "time", "logic": "NEGATIVE", "config": {"hour": "8", "hourEnd": "17"}}
_MAY: Final = {
    "name": "may read",
    "type": "scope",
    "decisionStrategy": "UNANIMOUS",
    "config": {"scopes": '["read"]', "applyPolicies": '["who"]'},
}


def _provider(alias: str, secret: str, **more: Any) -> dict[str, Any]:
    address = {"authorizationUrl": "https://i.example.org/a", "tokenUrl": "https://i.example.org/t"}
    config = {"clientId": "us", "clientSecret": Secret(secret), **address}
    return {"alias": alias, "providerId": "oidc", "config": config, **more}


def _mapper(alias: str, role: str) -> dict[str, Any]:
    config = {"role": role, "syncMode": "INHERIT"}
    kind = "hardcoded-role-idp-mapper"
    return {"name": "role", "identityProviderAlias": alias, "identityProviderMapper": kind, "config": config}


def _names(*names: str) -> list[RealmFile]:
    return [{"name": name} for name in names]


def _disorder(hand: ByHand) -> None:
    """The acts of an administrator on a bad day."""
    app, ann = f"clients/{hand.id_of('clients', clientId='app')}", f"users/{hand.id_of('users', username='ann')}"
    hand.change("", displayName="Mine", accessTokenLifespan=17)
    hand.change(app, redirectUris=["https://evil.example.org/*"], secret="known to all")
    models = f"{app}/protocol-mappers/models"
    hand.delete(f"{models}/{hand.id_of(models, name='groups')}")
    hand.delete(f"groups/{hand.id_of('groups', name='staff')}")
    hand.change(ann, enabled=False, email="other@example.org")
    hand.delete(f"roles-by-id/{hand.get('roles/boss')['id']}")
    hand.delete(f"client-scopes/{hand.id_of('client-scopes', name='extra')}")
    hand.delete(f"users/{hand.id_of('users', username='bob')}")


# ------------------------------------------------------------------ the changes


def _of_a_kind(section: str, before: RealmFile, after: RealmFile, *may_lose: str) -> Scenario:
    pruned = {**after, "x-reconcile": exact(section)}
    return Scenario(f"{section} pruned", before, pruned, may_lose=may_lose)


SCENARIOS: Final[Mapping[str, Scenario]] = {
    each.name: each
    for each in (
        Scenario("the seed's realm made", None, _seed()),
        Scenario("a realm made, in which everything names something", None, a_realm(LAB)),
        Scenario("a realm made, with an object of each other type", None, _whole()),
        Scenario("a change in each section", a_realm(LAB), _changed_realm()),
        Scenario("disorder made good", a_realm(LAB), a_realm(LAB), by_hand=_disorder),
        Scenario("500 users made", lab(), _people(500)),
        Scenario("60 users changed", _people(60), {**_people(60), "groups": _names("staff", "others")}),
        Scenario(
            "a client's secret rotated",
            lab(clients=[{"clientId": "app", "secret": Secret("one")}]),
            lab(clients=[{"clientId": "app", "secret": Secret("two")}]),
        ),
        Scenario(
            "a client renamed",
            lab(clients=[{"clientId": "app", "secret": Secret("one"), "serviceAccountsEnabled": True}]),
            {
                **lab(clients=[{"clientId": "app2", "secret": Secret("one"), "serviceAccountsEnabled": True}]),
                "x-reconcile": exact("clients"),
            },
        ),
        Scenario(
            "a client becomes public, another one gets an account",
            lab(clients=[{"clientId": "a", "secret": Secret("one")}, {"clientId": "b"}]),
            lab(
                clients=[
                    {"clientId": "a", "publicClient": True},
                    {"clientId": "b", "serviceAccountsEnabled": True, "serviceAccountRoles": {"realm": ["viewer"]}},
                ],
                roles={"realm": [{"name": "viewer"}]},
            ),
        ),
        Scenario(
            "a password set again",
            lab(users=[{**_USER, "credentials": [{"type": "password", "value": Secret("one"), "ensure": "label"}]}]),
            lab(users=[{**_USER, "credentials": [{"type": "password", "value": Secret("two"), "ensure": "label"}]}]),
        ),
        Scenario(
            "a subflow moved to another flow",
            lab(
                browserFlow="login",
                authenticationFlows=[
                    _flow("login", _COOKIE, _sub("our forms")),
                    _flow("our forms", _FORM, _sub("our code"), top=False),
                    _flow("our code", *_CODE, top=False),
                ],
            ),
            lab(
                browserFlow="login",
                authenticationFlows=[
                    _flow("login", _COOKIE, _sub("our forms"), _sub("our code")),
                    _flow("our forms", _FORM, top=False),
                    _flow("our code", *_CODE, top=False),
                ],
            ),
        ),
        Scenario(
            "a flow gets a new name, and its subflow stays",
            lab(
                browserFlow="login",
                authenticationFlows=[_flow("login", _COOKIE, _sub("our forms")), _flow("our forms", _FORM, top=False)],
            ),
            {
                **lab(
                    browserFlow="login v2",
                    authenticationFlows=[
                        _flow("login v2", _COOKIE, _sub("our forms")),
                        _flow("our forms", _FORM, top=False),
                    ],
                ),
                "x-reconcile": exact("authenticationFlows"),
            },
        ),
        Scenario(
            "settings of executions changed",
            lab(authenticationFlows=[_flow("login", _COOKIE, _settled("a")), _flow("other", _settled("b"))]),
            lab(authenticationFlows=[_flow("login", _settled("b"), _COOKIE), _flow("other", _settled("c"))]),
        ),
        Scenario(
            "a tree of groups moved, with its members",
            lab(
                roles={"realm": [{"name": "old"}]},
                groups=[
                    {
                        "name": "A",
                        "realmRoles": ["old"],
                        "subGroups": [{"name": "team", "subGroups": _names("x", "y")}],
                    },
                    {"name": "B"},
                ],
                users=[{**_USER, "groups": ["/A/team/x"], "realmRoles": ["old"]}],
            ),
            {
                **lab(
                    roles={"realm": [{"name": "new"}]},
                    groups=[
                        {"name": "A", "realmRoles": [], "subGroups": []},
                        {
                            "name": "B",
                            "realmRoles": ["new"],
                            "subGroups": [{"name": "team", "subGroups": _names("x", "y")}],
                        },
                    ],
                    users=[{**_USER, "groups": ["/B/team/x"], "realmRoles": ["new"]}],
                ),
                "x-reconcile": exact("groups", "roles"),
            },
        ),
        Scenario(
            "roles contain each other the other way round",
            lab(
                roles={"realm": [{"name": "a", "composites": {"realm": ["b"]}}, {"name": "b"}, {"name": "c"}]},
                defaultRoles={"realmRoles": ["a"]},
            ),
            lab(
                roles={
                    "realm": [
                        {"name": "a", "composites": {}},
                        {"name": "b", "composites": {"realm": ["a", "c"]}},
                        {"name": "c", "composites": {"client": {"account": ["view-profile"]}}},
                    ]
                },
                defaultRoles={"realmRoles": ["b", "c"]},
            ),
        ),
        Scenario(
            "memberships changed",
            lab(
                roles={"realm": [{"name": "r"}, {"name": "s"}]},
                groups=_names("g", "h", "i"),
                users=[{**_USER, "groups": ["/g", "/h"], "realmRoles": ["r"]}],
            ),
            lab(
                roles={"realm": [{"name": "r"}, {"name": "s"}]},
                groups=_names("g", "h", "i"),
                users=[
                    {**_USER, "groups": ["/h", "/i"], "realmRoles": ["s"], "clientRoles": {"account": ["view-profile"]}}
                ],
            ),
        ),
        Scenario(
            "an identity provider changed",
            lab(
                roles={"realm": [{"name": "r"}, {"name": "s"}]},
                identityProviders=[_provider("corp", "one")],
                identityProviderMappers=[_mapper("corp", "r")],
                users=[
                    {**_USER, "federatedIdentities": [{"identityProvider": "corp", "userId": "1", "userName": "x"}]}
                ],
            ),
            lab(
                roles={"realm": [{"name": "r"}, {"name": "s"}]},
                identityProviders=[_provider("corp", "two", trustEmail=True), _provider("more", "three")],
                identityProviderMappers=[_mapper("corp", "s"), _mapper("more", "s")],
                users=[
                    {**_USER, "federatedIdentities": [{"identityProvider": "corp", "userId": "2", "userName": "y"}]}
                ],
            ),
            more=2,
        ),
        Scenario(
            "a user profile, and attributes by it",
            lab(users=[_USER]),
            lab(
                userProfile={"attributes": PROFILE_ATTRIBUTES, "groups": [{"name": "place", "displayHeader": "Where"}]},
                users=[{**_USER, "attributes": {"floor": ["1"]}}],
            ),
        ),
        Scenario("authorization services switched on", lab(), _services(_role_policy("viewer"), _MAY)),
        Scenario(
            "a policy gets another type",
            _services(_role_policy("viewer"), _MAY, resources=("files", "more")),
            _services(_HOURS, _MAY),
        ),
        Scenario(
            "policies and resources changed",
            _services(_role_policy("viewer"), _MAY),
            _services(_role_policy("boss"), resources=("files", "others")),
        ),
        Scenario(
            "texts, policies for clients and required actions changed",
            lab(
                localizationTexts={"de": {"a": "1", "b": "2"}},
                clientProfiles={"profiles": [{"name": "strict", "executors": []}]},
                requiredActions=[{"alias": "VERIFY_EMAIL", "enabled": True, "priority": 51}],
            ),
            lab(
                localizationTexts={"de": {"a": "3", "c": "4"}, "fr": {"a": "5"}},
                clientProfiles={"profiles": [{"name": "strict", "executors": []}, {"name": "more", "executors": []}]},
                clientPolicies={"policies": [{"name": "p", "enabled": True, "conditions": [], "profiles": ["more"]}]},
                requiredActions=[{"alias": "VERIFY_EMAIL", "enabled": False, "priority": 7}],
            ),
        ),
        Scenario(
            "scopes and scope mappings changed",
            lab(
                roles={"realm": [{"name": "r"}, {"name": "s"}]},
                clientScopes=[{"name": "extra", "protocol": "openid-connect"}],
                clients=[{"clientId": "app", "fullScopeAllowed": False}],
                scopeMappings=[{"client": "app", "roles": ["r"]}],
            ),
            lab(
                roles={"realm": [{"name": "r"}, {"name": "s"}]},
                clientScopes=[
                    {"name": "extra", "protocol": "openid-connect", "protocolMappers": [AUDIENCE_MAPPER]},
                    {"name": "more", "protocol": "openid-connect"},
                ],
                clients=[{"clientId": "app", "fullScopeAllowed": False}],
                scopeMappings=[{"client": "app", "roles": ["s"]}, {"clientScope": "more", "roles": ["r", "s"]}],
                defaultOptionalClientScopes=["extra", "more", "phone"],
            ),
        ),
        _of_a_kind(
            "clients",
            lab(
                clients=[{"clientId": "app"}, {"clientId": "b"}],
                roles={"client": {"b": [{"name": "x"}]}},
            ),
            lab(clients=[{"clientId": "app"}]),
        ),
        _of_a_kind("roles", lab(roles={"realm": _names("a", "b", "c")}), lab(roles={"realm": _names("a")})),
        _of_a_kind(
            "groups",
            lab(groups=[{"name": "a", "subGroups": _names("b", "c")}, {"name": "d"}]),
            lab(groups=[{"name": "a", "subGroups": _names("b")}]),
        ),
        _of_a_kind(
            "users",
            lab(users=[_USER, {**_USER, "username": "bob", "email": "b@example.org"}]),
            lab(users=[_USER]),
            f"keycloak.user/{LAB}/bob",
        ),
        _of_a_kind(
            "clientScopes",
            lab(
                clientScopes=[{"name": name, "protocol": "openid-connect"} for name in ("a", "b")],
                clients=[{"clientId": "app", "defaultClientScopes": ["a", "email"]}],
            ),
            lab(
                clientScopes=[{"name": "b", "protocol": "openid-connect"}],
                clients=[{"clientId": "app", "defaultClientScopes": ["b", "email"]}],
            ),
        ),
        _of_a_kind(
            "identityProviders",
            lab(
                identityProviders=[_provider("a", "1"), _provider("b", "2")],
                identityProviderMappers=[_mapper("a", "x")],
            ),
            lab(identityProviders=[_provider("b", "2")]),
        ),
        _of_a_kind(
            "authenticationFlows",
            lab(
                browserFlow="login",
                authenticationFlows=[_flow("login", _COOKIE, _sub("our forms")), _flow("our forms", _FORM, top=False)],
            ),
            lab(browserFlow="browser", authenticationFlows=[_flow("other", _COOKIE)]),
        ),
        _of_a_kind(
            "localizationTexts",
            lab(localizationTexts={"de": {"a": "1"}, "fr": {"a": "2"}}),
            lab(localizationTexts={"de": {"a": "1"}}),
        ),
    )
}
