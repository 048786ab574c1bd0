"""Devices of a container, those that are asked for by what they can do, and limits of the throughput of disks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.docker.table import cdi, forms
from reconciler.providers.docker.table.property import Json, Property, dig, nest, plain_of, row


def _declared_devices(service: Json) -> Value:
    declared = service.get("devices")
    if declared is None:
        return ABSENT
    names = [str(device["source"]) for device in declared if cdi.is_asked(device)]
    return forms.text_set((*names, *forms.devices(device for device in declared if not cdi.is_asked(device))))


def _read_devices(inspect: Json) -> Value:
    requests = dig(inspect, "HostConfig.DeviceRequests") or ()
    # The engine shows names of CDI devices as a request for devices, beside those for GPUs.
    names = [name for request in requests if _is_of_names(request) for name in request["DeviceIDs"]]
    return forms.text_set((*names, *forms.devices(dig(inspect, "HostConfig.Devices"))))


def _is_of_names(shown: Json) -> bool:
    """Returns whether a request of the engine is what the command lines make of the names of CDI devices."""
    return (
        shown.get("Driver") == cdi.DRIVER
        and bool(shown.get("DeviceIDs"))
        and not any(shown.get(key) for key in ("Count", "Capabilities", "Options"))
    )


def _paths_body(spec: Spec) -> Json:
    paths = [device for device in _devices(spec) if not cdi.is_name(device)]
    return nest("HostConfig.Devices", forms.device_bodies(paths)) if "devices" in spec else {}


def _names_body(spec: Spec) -> list[Json]:
    names = [device for device in _devices(spec) if cdi.is_name(device)]
    return [{"Driver": cdi.DRIVER, "DeviceIDs": names}] if names else []


def _devices(spec: Spec) -> Sequence[str]:
    devices: Any = spec.get("devices", ())
    return devices  # type: ignore[no-any-return]


def _said_devices(devices: Sequence[str]) -> Json:
    names = [device for device in devices if cdi.is_name(device)]
    return {"devices": [*names, *forms.said_devices([device for device in devices if device not in names])]}


DEVICES = Property(
    "devices",
    declared=_declared_devices,
    read=_read_devices,
    write=_paths_body,
    silent=lambda _: (),
    paths=("devices",),
    said=_said_devices,
)
"""Paths of the machine, and names of CDI devices, which go out as a request: see :data:`REQUESTS`."""


def _declared_requests(service: Json) -> Value:
    """``gpus`` is short for devices that can "gpu" besides what is asked of them."""
    asked = dig(service, "deploy.resources.reservations.devices") or ()
    gpus = ({**gpu, "capabilities": [*(gpu.get("capabilities") or ()), "gpu"]} for gpu in service.get("gpus") or ())
    return _in_order(_request(each) for each in (*gpus, *asked)) or ABSENT


def _request(asked: Json) -> Value:
    return {
        "driver": forms.text(asked.get("driver")),
        "count": int(asked.get("count") or 0),
        "device_ids": forms.texts(asked.get("device_ids")),
        "capabilities": (forms.text_set(asked.get("capabilities")),),
        "options": forms.text_map(asked.get("options")),
    }


def _read_request(shown: Json) -> Value:
    return {
        "driver": forms.text(shown.get("Driver")),
        "count": int(shown.get("Count") or 0),
        "device_ids": forms.texts(shown.get("DeviceIDs")),
        "capabilities": tuple(forms.text_set(group) for group in shown.get("Capabilities") or ()),
        "options": forms.text_map(shown.get("Options")),
    }


def _request_body(request: Any) -> Json:
    return {
        "Driver": request["driver"],
        "Count": request["count"],
        "DeviceIDs": list(request["device_ids"]),
        "Capabilities": [list(group) for group in request["capabilities"]],
        "Options": dict(request["options"]),
    }


def _read_requests(inspect: Json) -> Value:
    shown = dig(inspect, "HostConfig.DeviceRequests") or ()
    return _in_order(_read_request(each) for each in shown if not _is_of_names(each))


def _in_order(requests: Iterable[Value]) -> Value:
    """Requests in an order of their own: that of the file means nothing."""
    return tuple(sorted(requests, key=str))


def _requests_body(spec: Spec) -> Json:
    requests: Any = spec.get("gpus", ())
    bodies = [*_names_body(spec), *map(_request_body, requests)]
    return nest("HostConfig.DeviceRequests", bodies) if bodies or "gpus" in spec else {}


def _said_requests(requests: Any) -> Json:
    """Requests for GPUs under ``gpus``, and others under ``deploy``."""
    said = [(_is_gpu(request), _said_request(request)) for request in requests]
    gpus = [each for is_gpu, each in said if is_gpu]
    others = [each for is_gpu, each in said if not is_gpu]
    reserved = nest("deploy.resources.reservations.devices", others) if others else {}
    return {**({"gpus": gpus} if gpus else {}), **reserved}


def _is_gpu(request: Any) -> bool:
    return any("gpu" in group for group in request["capabilities"])


def _said_request(request: Any) -> Json:
    capabilities = [each for group in request["capabilities"] for each in group]
    asked = {**request, "capabilities": [each for each in capabilities if not (_is_gpu(request) and each == "gpu")]}
    said = {key: plain_of(value) for key, value in asked.items() if value}
    return {**said, "count": "all"} if request["count"] == -1 else said


REQUESTS = Property(
    "gpus",
    declared=_declared_requests,
    read=_read_requests,
    write=_requests_body,
    silent=lambda _: (),
    paths=("gpus", "deploy.resources.reservations.devices"),
    said=_said_requests,
)


def throttle(name: str, key: str, unit: str) -> Property:
    """A limit for each of several disks: path → number. ``key`` and ``unit`` are the engine's words."""

    def numbers(items: Sequence[Json] | None) -> Mapping[str, Value]:
        return {item["Path"]: int(item[unit]) for item in items or ()}

    def body(limits: Mapping[str, Any]) -> list[Json]:
        return [{"Path": path, unit: limit} for path, limit in limits.items()]

    def said(limits: Mapping[str, Any]) -> list[Json]:
        return [{"path": path, unit.lower(): limit} for path, limit in limits.items()]

    return row(
        f"blkio_config.{name}", at=f"HostConfig.{key}", parse=numbers, load=numbers, dump=body, silent={}, said=said
    )


THROTTLES = (
    throttle("weight_device", "BlkioWeightDevice", "Weight"),
    throttle("device_read_bps", "BlkioDeviceReadBps", "Rate"),
    throttle("device_write_bps", "BlkioDeviceWriteBps", "Rate"),
    throttle("device_read_iops", "BlkioDeviceReadIOps", "Rate"),
    throttle("device_write_iops", "BlkioDeviceWriteIOps", "Rate"),
)
