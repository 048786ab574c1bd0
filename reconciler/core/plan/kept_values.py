"""Secrets that were changed in the files, and whose old values may be kept by what runs, whatever an apply does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.core.difference.change import Change
from reconciler.core.difference.kind import Kind
from reconciler.core.message.problem import Problem, Severity
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin, Resource
from reconciler.core.resource.rotation import Rotation
from reconciler.core.resource.values import Secret, Value, refs


def kept_values(
    changes: Iterable[Change],
    secrets: Mapping[str, Secret],
    rotations: Mapping[str, Rotation],
    data: Mapping[Address, Address],
) -> tuple[Problem, ...]:
    """Warnings about declared secrets whose live use differs, each with its remedy.

    ``data`` has what the resources keep their data in, for those that have some. A secret that a running service is
    given needs a rotation. One without a declared way, in something with data, may have been taken when the data was
    made.
    """
    return tuple(
        Problem(message, place or Origin(""), Severity.WARNING, address=change.address)
        for change in changes
        for name, place in _changed_secrets(change, secrets)
        if (message := _doubt(name, rotations.get(name), data.get(change.address)))
    )


def _doubt(name: str, rotation: Rotation | None, data: Address | None) -> str:
    if rotation and rotation.is_on_the_spot:
        return (
            f"has another {name} than the files, and an apply does not change it in what runs; put the old value back, "
            f"and run `reconcile secrets rotate {name}`"
        )
    if rotation is None and data:
        return (
            f"gets another {name}, and its data in {data} may have been made with the old one, which it then keeps; "
            f"declare how it is changed under `x-reconcile.secrets.{name}.rotate`, or `rotate: {{}}` where each start "
            "takes it anew"
        )
    return ""


def _changed_secrets(change: Change, secrets: Mapping[str, Secret]) -> Iterator[tuple[str, Origin | None]]:
    """The declared secrets that stand in the new text of a field and not in its live one, each once."""
    if change.observed is None or change.desired is None:
        return
    seen = set[str]()
    for field in change.fields:
        before, after = _text(field.before), _text(field.after)
        # A new field has no former text in which a secret could have been another one.
        for name, secret in secrets.items() if before and after else ():
            value = secret.reveal()
            # A secret may also be a part of a longer text, such as the URL of a database.
            if name not in seen and value and value in after and value not in before:
                seen.add(name)
                yield name, change.place(field)


def _text(value: Value) -> str:
    match value:
        case Secret():
            return value.reveal()
        case str():
            return value
        case list() | tuple():
            # No item contains this separator, so a secret is never found across two of them.
            return "\0".join(map(_text, value))
        case _:
            return ""


def data_of(resource: Resource, kinds: Mapping[str, Kind]) -> Address | None:
    """The resource that a desired one keeps its data in, if there is one."""
    used = (ref.address for ref in refs(resource.spec))
    return next((address for address in used if address.kind in kinds and kinds[address.kind].holds_data), None)
