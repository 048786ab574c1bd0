"""Identity providers: other places where people may log in.

``config`` is managed by declared key, as some types write there themselves. Its secret is masked by the server, and
told from another one by a digest; a reference such as `${vault.name}` is shown and compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret, Spec, Value
from reconciler.providers.keycloak.kinds.flow import unknown_flows
from reconciler.providers.keycloak.table.connection import BASE, Representation, View
from reconciler.providers.keycloak.table.deployed import deployed, not_deployed
from reconciler.providers.keycloak.table.groups import (
    Creation,
    Dependencies,
    Listing,
    Paths,
    Pruning,
    Put,
    Reading,
    Requirements,
)
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.names import of_path
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_secret,
    as_text,
    as_text_map,
    declared_keys,
    fixed,
    flag,
    text,
    without_blanks,
)
from reconciler.vocabulary.accepted import SETTINGS
from reconciler.vocabulary.keycloak import FLOW, IDENTITY_PROVIDER, REALM

_SECRETS: Final = ("clientSecret",)
_FLOWS: Final = ("firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias")


def _config(value: Value) -> Mapping[str, Value]:
    """The settings; a reference to a vault is no secret."""
    return {key: _veiled(part) if key in _SECRETS else part for key, part in as_text_map(value).items()}


def _veiled(value: Value) -> Value:
    plain = value.reveal() if isinstance(value, Secret) else value
    return plain if isinstance(plain, str) and plain.startswith("${vault.") else as_secret(value)


def _providers(realm: Representation) -> Iterator[Item]:
    for index, body in enumerate(realm.get("identityProviders") or ()):
        yield Item((body["alias"],), ("identityProviders", index), body)


def _refused(view: View, address: Address, body: Mapping[str, Value]) -> str:
    return unknown_flows(view, address, body, _FLOWS)


def _unknown_provider(view: View, _address: Address, body: Mapping[str, Value]) -> str:
    sort = body.get("providerId")
    if not isinstance(sort, str) or SETTINGS["identityProviders.*.providerId"].has(sort):
        return ""
    known = {*deployed(view, "identity_provider"), *deployed(view, "social")}
    return not_deployed("type of identity provider", sort, known)


def _masked(_spec: Spec) -> Iterable[str]:
    return ("config",)


def _flows(realm: str, spec: Spec) -> Iterable[Address]:
    return tuple(Address(FLOW, (realm, str(spec[name]))) for name in _FLOWS if spec.get(name))


KIND: Final = RestKind(
    name=IDENTITY_PROVIDER,
    key="alias",
    properties={
        "displayName": text(),
        "providerId": fixed(),
        "enabled": flag(default=True),
        "hideOnLogin": flag(),
        "linkOnly": flag(),
        "storeToken": flag(),
        "trustEmail": flag(),
        "addReadTokenRoleOnCreate": flag(),
        "authenticateByDefault": flag(),
        **{name: text(without_blanks(as_text)) for name in _FLOWS},
        "config": Property(Field(normalise=_config), complete=declared_keys, whole=True),
    },
    objects=_providers,
    paths=Paths(
        item=f"{BASE}/identity-provider/instances/{{name}}",
        find=f"{BASE}/identity-provider/instances/{{name}}",
        collections={REALM: f"{BASE}/identity-provider/instances"},
        answers_id=False,
        id_key="alias",
    ),
    right="manage-identity-providers",
    put=Put(replaces=True),
    creation=Creation(misnamed=of_path),
    pruning=Pruning(section="identityProviders"),
    dependencies=Dependencies(uses=_flows),
    requirements=Requirements(refuses=_refused, rejects=_unknown_provider),
    reading=Reading(
        secrets=tuple(("config", name) for name in _SECRETS),
        masked=_masked,
        listing=Listing("/identity-provider/instances", ()),
    ),
)
