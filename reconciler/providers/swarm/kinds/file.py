"""Configs and secrets: their content is fixed once they are made, so a changed one is another object.

The new one has a digest of its content at the end of its name. The services move to it, and the old one goes when they
have: a killed run leaves both, and the next one finds which is meant. The bytes of a secret can't be read back, so a
label holds their digest, which is slow to guess at.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Effect, Field, Kind, Output
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Secret, Spec, Value
from reconciler.providers.docker.container import files
from reconciler.providers.docker.table import forms
from reconciler.providers.docker.table.names import OF_OTHERS, is_external, verb_of_external
from reconciler.providers.docker.table.property import Json
from reconciler.providers.swarm.table import labels

CONFIG: Final = "swarm.config"
SECRET: Final = "swarm.secret"  # noqa: S105  # the name of a kind
SECTIONS: Final = {"configs": CONFIG, "secrets": SECRET}

MADE: Final = "made"
"""The milestone of a config or secret whose new object is there, beside the old one."""

_LONGEST_NAME: Final = 64
_DIGITS: Final = 12


def declared(section: str, item: Json) -> dict[str, Value]:
    """The spec of a canonical config or secret. The content is looked into when it is compared."""
    told = {
        "template_driver": item.get("template_driver"),
        "driver": item.get("driver"),
        "driver_opts": forms.text_map(item.get("driver_opts")),
    }
    return {
        "name": item["name"],
        "labels": forms.text_map(item.get("labels")),
        "source": {**_source(item), "secret": section == "secrets"},
        **{key: value for key, value in told.items() if value},
    }


def _source(item: Json) -> Json:
    return {} if item.get("driver") else files.source(item)


def digest_now(name: str, source: Any) -> Value:
    """The digest of what a config or secret is to hold; ABSENT where that can't be read, or a driver has it."""
    data = content(source)
    return ABSENT if data is None else digest_of(name, data, is_secret=_is_secret(source))


def content(source: Any) -> bytes | None:
    """The desired content of a config or secret; None where it can't be read."""
    return files.content_of(source) if "file" in source or "content" in source else None


def _is_secret(source: Any) -> bool:
    return bool(source["secret"]) or isinstance(source.get("content"), Secret)


def digest_of(name: str, data: bytes, *, is_secret: bool) -> str:
    """The digest of content that a label may hold."""
    return files.digest(data, salt=f"{labels.DIGEST}:{name}", is_secret=is_secret)


def read(section: str, name: str, live: Json, source: Any) -> dict[str, Value]:
    """The spec of a live config or secret that is declared with this name and source."""
    spec = live["Spec"]
    driver = spec.get("Driver") or {}
    return {
        "name": name if is_named(spec["Name"], name) else spec["Name"],
        "content": _live_digest(section, name, spec, source),
        "labels": forms.text_map(labels.declared_only(spec.get("Labels"))),
        "template_driver": (spec.get("Templating") or {}).get("Name") or ABSENT,
        "driver": driver.get("Name") or ABSENT,
        "driver_opts": forms.text_map(driver.get("Options")) or ABSENT,
    }


def _live_digest(section: str, name: str, spec: Json, source: Any) -> Value:
    """The digest of live content: of a config's bytes, or that which we left on a secret."""
    if section == "configs":
        data = base64.b64decode(spec.get("Data") or "")
        return digest_of(name, data, is_secret=bool(source) and _is_secret(source))
    found: Value = (spec.get("Labels") or {}).get(labels.DIGEST, ABSENT)
    return found


def expect(desired: Resource, observed: Observed) -> Spec:
    """The expected fields. What a secret holds that somebody else made is not known, and left alone."""
    if is_external(desired):
        return {}
    live, now = observed.spec.get("content", ABSENT), observed.facts.get("now", ABSENT)
    # A content that can't be read on either side is no difference.
    known = live if ABSENT in (live, now) else now
    silent = dict.fromkeys(("template_driver", "driver", "driver_opts"), ABSENT)
    return {**silent, **desired.spec, "content": known, "leftovers": ()}


def _kind(name: str, section: str) -> Kind:
    return Kind(
        name,
        fields={
            "name": Field(Effect.REPLACE),
            "content": Field(Effect.REPLACE, given_by="source"),
            "template_driver": Field(Effect.REPLACE),
            "driver": Field(Effect.REPLACE),
            "driver_opts": Field(Effect.REPLACE),
            "labels": Field(Effect.LIVE),
            "leftovers": Field(Effect.LIVE),
        },
        outputs={"id": Output(held=True), "name": Output(held=True)},
        expect=expect,
        alone=lambda _desired, _observed: "",
        verb=verb_of_external,
        is_never_made=is_external,
        of_others=OF_OTHERS,
        section=section,
        prunable=True,
        goes_down=True,
    )


KINDS: Final[Mapping[str, Kind]] = {name: _kind(name, section) for section, name in SECTIONS.items()}


def fresh_name(name: str, digest: Value) -> str:
    """The name of a new object beside the old one of the same config or secret."""
    end = f"_{str(digest)[:_DIGITS]}"
    return f"{name[: _LONGEST_NAME - len(end)]}{end}"


def is_named(found: str, name: str) -> bool:
    """Returns whether an object of this name is one of a config or secret: the first one, or a later one."""
    if found == name:
        return True
    head, sign, end = found.rpartition("_")
    is_digest = len(end) == _DIGITS and all(letter in "0123456789abcdef" for letter in end)
    return bool(sign) and is_digest and head == name[: _LONGEST_NAME - _DIGITS - 1]


def key_of(found: str, project: str) -> str:
    """The key of an object of a stack that the file no longer declares."""
    name = found.removeprefix(f"{project}_")
    head, _, end = name.rpartition("_")
    return head if head and is_named(name, head) and end else name


def body(spec: Any, name: str, project: str, data: bytes, digest: Value) -> dict[str, Any]:
    """The body of POST /configs/create or /secrets/create."""
    driver = {"Name": spec.get("driver"), "Options": spec.get("driver_opts") or {}}
    held = {"Driver": driver} if driver["Name"] else {"Data": base64.b64encode(data).decode()}
    template = {"Templating": {"Name": spec["template_driver"]}} if "template_driver" in spec else {}
    told = {} if digest is ABSENT else {labels.DIGEST: digest}
    return {"Name": name, "Labels": {**spec["labels"], **labels.of_stack(project), **told}, **held, **template}
