"""A page as far as a login needs it: forms, links, title, and the message that it shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

from reconciler.pattern import lazy_pattern

_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_MESSAGE_IDS: Final = frozenset({"kc-error-message", "snackbar"})
_MESSAGE_CLASSES: Final = lazy_pattern(
    r"(^|[\s_-])(alert|error|feedback-text|message|snackbar)([\s_-]|$)", re.IGNORECASE
)
_TO_LOGIN: Final = lazy_pattern(r"/(log-?in|sign-?in|oauth2/(start|sign_in|authorize))/?($|\?)", re.IGNORECASE)


@dataclass
class Form:
    """A form: where it is sent, and its fields with the values that they have."""

    action: str
    method: str = "get"
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def password(self) -> str:
        """The name of the field for a password; "" without one."""
        return next((name for name, kind in self.kinds.items() if kind == "password"), "")

    @property
    def user(self) -> str:
        """The name of the field for a user's name; "" without one."""
        texts = [name for name, kind in self.kinds.items() if kind in ("text", "email")]
        return next(
            (name for name in texts if re.search("user|name|mail|login", name, re.IGNORECASE)), "".join(texts[:1])
        )

    @property
    def is_sent_by_itself(self) -> bool:
        """Returns whether it carries an answer back to an application, as with response_mode=form_post."""
        return bool(self.fields.keys() & {"code", "error", "SAMLResponse"}) and set(self.kinds.values()) <= {
            "hidden",
            "submit",
        }


class Page(HTMLParser):
    """A parsed page. Broken markup gives what can be read of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title = ""
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._said: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(text)

    @property
    def message(self) -> str:
        """The words of its alerts and errors, else its title."""
        return _line(" ".join(self._said)) or _line(self.title)

    @property
    def alert(self) -> str:
        """The words of its alerts and errors; "" without any."""
        return _line(" ".join(self._said))

    @property
    def login_form(self) -> Form | None:
        """The form that asks for a password."""
        return next((form for form in self.forms if form.password), None)

    @property
    def to_login(self) -> str:
        """A link or form that leads to a login; "" without one."""
        targets = (*self.links, *(form.action for form in self.forms))
        return next((target for target in targets if _TO_LOGIN.search(target)), "")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self.forms.append(
                    Form(given.get("action", ""), given.get("method", "get").lower(), given.get("id", ""))
                )
            case "input" | "select" | "textarea" | "button" if self.forms and given.get("name"):
                self.forms[-1].fields[given["name"]] = given.get("value", "")
                self.forms[-1].kinds[given["name"]] = given.get("type", "text" if tag == "input" else tag).lower()
            case "a":
                self.links.append(given.get("href", ""))
        if tag not in _VOID:
            self._open.append((tag, _shows_message(tag, given)))

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        tags = [name for name, _ in self._open]
        if tags[-1:] == ["title"]:
            self.title += data
        if any(shows for _, shows in self._open) and not {"script", "style", "template"} & set(tags):
            self._said.append(data)


def _shows_message(tag: str, given: Mapping[str, str]) -> bool:
    return (
        given.get("id") in _MESSAGE_IDS
        or given.get("role") == "alert"
        or (tag not in ("html", "body", "form", "main") and bool(_MESSAGE_CLASSES.search(given.get("class", ""))))
    )


def _line(text: str) -> str:
    return " ".join(text.split())
