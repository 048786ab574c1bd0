"""Security options of a service: texts in the file, and one object of a ServiceSpec."""

from __future__ import annotations

import base64
from typing import Any, Final

from reconciler.core.resource.values import Value
from reconciler.providers.docker.table import forms
from reconciler.providers.docker.table.property import Json

_NO_NEW: Final = "no-new-privileges"
_UNCONFINED: Final = "unconfined"
_LABELS: Final = {"user": "User", "role": "Role", "type": "Type", "level": "Level"}


def read(privileges: Any) -> Value:
    """The options of a live service, in the form in which the file's are compared."""
    seccomp, context = privileges.get("Seccomp") or {}, privileges.get("SELinuxContext") or {}
    profile = base64.b64decode(seccomp.get("Profile") or "").decode(errors="replace")
    options = (
        (privileges.get("NoNewPrivileges"), _NO_NEW),
        (seccomp.get("Mode") == _UNCONFINED, f"seccomp={_UNCONFINED}"),
        (seccomp.get("Mode") == "custom", f"seccomp={profile}"),
        ((privileges.get("AppArmor") or {}).get("Mode") == "disabled", f"apparmor={_UNCONFINED}"),
        (context.get("Disable"), "label=disable"),
        *((context.get(key), f"label={word}:{context.get(key)}") for word, key in _LABELS.items()),
    )
    return forms.security([option for is_set, option in options if is_set])


def entry(options: Any) -> Json:
    """The options as a ServiceSpec has them."""
    return dict(_part(str(option), options) for option in options)


def _part(option: str, options: Any) -> tuple[str, Any]:
    name, _, value = option.partition("=")
    match name:
        case "seccomp" if value == _UNCONFINED:
            return "Seccomp", {"Mode": _UNCONFINED}
        case "seccomp":
            return "Seccomp", {"Mode": "custom", "Profile": base64.b64encode(value.encode()).decode()}
        case "apparmor":
            return "AppArmor", {"Mode": "disabled"}
        case "label":
            return "SELinuxContext", _context([str(each) for each in options if str(each).startswith("label=")])
        case _:
            return "NoNewPrivileges", True


def _context(options: list[str]) -> Json:
    """The SELinux context that all options of this sort make together."""
    said = [option.removeprefix("label=").partition(":") for option in options]
    parts = {_LABELS[word]: value for word, _, value in said if word in _LABELS}
    return {"Disable": any(word == "disable" for word, _, _ in said), **parts}
