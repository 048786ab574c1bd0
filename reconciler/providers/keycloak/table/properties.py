"""The rows that the tables of Keycloak's types are made of: one function for each sort of property.

A normaliser brings the declared and the live value to one form, and may be applied twice. Nothing is nothing:
null, the empty text and a missing key are all ABSENT, as Keycloak mixes the three (26.7: a cleared text comes
back as "" or not at all).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from reconciler.core.difference.kind import Effect, Field
from reconciler.core.resource.values import ABSENT, Secret, Value, is_list, mapped
from reconciler.record import Struct, replace

MASK: Final = "**********"
"""What Keycloak shows in place of a secret. In a file it means: keep what is there."""
MARK: Final = "reconcile.owner"
"""The attribute that says which project made an object, where what is no longer declared is to go."""
DIGESTS: Final = "reconcile.masked"
"""The attribute of a realm with digests of the secrets that Keycloak does not show (masked.py)."""
_MASKS: Final = (MASK, Secret(MASK))

Complete: TypeAlias = Callable[[Value, Value], Value]
"""(declared, live) → what is expected, both in normal form."""


class Property(Struct, frozen=True):
    """One property of a representation.

    ``complete`` fills a declared value up with what may stay as it is; without it the declared value is exact.
    ``unset`` is sent in place of no value, because a property that a PUT leaves out is kept. ``whole`` marks a
    map that a PUT replaces, so that it has to be sent complete; other maps are merged key by key. ``wire`` makes of
    the normal form what the server takes, where that is another one.
    """

    field: Field
    complete: Complete | None = None
    unset: Value = ""
    whole: bool = False
    wire: Callable[[Value], Value] | None = None

    def normal(self, value: Value) -> Value:
        return self.field.normalise(value)

    def expected(self, declared: Value, live: Value) -> Value:
        """The value expected on the server, by the declared one and the live one."""
        if self.complete is None:
            return live if declared in _MASKS else declared
        return self.complete(self.normal(declared), self.normal(live))

    def sent(self, patch: Value, live: Value) -> Value:
        """The value for a PUT that changes what ``patch`` says; ABSENT inside it removes."""
        if patch is ABSENT:
            return self.unset
        if not isinstance(patch, Mapping):
            return patch
        if not self.whole:
            return self.wired({key: None if value is ABSENT else value for key, value in patch.items()})
        # A whole document is sent back with the patch in it, as the server would drop the rest.
        return self.wired(merged(self.normal(live) if self.wire else live, patch))

    def wired(self, normal: Value) -> Value:
        """The value as the server takes it."""
        return self.wire(normal) if self.wire else normal


def merged(live: Value, patch: Mapping[str, Value]) -> Mapping[str, Value]:
    """The live map with the patch laid over it, at every depth; ABSENT removes."""
    kept = dict(live) if isinstance(live, Mapping) else {}
    for key, value in patch.items():
        kept[key] = merged(kept.get(key), value) if isinstance(value, Mapping) else value
    return {key: value for key, value in kept.items() if value is not ABSENT}


def without_absent(value: Value) -> Value:
    """The value as JSON can have it: what is absent is left out of maps."""
    if isinstance(value, Mapping):
        return {key: without_absent(part) for key, part in value.items() if part is not ABSENT}
    return value


def as_map(value: Value) -> dict[str, Value]:
    """A value that is known to be a map."""
    assert isinstance(value, Mapping)
    return dict(value)


# ------------------------------------------------------------------ normal forms


def as_text(value: Value) -> Value:
    """A text; Keycloak has numbers and truth values as texts in all its free maps."""
    match value:
        case None | "":
            return ABSENT
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return value


def without_blanks(normalise: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """A normal form in which a text of nothing but blanks is no text, as the server drops it (26.7)."""

    def normal(value: Value) -> Value:
        return normalise(mapped(value, lambda leaf: None if isinstance(leaf, str) and not leaf.strip() else leaf))

    return normal


def as_names(value: Value) -> tuple[Value, ...]:
    """A set of texts, in the one order that is the same for equal sets; an empty one is as good as none."""
    if value is None or value is ABSENT:
        return ()
    if isinstance(value, list | tuple) and all(type(part) is str and part for part in value):  # as nearly always
        return tuple(sorted(dict.fromkeys(value)))
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    # A server may answer anything, also what can't be a key.
    texts = {str(text): text for text in map(as_text, parts) if text is not ABSENT}
    return tuple(texts[key] for key in sorted(texts))


def as_text_map(value: Value) -> Mapping[str, Value]:
    """A map of texts; a key without a value stays, as it says that there must be none."""
    return {key: as_text(part) for key, part in value.items()} if isinstance(value, Mapping) else {}


def as_list_map(value: Value) -> Mapping[str, Value]:
    """A map of sets of texts, as attributes of users, groups and roles are."""
    if not isinstance(value, Mapping):
        return {}
    return {key: as_names(part) or ABSENT for key, part in value.items()}


def as_name_map(value: Value) -> Mapping[str, Value]:
    """A map of sets of names in which an empty set is as good as none."""
    return {key: names for key, names in as_list_map(value).items() if names is not ABSENT}


def as_plain(value: Value) -> Value:
    """A piece of JSON of any shape, in one form: nothing is left out, and lists of texts are sets."""
    match value:
        case Mapping():
            return {key: as_plain(part) for key, part in value.items() if part is not None}
        case str():
            return value
        case Sequence() if all(isinstance(part, str) for part in value):
            return tuple(sorted(map(str, value)))
        case Sequence():
            return tuple(map(as_plain, value))
        case _:
            return value


def by(key: str, normalise: Callable[[Value], Value] = as_plain) -> Callable[[Value], Mapping[str, Value]]:
    """A list of objects as a map by the property that tells them apart."""

    def normal(value: Value) -> Mapping[str, Value]:
        if isinstance(value, Mapping):
            return {name: normalise(body) for name, body in value.items()}
        bodies = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
        # An object without the property can't be told from others, and is left to the schema.
        found = [body for body in bodies if isinstance(body, Mapping) and key in body]
        return {str(body[key]): normalise({k: v for k, v in body.items() if k != key}) for body in found}

    return normal


def as_list(key: str) -> Callable[[Value], Value]:
    """The way back: a map as a list of objects."""

    def listed(value: Value) -> Value:
        return tuple({key: name, **as_map(body)} for name, body in as_map(value).items())

    return listed


def without_mark(attributes: Mapping[str, Value]) -> Mapping[str, Value]:
    """The attributes without ours."""
    return {key: part for key, part in attributes.items() if key != MARK}


def _as_flag(default: bool) -> Callable[[Value], Value]:  # noqa: FBT001
    words: Mapping[Value, bool] = {"true": True, "false": False}

    def normalise(value: Value) -> Value:
        if value is None or value is ABSENT:
            return default
        return words.get(value.lower(), default) if isinstance(value, str) else value

    return normalise


def _as_number(default: int) -> Callable[[Value], Value]:
    def normalise(value: Value) -> Value:
        return default if value is None or value is ABSENT or value == "" else whole_number(value)

    return normalise


def whole_number(value: Value) -> int:
    """A whole number in any spelling that the files may have, such as ``10.0``."""
    text = str(value)
    return int(text) if text.lstrip("-").isdecimal() else int(float(text))


# ------------------------------------------------------------------ what may stay


def unmasked(declared: Value, live: Value) -> Value:
    """The declared value, but the live one wherever one of the two is masked: a mask compares with nothing."""
    if declared in _MASKS or live in _MASKS:
        return live
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        return {key: unmasked(part, live.get(key, ABSENT)) for key, part in declared.items()}
    return declared


def declared_keys(declared: Value, live: Value) -> Value:
    """Only the declared keys are managed: the others belong to the server, or to somebody else."""
    there = as_map(live)
    return there | {key: unmasked(part, there.get(key, ABSENT)) for key, part in as_map(declared).items()}


def declared_keys_or_none(declared: Value, live: Value) -> Value:
    """As :func:`declared_keys`, but an empty map says that there must be none at all."""
    return declared_keys(declared, live) if declared else declared


def declared_parts(declared: Value, live: Value) -> Value:
    """Only what is declared is managed, at every depth; lists of objects are compared place by place."""
    # A mask says that somebody knows the value; it is expected as it is.
    if declared in _MASKS or live in _MASKS:
        return live
    if isinstance(declared, Mapping) and isinstance(live, Mapping):
        return {**live, **{key: declared_parts(part, live.get(key, ABSENT)) for key, part in declared.items()}}
    if is_list(declared) and is_list(live) and len(declared) == len(live):  # type: ignore[arg-type]  # both are lists
        return tuple(map(declared_parts, declared, live))  # type: ignore[arg-type]
    return declared


def declared_objects(declared: Value, live: Value) -> Value:
    """Exactly the declared objects, and of each only what is declared."""
    there = as_map(live)
    return {name: declared_parts(body, there.get(name, ABSENT)) for name, body in as_map(declared).items()}


# ------------------------------------------------------------------ rows


def text(normalise: Callable[[Value], Value] = as_text) -> Property:
    return Property(Field(normalise=normalise))


def text_or(usual: str, normalise: Callable[[Value], Value] = as_text) -> Property:
    """A text that is never empty: none in a file is the server's own, which has to be written to be there again."""

    def complete(declared: Value, _live: Value) -> Value:
        return usual if declared is ABSENT else declared

    return Property(Field(normalise=normalise), complete=complete, unset=usual)


def as_word(value: Value) -> Value:
    """A word of a list that the server knows, in its spelling: it takes blanks around it off (26.7)."""
    value = as_text(value)
    return as_text(value.strip()) if isinstance(value, str) else value


def kept_if_usual(row: Property, *usual: Value) -> Property:
    """The row, where the server puts one of its own values in place of none; which one depends on the release."""

    def complete(declared: Value, live: Value) -> Value:
        return live if declared in _NOTHING and live in usual else declared

    return replace(row, complete=complete)


_NOTHING: Final = (ABSENT, ())


def fixed() -> Property:
    """A text that the server takes when the object is made; later it ignores or refuses another one (26.7)."""
    return Property(Field(normalise=as_text, effect=Effect.FIXED))


def flag(*, default: bool = False) -> Property:
    """A truth value; ``default`` is what the server means where it shows none."""
    return Property(Field(normalise=_as_flag(default)), unset=default)


def number(default: int = 0) -> Property:
    return Property(Field(normalise=_as_number(default)), unset=default)


def names(normalise: Callable[[Value], Value] = as_names) -> Property:
    """A list that is a set, compared as a whole."""
    return Property(Field(normalise=normalise), unset=())


def settings() -> Property:
    """A map of texts that the server fills with entries of its own and merges on PUT."""
    return Property(Field(normalise=as_text_map), complete=declared_keys)


def objects(key: str, normalise: Callable[[Value], Value] = as_plain) -> Property:
    """A list of objects that a PUT replaces: the list is exact, of each object only what is declared is managed."""
    return Property(
        Field(normalise=by(key, normalise)), complete=declared_objects, unset=(), whole=True, wire=as_list(key)
    )


def attributes() -> Property:
    """Attributes of a role or group: a map of sets, exact but for our mark, replaced by a PUT."""
    return Property(Field(normalise=lambda value: without_mark(as_list_map(value))), whole=True)


def secret() -> Property:
    """A text that nobody may see."""
    return Property(Field(normalise=as_secret, secret=True), complete=unmasked)


def as_secret(value: Value) -> Value:
    """A secret text, unless it is masked: a mask is no secret."""
    value = as_text(value)
    return Secret(value) if isinstance(value, str) and value != MASK else value


def is_masked(value: Value) -> bool:
    """Returns whether a value stands for one that can't be shown."""
    return value in _MASKS


def without_masks(value: Value) -> Value:
    """The value for a creation: where nothing is there yet, nothing can be kept."""
    if isinstance(value, Mapping):
        return {key: without_masks(part) for key, part in value.items() if part not in _MASKS}
    return ABSENT if value in _MASKS else value


def only_on_creation(normalise: Callable[[Value], Value]) -> Property:
    """A property that is sent when the object is made, and never compared or sent again."""
    return Property(Field(normalise=normalise, equal=lambda _before, _after: True, secret=True))
