"""A value that Keycloak omits, or keeps under another key or in another spelling, is no difference."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from reconciler.config import Sources, load
from reconciler.config.realm.minimal import minimal
from reconciler.core.resource.values import Value
from reconciler.providers.keycloak.export import new_realm, whole
from tests.integration.keycloak.test_fields import AN_ADDRESS
from tests.kit.keycloak.server import ByHand, Driver, Server, with_quick_keys


def loaded(folder: Path, realm: dict[str, Any]) -> dict[str, Value]:
    file = folder / "users.json"
    file.write_text(json.dumps(realm))
    (found,) = load(Sources(folder, users_files=(file,))).document.realms or ()
    return dict(found)


def without_required(profile: dict[str, Any]) -> dict[str, Any]:
    attributes = [{key: part for key, part in each.items() if key != "required"} for each in profile["attributes"]]
    return {**profile, "attributes": attributes}


def test_a_profile_that_is_the_servers_own_is_no_difference(driver: Driver, realm: str, by_hand: ByHand) -> None:
    profile = by_hand.get("users/profile")

    assert driver.look({"realm": realm, "userProfile": profile}).plan.in_sync
    shorter = {**profile, "attributes": [{k: v for k, v in each.items() if v} for each in profile["attributes"]]}
    assert driver.look({"realm": realm, "userProfile": shorter}).plan.in_sync


def test_what_an_attribute_of_the_profile_leaves_out_is_unset(driver: Driver, realm: str, by_hand: ByHand) -> None:
    own = by_hand.get("users/profile")
    file = {"realm": realm, "userProfile": without_required(own)}

    passes = driver.apply(file)

    assert len(passes[0].writes) == 1
    assert by_hand.get("users/profile") == without_required(own)
    driver.apply({"realm": realm, "userProfile": own})
    assert by_hand.get("users/profile") == own
    assert driver.look({"realm": realm, "userProfile": own}).plan.in_sync


def test_a_hidden_provider_of_an_older_export(driver: Driver, realm: str, by_hand: ByHand, tmp_path: Path) -> None:
    for hidden in ("true", "false"):
        provider = {"alias": "old", "providerId": "oidc", "config": {**AN_ADDRESS, "hideOnLoginPage": hidden}}
        file = loaded(tmp_path, {"realm": realm, "identityProviders": [provider]})

        driver.apply(file)

        assert by_hand.get("identity-provider/instances/old").get("hideOnLogin", False) is (hidden == "true")
        assert driver.look(file).plan.in_sync


def test_domains_are_the_same_in_every_spelling(driver: Driver, realm: str, by_hand: ByHand) -> None:
    domains = [{"name": "Beta.Example.org"}, {"name": " gamma.example.org ", "verified": True}]
    organization = {"name": "Beta", "alias": "beta", "enabled": True, "domains": domains}
    file = {"realm": realm, "organizationsEnabled": True, "organizations": [organization]}

    driver.apply(file)

    assert driver.look(file).plan.in_sync
    (found,) = by_hand.get("organizations?briefRepresentation=false")
    assert {each["name"]: each["verified"] for each in found["domains"]} == {
        "beta.example.org": False,
        "gamma.example.org": True,
    }


def test_attributes_that_are_properties_of_a_user(driver: Driver, realm: str, by_hand: ByHand, tmp_path: Path) -> None:
    attributes = {
        "email": ["Ann@example.org"],
        "firstName": "Ann",
        "terms_and_conditions": ["1700000000"],
        "note": ["x"],
    }
    user = {"username": "ann", "enabled": True, "lastName": "Lee", "attributes": attributes}
    profile = {"unmanagedAttributePolicy": "ENABLED"}
    file = loaded(tmp_path, {"realm": realm, "userProfile": profile, "users": [user]})

    driver.apply(file)

    assert driver.look(file).plan.in_sync
    found = by_hand.one("users", username="ann")
    assert (found["email"], found["firstName"], found["attributes"]) == ("ann@example.org", "Ann", {"note": ["x"]})


def test_flows_of_an_older_release_come_up_whole_on_an_empty_server(
    server: Server, driver: Driver, fresh: str, tmp_path: Path
) -> None:
    """A realm that an older release made has built-in flows by other names; its export is applied to a new realm."""
    client = server.client()
    new = new_realm(client, fresh)
    flows = {key: new[key] for key in ("authenticationFlows", "authenticatorConfig")}
    older = json.loads(json.dumps(flows).replace("Browser - Conditional 2FA", "Browser - Conditional OTP"))
    first = with_quick_keys({"realm": fresh, "enabled": True, **older})
    driver.apply(loaded(tmp_path, first))

    export = minimal(whole(client, fresh), new)
    client.delete(f"admin/realms/{fresh}")
    export["components"].pop("org.keycloak.keys.KeyProvider")  # whose private keys are not shown
    again = loaded(tmp_path, with_quick_keys(copy.deepcopy(export)))
    passes = driver.apply(again)

    assert passes[-1].plan.in_sync
    names = {flow["alias"] for flow in whole(client, fresh)["authenticationFlows"]}
    assert "Browser - Conditional OTP" in names
    assert "Browser - Conditional 2FA" not in names
    assert minimal(whole(client, fresh), new)["authenticationFlows"] == export["authenticationFlows"]
