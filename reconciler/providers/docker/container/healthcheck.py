"""The health check: declared, as inspect shows it, and as the engine merges it with the image's."""

from __future__ import annotations

from typing import Any

from reconciler.core.resource.units import duration, nanoseconds
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.docker.table import forms
from reconciler.providers.docker.table.property import Json, Property, dig, plain_of


def _healthcheck(check: Any) -> dict[str, Value]:
    """The engine's healthcheck in the words of the file; zero fields are left out."""
    if not check:
        return {}
    if check.get("Test") == ["NONE"]:
        return {"test": ("NONE",)}
    values = {
        "test": tuple(check.get("Test") or ()),
        "interval": duration(check.get("Interval") or 0),
        "timeout": duration(check.get("Timeout") or 0),
        "start_period": duration(check.get("StartPeriod") or 0),
        "start_interval": duration(check.get("StartInterval") or 0),
        "retries": check.get("Retries") or 0,
    }
    return {key: value for key, value in values.items() if value not in ((), 0, "0s")}


def _declared_healthcheck(service: Json) -> Value:
    check = service.get("healthcheck")
    if not check:
        return ABSENT
    # `NONE` also ends a health check that comes with the image.
    if check.get("disable"):
        return {"test": ("NONE",)}
    spans = ("interval", "timeout", "start_period", "start_interval")
    values: dict[str, Value] = {"test": forms.texts(check.get("test"))}
    values |= {key: duration(nanoseconds(check[key])) for key in spans if check.get(key)}
    values |= {"retries": int(check["retries"])} if check.get("retries") else {}
    return {key: value for key, value in values.items() if value not in ((), "0s")}


def _healthcheck_body(spec: Spec) -> Json:
    check: Any = spec.get("healthcheck")
    if not check:
        return {}
    keys = {
        "interval": "Interval",
        "timeout": "Timeout",
        "start_period": "StartPeriod",
        "start_interval": "StartInterval",
    }
    body: dict[str, Any] = {key: nanoseconds(check[name]) for name, key in keys.items() if name in check}
    body |= {"Test": list(check["test"])} if "test" in check else {}
    body |= {"Retries": check["retries"]} if "retries" in check else {}
    return {"Healthcheck": body}


def _merged_healthcheck(declared: Any, image: Json, _observed: Value) -> Value:
    if declared.get("test") == ("NONE",):
        return {"test": ("NONE",)}
    return {**_healthcheck(image.get("Healthcheck")), **declared}


def _said_healthcheck(check: Any) -> Json:
    if check.get("test") == ("NONE",):
        return {"healthcheck": {"disable": True}}
    said: dict[str, Any] = plain_of(check)
    match said.get("test"):
        # The short form of a command for the shell is a text.
        case ["CMD-SHELL", command]:
            said["test"] = command
    return {"healthcheck": said} if said else {}


HEALTHCHECK = Property(
    "healthcheck",
    declared=_declared_healthcheck,
    read=lambda inspect: _healthcheck(dig(inspect, "Config.Healthcheck")),
    write=_healthcheck_body,
    silent=lambda image: _healthcheck(image.get("Healthcheck")),
    merge=_merged_healthcheck,
    said=_said_healthcheck,
    paths=("healthcheck",),
)
