"""Authentication flows of a simulated realm, with their executions and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.vocabulary.keycloak import BOUND_FLOWS
from tests.kit.keycloak.simulator.recorded import recorded
from tests.kit.keycloak.simulator.state import (
    MASK,
    Body,
    Given,
    Made,
    Realm,
    Refusal,
    Routes,
    conflict,
    duplicate,
    failed,
    found,
    missing,
    shown,
    without,
)

_NO_FLOW: Final = "Could not find flow with id"
_NO_CONFIG: Final = "Could not find authenticator config"
_NO_EXECUTION: Final = "Illegal execution"
_BUILT_IN: Final = "It is illegal to {} a built in flow"
_CHOICES: Final = ["REQUIRED", "ALTERNATIVE", "DISABLED", "CONDITIONAL"]
_SHOWN_SETTINGS: Final = frozenset(
    {"credentials", "require.password.update.after.registration", "update.profile.on.first.login", "defaultProvider"}
)
"""Settings that are not masked: those that an authenticator declares as no secret."""


# ------------------------------------------------------------------ as a new realm has them


def fill(realm: Realm, export: Body) -> None:
    settings = {each["alias"]: each for each in export["authenticatorConfig"]}
    realm.configs = {each["id"]: dict(each) for each in settings.values()}
    ids = {each["alias"]: each["id"] for each in export["authenticationFlows"]}
    for flow in export["authenticationFlows"]:
        realm.flows[flow["id"]] = without(flow, "authenticationExecutions")
        for each in flow["authenticationExecutions"]:
            execution = {
                "id": realm.new_id(),
                "parent": flow["id"],
                "requirement": each["requirement"],
                "priority": each["priority"],
                "authenticator": each.get("authenticator"),
                "flow": ids.get(each.get("flowAlias", "")),
                "config": settings[each["authenticatorConfig"]]["id"] if each.get("authenticatorConfig") else None,
            }
            realm.executions[execution["id"]] = execution


# ------------------------------------------------------------------ flows


def _executions(realm: Realm, flow_id: str) -> list[Body]:
    own = [each for each in realm.executions.values() if each["parent"] == flow_id]
    return sorted(own, key=lambda each: int(each["priority"]))


def damaged(realm: Realm) -> bool:
    """Returns whether a flow stands on a subflow that is gone: then nothing that shows flows has an answer (26.7)."""
    return any(_is_damaged(realm, flow_id) for flow_id in realm.flows)


def _is_damaged(realm: Realm, flow_id: str) -> bool:
    return any(each["flow"] and each["flow"] not in realm.flows for each in _executions(realm, flow_id))


def _flow(realm: Realm, flow: Body) -> Body:
    if _is_damaged(realm, flow["id"]):
        raise failed()
    return shown(
        {**flow, "authenticationExecutions": [_execution(realm, each) for each in _executions(realm, flow["id"])]}
    )


def _execution(realm: Realm, execution: Body) -> Body:
    is_flow = bool(execution["flow"])
    return shown(
        {
            "authenticatorConfig": realm.configs[execution["config"]]["alias"] if execution["config"] else None,
            "authenticator": execution["authenticator"],
            "authenticatorFlow": is_flow,
            "requirement": execution["requirement"],
            "priority": execution["priority"],
            "autheticatorFlow": is_flow,
            "flowAlias": realm.flows[execution["flow"]]["alias"] if is_flow else None,
            "userSetupAllowed": False,
        }
    )


def _list_flows(realm: Realm, _given: Given) -> list[Body]:
    top = _at_the_top(realm)
    if any(_is_damaged(realm, flow["id"]) for flow in top):
        raise Refusal(400, {"error": "unknown_error", "error_description": "Cannot parse the JSON"})
    return [_flow(realm, flow) for flow in top]


def _flows_of_the_console(realm: Realm, _given: Given) -> list[Body]:
    """The flows at the top, without their executions, so that damaged ones are there too."""
    bound = {realm.settings.get(name): name for name in BOUND_FLOWS}
    return [
        shown(
            {
                **{key: flow.get(key) for key in ("id", "alias", "builtIn", "description")},
                "usedBy": {"type": "DEFAULT", "values": [flow["alias"]]} if flow["alias"] in bound else None,
            }
        )
        for flow in _at_the_top(realm)
    ]


def _at_the_top(realm: Realm) -> list[Body]:
    """The flows of a list; one of Keycloak's own is never in it."""
    return [flow for flow in realm.flows.values() if flow["topLevel"] and flow["alias"] != "saml ecp"]


def _create_flow(realm: Realm, given: Given) -> Made:
    body = given.body
    if not body.get("alias"):
        raise conflict("Failed to create flow with empty alias name")
    if _named(realm, body["alias"]):
        raise conflict(f"Flow {body['alias']} already exists")
    if not body.get("providerId"):
        raise duplicate()
    flow = {
        "id": realm.new_id(),
        "alias": body["alias"],
        "description": body.get("description") or "",
        "providerId": body["providerId"],
        "topLevel": bool(body.get("topLevel")),
        "builtIn": bool(body.get("builtIn")),
    }
    realm.flows[flow["id"]] = flow
    return Made(flow["id"])


def _named(realm: Realm, alias: str) -> Body | None:
    return next((flow for flow in realm.flows.values() if flow["alias"] == alias), None)


def _put_flow(realm: Realm, given: Given) -> None:
    flow, body = found(realm.flows, given.names[0], _NO_FLOW), given.body
    if _named(realm, body["alias"]) not in (None, flow):
        raise conflict("Flow alias name already exists")
    old = flow["alias"]
    flow |= {key: body.get(key) for key in ("alias", "description", "providerId", "topLevel", "builtIn")}
    for name in BOUND_FLOWS:
        if realm.settings.get(name) == old:
            realm.settings[name] = flow["alias"]


def _delete_flow(realm: Realm, given: Given) -> None:
    flow = found(realm.flows, given.names[0], "Flow not found")
    if flow["builtIn"]:
        raise Refusal(400, {"error": "Can't delete built in flow"})
    if flow["alias"] in {realm.settings.get(name) for name in BOUND_FLOWS} or _is_used(realm, flow):
        raise failed()
    _forget_flow(realm, flow["id"])


def _is_used(realm: Realm, flow: Body) -> bool:
    names = ("firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias")
    by_providers = any(each.get(name) == flow["alias"] for each in realm.providers.values() for name in names)
    overrides = (client["authenticationFlowBindingOverrides"] for client in realm.clients.values())
    return by_providers or any(flow["id"] in each.values() for each in overrides)


def _forget_flow(realm: Realm, flow_id: str) -> None:
    """Deletes a flow with all below it, whoever else stands on that."""
    realm.flows.pop(flow_id, None)
    for each in _executions(realm, flow_id):
        _forget_execution(realm, each)


def _forget_execution(realm: Realm, execution: Body) -> None:
    realm.executions.pop(execution["id"], None)
    if execution["config"]:
        realm.configs.pop(execution["config"], None)
    if execution["flow"]:
        _forget_flow(realm, execution["flow"])


# ------------------------------------------------------------------ executions


def _by_alias(realm: Realm, alias: str, words: str) -> Body:
    flow = _named(realm, alias)
    if flow is None:
        raise missing(words)
    return flow


def _list_executions(realm: Realm, given: Given) -> list[Body]:
    return list(_below(realm, _by_alias(realm, given.names[0], "Flow not found"), 0))


def _below(realm: Realm, flow: Body, level: int) -> Iterator[Body]:
    for index, each in enumerate(_executions(realm, flow["id"])):
        common = {
            "id": each["id"],
            "requirement": each["requirement"],
            "level": level,
            "index": index,
            "priority": each["priority"],
            "authenticationConfig": each["config"],
        }
        if not each["flow"]:
            yield shown({**common, "providerId": each["authenticator"], **_authenticators()[each["authenticator"]]})
            continue
        if each["flow"] not in realm.flows:
            raise failed()
        own = realm.flows[each["flow"]]
        is_form = own["providerId"] == "form-flow"
        yield shown(
            {
                **common,
                "displayName": own["alias"],
                "description": own.get("description"),
                "requirementChoices": ["REQUIRED", "DISABLED"] if is_form else _CHOICES,
                "configurable": False,
                "authenticationFlow": True,
                "flowId": own["id"],
                "providerId": each["authenticator"],
            }
        )
        yield from _below(realm, own, level + 1)


def _authenticators() -> Mapping[str, Body]:
    known: Mapping[str, Body] = recorded()["authenticators"]
    return known


def _create_execution(realm: Realm, given: Given) -> Made:
    body = given.body
    parent = realm.flows.get(str(body.get("parentFlow")))
    if parent is None:
        raise Refusal(400, {"error": "execution parent flow does not exist"})
    if parent["builtIn"]:
        raise Refusal(400, {"error": _BUILT_IN.format("add execution to")})
    authenticator = body.get("authenticator")
    if authenticator and authenticator not in _authenticators():
        raise Refusal(400, {"error": f"No authentication provider found for id: {authenticator}"})
    alias = body.get("authenticatorConfig")
    config = next((each["id"] for each in realm.configs.values() if each["alias"] == alias), None) if alias else None
    execution = {
        "id": realm.new_id(),
        "parent": parent["id"],
        "requirement": body["requirement"],
        "priority": int(body.get("priority") or 0),
        "authenticator": authenticator,
        "flow": body.get("flowId") if body.get("authenticatorFlow") else None,
        "config": config,
    }
    realm.executions[execution["id"]] = execution
    return Made(execution["id"])


def _put_execution(realm: Realm, given: Given) -> None:
    _by_alias(realm, given.names[0], "flow not found")
    execution, body = found(realm.executions, given.body["id"], _NO_EXECUTION), given.body
    execution |= {"requirement": body["requirement"], "priority": body["priority"]}


def _delete_execution(realm: Realm, given: Given) -> None:
    execution = found(realm.executions, given.names[0], _NO_EXECUTION)
    if realm.flows.get(execution["parent"], {}).get("builtIn"):
        raise Refusal(400, {"error": _BUILT_IN.format("remove execution from")})
    _forget_execution(realm, execution)


def _get_execution(realm: Realm, given: Given) -> Body:
    each = found(realm.executions, given.names[0], _NO_EXECUTION)
    return shown(
        {
            "id": each["id"],
            "authenticator": each["authenticator"],
            "authenticatorFlow": bool(each["flow"]),
            "autheticatorFlow": bool(each["flow"]),
            "requirement": each["requirement"],
            "priority": each["priority"],
            "flowId": each["flow"],
            "parentFlow": each["parent"],
            "authenticatorConfig": each["config"],
        }
    )


# ------------------------------------------------------------------ settings of executions


def _masked(config: Body) -> Body:
    settings = {key: text if key in _SHOWN_SETTINGS else MASK for key, text in config["config"].items()}
    return {**config, "config": settings}


def _create_config(realm: Realm, given: Given) -> Made:
    execution, body = found(realm.executions, given.names[0], _NO_EXECUTION), given.body
    if any(each["alias"] == body["alias"] for each in realm.configs.values()):
        raise conflict(f"Authentication execution configuration {body['alias']} already exists")
    if execution["config"]:
        realm.configs.pop(execution["config"], None)
    config = {"id": realm.new_id(), "alias": body["alias"], "config": dict(body.get("config") or {})}
    realm.configs[config["id"]] = config
    execution["config"] = config["id"]
    return Made(config["id"])


def _put_config(realm: Realm, given: Given) -> None:
    config, body = found(realm.configs, given.names[0], _NO_CONFIG), given.body
    sent = body.get("config") or {}
    kept = {key: config["config"].get(key) if text == MASK else text for key, text in sent.items()}
    config |= {"alias": body["alias"], "config": kept}


# ------------------------------------------------------------------ in an export


def exported(realm: Realm) -> Body:
    used = {each["config"] for each in realm.executions.values()}
    return {
        "authenticationFlows": [_flow(realm, flow) for flow in realm.flows.values()],
        "authenticatorConfig": [_masked(each) for each in realm.configs.values() if each["id"] in used],
    }


ROUTES: Final[Routes] = {
    "GET /authentication/flows": _list_flows,
    "POST /authentication/flows": _create_flow,
    "GET /authentication/flows/{}": lambda realm, given: _flow(realm, found(realm.flows, given.names[0], _NO_FLOW)),
    "PUT /authentication/flows/{}": _put_flow,
    "DELETE /authentication/flows/{}": _delete_flow,
    "GET /authentication/flows/{}/executions": _list_executions,
    "PUT /authentication/flows/{}/executions": _put_execution,
    "POST /authentication/executions": _create_execution,
    "GET /authentication/executions/{}": _get_execution,
    "DELETE /authentication/executions/{}": _delete_execution,
    "POST /authentication/executions/{}/config": _create_config,
    "GET /authentication/config/{}": lambda realm, given: _masked(found(realm.configs, given.names[0], _NO_CONFIG)),
    "PUT /authentication/config/{}": _put_config,
    "GET /ui-ext/authentication-management/flows": _flows_of_the_console,
}
