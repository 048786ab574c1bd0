"""Passwords that are to be more than a beginning: set again when they are no longer what the file says.

Keycloak never shows a password. ``label`` leaves a slow, salted digest in the credential's label, which every other
way of setting a password takes away (26.7); users may write the label of their own, so the digest is also of the time
at which the password was set. ``verify`` tries to log in; ``always`` sets it once in each run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, Secret, Spec, Value
from reconciler.providers.keycloak.table.connection import BASE, Live, Representation
from reconciler.providers.keycloak.table.digests import ANOTHER, digest_of, is_digest_of
from reconciler.providers.keycloak.table.groups import Paths, Put, Wording
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import MASK, secret
from reconciler.vocabulary.keycloak import PASSWORD, USER

INITIAL: Final = "initial"
LABEL: Final = "label"
VERIFY: Final = "verify"
ALWAYS: Final = "always"
_USER: Final = f"{BASE}/users/{{id}}"


def _passwords(realm: Representation) -> Iterator[Item]:
    for index, user in enumerate(realm.get("users") or ()):
        for place, credential in enumerate(user.get("credentials") or ()):
            mode, value = credential.get("ensure", INITIAL), credential.get("value")
            # An initial password is set once with the user, and a mask says to keep the one there is.
            if mode != INITIAL and value and value != Secret(MASK):
                keys = (str(user["username"]).lower(),)
                yield Item(keys, ("users", index, "credentials", place), {mode: value})


# ------------------------------------------------------------------ is it still the one


def told(live: Live, desired: Resource, user: Representation) -> Spec:
    """The state of a user's password: the declared one, another one, or none."""
    (mode, declared), *_ = desired.spec.items()
    assert isinstance(declared, Secret)
    if mode == LABEL:
        credential = _credential(live, str(user["id"]), desired.address)
        if credential is None:
            return {}
        is_it = is_digest_of(str(credential.get("userLabel")), declared, str(credential.get("createdDate")))
    elif mode == VERIFY:
        is_it = _opens(live, desired.address, user, declared)
    # Only this run knows that it has set the password; the server has no way of asking without a login.
    else:
        is_it = (desired.address, declared) in live.settled
    return {mode: declared if is_it else ANOTHER}


def _opens(live: Live, address: Address, user: Representation, password: Secret) -> bool:
    """Returns whether it logs the user in; true also if a refusal would prove nothing about it."""
    # With a one-time password a login needs more than the password, so a refusal would prove nothing.
    if user.get("totp"):
        return True
    realm, name = address.path
    if live.connection.takes(realm, name, password):
        return True
    # A user who is locked out is refused with the right password as well.
    path = live.path(f"{BASE}/attack-detection/brute-force/users/{{user}}", address, user=str(user["id"]))
    found = live.connection.get(path)
    return found is not ABSENT and bool(found["disabled"])


def _credential(live: Live, user_id: str, address: Address) -> Representation | None:
    found = live.connection.get(live.path(f"{BASE}/users/{{user}}/credentials", address, user=user_id))
    return next((each for each in (found if found is not ABSENT else ()) if each["type"] == "password"), None)


# ------------------------------------------------------------------ set it


def _save(live: Live, address: Address, patch: Mapping[str, Value]) -> None:
    """Set the password, and only then its label: cut short between the two, the next pass does both again."""
    ((mode, password),) = patch.items()
    assert isinstance(password, Secret)
    path, user_id = set_password(live, address, password)
    if mode == LABEL:
        credential = _credential(live, user_id, address)
        if credential is not None:
            label = digest_of(password, str(credential.get("createdDate")))
            live.connection.put_text(f"{path}/credentials/{credential['id']}/userLabel", label)
    live.settled.add((address, password))


def set_password(live: Live, address: Address, password: Secret) -> tuple[str, str]:
    """Set the password of a user; returns the path and the id of the user. Raises Conflict where there is none."""
    user_id = live.id(Address(USER, address.path))
    path = live.path(f"{BASE}/users/{{user}}", address, user=user_id)
    live.connection.put(f"{path}/reset-password", {"type": "password", "value": password, "temporary": False})
    return path, user_id


KIND: Final = RestKind(
    name=PASSWORD,
    key="username",
    properties={LABEL: secret(), VERIFY: secret(), ALWAYS: secret()},
    objects=_passwords,
    paths=Paths(item=_USER, find=""),
    right="manage-users",
    parent=USER,
    singleton=True,
    put=Put(save=_save),
    wording=Wording(words=dict.fromkeys((LABEL, VERIFY, ALWAYS), "password")),
)
