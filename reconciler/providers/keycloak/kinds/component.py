"""Components: key providers, user federation with its mappers, policies for registering clients.

They are named by their name (with the sort in brackets where there are two of a name, as for anonymous and for
authenticated registration), components inside others by both names. ``config`` is managed by declared key, as a PUT
merges it and the server adds to it. A password that it masks there is told from another one by a digest; of keys it
shows nothing at all, so they are set on creation only. What a provider does not know there the server drops without a
word, so that it is asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.change import Change
from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import DocumentPath
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Path, Spec, Value, has_secret
from reconciler.providers.keycloak.table.connection import BASE, Live, Representation
from reconciler.providers.keycloak.table.groups import (
    Builtins,
    Creation,
    Paths,
    Pruning,
    Put,
    Reading,
    Requirements,
    Wording,
)
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.nearest import meant
from reconciler.providers.keycloak.table.properties import (
    MASK,
    Property,
    as_list_map,
    as_map,
    as_names,
    as_secret,
    fixed,
    text,
    without_blanks,
)
from reconciler.providers.keycloak.table.required_release import Check
from reconciler.vocabulary.keycloak import COMPONENT, PROFILE_COMPONENT, REALM

WORKFLOWS: Final = "org.keycloak.models.workflow.WorkflowProvider"
"""An export shows workflows here without their names and settings (26.7), and they are none of ours to delete."""
KEYS: Final = "org.keycloak.keys.KeyProvider"
FEDERATION: Final = "org.keycloak.storage.UserStorageProvider"
_OF_EVERY_FEDERATION: Final = (
    "batchSizeForSync cacheInvalidBefore cachePolicy changedSyncPeriod enabled evictionDay evictionHour evictionMinute "
    "fullSyncPeriod importEnabled lastSync maxLifespan priority removeInvalidUsersEnabled"
)
_SETTINGS: Final = {
    KEYS: "",
    "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy": "",
    FEDERATION: _OF_EVERY_FEDERATION,
    "org.keycloak.storage.ldap.mappers.LDAPStorageMapper": "",
}
"""What the server knows of each provider of a type besides what it tells in its info (26.7)."""
_KEYS_OF_A_NEW_REALM: Final = ("aes-generated", "hmac-generated-hs512", "rsa-enc-generated", "rsa-generated")
_POLICIES: Final = {
    "anonymous": (
        "Allowed Client Scopes",
        "Allowed Protocol Mapper Types",
        "Allowed Registration Web Origins",
        "Consent Required",
        "Full Scope Disabled",
        "Max Clients Limit",
        "Trusted Hosts",
    ),
    "authenticated": ("Allowed Client Scopes", "Allowed Protocol Mapper Types", "Allowed Registration Web Origins"),
}
BUILTIN: Final = frozenset(
    {*_KEYS_OF_A_NEW_REALM, *(f"{name} ({sort})" for sort, names in _POLICIES.items() for name in names)}
)
_OF_EVERY_REALM: Final = frozenset({"aes-generated", "hmac-generated", "rsa-generated"})
_GENERATED: Final = (*_OF_EVERY_REALM, "rsa-enc-generated", "ecdsa-generated", "ecdh-generated", "eddsa-generated")
_OF_A_KEY: Final = ("certificate", "keyUse", "kid")
_SECRETS: Final = ("bindCredential", "keyPassword", "keystorePassword", "privateKey", "secret")


_LISTS: Final = without_blanks(as_list_map)


def _config(value: Value) -> Mapping[str, Value]:
    return {key: _hidden(part) if key in _SECRETS else part for key, part in as_map(_LISTS(value)).items()}


def _hidden(value: Value) -> Value:
    return tuple(map(as_secret, value)) if isinstance(value, tuple) else value


def _completed(declared: Value, live: Value) -> Value:
    there = as_map(live)
    return there | {key: _seen(part, there.get(key, ABSENT)) for key, part in as_map(declared).items()}


def _seen(declared: Value, live: Value) -> Value:
    """The declared value, but the live one where it can't be compared."""
    is_hidden = has_secret(declared) and live in (ABSENT, (MASK,))
    return live if is_hidden or declared == (MASK,) else declared


def _cleared(value: Value) -> Value:
    """A PUT keeps what is left out or null; an empty list takes it away. A mask is never sent."""
    return {key: () if part is None else part for key, part in as_map(value).items() if part != (MASK,)}


def _masked(spec: Spec) -> Iterable[str]:
    return () if spec.get("providerType") == KEYS else ("config",)


def label(body: Mapping[str, Any]) -> str:
    """The name of a component in its address."""
    sort = body.get("subType")
    return f"{body.get('name')} ({sort})" if sort else str(body.get("name"))


def _components(realm: Representation) -> Iterator[Item]:
    yield from _below((), ("components",), realm.get("components") or {})


def _below(keys: Path, at: DocumentPath, section: Mapping[str, Sequence[Representation]]) -> Iterator[Item]:
    for sort, bodies in section.items():
        for index, body in enumerate(bodies or ()):
            # These have kinds of their own.
            if sort in (PROFILE_COMPONENT, WORKFLOWS):
                continue
            item = Item((*keys, label(body)), (*at, sort, index), {**body, "providerType": sort})
            yield item
            yield from _below(item.keys, (*item.at, "subComponents"), body.get("subComponents") or {})


def _is_builtin(path: Path) -> bool:
    return path[-1] in BUILTIN


def _is_key(component: Representation) -> bool:
    """Whoever deletes a key makes every token worthless that was signed with it."""
    return bool(component.get("providerType") == KEYS)


def _adjust(desired: Resource, observed: Observed, expected: dict[str, Value]) -> Mapping[str, Value]:
    """Leave out what belongs to a generated key: exports of a whole database have it, and the server never shows it."""
    if desired.spec.get("providerId") not in _GENERATED or "config" not in expected:
        return expected
    live = as_map(observed.spec.get("config", {}))
    config = {key: part for key, part in as_map(expected["config"]).items() if key in live or key not in _OF_A_KEY}
    return {**expected, "config": config}


def _asked(change: Change) -> Value:
    """The settings that the server does not show yet, and of what they are."""
    desired, observed = change.desired, change.observed
    assert desired is not None
    spec = {**(observed.spec if observed else {}), **desired.spec}
    if spec.get("providerType") not in _SETTINGS:
        return ABSENT
    # A generated key has these by itself.
    own = (*_OF_A_KEY, *_SECRETS) if spec.get("providerId") in _GENERATED else ()
    new = (field.path[1] for field in change.fields if field.path[0] == "config" and field.before is ABSENT)
    names = tuple(sorted(name for name in new if name not in own))
    return {"type": spec["providerType"], "provider": spec.get("providerId"), "settings": names} if names else ABSENT


def _unknown(read: Callable[[str], Any], asked: Value) -> str:
    """Explains why the server would silently drop settings: the provider does not know them."""
    question = as_map(asked)
    sort, provider = str(question["type"]), question["provider"]
    sorts = read("admin/serverinfo").get("componentTypes") or {}
    found = next((each for each in sorts.get(sort, ()) if each["id"] == provider), None)
    if found is None:
        return ""  # which the server tells itself
    known = {*_SETTINGS[sort].split(), *(each["name"] for each in found.get("properties") or ())}
    unknown = [f"`{name}`{meant(str(name), known)}" for name in as_names(question["settings"]) if name not in known]
    if not unknown:
        return ""
    are, them = ("is no setting", "it") if len(unknown) == 1 else ("are no settings", "them")
    names = ", ".join(unknown)
    return f"{names} {are} of its provider {provider}, so Keycloak would drop {them} without a word; take {them} out"


def _with_realm(components: Sequence[Resource]) -> tuple[Sequence[Resource], Mapping[str, Value]]:
    """The keys that the realm had elsewhere, so that what was signed with them stays valid.

    Where a new realm is given one, the server makes none; so it is given all or none.
    """
    own = [each for each in components if each.spec.get("providerType") == KEYS]
    if not {str(each.spec.get("providerId")) for each in own} >= _OF_EVERY_REALM:
        return (), {}
    bodies = [{key: part for key, part in KIND.creation_body(each).items() if key != "providerType"} for each in own]
    return own, {"components": {KEYS: tuple(bodies)}}


def _with_parent(live: Live, address: Address, body: Mapping[str, Value]) -> Mapping[str, Value]:
    parent = KIND.parent_of(address)
    assert parent is not None
    return body if parent.kind == REALM else {**body, "parentId": live.id(parent)}


KIND: Final = RestKind(
    name=COMPONENT,
    key="name",
    properties={
        "name": text(),
        "providerId": text(),
        "providerType": fixed(),
        "subType": text(),
        "config": Property(Field(normalise=_config), complete=_completed, wire=_cleared),
    },
    objects=_components,
    paths=Paths(
        item=f"{BASE}/components/{{id}}",
        find=f"{BASE}/components?parent={{parent}}",
        collections={REALM: f"{BASE}/components", COMPONENT: f"{BASE}/components"},
    ),
    right="manage-realm",
    adjust=_adjust,
    put=Put(replaces=True, resolve=_with_parent),
    creation=Creation(with_realm=_with_realm),
    builtins=Builtins(
        is_builtin=_is_builtin,
        comes_inside=True,  # a new LDAP federation has mappers
    ),
    pruning=Pruning(section="components", keeps=_is_key),
    requirements=Requirements(checks={"config": Check(_asked, _unknown)}),
    reading=Reading(masked=_masked),
    wording=Wording(label=label),
)
