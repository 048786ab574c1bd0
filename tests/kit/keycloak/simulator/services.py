"""Identity providers, components, required actions, texts, policies and the user profile of a simulated realm."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.kit.keycloak.simulator.recorded import NAME, recorded
from tests.kit.keycloak.simulator.state import (
    MASK,
    Body,
    Given,
    Made,
    Realm,
    Refusal,
    Routes,
    conflict,
    failed,
    found,
    missing,
    refused,
    shown,
    texts,
    without,
)

_KEYS: Final = "org.keycloak.keys.KeyProvider"
_PROFILE: Final = "org.keycloak.userprofile.UserProfileProvider"
_NO_PROVIDER: Final = "HTTP 404 Not Found"
_NO_MAPPER: Final = "Model not found"
_NO_COMPONENT: Final = "Could not find component"
_NO_ACTION: Final = "Failed to find required action"
_SECRETS: Final = frozenset({"privateKey", "secret", "bindCredential", "keystorePassword", "keyPassword"})
_NEVER_SHOWN: Final = frozenset({"privateKey", "certificate", "secret"})
"""What an export leaves out of the settings of keys."""
_PROVIDERS: Final = frozenset({"oidc", "keycloak-oidc", "saml", "github", "google"})


def fill(realm: Realm, export: Body) -> None:
    for sort, bodies in export["components"].items():
        for each in bodies:
            body = without(each, "subComponents")
            realm.components[each["id"]] = {**body, "providerType": sort, "parentId": realm.id}
    realm.actions = {each["alias"]: each for each in export["requiredActions"]}


def replace_keys(realm: Realm, keys: Sequence[Body]) -> None:
    """The keys of a new realm are those that are sent with it, and no others."""
    realm.components = {key: each for key, each in realm.components.items() if each["providerType"] != _KEYS}
    for each in keys:
        _new_component(realm, {**each, "providerType": _KEYS})


# ------------------------------------------------------------------ identity providers


def _provider(provider: Body) -> Body:
    secret = provider["config"].get("clientSecret", "")
    masked = {"clientSecret": MASK} if secret and not secret.startswith("${vault.") else {}
    return shown({**provider, "config": {**provider["config"], **masked}})


def _create_provider(realm: Realm, given: Given) -> Made:
    body = given.body
    if not body.get("alias"):
        raise refused("path is null")
    if body["alias"] in realm.providers:
        raise conflict(f"Identity Provider {body['alias']} already exists")
    if body.get("providerId") not in _PROVIDERS:
        raise refused(f"Invalid identity provider id [{body.get('providerId')}]")
    realm.providers[body["alias"]] = {
        "enabled": True,
        **{key: value for key, value in body.items() if value is not None},
        "internalId": realm.new_id(),
        "config": texts(body.get("config")),
    }
    return Made(body["alias"])


def _put_provider(realm: Realm, given: Given) -> None:
    """Replaces all but the type, which stays what it was."""
    old, body = found(realm.providers, given.names[0], _NO_PROVIDER), given.body
    config = texts(body.get("config"))
    if config.get("clientSecret") == MASK:
        config["clientSecret"] = old["config"].get("clientSecret", "")
    kept = {"internalId": old["internalId"], "providerId": old["providerId"], "config": texts(config)}
    sent = {key: value for key, value in without(body, "types").items() if value is not None}
    realm.providers[given.names[0]] = {"enabled": True, **sent, **kept}


def _delete_provider(realm: Realm, given: Given) -> None:
    found(realm.providers, given.names[0], _NO_PROVIDER)
    del realm.providers[given.names[0]]
    own = (key for key, each in realm.provider_mappers.items() if each["identityProviderAlias"] == given.names[0])
    for key in list(own):
        del realm.provider_mappers[key]
    for user in realm.users.values():
        user["links"].pop(given.names[0], None)


def _list_providers(realm: Realm, given: Given) -> list[Body]:
    is_brief = given.query.get("briefRepresentation") == "true"
    return [{**_provider(each), **({"config": {}} if is_brief else {})} for each in realm.providers.values()]


def _mappers(realm: Realm, given: Given) -> list[Body]:
    found(realm.providers, given.names[0], _NO_PROVIDER)
    return [each for each in realm.provider_mappers.values() if each["identityProviderAlias"] == given.names[0]]


def _create_mapper(realm: Realm, given: Given) -> Made:
    provider, body = found(realm.providers, given.names[0], _NO_PROVIDER), given.body
    if any(each["name"] == body["name"] for each in _mappers(realm, given)):
        raise refused(f"Failed to add mapper '{body['name']}' to identity provider [{provider['providerId']}].")
    mapper = {**_mapper(body), "id": realm.new_id()}
    realm.provider_mappers[mapper["id"]] = mapper
    return Made(mapper["id"])


def _mapper(body: Body) -> Body:
    kept = {key: body.get(key) for key in ("name", "identityProviderAlias", "identityProviderMapper")}
    return {**kept, "config": texts(body.get("config"))}


def _one_mapper(realm: Realm, given: Given) -> Body:
    found(realm.providers, given.names[0], _NO_PROVIDER)
    return found(realm.provider_mappers, given.names[1], _NO_MAPPER)


def _put_mapper(realm: Realm, given: Given) -> None:
    mapper = _one_mapper(realm, given)
    mapper |= _mapper(given.body)


def _delete_mapper(realm: Realm, given: Given) -> None:
    del realm.provider_mappers[_one_mapper(realm, given)["id"]]


# ------------------------------------------------------------------ components


def _component(component: Body) -> Body:
    config = {key: [MASK] if key in _SECRETS else value for key, value in component["config"].items()}
    return shown({**component, "config": config})


def _list_components(realm: Realm, given: Given) -> list[Body]:
    parent = given.query.get("parent")
    return [_component(each) for each in realm.components.values() if parent in (None, each["parentId"])]


def _create_component(realm: Realm, given: Given) -> Made:
    if not _is_known(given.body):
        raise Refusal(400, {"error": "Invalid provider type or no such provider"})
    return Made(_new_component(realm, given.body)["id"])


def _is_known(body: Body) -> bool:
    known = recorded()["info"]["componentTypes"].get(body.get("providerType"), ())
    return body.get("providerId") in [each["id"] for each in known]


def _new_component(realm: Realm, body: Body) -> Body:
    component: Body = {
        "id": realm.new_id(),
        **{key: body.get(key) for key in ("name", "providerId", "providerType", "subType")},
        "parentId": body.get("parentId") or realm.id,
        "config": _lists(body.get("config")),
    }
    realm.components[component["id"]] = component
    return component


def _lists(config: Mapping[str, Any] | None) -> Body:
    return {key: list(value) for key, value in (config or {}).items() if value}


def _put_component(realm: Realm, given: Given) -> None:
    """Merges the settings: an empty list takes one away, a mask keeps it."""
    component, body = found(realm.components, given.names[0], _NO_COMPONENT), given.body
    if not _is_known({**component, **body}):
        raise failed()
    component |= {key: body[key] for key in ("name", "providerId", "subType", "parentId") if body.get(key) is not None}
    sent = {key: value for key, value in (body.get("config") or {}).items() if value != [MASK]}
    component["config"] = _lists({**component["config"], **sent})


def _delete_component(realm: Realm, given: Given) -> None:
    gone = [found(realm.components, given.names[0], _NO_COMPONENT)["id"]]
    for parent in gone:
        gone += [each["id"] for each in realm.components.values() if each["parentId"] == parent]
    for each in gone:
        del realm.components[each]


def _tree(realm: Realm, parent: str) -> dict[str, list[Body]]:
    made: dict[str, list[Body]] = {}
    for each in realm.components.values():
        if each["parentId"] == parent:
            body = without(_component(each), "providerType", "parentId")
            if each["providerType"] == _KEYS:
                body["config"] = without(each["config"], *_NEVER_SHOWN)
            made.setdefault(each["providerType"], []).append({**body, "subComponents": _tree(realm, each["id"])})
    return made


# ------------------------------------------------------------------ required actions


def _put_action(realm: Realm, given: Given) -> None:
    """Replaces: what is left out is gone, and nobody sends it without its alias."""
    action, body = found(realm.actions, given.names[0], _NO_ACTION), given.body
    realm.actions[given.names[0]] = {
        "alias": body["alias"],
        "name": body.get("name"),
        "providerId": body.get("providerId") or action["providerId"],
        "enabled": bool(body.get("enabled")),
        "defaultAction": bool(body.get("defaultAction")),
        "priority": int(body.get("priority") or 0),
        "config": dict(body.get("config") or {}),
    }


def _actions(realm: Realm) -> list[Body]:
    return [shown(each) for each in realm.actions.values()]


def _register(realm: Realm, given: Given) -> None:
    name = str(given.body.get("providerId"))
    if name in realm.actions:
        words = "A Required Action Provider with given alias already exists."
        raise Refusal(409, {"error": "conflict", "error_description": words})
    if name not in {each["alias"] for each in recorded()["export"]["requiredActions"]}:
        raise Refusal(400, {"error": "Required Action Provider with given providerId not found"})
    last = max((int(each["priority"]) for each in realm.actions.values()), default=0)
    realm.actions[name] = {
        "alias": name,
        "name": given.body.get("name"),
        "providerId": name,
        "enabled": True,
        "defaultAction": False,
        "priority": last + 1,
        "config": {},
    }


def _delete_action(realm: Realm, given: Given) -> None:
    found(realm.actions, given.names[0], f"{_NO_ACTION}.")
    del realm.actions[given.names[0]]


# ------------------------------------------------------------------ texts, policies, the profile


def _add_texts(realm: Realm, given: Given) -> None:
    realm.texts.setdefault(given.names[0], {}).update(given.body)


def _put_text(realm: Realm, given: Given) -> None:
    realm.texts.setdefault(given.names[0], {})[given.names[1]] = given.body


def _delete_text(realm: Realm, given: Given) -> None:
    if realm.texts.get(given.names[0], {}).pop(given.names[1], None) is None:
        raise missing("Localization text not found")


def _delete_texts(realm: Realm, given: Given) -> None:
    if realm.texts.pop(given.names[0], None) is None:
        raise missing(f"No localization texts for locale {given.names[0]} found.")


def _put_profiles(realm: Realm, given: Given) -> None:
    realm.settings["clientProfiles"] = {"profiles": [_client_profile(each) for each in given.body["profiles"]]}


def _client_profile(body: Body) -> Body:
    return {"executors": [], **body}


def _put_policies(realm: Realm, given: Given) -> None:
    known = {each["name"] for each in realm.settings["clientProfiles"]["profiles"]}
    for policy in given.body["policies"]:
        if strange := [name for name in policy.get("profiles") or () if name not in known]:
            raise refused(f"Policy {policy['name']} contains invalid profile {strange[0]}")
    realm.settings["clientPolicies"] = {
        "policies": [{"enabled": False, "conditions": [], "profiles": [], **each} for each in given.body["policies"]]
    }


def _put_profile(realm: Realm, given: Given) -> Body:
    realm.profile = {
        key: [_with_usual(each) for each in value] if key == "attributes" else value
        for key, value in given.body.items()
        if value is not None
    }
    realm.is_own_profile = realm.profile == json.loads(json.dumps(recorded()["profile"]).replace(NAME, realm.name))
    return realm.profile


def _with_usual(attribute: Body) -> Body:
    return {"multivalued": False, **attribute}


# ------------------------------------------------------------------ in an export


def exported(realm: Realm) -> Body:
    components = _tree(realm, realm.id)
    if not realm.is_own_profile:
        own = {"kc.user.profile.config": [json.dumps(realm.profile)]}
        component = {"id": realm.id, "providerId": "declarative-user-profile", "subComponents": {}, "config": own}
        components[_PROFILE] = [component]
    return {
        "components": components,
        "identityProviders": [_provider(each) for each in realm.providers.values()],
        "identityProviderMappers": list(realm.provider_mappers.values()),
        "requiredActions": _actions(realm),
        "localizationTexts": dict(realm.texts),
    }


_IDP: Final = "/identity-provider/instances"
_ACTIONS: Final = "/authentication/required-actions"
ROUTES: Final[Routes] = {
    f"GET {_IDP}": _list_providers,
    f"POST {_IDP}": _create_provider,
    f"GET {_IDP}/{{}}": lambda realm, given: _provider(found(realm.providers, given.names[0], _NO_PROVIDER)),
    f"PUT {_IDP}/{{}}": _put_provider,
    f"DELETE {_IDP}/{{}}": _delete_provider,
    f"GET {_IDP}/{{}}/mappers": _mappers,
    f"POST {_IDP}/{{}}/mappers": _create_mapper,
    f"GET {_IDP}/{{}}/mappers/{{}}": _one_mapper,
    f"PUT {_IDP}/{{}}/mappers/{{}}": _put_mapper,
    f"DELETE {_IDP}/{{}}/mappers/{{}}": _delete_mapper,
    "GET /components": _list_components,
    "POST /components": _create_component,
    "GET /components/{}": lambda realm, given: _component(found(realm.components, given.names[0], _NO_COMPONENT)),
    "PUT /components/{}": _put_component,
    "DELETE /components/{}": _delete_component,
    f"GET {_ACTIONS}": lambda realm, _given: _actions(realm),
    f"GET {_ACTIONS}/{{}}": lambda realm, given: shown(found(realm.actions, given.names[0], _NO_ACTION)),
    f"PUT {_ACTIONS}/{{}}": _put_action,
    f"DELETE {_ACTIONS}/{{}}": _delete_action,
    "POST /authentication/register-required-action": _register,
    "GET /localization": lambda realm, _given: list(realm.texts),
    "GET /localization/{}": lambda realm, given: realm.texts.get(given.names[0], {}),
    "POST /localization/{}": _add_texts,
    "DELETE /localization/{}": _delete_texts,
    "PUT /localization/{}/{}": _put_text,
    "DELETE /localization/{}/{}": _delete_text,
    "GET /client-policies/profiles": lambda realm, _given: realm.settings["clientProfiles"],
    "PUT /client-policies/profiles": _put_profiles,
    "GET /client-policies/policies": lambda realm, _given: realm.settings["clientPolicies"],
    "PUT /client-policies/policies": _put_policies,
    "GET /users/profile": lambda realm, _given: realm.profile,
    "PUT /users/profile": _put_profile,
    "GET /admin-events": lambda _realm, _given: [],
}
