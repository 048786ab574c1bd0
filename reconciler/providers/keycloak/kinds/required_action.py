"""Required actions: what people may be asked to do when they log in. Keycloak has a fixed set of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Path, Spec, Value
from reconciler.providers.keycloak.table.connection import BASE, Representation, View
from reconciler.providers.keycloak.table.deployed import deployed, not_deployed
from reconciler.providers.keycloak.table.groups import Builtins, Creation, Listing, Paths, Put, Reading, Requirements
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import Property, as_text_map, fixed, flag, number, text, unmasked
from reconciler.vocabulary.keycloak import REALM, REQUIRED_ACTION

BUILTIN: Final = frozenset(
    {
        "CONFIGURE_RECOVERY_AUTHN_CODES",
        "CONFIGURE_TOTP",
        "TERMS_AND_CONDITIONS",
        "UPDATE_EMAIL",
        "UPDATE_PASSWORD",
        "UPDATE_PROFILE",
        "VERIFY_EMAIL",
        "VERIFY_PROFILE",
        "delete_account",
        "delete_credential",
        "idp_link",
        "update_user_locale",
        "webauthn-register",
        "webauthn-register-passwordless",
    }
)


_RENAMED: Final = {"terms_and_conditions": "TERMS_AND_CONDITIONS"}
"""What releases before 21 call what newer ones, and their imports, have under another name."""


def _actions(realm: Representation) -> Iterator[Item]:
    found = realm.get("requiredActions") or ()
    known = {body["alias"] for body in found}
    for index, body in enumerate(found):
        new = _RENAMED.get(body["alias"])
        # An export of an older server may have both names; the present one counts.
        if new not in known:
            renamed = {**body, "alias": new, "providerId": new} if new else body
            yield Item((renamed["alias"],), ("requiredActions", index), renamed)


def _is_builtin(path: Path) -> bool:
    return path[-1] in BUILTIN


def _registration(body: Mapping[str, Value]) -> Mapping[str, Value]:
    """The body for registering, which takes no more."""
    alias = body["alias"]
    return {"providerId": body.get("providerId", alias), "name": body.get("name", alias)}


def _is_for_everybody(spec: Spec) -> bool:
    """Returns whether every new user has to do it."""
    return _FLAG.normal(spec.get("defaultAction", ABSENT)) is True


def _unknown(view: View, _address: Address, body: Mapping[str, Value]) -> str:
    """Explains that the server has no such action; those that every server has are not asked for."""
    provider = body.get("providerId")
    if not isinstance(provider, str) or provider in BUILTIN:
        return ""
    return not_deployed("required action", provider, deployed(view, "required-action"))


_FLAG: Final = flag()

KIND: Final = RestKind(
    name=REQUIRED_ACTION,
    key="alias",
    properties={
        "name": text(),
        "providerId": fixed(),
        "enabled": flag(),
        "defaultAction": flag(),
        "priority": number(),
        "config": Property(Field(normalise=as_text_map), complete=unmasked, unset={}, whole=True),
    },
    objects=_actions,
    paths=Paths(
        item=f"{BASE}/authentication/required-actions/{{name}}",
        find=f"{BASE}/authentication/required-actions/{{name}}",
        collections={REALM: f"{BASE}/authentication/register-required-action"},
        answers_id=False,
        id_key="alias",
    ),
    right="manage-realm",
    put=Put(replaces=True),
    creation=Creation(complete=_registration, decides=_is_for_everybody),
    builtins=Builtins(is_builtin=_is_builtin),
    requirements=Requirements(rejects=_unknown),
    reading=Reading(listing=Listing("/authentication/required-actions")),
)
