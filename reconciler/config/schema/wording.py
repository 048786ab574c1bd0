"""The words for what a JSON Schema validator complains of: each keyword's own, and never a secret in them.

Handed errors with the attributes of jsonschema's ValidationError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from reconciler.config.yaml.quantities import go_text
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.tree import Tainted
from reconciler.core.message.secrecy import holds_secret, looks_secret
from reconciler.pattern import lazy_pattern

_TYPES: Final[Mapping[str, str]] = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "empty",
}
_ORDER: Final = tuple(_TYPES)
_NUMBERS: Final = ("integer", "number", "boolean")
_FORMATS: Final[Mapping[str, str]] = {
    "email": "an e-mail address",
    "uri": "an address such as https://example.com/",
    "uuid": "a UUID",
}
_KINDS: Final[Mapping[type, str]] = {bool: "true or false", int: "a number", float: "a number"}
_SHOWN: Final = 60
_NO_SPACE: Final = lazy_pattern(r"[a-z_]+:\S")
_OF_PAIRS: Final = ("environment", "labels", "args", "annotations", "sysctls")
"""What may be a list of ``KEY=value``."""


def _wrong_type(error: Any) -> str:
    wanted = error.validator_value
    return instead([wanted] if isinstance(wanted, str) else wanted, error)


def instead(wanted: Iterable[str], error: Any) -> str:
    names = set(wanted)
    return f"must be {_either(names)}, but is {_found(error)}{_remedy(names, error)}"


def _remedy(names: set[str], error: Any) -> str:
    """The remedy, if the value shows one."""
    key = error.absolute_path[-1] if error.absolute_path else None
    match error.instance:
        # YAML reads `yes` or `1.10` as something else than the text that was meant.
        case bool() | int() | float() if "string" in names:
            examples = error.schema.get("examples", ())
            return f"; write one like {' or '.join(examples)}" if examples else "; put it in quotes"
        # An unquoted `NAME: value` in a list is a mapping with one key.
        case dict() as pair if "string" in names and len(pair) == 1 and isinstance(key, int):
            return f"; write `{next(iter(pair))}=…`" if error.absolute_path[-2] in _OF_PAIRS else "; put it in quotes"
        case [_] if names == {"string"}:
            return "; write it without brackets and dashes"
        case str() | int() | float() | dict() if names == {"array"}:
            return "; write a list, with `- ` before each item"
        # `key:value` without the space is a text to YAML.
        case str() as text if "object" in names and _NO_SPACE.match(text):
            return "; write a space after the colon"
        case None if names == {"object"}:
            return "; is what belongs to it indented under it?"
    return ""


def _not_among(error: Any) -> str:
    words = list(dict.fromkeys(go_text(word) for word in error.validator_value))
    hint = suggestion(error.instance, words) if type(error.instance) is str else ""
    return f"must be {list_of(words)}, but is {_found(error)}{hint}"


def _wrong_pattern(error: Any) -> str:
    return f"can't be {_found(error)}{expectation(error)}"


def expectation(error: Any) -> str:
    """The form that the schema wants, in its own words: a pattern tells a reader nothing."""
    wanted = error.schema.get("x-expected")
    return f"; expected: {wanted}" if wanted else ""


def _at_most(keys: int) -> str:
    return f"have at most {keys} keys" if keys else "be empty"


def _advice(error: Any) -> str:
    """The remedy from the schema, if it has one."""
    advice = error.schema.get("x-remedy")
    return f"; {advice}" if advice else ""


def _missing(error: Any) -> str:
    return f"lacks `{missing_name(error)}`"


def missing_name(error: Any) -> str:
    named = re.match(r"'(.*?)' is a required property", error.message)
    return named[1] if named else next(name for name in error.validator_value if name not in error.instance)


def _twice(error: Any) -> str:
    seen: list[Any] = []
    for item in error.instance:
        if item in seen:
            return f"has {_shown(item)} twice"
        seen.append(item)
    return "has the same item twice"


def in_its_words(error: Any) -> str:
    if _is_secret(error):
        return f"can't be {_found(error)}"
    return f"is not possible: {error.message.replace(repr(error.instance), _shown(error.instance), 1)}"


def _is_secret(error: Any) -> bool:
    """Returns whether the value must not be shown: a secret flowed into it, or its key says that it is one.

    A place for a number or a switch holds no secret whatever its name, unless one flowed into it.
    """
    if not isinstance(error.instance, Tainted) and _is_setting(error):
        return isinstance(error.instance, str) and holds_secret(error.instance)
    keys = [key for key in error.absolute_path if isinstance(key, str)]
    return isinstance(error.instance, Tainted) or bool(
        keys and keys[-1] != "secrets" and (looks_secret(keys[-1]) or keys[-1] == "value")
    )


def _is_setting(error: Any) -> bool:
    """Returns whether the schema has a number, a switch or one of a few words at the place."""
    schema = error.schema
    forms = (*schema.get("anyOf", ()), *schema.get("oneOf", ()), schema)
    return any("enum" in form or form.get("type") in _NUMBERS or _is_numeral(form.get("pattern")) for form in forms)


def _is_numeral(pattern: str | None) -> bool:
    return bool(pattern and re.search(pattern, "7") and not re.search(pattern, "a"))


def _found(error: Any) -> str:
    """Describes the value for a message."""
    if not _is_secret(error):
        return _shown(error.instance)
    return "a secret" if isinstance(error.instance, str) else _KINDS.get(type(error.instance), _shown(error.instance))


MESSAGES: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": _wrong_type,
    "enum": _not_among,
    "const": lambda error: f"must be {_shown(error.validator_value)}, but is {_found(error)}{_advice(error)}",
    "pattern": _wrong_pattern,
    "required": _missing,
    "uniqueItems": _twice,
    "minimum": lambda error: f"must be at least {error.validator_value}, but is {_found(error)}",
    "maximum": lambda error: f"must be at most {error.validator_value}, but is {_found(error)}",
    "minLength": lambda _error: "must not be empty",
    "maxLength": lambda error: f"must have at most {error.validator_value} characters",
    "minItems": lambda error: f"must have at least {error.validator_value} items",
    "maxItems": lambda error: f"must have at most {error.validator_value} items",
    "maxProperties": lambda error: f"must {_at_most(error.validator_value)}{_advice(error)}",
    "format": lambda error: (
        f"must be {_FORMATS.get(error.validator_value, error.validator_value)}, but is {_found(error)}"
    ),
}


def _either(types: Iterable[str]) -> str:
    kept = [name for name in _ORDER if name in set(types)]
    words = [_TYPES[name] for name in kept]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "something else"


def list_of(words: Sequence[str]) -> str:
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"one of {', '.join(quoted)}"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "empty"
        case Tainted():
            return "a secret"
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text `{value}`" if len(value) <= _SHOWN and "\n" not in value else "a text"
        case list():
            return "a list"
        case _:
            return "a mapping"
