"""Values that a file may leave out, unset, mask and ignore; and failures on the way."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.execution.report import Event, What
from reconciler.core.message.errors import Conflict, Denied, Rejected, Unreachable
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Done, Pending
from reconciler.core.resource.values import ABSENT, Secret, Value
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.write.steps import steps
from reconciler.run.clock import RealClock
from reconciler.run.reconciliation.once import Reconciler
from reconciler.vocabulary.keycloak import CLIENT, WORKFLOW
from tests.kit.keycloak.realms import GROUPS_MAPPER, a_realm
from tests.kit.keycloak.server import (
    ByHand,
    CountingClient,
    Driver,
    Server,
    document,
    lacks,
    server_of,
    still,
    with_roles,
    without_newer,
)


def plain(name: str, **sections: Any) -> dict[str, Any]:
    return {"realm": name, "enabled": True, **sections}


# ------------------------------------------------------------------ what a file may say


def test_a_new_realm_and_a_new_user_are_enabled_unless_declared_otherwise(
    server: Server, driver: Driver, fresh: str
) -> None:
    driver.apply({"realm": fresh, "users": [{"username": "ann"}, {"username": "bob", "enabled": False}]})

    by_hand = ByHand(server.client(), fresh)
    assert by_hand.get()["enabled"]
    assert {user["username"]: user["enabled"] for user in by_hand.get("users")} == {"ann": True, "bob": False}
    by_hand.client.close()


def test_what_the_server_refuses_keeps_nothing_back_that_comes_with_a_new_realm(
    driver: Driver, server: Server, fresh: str
) -> None:
    actions = [{"alias": "CONFIGURE_TOTP", "name": "Code", "priority": 77}]
    refused = {"clientId": "refused", "rootUrl": "javascript:alert(1)"}
    file = plain(fresh, requiredActions=actions, clients=[{"clientId": "account", "name": "Mine"}, refused])
    wanted = Reconciler(document(file), {"keycloak": driver.provider}, RealClock())

    events = [event for event in wanted.converge(lambda _look: None) if isinstance(event, Event)]

    failed = [event.step.address.name for event in events if event.what is What.FAILED]
    done = {event.step.address.name for event in events if event.what is What.DONE}
    by_hand = ByHand(server.client(), fresh)
    assert failed == ["refused"]
    assert done >= {fresh, "CONFIGURE_TOTP", "account"}
    assert by_hand.get("authentication/required-actions/CONFIGURE_TOTP")["priority"] == 77
    assert by_hand.one("clients", clientId="account")["name"] == "Mine"
    by_hand.client.close()


def test_what_comes_with_a_new_realm_is_not_made_twice(driver: Driver, fresh: str) -> None:
    made, changed, last = driver.apply(
        plain(
            fresh,
            clientScopes=[{"name": "email", "description": "Mail"}, {"name": "extra"}],
            clients=[{"clientId": "account", "name": "My account", "redirectUris": []}],
            roles={
                "realm": [
                    {"name": f"default-roles-{fresh}", "composites": {"realm": ["offline_access"]}},
                    {"name": "uma_authorization"},
                ]
            },
        )
    )

    assert [len(each.writes) for each in (made, changed, last)] == [2, 3, 0]


def test_only_declared_attributes_of_a_client_are_managed(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(plain(realm, clients=[{"clientId": "app", "attributes": {"a": "1", "b": "2"}}]))
    less = plain(realm, clients=[{"clientId": "app", "attributes": {"a": "1"}}])
    none = plain(realm, clients=[{"clientId": "app", "attributes": {"a": "1", "b": None}}])

    assert driver.look(less).plan.in_sync
    assert driver.once(none).fields == {f"keycloak.client/{realm}/app attributes.b": ("2", ABSENT)}
    assert driver.look(none).plan.in_sync
    assert "b" not in by_hand.one("clients", clientId="app")["attributes"]


def test_a_masked_secret_is_kept_and_never_sent(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(plain(realm, clients=[{"clientId": "app", "secret": Secret("real")}]))

    again = driver.apply(plain(realm, clients=[{"clientId": "app", "secret": "**********", "name": "App"}]))

    assert [len(each.writes) for each in again] == [1, 0]
    assert by_hand.one("clients", clientId="app")["secret"] == "real"


def test_a_new_client_with_a_masked_secret_gets_one_of_the_servers(driver: Driver, realm: str, by_hand: ByHand) -> None:
    passes = driver.apply(plain(realm, clients=[{"clientId": "app", "secret": "**********"}]))

    assert len(passes) == 2
    assert len(by_hand.one("clients", clientId="app")["secret"]) > 20


def test_a_secret_that_the_server_made_is_an_output(driver: Driver, realm: str, by_hand: ByHand) -> None:
    *_, last = driver.apply(plain(realm, clients=[{"clientId": "app"}]))

    secret = by_hand.one("clients", clientId="app")["secret"]
    (change,) = [change for change in last.plan.changes if change.address.name == "app"]
    assert change.observed
    assert change.observed.outputs == {"secret": Secret(secret)}


def test_a_password_at_the_mail_server_survives_a_change_beside_it(driver: Driver, realm: str, by_hand: ByHand) -> None:
    mail = {"host": "mail", "from": "a@example.org", "auth": "true", "user": "me", "password": Secret("hidden")}
    driver.apply(plain(realm, smtpServer=mail))

    passes = driver.apply(plain(realm, smtpServer={**mail, "host": "other", "password": "**********"}))

    assert [len(each.writes) for each in passes] == [1, 0]
    assert by_hand.get()["smtpServer"]["password"] == "**********"  # what the server shows where there is one


def test_what_is_ignored_is_set_once_and_then_left_alone(driver: Driver, realm: str, by_hand: ByHand) -> None:
    client = {
        "clientId": "app",
        "description": "first",
        "attributes": {"a": "1", "b": "2"},
        "protocolMappers": [GROUPS_MAPPER],
        "x-reconcile": {"ignore": ["/description", "/attributes/a", "/protocolMappers/groups/config/full.path"]},
    }
    driver.apply(plain(realm, clients=[client]))
    path = f"clients/{by_hand.id_of('clients', clientId='app')}"
    mapper = by_hand.get(path)["protocolMappers"][0]
    other = {**mapper, "config": {**mapper["config"], "full.path": "true", "claim.name": "other"}}
    by_hand.change(path, description="by hand", attributes={"a": "9", "b": "9"}, protocolMappers=[other])

    repaired, after = driver.apply(plain(realm, clients=[client]))

    address = f"keycloak.client/{realm}/app"
    assert repaired.fields == {
        f"{address} attributes.b": ("9", "2"),
        f"{address} protocolMappers.groups.config.claim.name": ("other", "groups"),
    }
    live = by_hand.get(path)
    assert (live["description"], live["attributes"]["a"], live["attributes"]["b"]) == ("by hand", "9", "2")
    assert live["protocolMappers"][0]["config"]["full.path"] == "true"
    assert after.writes == ()


def test_a_mapper_that_is_ignored_is_not_removed(driver: Driver, realm: str, by_hand: ByHand) -> None:
    client = {"clientId": "app", "protocolMappers": [], "x-reconcile": {"ignore": ["/protocolMappers/foreign"]}}
    driver.apply(plain(realm, clients=[client]))
    path = f"clients/{by_hand.id_of('clients', clientId='app')}"
    by_hand.post(f"{path}/protocol-mappers/models", {**GROUPS_MAPPER, "name": "foreign", "config": {}})

    assert driver.look(plain(realm, clients=[client])).plan.in_sync


def test_the_scope_of_a_service_account_is_not_taken_away(driver: Driver, realm: str, by_hand: ByHand) -> None:
    client = {"clientId": "app", "serviceAccountsEnabled": True, "defaultClientScopes": ["basic"]}

    passes = driver.apply(plain(realm, clients=[client]))

    assert len(passes) == 2
    assert sorted(by_hand.one("clients", clientId="app")["defaultClientScopes"]) == ["basic", "service_account"]


def test_redirect_uris_do_not_change_undeclared_web_origins(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(plain(realm, clients=[{"clientId": "app", "webOrigins": []}]))

    driver.apply(plain(realm, clients=[{"clientId": "app", "redirectUris": ["https://a.example.org/x"]}]))

    assert by_hand.one("clients", clientId="app")["webOrigins"] == []


def test_authorization_services_stay_on_when_something_else_changes(
    driver: Driver, realm: str, by_hand: ByHand
) -> None:
    client = {"clientId": "app", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}
    driver.apply(plain(realm, clients=[client]))

    driver.apply(plain(realm, clients=[{"clientId": "app", "name": "App"}]))

    assert by_hand.one("clients", clientId="app")["authorizationServicesEnabled"]


def test_settings_of_a_realm_that_nobody_declares_survive_a_change(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(plain(realm))
    own = {"cibaInterval": "9", "parRequestUriLifespan": "77", "custom": "x"}
    by_hand.change(
        "", attributes={**by_hand.get()["attributes"], **own}, oauth2DeviceCodeLifespan=700, otpPolicyDigits=8
    )
    before = by_hand.get()

    driver.apply(plain(realm, displayName="Lab", otpPolicyPeriod=60, attributes={"more": "y"}))

    after = by_hand.get()
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"displayName", "otpPolicyPeriod", "attributes", "otpSupportedApplications"}
    assert after["attributes"] == {**before["attributes"], "more": "y"}


@pytest.mark.parametrize("policy", [None, "ENABLED"])
def test_one_property_of_a_user_changes_no_other(
    driver: Driver, realm: str, by_hand: ByHand, policy: str | None
) -> None:
    driver.apply(plain(realm))
    profile = by_hand.get("users/profile")
    by_hand.put("users/profile", {**profile, **({"unmanagedAttributePolicy": policy} if policy else {})})
    ann = {"username": "ann", "email": "ann@example.org", "firstName": "Ann", "lastName": "Lee", "emailVerified": True}
    by_hand.post("users", {**ann, "enabled": True, "attributes": {"note": ["x"]}, "requiredActions": ["VERIFY_EMAIL"]})
    before = by_hand.get("users")[0]

    driver.apply(plain(realm, users=[{"username": "ann", "firstName": "Anna"}]))
    driver.apply(plain(realm, users=[{"username": "ann", "enabled": False}]))

    assert by_hand.get("users")[0] == {**before, "firstName": "Anna", "enabled": False}


def test_attributes_of_a_user_are_managed_by_declared_key(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(plain(realm))
    by_hand.put("users/profile", {**by_hand.get("users/profile"), "unmanagedAttributePolicy": "ADMIN_EDIT"})
    file = plain(realm, users=[{"username": "ann", "attributes": {"team": ["a", "b"], "floor": "1"}}])
    driver.apply(file)
    path = f"users/{by_hand.id_of('users', username='ann')}"
    by_hand.change(path, attributes={"team": ["b"], "floor": ["1"], "own": ["x"]})

    repaired, _ = driver.apply(file)

    assert repaired.fields == {f"keycloak.user/{realm}/ann attributes.team": (("b",), ("a", "b"))}
    assert by_hand.get(path)["attributes"]["own"] == ["x"]
    assert driver.once(plain(realm, users=[{"username": "ann", "attributes": {}}])).writes != ()
    assert "attributes" not in by_hand.get(path)


def test_an_attribute_that_the_server_would_drop_is_refused_with_the_remedy(driver: Driver, realm: str) -> None:
    with pytest.raises(Rejected, match="has no attribute `team`.*add it to the profile"):
        driver.apply(plain(realm, users=[{"username": "ann", "attributes": {"team": ["a"]}}]))


def test_two_realms_are_read_and_made_apart(driver: Driver, realm: str, fresh: str) -> None:
    app = [{"clientId": "app"}]

    first, second = driver.apply(plain(realm, clients=app), plain(fresh, clients=app))

    assert len(first.writes) == 3
    assert second.plan.in_sync


# ------------------------------------------------------------------ requests


def test_what_is_not_declared_is_not_read(driver: Driver, realm: str) -> None:
    driver.apply(plain(realm))
    assert driver.look(plain(realm)).reads == (f"GET admin/realms/{realm}",)

    driver.apply(plain(realm, users=[{"username": "ann"}]))
    look = driver.look(plain(realm, users=[{"username": "ann"}]))
    assert look.reads == (f"GET admin/realms/{realm}", f"GET admin/realms/{realm}/users?username=ann&exact=true")

    look = driver.look(plain(realm, roles={"realm": [{"name": "a"}]}))
    assert look.reads == (f"POST admin/realms/{realm}/partial-export?exportClients=false&exportGroupsAndRoles=true",)


# ------------------------------------------------------------------ others at work


def test_an_edit_between_look_and_write_is_not_lost(driver: Driver, realm: str, by_hand: ByHand) -> None:
    users = [{"username": "ann", "email": "ann@example.org", "firstName": "Ann", "lastName": "Lee"}]
    roles = {"realm": [{"name": "viewer", "attributes": {"a": ["1"]}}]}
    driver.apply(plain(realm, users=users, roles=roles, clients=[{"clientId": "app", "redirectUris": ["https://a"]}]))
    plan = driver.plan(
        plain(
            realm,
            users=[{"username": "ann", "firstName": "Anna"}],
            roles={"realm": [{"name": "viewer", "attributes": {"a": ["2"]}}]},
            clients=[{"clientId": "app", "redirectUris": ["https://b"]}],
        )
    )
    ann, app = by_hand.id_of("users", username="ann"), by_hand.id_of("clients", clientId="app")
    by_hand.change(f"users/{ann}", lastName="Low", email="new@example.org")
    by_hand.change("roles/viewer", description="by hand")
    by_hand.change(f"clients/{app}", name="by hand", webOrigins=["https://c"])

    driver.perform(plan.steps)

    user, client = by_hand.get(f"users/{ann}"), by_hand.get(f"clients/{app}")
    assert (user["firstName"], user["lastName"], user["email"]) == ("Anna", "Low", "new@example.org")
    assert by_hand.get("roles/viewer")["description"] == "by hand"
    assert (client["redirectUris"], client["name"], client["webOrigins"]) == (["https://b"], "by hand", ["https://c"])


def test_what_somebody_else_made_meanwhile_is_a_conflict_and_the_next_pass_goes_on(
    driver: Driver, realm: str, by_hand: ByHand
) -> None:
    driver.apply(plain(realm))
    file = plain(realm, groups=[{"name": "staff", "attributes": {"a": ["1"]}}])
    plan = driver.plan(file)
    by_hand.post("groups", {"name": "staff"})

    with pytest.raises(Conflict, match="somebody else made it"):
        driver.perform(plan.steps)

    assert driver.apply(file)[0].fields == {f"keycloak.group/{realm}/staff attributes.a": (ABSENT, ("1",))}


def test_a_name_that_another_object_has_taken_is_the_files_fault(driver: Driver, realm: str) -> None:
    users = [{"username": "ann", "email": "a@example.org"}, {"username": "bob", "email": "a@example.org"}]

    with pytest.raises(Rejected, match="User exists with same email"):
        driver.apply(plain(realm, users=users))


def test_a_change_of_what_is_gone_is_a_conflict(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(plain(realm, groups=[{"name": "staff"}]))
    plan = driver.plan(plain(realm, groups=[{"name": "staff", "attributes": {"a": ["1"]}}]))
    by_hand.delete(f"groups/{by_hand.id_of('groups', name='staff')}")

    with pytest.raises(Conflict):
        driver.perform(plan.steps)


class LosesAnswers(CountingClient):
    """A line on which the answer to each creation is lost once, after the server did its work."""

    def create(self, path: str, body: Value) -> str:
        made = path not in {write.partition(" ")[2] for write in self.writes}
        answer = super().create(path, body)
        if made:
            raise Unreachable("the answer was lost")
        return answer


def test_a_creation_whose_answer_was_lost_may_be_repeated(server: Server, fresh: str) -> None:
    client = server.client()
    driver = Driver(client)
    driver.client = LosesAnswers(client)
    driver.provider = KeycloakProvider({}, client=driver.client)
    roles = {"realm": [{"name": "a", "composites": {"realm": ["a"]}}]}
    flow = {"name": "leave", "steps": [{"uses": "disable-user"}]}
    file = without_newer(client, plain(fresh, groups=[{"name": "staff"}], roles=roles, workflows=[flow]))

    for step in driver.plan(file).steps:
        if step.verb == "create":
            with pytest.raises(Unreachable):
                driver.provider.perform(step)
        assert driver.provider.perform(step) == Done()

    assert driver.look(file).plan.in_sync
    client.close()


def test_every_step_may_be_done_twice(driver: Driver, fresh: str) -> None:
    file = a_realm(fresh)
    less = a_realm(fresh)
    less["clients"][0] |= {"protocolMappers": [], "defaultClientScopes": [], "optionalClientScopes": ["email"]}
    less["clients"][1]["serviceAccountRoles"] = {"realm": [], "clients": {}}
    less["roles"]["realm"][1] |= {"description": "x", "composites": {}}
    less["groups"][0] |= {"realmRoles": [], "clientRoles": {}, "attributes": {}}
    less["users"][0] |= {"groups": [], "realmRoles": [], "clientRoles": {}, "lastName": None}

    for wanted in (file, less, file):
        steps_of = driver.plan(wanted).steps
        for step in steps_of:
            driver.perform([step, step])
        assert steps_of
        assert driver.look(wanted).plan.in_sync


# ------------------------------------------------------------------ deleting


def gone(driver: Driver, file: dict[str, Any], *addresses: str) -> tuple[Step, ...]:
    live = {str(change.address): change for change in driver.plan(file).changes}
    changes = [live[address] for address in addresses]
    return tuple(steps([Change(c.address, Action.DELETE, observed=c.observed) for c in changes]))


def test_every_kind_can_be_deleted_and_twice_does_no_harm(driver: Driver, realm: str) -> None:
    file = plain(
        realm,
        clientScopes=[{"name": "extra"}],
        clients=[{"clientId": "app"}],
        roles={"realm": [{"name": "a"}], "client": {"app": [{"name": "b"}]}},
        groups=[{"name": "staff", "subGroups": [{"name": "night"}]}],
        users=[{"username": "ann"}],
        workflows=[{"name": "leave", "steps": [{"uses": "disable-user"}]}],
    )
    file = without_newer(driver.client, file)
    driver.apply(file)
    workflows = [("workflow", body["name"]) for body in file.get("workflows", ())]
    below = *workflows, ("user", "ann"), ("group", "staff", "night"), ("group", "staff"), ("client-role", "app", "b")
    rest = ("role", "a"), ("client", "app"), ("client-scope", "extra"), ("realm",)
    addresses = ["/".join((f"keycloak.{kind}", realm, *keys)) for kind, *keys in (*below, *rest)]
    plan = gone(driver, file, *addresses)

    driver.perform(plan)
    driver.perform(plan)

    assert set(driver.look(file).changes) == set(addresses)


def test_what_is_built_in_is_never_deleted(driver: Driver, realm: str) -> None:
    file = plain(realm, clients=[{"clientId": "account"}], clientScopes=[{"name": "email"}])
    driver.apply(file)

    for address in (f"keycloak.client/{realm}/account", f"keycloak.client-scope/{realm}/email"):
        with pytest.raises(Rejected, match="built into Keycloak"):
            driver.perform(gone(driver, file, address))


def test_the_account_in_use_is_never_deleted(driver: Driver, server: Server) -> None:
    file = {"realm": "master", "users": [{"username": server.user}]}

    with pytest.raises(Rejected, match="belongs to the account"):
        driver.perform(gone(driver, file, f"keycloak.user/master/{server.user}"))


# ------------------------------------------------------------------ rights and reach


BLIND = {
    "view-realm": (["query-users"], {}),
    "view-users": (["view-realm", "query-users"], {"users": [{"username": "ann"}]}),
}


@pytest.mark.parametrize("missing", BLIND)
def test_too_few_rights_to_see_are_named_and_not_taken_for_missing_objects(
    server: Server, driver: Driver, by_hand: ByHand, missing: str
) -> None:
    roles, sections = BLIND[missing]
    driver.apply(plain(by_hand.realm, users=[{"username": "ann"}], clients=[{"clientId": "app"}]))
    client = server.client(**with_roles(server, by_hand, *roles))

    with pytest.raises(Denied, match=missing):
        Driver(client).look(plain(by_hand.realm, **sections))
    client.close()


def test_a_client_that_the_account_may_not_see_is_unknown_and_not_to_be_made(
    server: Server, driver: Driver, by_hand: ByHand
) -> None:
    file = plain(by_hand.realm, clients=[{"clientId": "app"}])
    driver.apply(file)
    client = server.client(**with_roles(server, by_hand, "view-realm"))

    (change,) = [each for each in Driver(client).plan(file).changes if each.address.kind == CLIENT]
    client.close()

    assert change.action is Action.DEFERRED
    assert "view-clients" in change.unread


def test_too_few_rights_to_write_are_named(server: Server, driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(plain(realm, clients=[{"clientId": "app"}]))
    client = server.client(**with_roles(server, by_hand, "manage-realm", "view-clients", "query-groups"))
    own = Driver(client)

    with pytest.raises(Denied, match="needs the role manage-clients"):
        own.apply(plain(realm, clients=[{"clientId": "app", "name": "App"}]))
    client.close()


def test_a_service_account_of_the_realm_with_realm_admin_can_do_all(
    server: Server, driver: Driver, realm: str, by_hand: ByHand
) -> None:
    driver.apply(plain(realm))
    client = server.client(**with_roles(server, by_hand, "realm-admin"))

    passes = Driver(client).apply(plain(realm, clients=[{"clientId": "app"}], users=[{"username": "ann"}]))

    assert [len(each.writes) for each in passes] == [2, 0]
    client.close()


@pytest.mark.parametrize("auth", [{"username": "admin", "password": "wrong"}, {"clientId": "no", "clientSecret": "x"}])
def test_wrong_credentials_are_denied_with_what_to_check(server: Server, auth: dict[str, str]) -> None:
    client = server.client(**auth)

    with pytest.raises(Denied, match="RECONCILE_KEYCLOAK_USERNAME"):
        Driver(client).look(plain("lab"))
    with pytest.raises(Denied):
        client.ready()
    client.close()


def test_an_unknown_realm_of_the_account_is_denied(server: Server) -> None:
    client = server.client(username="admin", password="admin", realm="nowhere")

    with pytest.raises(Denied, match="`nowhere` does not exist"):
        Driver(client).look(plain("lab"))
    client.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_a_server_that_does_not_answer_is_unreachable_and_not_ready(url: str) -> None:
    provider = KeycloakProvider({"url": url, "auth": {"username": "admin", "password": "x"}})

    with pytest.raises(Unreachable, match="does not answer"):
        provider.observe(list(provider.expand(_document("lab"))))
    assert isinstance(provider.ready(), Pending)
    provider.close()


def test_another_server_at_the_address_is_unreachable(server: Server) -> None:
    provider = KeycloakProvider({"url": f"{server.url}/elsewhere", "auth": {"username": "admin", "password": "x"}})

    with pytest.raises(Unreachable, match="404"):
        provider.observe(list(provider.expand(_document("lab"))))
    verdict = provider.ready()
    assert isinstance(verdict, Pending)
    assert "/auth" in verdict.note
    provider.close()


def test_a_server_that_is_up_is_ready(driver: Driver) -> None:
    assert driver.provider.ready() == Done()


def _document(realm: str) -> Any:
    return document(plain(realm))


def test_a_flow_that_is_not_there_is_named(driver: Driver, realm: str) -> None:
    with pytest.raises(Rejected, match="browserFlow names `nowhere`, which is not there"):
        driver.apply({"realm": realm, "browserFlow": "nowhere"})


def test_a_client_that_nobody_can_change_is_said_to_be_built_in(driver: Driver, realm: str) -> None:
    if still(driver.client, "lets the client realm-management be changed"):
        pytest.skip("this release lets it be changed")
    with pytest.raises(Denied, match="nobody can change it, as it is built into Keycloak"):
        driver.apply({"realm": realm, "clients": [{"clientId": "realm-management", "description": "x"}]})


def test_a_workflow_that_is_planned_for_somebody_takes_another_name(
    driver: Driver, realm: str, by_hand: ByHand
) -> None:
    if lacks(server_of(driver.client), WORKFLOW):
        pytest.skip("this server has no workflows")
    first, second = {"uses": "notify-user", "after": "1d"}, {"uses": "disable-user", "after": "2d"}

    def file(name: str, *steps: dict[str, str]) -> dict[str, Any]:
        return plain(realm, workflows=[{"name": name, "on": "user-created", "steps": list(steps)}])

    driver.apply(file("leave", first))
    by_hand.post("users", {"username": "ann", "enabled": True})

    with pytest.raises(Rejected, match="scheduled resources for the workflow.*give the changed one another name"):
        driver.apply(file("leave", first, second))
    driver.apply(file("leaving", first, second))
    by_hand.delete(f"workflows/{by_hand.id_of('workflows', name='leave')}")

    assert [flow["name"] for flow in by_hand.get("workflows")] == ["leaving"]


def test_a_policy_that_names_what_is_not_there_is_refused(driver: Driver, realm: str) -> None:
    policy = {"name": "Bosses", "type": "role", "config": {"roles": '[{"id": "nobody"}]'}}
    guarded = {"clientId": "app", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}

    with pytest.raises(Rejected, match="policy `Bosses` names keycloak.role/.*/nobody, which is not there; declare it"):
        driver.apply({"realm": realm, "clients": [{**guarded, "authorizationSettings": {"policies": [policy]}}]})


def test_a_policy_may_name_things_by_the_ids_that_the_file_gives_them(driver: Driver, realm: str) -> None:
    config = {"users": '["7a"]', "roles": '[{"id": "7b"}]', "groups": '[{"id": "7c"}]', "clients": '["7d"]'}
    kinds = {"users": "user", "roles": "role", "groups": "group", "clients": "client"}
    policies = [
        {"id": f"8{key[0]}", "name": f"of {key}", "type": kinds[key], "config": {key: value}}
        for key, value in config.items()
    ]
    permission = {
        "name": "Open",
        "type": "scope",
        "config": {"resources": '["9a"]', "scopes": '["9b"]', "applyPolicies": '["8u", "of roles"]'},
    }
    settings = {
        "resources": [{"_id": "9a", "name": "door", "scopes": [{"name": "open"}]}],
        "scopes": [{"id": "9b", "name": "open"}],
        "policies": [permission, *policies],
    }
    guarded = {"id": "7d", "clientId": "app", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}
    file = {
        "realm": realm,
        "users": [{"id": "7a", "username": "ann"}, {"username": "service-account-web", "realmRoles": ["chief"]}],
        "roles": {"realm": [{"id": "7b", "name": "chief"}]},
        "groups": [{"id": "7c", "name": "staff"}],
        "clients": [
            {**guarded, "authorizationSettings": settings},
            {"clientId": "web", "serviceAccountsEnabled": False},  # its account, above, is an export's left-over
        ],
    }

    driver.apply(file)

    assert driver.once(file).plan.in_sync
