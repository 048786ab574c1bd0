"""The one rule of what is a secret: by its name, by its form, or by its place in a text such as a command line.

The loader asks it what to seal, the planner what of a live resource to conceal, the writer what to mask in a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from reconciler.core.resource.values import Path, Secret, Value, mapped, seal
from reconciler.pattern import lazy_pattern

Span: TypeAlias = tuple[int, int]
"""The beginning and the end of a secret in a text."""

HIDDEN: Final = "(secret)"

# ------------------------------------------------------------------ names

_WORD: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WITHIN: Final = lazy_pattern(r"password|passwd|passphrase|secret|token|credential|private|apikey|authorization")
_NOUNS: Final = frozenset({"accesskey", "auth", "jwt", "key", "masterauth", "pat", "psk", "pw", "salt"})
_NOUN_ENDINGS: Final = ("pass", "pwd")
_NO_SECRET: Final = frozenset({"bypass", "compass"})
_OF_THE_SHELL: Final = frozenset({"PWD", "OLDPWD"})  # the working directory, in every environment
_ABOUT_SECRETS: Final = frozenset(
    {
        *("file", "path", "dir"),  # where a secret is, not what it is
        *("aaguids", "algorithm", "algorithms", "allowed", "attachment", "enabled", "flow", "lifespan", "mediation"),
        *("origins", "policy", "preference", "requirement", "reuse", "schema", "timeout", "types"),
    }
)
_PUBLIC_KEYS: Final = frozenset({"public", "resident"})  # a resident key is a kind of passkey
_OTHER_WORDS: Final = frozenset({"passwordless"})
_SWITCHES: Final = frozenset({"addReadTokenRoleOnCreate", "revokeRefreshToken", "storeToken"})
"""Switches of Keycloak's that are named after the secret that they are about."""

LISTS_OF_NAMES: Final = frozenset({"credentials", "secrets"})
"""Keys of our files and of Keycloak's below which there are names and objects, and no secret itself."""

_OWN_ENDINGS: Final = (
    "accesskey",
    "apikey",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretdata",
    "secretkey",
    "secretrotated",
    "token",
)


@lru_cache(maxsize=20_000)
def looks_secret(name: str) -> bool:
    """Returns whether a name that a user chose, in any spelling, most likely is that of a secret.

    >>> looks_secret("dbPassword"), looks_secret("DB_PASSWORD_FILE")
    (True, False)
    """
    words = [word.lower() for word in _WORD.findall(name) if word.lower() not in _OTHER_WORDS]
    if not words or words[-1] in _ABOUT_SECRETS or name in _OF_THE_SHELL or name in _SWITCHES:
        return False
    last = words[-1]
    # A public key is shown by design.
    if last == "key" and words[-2:-1] and words[-2] in _PUBLIC_KEYS:
        return False
    is_noun = last in _NOUNS or (last.endswith(_NOUN_ENDINGS) and last not in _NO_SECRET)
    return is_noun or bool(_WITHIN.search("".join(words)))


@lru_cache(maxsize=20_000)
def names_secret(key: str) -> bool:
    """Returns whether a key of Keycloak's own words holds a secret: the last word decides.

    `accessTokenLifespan`, `passwordPolicy` and `client.secret.creation.time` are no secrets, `bindCredential` is.
    """
    return "".join(_WORD.findall(key)).lower().endswith(_OWN_ENDINGS)


# ------------------------------------------------------------------ values

_URL: Final = lazy_pattern(
    r"(?<![a-z])(?!ssh:|git\+ssh:|sftp:)[a-z][a-z0-9+.-]*://(?:"
    r"[^\s/?#\"'`<>@:]*:(?!\d+(?:[/?#]|$))(?P<password>[^\s\"'`<>]+)@"
    r"|(?P<user>[^\s/?#\"'`<>@:]+)@)",
    re.IGNORECASE,
)
_DRIVER_ADDRESS: Final = lazy_pattern(r"(?<![\w.-])[\w.-]+:([^\s@\"']+)@(?:tcp|udp|unix)\(")
_FORMS: Final = lazy_pattern(
    r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"  # a JSON Web Token
    r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[abposr]-|sk_live_|rk_live_|hvs\.|dckr_pat_|npm_|pypi-)[\w-]{16,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----|[\s\S]*)"
)
_ASSIGNED: Final = lazy_pattern(
    r"(?<![\w.-])-{0,2}(?P<name>[A-Za-z_][\w.-]*)=(?P<value>\"[^\"]*\"|'[^']*'|[^\s\0\"'&;,]+)"
)
_SAID: Final = lazy_pattern(
    r"(?<![\w.-])[\"']?(?P<name>[A-Za-z_][\w.-]*)[\"']?:(?:\s+|(?=[\"']))(?P<value>\"[^\"]*\"|'[^']*'|[^\r\n\"',}]+)"
)
_OPTION: Final = lazy_pattern(
    r"(?<![\w-])-{1,2}(?P<name>[A-Za-z][\w-]*)[\s\0]+(?P<value>\"[^\"]*\"|'[^']*'|[^\s\0\"'-][^\s\0\"']*)"
)
_DIRECTIVE: Final = lazy_pattern(
    r"(?m)^[ \t]*(?P<name>requirepass|masterauth|password|secret)[ \t]+(?P<value>[^\s:=]\S*)"
)
_SETTING: Final = lazy_pattern(r"(?m)^[ \t]*(?P<name>[A-Za-z_][\w.-]*)[ \t]*=[ \t]+(?P<value>\S[^\r\n]*)")
_ATTACHED: Final = lazy_pattern(r"(?<![\w-])-p(?P<value>[^\s\0\"'=:/.-][^\s\0\"']*)")
_MYSQL: Final = lazy_pattern(r"\b(?:mysql|mariadb)\w*|\bsshpass\b", re.IGNORECASE)
_WORDLIKE: Final = lazy_pattern(r"[a-z]*|\d+(?::\d+)*|[A-Z][a-z]*")

_PROGRAM_OPTIONS: Final = lazy_pattern(
    r"\bredis-cli\b[^|;&\n]*?[\s\0](?:-a|--pass)[\s\0]+(?P<redis>[^\s\0\"']+)"
    r"|\b(?:curl|wget|http)\b[^|;&\n]*?[\s\0](?:-u|--user|-a)[\s\0]+[\"']?[^\s\0\"':]+:(?P<curl>[^\s\0\"']+)"
    r"|\b(?:mongosh?|mongodump|sqlcmd|psql|sshpass)\b[^|;&\n]*?[\s\0](?:-p|-P)[\s\0]+(?P<database>(?!\d+\b)[^\s\0\"'-][^\s\0\"']*)"
    r"|\bldap\w+\b[^|;&\n]*?[\s\0]-w[\s\0]+(?P<ldap>[^\s\0\"']+)"
    r"|\bmc\b[\s\0]+(?:alias[\s\0]+set|config[\s\0]+host[\s\0]+add)[\s\0]+\S+?[\s\0]+\S+?[\s\0]+\S+?[\s\0]+(?P<minio>[^\s\0\"']+)"
)
"""Options of well-known programs that no name gives away."""

_BEGINNINGS: Final = (
    *("eyJ", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk_live_", "rk_live_", "hvs."),
    *("dckr_pat_", "npm_", "pypi-", "AKIA", "ASIA", "PRIVATE KEY-----"),
)
"""Without one of these in a text, it is not searched for the forms above."""


def secrets_in(text: str) -> Iterator[Span]:
    """The secrets that a text shows by its form alone: passwords in URLs, well-known tokens, `password=…`."""
    if any(beginning in text for beginning in _BEGINNINGS):
        yield from (found.span() for found in _FORMS.finditer(text))
    # Most texts have neither character, and this is asked of very many values.
    if "=" not in text and "@" not in text:
        return
    at = 0
    for line in text.splitlines(keepends=True):
        if "=" in line or "@" in line:
            yield from ((at + start, at + end) for start, end in _secrets_in_line(line))
        at += len(line)


def _secrets_in_line(line: str) -> Iterator[Span]:
    if "@" in line:
        for found in _URL.finditer(line) if "://" in line else ():
            group = "password" if found["password"] is not None else "user"
            # `${NAME}` in place of a password is a reference, and shows nothing.
            if not _is_reference(found[group]):
                yield found.span(group)
        for found in _DRIVER_ADDRESS.finditer(line) if "(" in line else ():
            if not _is_reference(found[1]):
                yield found.span(1)
    if "=" in line:
        yield from _named(_ASSIGNED, line)


def secrets_of_words(text: str) -> Iterator[Span]:
    """The secrets in a command line or a file of settings, besides those of :func:`secrets_in`.

    Arguments are parted by blanks or by NUL characters.
    """
    yield from secrets_in(text)
    for form in (_SAID, _SETTING, _OPTION, _DIRECTIVE):
        yield from _named(form, text)
    # Only the clients of MySQL take `-pWORD` as a password; elsewhere a plain word after an option is none.
    is_mysql = bool(_MYSQL.search(text))
    for found in _ATTACHED.finditer(text):
        value = found["value"]
        if not _is_reference(value) and (is_mysql or not _WORDLIKE.fullmatch(value)):
            yield found.span("value")
    for found in _PROGRAM_OPTIONS.finditer(text):
        group = str(found.lastgroup)
        if not _is_reference(found[group]):
            yield found.span(group)


def _named(form: re.Pattern[str], text: str) -> Iterator[Span]:
    for found in form.finditer(text):
        value = found["value"].strip("\"'")
        is_named = found["name"] not in LISTS_OF_NAMES and looks_secret(found["name"])
        if value and is_named and not _is_reference(value) and not is_switch(value):
            # The quotes stay in the open, so that the line can still be read.
            start = found.start("value") + (found["value"][:1] in "\"'")
            yield start, start + len(value)


def _is_reference(value: str) -> bool:
    """A variable's name stands there, not its value."""
    return value.lstrip("\"'").startswith(("$", "{{", HIDDEN, "%(", "<"))


def is_switch(value: str) -> bool:
    """Returns whether the value is no secret whatever its name: a switch, or the path of a file that holds it."""
    return value.lower() in ("true", "false", "null", "none", "yes", "no", "on", "off", "*") or value.startswith(
        ("/run/", "/etc/", "/var/", "/opt/", "/certs/", "./", "~/")
    )


def merged_spans(spans: Iterable[Span]) -> Iterator[Span]:
    """The spans in their order, those that overlap or touch as one."""
    start = end = -1
    for first, last in sorted(spans):
        # Spans that overlap are hidden as one: two masks would show where one secret ends.
        if first > end:
            if end > start:
                yield start, end
            start, end = first, last
        end = max(end, last)
    if end > start:
        yield start, end


def replaced(text: str, spans: Iterable[Span], mask: str = HIDDEN) -> str:
    """The text with a mask in place of each span."""
    parts, at = list[str](), 0
    for start, end in merged_spans(spans):
        parts += (text[at:start], mask)
        at = end
    return "".join((*parts, text[at:]))


@lru_cache(maxsize=1_000)
def holds_secret(text: str) -> bool:
    """Returns whether the form of a value shows that there is a secret in it."""
    return next(secrets_in(text), None) is not None


def holds_secret_words(text: str) -> bool:
    """The same for a command line or a file of settings."""
    return next(secrets_of_words(text), None) is not None


# ------------------------------------------------------------------ structures


def sealed_arguments(arguments: Sequence[Value]) -> tuple[Value, ...]:
    """A command's arguments, each one that is a secret or has one in it sealed."""
    texts = [argument if isinstance(argument, str) else "" for argument in arguments]
    # Joined with a separator that no argument contains, as an option and its value may be two arguments.
    spans = tuple(secrets_of_words("\0".join(texts)))
    if not spans:
        return tuple(arguments)
    found: list[Value] = []
    start = 0
    for argument, text in zip(arguments, texts, strict=True):
        end = start + len(text)
        # An argument is sealed as a whole, even if only a part of it is the secret.
        is_secret = any(first < end and last > start for first, last in spans)
        found.append(Secret(text) if is_secret and text else argument)
        start = end + 1
    return tuple(found)


def _nothing(_text: str) -> bool:
    return False


def concealed(path: Path, value: Value, is_known: Callable[[str], bool] = _nothing) -> Value:
    """A value with all sealed that is a secret: by the names on its path, by its form, or because one is known in it.

    A line that is gone from the file can't say any more that a secret flowed into the live value.
    """

    def leaf(part: Value) -> Value:
        return Secret(part) if isinstance(part, str) and (is_known(part) or holds_secret_words(part)) else part

    match value:
        case Mapping():
            return {key: concealed((*path, key), part, is_known) for key, part in value.items()}
        case str() if path and _is_named(path):
            return seal(value) if value and not is_switch(value) else value
        case tuple() | list() if path and _is_named(path):
            return tuple(concealed(path, part, is_known) for part in value)
        case tuple() | list():
            return sealed_arguments(tuple(concealed((), part, is_known) for part in value))
        case _:
            return mapped(value, leaf)


def _is_named(path: Path) -> bool:
    """Returns whether the last name is a secret's: one that a user chose below a field, else one of the field's own."""
    return looks_secret(path[-1]) if len(path) == _CHOSEN and path[0] in _CHOSEN_NAMES else names_secret(path[-1])


def names_secret_at(path: Path) -> bool:
    """Returns whether the last name on a path of a stack file is that of a secret."""
    return _is_named(path[-_CHOSEN:])


_CHOSEN: Final = 2
_CHOSEN_NAMES: Final = frozenset(
    {"annotations", "args", "driver_opts", "environment", "labels", "log_options", "options"}
)
