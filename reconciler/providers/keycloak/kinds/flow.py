"""Authentication flows and subflows, each a resource of its own with its executions as parts.

The executions of a flow are exact, told apart by what they run and, where that comes twice, by their order. Those of
a flow that Keycloak brought can be changed, but neither added nor taken away; such a flow may have more of them than
the file says. Settings of an execution, which files have in `authenticatorConfig`, are a part of it here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.difference.kind import Field
from reconciler.core.message.errors import Conflict, Rejected
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Path, Spec, Value
from reconciler.providers.keycloak.table.connection import BASE, EXPORT, Live, Representation, View
from reconciler.providers.keycloak.table.groups import (
    Builtins,
    Creation,
    Dependencies,
    Listing,
    Paths,
    Pruning,
    Put,
    Reading,
    Replacement,
    Requirements,
)
from reconciler.providers.keycloak.table.kind import Item, Parts, RestKind
from reconciler.providers.keycloak.table.names import of_flow
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_map,
    as_text_map,
    flag,
    merged,
    number,
    text,
    unmasked,
    whole_number,
    without_absent,
    without_masks,
)
from reconciler.record import replace
from reconciler.vocabulary.keycloak import BUILT_IN_FLOWS, EXECUTIONS, FLOW, REALM

_OF_EVERY_REALM: Final = frozenset(
    {"browser", "clients", "direct grant", "docker auth", "first broker login", "registration", "reset credentials"}
)


def _settings(value: Value) -> Value:
    """The name of an execution's settings, and the settings."""
    if not isinstance(value, Mapping):
        return ABSENT
    return {**value, **({"config": as_text_map(value["config"])} if "config" in value else {})}


_MADE_EMPTY: Final = (
    "Keycloak's own flows come with a new realm only, and nothing can be added to them later; "
    "say `builtIn: false`, or leave it out"
)
_FLAG: Final = flag()
_ROWS: Final = {
    "authenticator": text(),
    "flowAlias": text(),
    "requirement": text(),
    "priority": number(),
    "authenticatorConfig": Property(Field(normalise=_settings)),
}


def _by_name(value: Value) -> Mapping[str, Value]:
    """Executions by what they run; the second of the same name is ``name #2``."""
    if isinstance(value, Mapping):
        return {name: _normal(as_map(body)) for name, body in value.items()}
    bodies = [body for body in value if isinstance(body, Mapping)] if isinstance(value, Sequence) else []
    found: dict[str, Value] = {}
    # In the order in which they run: the number of a second one of a name depends on it.
    for body in sorted(bodies, key=lambda body: whole_number(body.get("priority") or 0)):
        found[_free(_named(body), found)] = _normal(body)
    return found


def _named(body: Mapping[str, Any]) -> str:
    return str(body.get("flowAlias") or body.get("authenticator") or "")


def _free(name: str, taken: Mapping[str, Any]) -> str:
    return next(each for each in _numbered(name) if each not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name} #{number}"
        number += 1


def _normal(body: Mapping[str, Value]) -> Mapping[str, Value]:
    return {name: row.normal(body[name]) for name, row in _ROWS.items() if body.get(name) is not None}


def _completed(declared: Value, live: Value) -> Value:
    there = as_map(live)
    return {name: _filled(as_map(body), as_map(there.get(name, {}))) for name, body in as_map(declared).items()}


def _filled(declared: Mapping[str, Value], live: Mapping[str, Value]) -> Mapping[str, Value]:
    """A declared execution; what it leaves out, and settings that the server masks, are as they are."""
    there = as_map(live.get("authenticatorConfig", {}))
    settings = declared.get("authenticatorConfig")
    own = {"authenticatorConfig": unmasked(settings, there)} if isinstance(settings, Mapping) else {}
    return _over(live, {**declared, **own})


def _over(live: Mapping[str, Value], declared: Mapping[str, Value]) -> Mapping[str, Value]:
    """An execution with what is declared of it over what is live."""
    settings = declared.get("authenticatorConfig")
    own = {**as_map(live.get("authenticatorConfig", {})), **settings} if isinstance(settings, Mapping) else None
    return {**live, **declared, **({"authenticatorConfig": own} if own else {})}


def _adjust(_desired: Resource, observed: Observed, expected: dict[str, Value]) -> Mapping[str, Value]:
    """Let the executions stay that nobody can take away."""
    if observed.spec.get("builtIn") and EXECUTIONS in expected:
        live = _by_name(observed.spec.get(EXECUTIONS, ()))
        expected[EXECUTIONS] = {**live, **as_map(expected[EXECUTIONS])}
    return expected


def _masked(_spec: Spec) -> Iterable[str]:
    return (EXECUTIONS,)


def _flows(realm: Representation) -> Iterator[Item]:
    settings = {each["alias"]: each for each in realm.get("authenticatorConfig") or () if each.get("alias")}
    for index, flow in enumerate(realm.get("authenticationFlows") or ()):
        yield Item((flow["alias"],), ("authenticationFlows", index), _with_settings(flow, settings))


def _with_settings(flow: Representation, settings: Mapping[str, Representation]) -> Representation:
    if EXECUTIONS not in flow:
        return flow
    return {**flow, EXECUTIONS: tuple(_execution(each, settings) for each in flow[EXECUTIONS] or ())}


def _execution(body: Representation, settings: Mapping[str, Representation]) -> Representation:
    alias = body.get("authenticatorConfig")
    if not isinstance(alias, str):
        return body
    own = settings.get(alias, {})
    return {**body, "authenticatorConfig": {"alias": alias, **({"config": own["config"]} if "config" in own else {})}}


def _subflows(realm: str, spec: Spec) -> Iterable[Address]:
    return tuple(each for body in _executions(spec) for each in _subflow(realm, body))


def _subflow(realm: str, execution: Mapping[str, Value]) -> Iterable[Address]:
    alias = execution.get("flowAlias")
    return (Address(FLOW, (realm, str(alias))),) if alias else ()


def _with_realm(flows: Sequence[Resource]) -> tuple[Sequence[Resource], Mapping[str, Value]]:
    """Keycloak's own flows as another release had them: nothing can be added to them later, but a new realm takes them.

    It takes all of them or none; what the file leaves out would be missing.
    """
    own = [each for each in flows if _FLAG.normal(each.spec.get("builtIn", ABSENT)) is True]
    bodies = [body for each in own for body in _executions(each.spec)]
    named = {str(body["flowAlias"]) for body in bodies if body.get("flowAlias")}
    if not {each.address.name for each in own} >= _OF_EVERY_REALM | named:
        return (), {}
    settings = {
        str(found["alias"]): {"alias": found["alias"], "config": without_masks(as_text_map(found.get("config")))}
        for body in bodies
        if isinstance(found := body.get("authenticatorConfig"), Mapping)
    }
    return own, {"authenticationFlows": tuple(map(_sent, own)), "authenticatorConfig": tuple(settings.values())}


def _executions(spec: Spec) -> Sequence[Mapping[str, Value]]:
    found = spec.get(EXECUTIONS) or ()
    return [body for body in found if isinstance(body, Mapping)] if isinstance(found, Sequence) else []


def _sent(flow: Resource) -> Mapping[str, Value]:
    """A flow as a realm's body has it."""
    executions = tuple(_sent_execution(index, body) for index, body in enumerate(_executions(flow.spec)))
    return {**KIND.creation_body(flow), EXECUTIONS: executions}


def _sent_execution(index: int, body: Mapping[str, Value]) -> Mapping[str, Value]:
    own = {"priority": index, "requirement": "DISABLED", **as_map(without_absent(_normal(body)))}
    settings = own.get("authenticatorConfig")
    if isinstance(settings, Mapping):
        own["authenticatorConfig"] = settings["alias"]
    return {**own, "authenticatorFlow": "flowAlias" in own}


def _refused(_view: View, _address: Address, body: Mapping[str, Value]) -> str:
    """Explains why a flow would stay empty, and could not even be deleted."""
    return _MADE_EMPTY if body.get("builtIn") is True else ""


def unknown_flows(view: View, address: Address, body: Mapping[str, Value], properties: Collection[str]) -> str:
    """The message about properties that name a flow which is not there, "" if none.

    The server only says that it failed (26.7).
    """
    named = {name: body[name] for name in properties if body.get(name) not in (None, "", ABSENT)}
    if not named:
        return ""
    found = view.once(f"{BASE.format(realm=quote(address.path[0], safe=''))}/authentication/flows")
    there = {flow["alias"] for flow in found} if isinstance(found, Sequence) else set(named.values())
    missing = sorted(f"{name} names `{flow}`" for name, flow in named.items() if flow not in there)
    return f"{', '.join(missing)}, which is not there; declare it under authenticationFlows" if missing else ""


def _is_builtin(path: Path) -> bool:
    return path[-1] in BUILT_IN_FLOWS


def _is_brought(flow: Representation) -> bool:
    return bool(flow.get("builtIn"))


class _Executions:
    """Executions are made and found by paths of their own."""

    def create(self, live: Live, address: Address, part: str, body: Mapping[str, Value]) -> None:
        if _found(live, address, part) is not None:
            raise Conflict(f"{part} is there already")
        flow = body.get("flowAlias")
        execution = {name: body[name] for name in ("authenticator", "requirement", "priority") if name in body}
        if flow:
            execution["flowId"] = _there(live, Address(FLOW, (address.path[0], str(flow))))
        execution.setdefault("requirement", "DISABLED")
        execution |= {"parentFlow": live.id(address), "authenticatorFlow": bool(flow)}
        path = live.path(f"{BASE}/authentication/executions", address)
        made = live.connection.create(path, execution)
        if "authenticatorConfig" not in body:
            return
        settings = as_map(body["authenticatorConfig"])
        try:
            _set(live, address, {"id": made}, settings)
        except Conflict:  # another execution has settings of this name: they share them
            live.connection.delete(f"{path}/{made}")
            live.connection.create(path, {**execution, "authenticatorConfig": settings["alias"]})

    def update(self, live: Live, address: Address, part: str, patch: Mapping[str, Value]) -> None:
        found = _found(live, address, part)
        if found is None:
            raise Conflict(f"{part} is not there any more")
        if "authenticator" in patch:  # of a form, whose subflow gives it its name
            raise Rejected(f"{part} can't get another authenticator; give the subflow of the new one another name")
        own = {name: patch[name] for name in ("requirement", "priority") if name in patch}
        if own:
            # The PUT sets both, so the one that does not change goes along.
            kept = {name: found[name] for name in ("id", "requirement", "priority")}
            live.connection.put(live.path(f"{BASE}/authentication/flows/{{name}}/executions", address), {**kept, **own})
        settings = patch.get("authenticatorConfig")
        if isinstance(settings, Mapping):
            _set(live, address, found, settings)

    def delete(self, live: Live, address: Address, part: str) -> None:
        found = _found(live, address, part)
        if found is not None:
            live.connection.delete(live.path(f"{BASE}/authentication/executions/{found['id']}", address))


def _there(live: Live, flow: Address) -> str:
    """The id of a flow that is there at this moment: Keycloak takes any id, and then nobody can log in (26.7)."""
    if live.connection.get(live.path(f"{BASE}/authentication/flows/{{id}}", flow)) is ABSENT:
        raise Conflict(f"{flow} is not there any more")
    return live.id(flow)


def _set_aside(live: Live, address: Address, flow_id: str) -> None:
    """Gives an old flow and its settings other names: the new ones need theirs while the old ones still serve."""
    executions = f"{BASE}/authentication/flows/{{name}}/executions"
    for each in _own(live.connection.get(live.path(executions, address))):
        # The names of settings are unique in a realm, like those of flows.
        known = each.get("authenticationConfig")
        if known is not None:
            path = live.path(f"{BASE}/authentication/config/{{config}}", address, config=known)
            settings = live.connection.get(path)
            live.connection.put(path, {**settings, "alias": old_name(str(settings["alias"]), known)})
    path = live.path(f"{BASE}/authentication/flows/{{flow}}", address, flow=flow_id)
    body = live.connection.get(path)
    live.connection.put(path, {**body, "alias": old_name(address.name, flow_id)})


def old_name(alias: str, object_id: str) -> str:
    """The name of the old flow or its settings while a new one has the name."""
    return f"{alias}.old-{object_id[:8]}"


def _successor(desired: Resource, observed: Observed) -> Resource:
    """A flow with what is declared, and else what the old one has."""
    there = _by_name(observed.spec.get(EXECUTIONS, ()))
    own = _by_name(desired.spec[EXECUTIONS]) if EXECUTIONS in desired.spec else there
    executions = {name: _over(as_map(there.get(name, {})), as_map(body)) for name, body in own.items()}
    return replace(desired, spec={**observed.spec, **desired.spec, EXECUTIONS: executions})


def _obstacle(desired: Resource, observed: Observed) -> str:
    """Explains why there can't be a new flow in place of this one."""
    if observed.spec.get("builtIn"):
        return "is built in, and would be"
    executions = as_map(_successor(desired, observed).spec[EXECUTIONS])
    missing = [each for body in executions.values() for each in _subflow(desired.address.path[0], as_map(body))]
    # A subflow that nobody declares would be shared by both, and vanish with the old one.
    for subflow in missing:
        if subflow not in desired.after:
            return f"has {subflow}, which is not declared there; declare it, as both would be"
    # A masked value can't be copied: the new flow would be sent the mask.
    if masked := [name for name, body in executions.items() if _is_masked(as_map(body))]:
        return f"has settings of {', '.join(masked)} that Keycloak does not show; declare them, as they would be"
    return ""


def _is_masked(execution: Mapping[str, Value]) -> bool:
    settings = execution.get("authenticatorConfig")
    config = settings.get("config") if isinstance(settings, Mapping) else None
    return isinstance(config, Mapping) and without_masks(config) != config


def _found(live: Live, address: Address, part: str) -> Representation | None:
    """The execution of this name; the list also holds those of subflows, one level down."""
    answer = live.connection.get(live.path(f"{BASE}/authentication/flows/{{name}}/executions", address))
    named: dict[str, Representation] = {}
    for each in sorted(_own(answer), key=lambda each: int(each["priority"])):
        # A subflow goes by its name here, and an authenticator by its id.
        name = each["displayName"] if each.get("authenticationFlow") else each.get("providerId", "")
        named[_free(name, named)] = each
    return named.get(part)


def _own(answer: Any) -> Sequence[Representation]:
    """The executions of a flow itself, of an answer that also has those of its subflows."""
    return [each for each in answer if each.get("level") == 0] if answer is not ABSENT else []


def _set(live: Live, address: Address, execution: Representation, patch: Mapping[str, Value]) -> None:
    """Give an execution its settings, or other ones."""
    # Settings are objects of their own, made with the first and changed with the next ones.
    known = execution.get("authenticationConfig")
    if known is None:
        path = f"{BASE}/authentication/executions/{execution['id']}/config"
        live.connection.create(live.path(path, address), merged({"config": {}}, patch))
        return
    path = live.path(f"{BASE}/authentication/config/{known}", address)
    live.connection.put(path, merged(live.connection.get(path), patch))


KIND: Final = RestKind(
    name=FLOW,
    key="alias",
    properties={
        "description": text(),
        "providerId": text(),
        "topLevel": _FLAG,
        "builtIn": _FLAG,
        EXECUTIONS: Property(Field(normalise=_by_name), complete=_completed, unset=()),
    },
    objects=_flows,
    paths=Paths(
        item=f"{BASE}/authentication/flows/{{id}}",
        find=f"{BASE}/{EXPORT}",  # the list of flows has none of those within others
        collections={REALM: f"{BASE}/authentication/flows"},
    ),
    right="manage-realm",
    parts={EXECUTIONS: Parts("", "name", _ROWS, in_creation=False, writer=_Executions(), takes=_subflow)},
    adjust=_adjust,
    put=Put(
        # A PUT replaces, and refuses to do without these.
        always=("alias", "description", "providerId", "topLevel", "builtIn")
    ),
    creation=Creation(
        misnamed=of_flow,
        defaults={"providerId": "basic-flow", "topLevel": True, "builtIn": False},
        with_realm=_with_realm,
    ),
    builtins=Builtins(is_builtin=_is_builtin),
    pruning=Pruning(section="authenticationFlows", keeps=_is_brought),
    dependencies=Dependencies(uses=_subflows),
    replacement=Replacement(obstacle=_obstacle, successor=_successor, set_aside=_set_aside),
    reading=Reading(masked=_masked, listing=Listing("/authentication/flows", tuple(sorted(BUILT_IN_FLOWS)))),
    requirements=Requirements(
        refuses=_refused,
        remedies={"a built in flow": "copy the flow under another name and bind that, or leave the built-in one out"},
    ),
)
