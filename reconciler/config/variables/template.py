"""Variables in texts, by Compose's grammar: ``$V``, ``${V}``, ``:-`` ``-`` ``:?`` ``?`` ``:+`` ``+``, nested, ``$$``.

Pure: the variables are handed in, and what is wrong comes back as values. A text into which a secret variable
flowed comes back ``Tainted``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from reconciler.config.yaml.tree import Tainted
from reconciler.core.message.secrecy import holds_secret, looks_secret
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct, field


class Variables(Struct, frozen=True):
    """The values of variables. ``declared`` are those that the files declare to be secrets."""

    values: Mapping[str, str] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def is_secret(self, name: str) -> bool:
        """Returns whether a text into which the variable flows is secret: by declaration, its name or its value."""
        return name in self.declared or looks_secret(name) or holds_secret(self.values.get(name) or "")


class Fault(Struct, frozen=True):
    """Something wrong with a reference; ``index`` is where in the text it begins.

    ``undefined`` is the name of the variable in the one fault that Compose forgives, taking the empty text instead.
    ``is_unset`` is true of each fault that is a missing value, also where the text says that it is required.
    """

    message: str
    index: int
    undefined: str = ""
    is_unset: bool = False


class Dialect(Struct, frozen=True):
    """The dollars that mean something: ``start`` matches one that does.

    ``greedy`` is as Compose has it: a ``${`` ends in its line, and where braces don't match, at the last one there.
    """

    start: re.Pattern[str]
    name: re.Pattern[str]
    greedy: bool = False


COMPOSE: Final = Dialect(
    start=lazy_pattern(r"\$(?=[$A-Za-z_{])"),
    name=lazy_pattern(r"[A-Za-z_][A-Za-z0-9_]*"),
    greedy=True,
)
KEYCLOAK: Final = Dialect(
    # Only capitals in braces are ours: Keycloak has ${role_default-roles}, ${client_account} and ${vault.x}, and in
    # the mappers of identity providers ${ALIAS} and ${NAMEID}. $(env:NAME) is keycloak-config-cli's way to write it;
    # its other look-ups are told of, and any other `$(` is a text as of a script.
    start=lazy_pattern(
        r"\$(?=\$?(?:\{(?!(?:ALIAS|NAMEID)\})[A-Z][A-Z0-9_]*(?:\}|:?[-+?])"
        r"|\((?:env|sys|file|base64Decoder|base64Encoder|const|date|dns|java|localhost|properties|resourceBundle"
        r"|script|url|urlDecoder|urlEncoder|xml):))"
    ),
    name=lazy_pattern(r"[A-Z][A-Z0-9_]*"),
)
_MAX_DEPTH: Final = 50
_TOO_DEEP: Final = f"variables are nested more than {_MAX_DEPTH} deep"
_MOST_FAULTS: Final = 100  # of one text; nobody reads more, and a hostile one has very many
_LONGEST: Final = 1_000_000
_OPERATOR: Final = lazy_pattern(r":?[-+?]")
_LOOKUP: Final = lazy_pattern(r"\$\((\w+):([\w.-]*?)(?=:-|\))(:-)?")
_LOOKUPS: Final = ("env", "sys")  # what the one has as a property of its process is a variable here, too


def interpolate(text: str, variables: Variables, dialect: Dialect = COMPOSE) -> tuple[str, tuple[Fault, ...]]:
    """The text with its variables filled in, and what is wrong with them."""
    if "$" not in text:
        return text, ()
    reader = _Reader(text, variables, dialect)
    filled = reader.fill(0, len(text))
    return (Tainted(filled) if reader.tainted else filled), tuple(reader.faults)


def escaped(text: str, dialect: Dialect = COMPOSE) -> str:
    """The text as it has to stand in a file: what would be read as a variable is written so that it means itself."""
    if dialect is COMPOSE:
        return text.replace("$", "$$")
    return dialect.start.sub(lambda found: "$" if text[found.end()] == "$" else "$$", text)


def _pairs(text: str, one: str, other: str) -> Mapping[int, int]:
    """The closing place of each brace or parenthesis; read once, as a text may have very many, nested."""
    found: dict[int, int] = {}
    open_ones: list[int] = []
    for match in re.finditer(f"[{re.escape(one + other)}]", text):
        if match[0] == one:
            open_ones.append(match.start())
        elif open_ones:
            found[open_ones.pop()] = match.start()
    return found


class _Reader(Struct):
    text: str
    variables: Variables
    dialect: Dialect
    faults: list[Fault] = field(default_factory=list)
    tainted: bool = False
    depth: int = 0
    pairs: dict[str, Mapping[int, int]] = field(default_factory=dict)

    def fill(self, begin: int, end: int) -> str:
        """The part of the text from ``begin`` to ``end`` with its variables filled in."""
        parts: list[str] = []
        length = 0
        while match := self.dialect.start.search(self.text, begin, end):
            parts.append(self.text[begin : match.start()])
            value, begin = self._reference(match.start(), end)
            parts.append(value)
            length += len(value)
            if length > _LONGEST:
                return self._fault(match.start(), "with variables filled in the text has a million letters and more")
        parts.append(self.text[begin:end])
        return "".join(parts)

    def _reference(self, dollar: int, end: int) -> tuple[str, int]:
        """The value of the reference at ``dollar``, and the place where the text goes on."""
        after = self.text[dollar + 1]
        if after == "$":
            return self._escaped(dollar, end)
        if after == "{":
            return self._braced(dollar, end)
        if after == "(":
            return self._looked_up(dollar, end)
        name = self.dialect.name.match(self.text, dollar + 1, end)
        assert name
        return self._plain(name[0], dollar), name.end()

    def _escaped(self, dollar: int, end: int) -> tuple[str, int]:
        if self.dialect is KEYCLOAK:  # `$${NAME}` is a literal `${NAME}`, any other `$$` is two dollars
            close = self._matching(dollar + 2, end)
            stop = end if close is None else close + 1
            return self.text[dollar + 1 : stop], stop
        return "$", dollar + 2

    def _braced(self, dollar: int, end: int) -> tuple[str, int]:
        close = self._closing_brace(dollar + 1, end)
        name = self.dialect.name.match(self.text, dollar + 2, end)
        if close is None:
            where = " in its line" if "\n" in self.text[dollar:end] else ""
            message = f"the `${{` here is not closed{where}; write `$$` for a dollar that means nothing"
            return self._fault(dollar, message), end
        stop = close + 1
        # Defaults may contain defaults; without a limit a file could exhaust the stack.
        if self.depth >= _MAX_DEPTH:
            return self._fault(dollar, _TOO_DEEP), stop
        if not name:
            message = f"`{self.text[dollar:stop]}` names no variable; write `$$` for a dollar that means nothing"
            return self._fault(dollar, message), stop
        if name.end() == close:
            return self._plain(name[0], dollar), stop
        operator = _OPERATOR.match(self.text, name.end(), close)
        if not operator:
            message = (
                f"`{self.text[dollar:stop]}` is not understood; after the name expected `}}` or one of :- - :? ? :+ +"
            )
            return self._fault(dollar, message), stop
        self.depth += 1
        value = _OPERATIONS[operator[0][-1]](self, name[0], operator, close)
        self.depth -= 1
        return value, stop

    def _closing_brace(self, opening: int, end: int) -> int | None:
        if not self.dialect.greedy:
            return self._matching(opening, end)
        line_end = self.text.find("\n", opening, end)
        end = end if line_end < 0 else line_end
        last = self.text.rfind("}", opening, end)
        return None if last < 0 else self._matching(opening, end) or last

    def _matching(self, opening: int, end: int) -> int | None:
        """The place where the brace or parenthesis closes."""
        one = self.text[opening]
        if one not in self.pairs:
            self.pairs[one] = _pairs(self.text, one, "}" if one == "{" else ")")
        close = self.pairs[one].get(opening, end)
        return close if close < end else None

    def _looked_up(self, dollar: int, end: int) -> tuple[str, int]:
        """The value of ``$(env:NAME)`` or ``$(env:NAME:-default)``."""
        close = self._matching(dollar + 1, end)
        if close is None:
            return self._fault(dollar, "the `$(` here is not closed; write `$$(` for one that means nothing"), end
        found = _LOOKUP.match(self.text, dollar, close + 1)
        if not found or found[1] not in _LOOKUPS or not found[2]:
            message = (
                f"`{self.text[dollar : close + 1]}` is not understood; expected $(env:NAME) or $(env:NAME:-default), "
                "or `$$(` for one that means nothing"
            )
            return self._fault(dollar, message), close + 1
        if self.depth >= _MAX_DEPTH:
            return self._fault(dollar, _TOO_DEEP), close + 1
        if not found[3]:
            return self._plain(found[2], dollar, f"$({found[1]}:{found[2]}:-default)"), close + 1
        value = self._value(found[2])
        # The default is filled in only if it is needed: what is wrong in an unused one is no error.
        if value is None:
            self.depth += 1
            value = self.fill(found.end(), close)
            self.depth -= 1
        return value, close + 1

    def _plain(self, name: str, dollar: int, remedy: str = "") -> str:
        value = self._value(name)
        if value is None:
            remedy = remedy or f"${{{name}:-default}}"
            message = f"undefined variable `{name}`: set it in .env, in the environment, or write {remedy}"
            return self._fault(dollar, message, undefined=name, is_unset=True)
        return value

    def _value(self, name: str) -> str | None:
        self.tainted = self.tainted or self.variables.is_secret(name)
        return self.variables.get(name)

    def default(self, name: str, operator: re.Match[str], close: int) -> str:
        value = self._value(name)
        if value is None or (not value and operator[0] == ":-"):
            return self.fill(operator.end(), close)
        return value

    def required(self, name: str, operator: re.Match[str], close: int) -> str:
        value = self._value(name)
        if value is None or (not value and operator[0] == ":?"):
            was_tainted, self.tainted = self.tainted, False
            reason = self.fill(operator.end(), close)
            reason, self.tainted = "" if self.tainted else reason, was_tainted
            state = "is empty" if value is not None else "is not set"
            said = f": {reason}" if reason else "; set it in .env or in the environment"
            begin = self.text.rindex("${", 0, operator.start())
            return self._fault(begin, f"required variable `{name}` {state}{said}", is_unset=True)
        return value

    def alternative(self, name: str, operator: re.Match[str], close: int) -> str:
        value = self.variables.get(name)
        if value is None or (not value and operator[0] == ":+"):
            return ""
        return self.fill(operator.end(), close)

    def _fault(self, index: int, message: str, *, undefined: str = "", is_unset: bool = False) -> str:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(message, index, undefined, is_unset))
        return ""


_OPERATIONS: Final[Mapping[str, Callable[[_Reader, str, re.Match[str], int], str]]] = {
    "-": _Reader.default,
    "?": _Reader.required,
    "+": _Reader.alternative,
}
