"""Volumes. Nothing of a volume can be changed, and a new one is empty: a difference is never repaired unasked.

Source: Engine API, GET /volumes and POST /volumes/create, which returns an existing volume as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Effect, Field, Kind, Output
from reconciler.core.resource.values import Value
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.names import OF_OTHERS, is_external, verb_of_external
from reconciler.providers.docker.table.property import Json

NAME: Final = "docker.volume"
_ELSEWHERE: Final = frozenset({"none", "nfs", "nfs4", "cifs", "smb3"})
"""Types of mounts whose data outlives the volume."""


def declared(volume: Json) -> dict[str, Value]:
    """The spec of a canonical volume."""
    return {
        "name": volume["name"],
        "driver": volume.get("driver") or "local",
        "driver_opts": {key: str(value) for key, value in (volume.get("driver_opts") or {}).items()},
        "labels": dict(volume.get("labels") or {}),
    }


def read(volume: Json) -> dict[str, Value]:
    """The spec of a live volume."""
    return {
        "name": volume["Name"],
        "driver": volume["Driver"],
        "driver_opts": dict(volume.get("Options") or {}),
        "labels": labels.declared_only(volume.get("Labels")),
    }


def said(volume: Json) -> dict[str, Any]:
    """A live volume in the words of a file, without what is usual."""
    spec: Mapping[str, Any] = read(volume)
    driver = spec["driver"] if spec["driver"] != "local" else ""
    found = {"driver": driver, "driver_opts": spec["driver_opts"], "labels": spec["labels"]}
    return {key: value for key, value in found.items() if value}


def leads_elsewhere(volume: Json) -> bool:
    """Returns whether the volume only mounts a directory of the host, or a share of the network."""
    options = volume.get("Options") or {}
    return volume["Driver"] == "local" and str(options.get("type") or "") in _ELSEWHERE


KIND: Final = Kind(
    NAME,
    fields={
        "name": Field(Effect.DATA_LOSS),
        "driver": Field(Effect.DATA_LOSS),
        "driver_opts": Field(Effect.DATA_LOSS),
        "labels": Field(Effect.NOTE),
    },
    outputs={"name": Output(declared_by="name", held=True)},
    verb=verb_of_external,
    is_never_made=is_external,
    of_others=OF_OTHERS,
    section="volumes",
    keeps_data=True,
    left_in_use=True,
    goes_down=True,
)


def body(spec: Any, owner: Mapping[str, str]) -> dict[str, Any]:
    """The body of POST /volumes/create."""
    return {
        "Name": spec["name"],
        "Driver": spec["driver"],
        "DriverOpts": dict(spec["driver_opts"]),
        "Labels": {**spec["labels"], **owner},
    }
