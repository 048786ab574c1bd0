"""Reading what there is of a project: one list, one inspect for each container and image, networks, volumes.

A daemon's look asks only for what may have changed since the last one (``Unchanged``). Source: Engine API 1.41-1.51.
The list may name what is gone a moment later; such a one is simply not there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Final

from reconciler.core.message.errors import Conflict, Denied, Rejected
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Health, Observed, Resource, Status
from reconciler.core.resource.values import Value
from reconciler.providers.docker.build.context import changed_at, digest_of
from reconciler.providers.docker.container import (
    endpoints,
    files,
    hooks,
    outside,
    pre_start,
    restarts,
    volumes_from,
)
from reconciler.providers.docker.container.mounts import anonymous_volumes, image_volumes
from reconciler.providers.docker.container.stops import Stops
from reconciler.providers.docker.engine import ownership, rootless
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.failures import NoReference
from reconciler.providers.docker.engine.unchanged import Unchanged
from reconciler.providers.docker.expand import (
    container_address,
    network_address,
    volume_address,
)
from reconciler.providers.docker.kinds import container, image, network, volume
from reconciler.providers.docker.table import forms, labels
from reconciler.providers.docker.table.names import NEXT, PREVIOUS, replacement_suffix
from reconciler.providers.docker.table.property import Json, dig
from reconciler.vocabulary import compose

_MOST_NAMES: Final = 10
"""So many names are asked for by themselves; more are looked up in a list of everything."""


class Reader:
    """One look at an engine, for one project."""

    def __init__(
        self, engine: Engine, unchanged: Unchanged, project: str, desired: Collection[Resource], stops: Stops
    ) -> None:
        self._engine, self._unchanged, self._stops = engine, unchanged, stops
        self._project = project
        self._desired = {resource.address: resource for resource in desired}
        self._configs: dict[str, Json] = {}
        self._ids: dict[str, str] = {}
        self._of_volume: dict[str, Address] = {}
        self._marks: dict[str, Json] = {}
        self._others: dict[str, Json | None] = {}
        self._of_container: dict[str, Address] = {}
        self._of_service: dict[str, list[Address]] = {}
        self._by_network: dict[str, Json] = {}
        self._named: dict[str, Mapping[str, str]] = {}
        self._called: dict[str, str] = {}
        self._renamed: dict[str, str] = {}
        self._name_is_taken: dict[Address, Json] = {}

    def read(self) -> Iterator[Observed]:
        """Everything that is desired and there, and what carries the project's labels besides."""
        asked = {address.name: resource for address, resource in self._desired.items() if address.kind == image.NAME}
        lists = (self._listed_networks, self._owned_volumes, self._listed)
        questions: tuple[Callable[[], Any], ...] = (*lists, *(partial(self._image, each) for each in asked))
        found, owned, listed, *images = self._engine.side_by_side(lambda question: question(), questions)
        networks = self._as_declared(found)
        yield from self._networks(networks)
        yield from self._volumes(owned)
        yield from self._images(zip(asked.values(), images, strict=True))
        for item in sorted(networks, key=self._owns):  # of several with one name ours
            self._by_network |= dict.fromkeys((item["Real"], item["Name"], item["Id"]), item)
        yield from self._containers(listed)

    # -------------------------------------------------------------- networks and volumes

    def _listed_networks(self) -> Any:
        return self._engine.get("/networks")

    def _owned_volumes(self) -> Any:
        return self._engine.get("/volumes", filters=self._mine())["Volumes"] or []

    def _as_declared(self, found: Sequence[Json]) -> Sequence[Json]:
        """The networks, each under the id that the file has for it where that is no network's name."""
        self._engine.uses("/networks")
        taken = {item["Name"] for item in found}
        ids = [name for name in self._names(network.NAME) if name not in taken and endpoints.ID.fullmatch(name)]
        return [
            {**item, "Real": item["Name"], "Name": next(filter(item["Id"].startswith, ids), item["Name"])}
            for item in found
        ]

    def _networks(self, found: Sequence[Json]) -> Iterator[Observed]:
        for item in self._chosen(found, network.NAME, labels.NETWORK):
            address = network_address(self._key(item, network.NAME, labels.NETWORK))
            yield Observed(
                address,
                item["Id"],
                network.read(item),
                owned=self._owns(item) or self._is_external(address),
                called=ownership.called("network", item["Real"], item.get("Labels")),
                outputs={"id": item["Id"]},
            )

    def _volumes(self, owned: Sequence[Json]) -> Iterator[Observed]:
        self._engine.uses("/volumes")
        names = {item["Name"] for item in owned}
        self._marks = ownership.marks(owned)
        others = self._volumes_of({name for name in self._names(volume.NAME) if name not in names})
        for item in self._chosen([*owned, *others], volume.NAME, labels.VOLUME):
            # A volume that somebody else made is used as it is: its labels can't be changed, its data must stay.
            address = self._of_volume[item["Name"]] = volume_address(self._key(item, volume.NAME, labels.VOLUME))
            stays = volume.leads_elsewhere(item)
            yield Observed(
                address,
                item["Name"],
                volume.read(item),
                owned=self._owns(item) or self._is_external(address),
                called=ownership.called("volume", item["Name"], item.get("Labels")),
                outputs={"name": item["Name"]},
                data_stays=stays,
            )

    def _volumes_of(self, names: Collection[str]) -> Iterable[Json]:
        """The volumes of these names that are there; many are looked up in the list of all."""
        if len(names) > _MOST_NAMES:
            return [item for item in self._engine.get("/volumes")["Volumes"] or () if item["Name"] in names]
        return filter(None, self._engine.side_by_side(self._volume, sorted(names)))

    def _volume(self, name: str) -> Any:
        return self._unchanged.get(self._engine, f"/volumes/{name}")

    def _chosen(self, found: Iterable[Json], kind: str, label: str) -> Iterable[Json]:
        """Ours and the desired ones; of several networks with one name (engines before 25 allow it) ours."""
        names = self._names(kind)
        chosen: dict[str, Json] = {}
        # Ours come last, and so replace others of the same name.
        for item in sorted(found, key=self._owns):
            if item["Name"] in names or (self._owns(item) and label in (item.get("Labels") or {})):
                chosen[item["Name"]] = item
        return chosen.values()

    def _names(self, kind: str) -> Mapping[str, str]:
        """Real name → key of the desired networks or volumes."""
        if kind not in self._named:
            self._named[kind] = {
                str(resource.spec["name"]): address.name
                for address, resource in self._desired.items()
                if address.kind == kind
            }
        return self._named[kind]

    def _key(self, item: Json, kind: str, label: str) -> str:
        """The resource by name, else by label; an external one is known by its name alone."""
        named, key = self._names(kind).get(item["Name"]), str((item.get("Labels") or {}).get(label) or item["Name"])
        return named or (str(item["Name"]) if self._is_external(Address(kind, (key,))) else key)

    def _owns(self, item: Json) -> bool:
        return bool((item.get("Labels") or {}).get(labels.PROJECT) == self._project)

    def _is_external(self, address: Address) -> bool:
        resource = self._desired.get(address)
        return bool(resource and resource.spec.get("external"))

    def _mine(self) -> Json:
        return ownership.of_project(self._project)

    # -------------------------------------------------------------- images

    def _images(self, images: Iterable[tuple[Resource, Json | None]]) -> Iterator[Observed]:
        for resource, found in images:
            if found is None:
                continue
            address = resource.address
            self._engine.uses(_of_image(address.name))
            self._configs[found["Id"]] = found.get("Config") or {}
            self._ids[address.name] = found["Id"]
            facts: dict[str, Value] = {}
            status = Status()
            if image.is_built(resource.spec):
                facts["inputs"] = self._inputs(resource.spec, found)
            # Asking a registry takes time, so a tag is asked for only when its refresh is due.
            elif image.is_due(resource.spec, found, datetime.now(UTC)):
                facts["asked"], status = self._asked(address.name)
            if other := image.other_platform(resource.spec, found):
                status = Status(Health.FAILED, other)
            spec = image.read(found, str(facts.get("asked", "")))
            yield Observed(address, found["Id"], spec, status=status, outputs={"id": found["Id"]}, facts=facts)

    def _inputs(self, spec: Any, found: Json) -> str:
        """The hash that the label of a built image must have; "" if Compose built the image and it can stay.

        If an image of ours with that hash exists, somebody moved the name, also if Compose did.
        """
        inputs = digest_of(spec["build"])
        can_stay = image.is_from_compose(spec, found) and image.is_named_since(found, changed_at(spec["build"]))
        return "" if can_stay and not image.is_ours(found) and not self._is_built(inputs) else inputs

    def _is_built(self, inputs: str) -> bool:
        """Returns whether an image that we built of these inputs exists, under any name or none."""
        return bool(self._unchanged.get(self._engine, "/images/json", filters={"label": [f"{labels.INPUTS}={inputs}"]}))

    def _image(self, reference: str) -> Json | None:
        """None where it is not there, as what the engine does not take for a reference; to get it says so."""
        try:
            found: Json | None = self._unchanged.get(self._engine, _of_image(reference))
        except NoReference:
            return None
        return found

    def _asked(self, reference: str) -> tuple[str, Status]:
        """The registry's image; if the registry can't be asked, the local one stays in use."""
        try:
            return self._engine.digest_in_registry(reference), Status()
        except (Rejected, Conflict, Denied) as error:
            return "", Status(Health.FAILED, f"its registry can't be asked for a newer one: {error}")

    def _read_configs(self, inspected: Iterable[Json]) -> None:
        """The config of each image that a container was made from; it is content-addressed, so read once."""
        missing = [
            each for each in dict.fromkeys(inspect["Image"] for inspect in inspected) if each not in self._configs
        ]
        for image_id, found in zip(missing, self._engine.side_by_side(self._image_of_id, missing), strict=True):
            self._configs[image_id] = (found or {}).get("Config") or {}

    def _image_of_id(self, image_id: str) -> Any:
        return self._unchanged.get(self._engine, _of_image(image_id))

    def _volumes_of_image(self, address: Address) -> Value:
        """The volumes declared in the image of a desired container; None if it is not there yet."""
        resource = self._desired.get(address)
        image_id = self._ids.get(resource.spec["image"]["ref"]) if resource else None  # type: ignore[index, call-overload, arg-type]
        return tuple(image_volumes(self._configs[image_id])) if image_id else None

    # -------------------------------------------------------------- containers

    def _containers(self, listed: Sequence[Json]) -> Iterator[Observed]:
        groups: dict[Address, list[Json]] = {}
        for inspect in self._inspected(listed):
            address = self._address_of(inspect)
            if address is not None:
                groups.setdefault(address, []).append(inspect)
        self._read_configs([inspect for group in groups.values() for inspect in group])
        for address, group in groups.items():
            self._of_container |= {inspect["Id"]: address for inspect in group}
            self._of_service.setdefault(address.path[0], []).append(address)
        found = {address: self._sorted_out(address, group) for address, group in groups.items()}
        self._know({address: mains[0] for address, (mains, _) in found.items() if mains}, groups.values())
        for address, (mains, leftovers) in found.items():
            if mains:
                yield self._container(address, mains[0], leftovers)
            # Two containers for one declared one: each further one gets an address of its own and is an orphan.
            for other in (*mains[1:], *(() if mains else leftovers)):
                double = Address(address.kind, (*address.path, name_of(other)))
                yield self._container(double, other, [])

    def _know(self, mains: Mapping[Address, Json], groups: Iterable[Sequence[Json]]) -> None:
        """Takes in which container stands for which resource.

        Others are attached to a container and not to its name: whoever was renamed goes by the name in the file.
        """
        self._called = {inspect["Id"]: name_of(inspect) for group in groups for inspect in group}
        for address, inspect in mains.items():
            if resource := self._desired.get(address):
                wanted = str(resource.spec["container_name"])
                self._others[wanted] = inspect
                self._called[inspect["Id"]] = self._renamed[name_of(inspect)] = wanted

    def _listed(self) -> Any:
        return self._engine.get("/containers/json", all=1, filters=self._mine())

    def _inspected(self, listed: Sequence[Json]) -> Iterator[Json]:
        self._engine.uses("/containers/json")
        mine = {item["Id"]: item for item in listed if not _is_somebodys_own(item["Labels"])}
        ids = [*mine, *ownership.taken_over(self._marks)]
        known = {name.lstrip("/") for item in listed for name in item["Names"]}
        # A container with a declared name may be somebody else's; without it a creation would fail on the name.
        missing = {name for name in self._container_names if name not in known}
        if missing:
            found = self._engine.get("/containers/json", all=1, **_of_names(sorted(missing)))
            ids += [item["Id"] for item in found if missing & {name.lstrip("/") for name in item["Names"]}]

        def inspected(container_id: str) -> Any:
            # No event is sent to us about a container without the project's label.
            own = mine.get(container_id)
            return self._unchanged.container(self._engine, own) if own else self._other(container_id)

        chosen = tuple(dict.fromkeys(ids))
        for container_id, inspect in zip(chosen, self._engine.side_by_side(inspected, chosen), strict=True):
            self._engine.uses(_of_container(container_id))
            # A container that is being removed is gone for any plan, and can't be changed.
            if inspect is not None and dig(inspect, "State.Status") != "removing":
                yield ownership.with_labels(inspect, self._marks.get(container_id))

    @cached_property
    def _container_names(self) -> Mapping[str, Address]:
        return {
            str(resource.spec["container_name"]): address
            for address, resource in self._desired.items()
            if address.kind == container.NAME
        }

    def _address_of(self, inspect: Json) -> Address | None:
        """The address by labels; an object without ours under a desired name stands for that resource.

        None for one that was listed with such a name, and has another one by now.
        """
        marks = dig(inspect, "Config.Labels") or {}
        if marks.get(labels.PROJECT) != self._project:
            return self._container_names.get(name_of(inspect))
        return container_address(str(marks.get(labels.SERVICE)), marks.get(labels.NUMBER) or "1")

    def _sorted_out(self, address: Address, group: Sequence[Json]) -> tuple[list[Json], list[Json]]:
        """The container that stands for the resource first, and what an interrupted replacement left.

        A predecessor stands for the resource until its successor has taken the name. A container of a hook never does.
        """
        by_suffix: dict[str, list[Json]] = {NEXT: [], PREVIOUS: [], "": []}
        of_hooks = [each for each in group if labels.is_of_a_hook(dig(each, "Config.Labels"))]
        group = [each for each in group if each not in of_hooks]
        ours = [each for each in group if self._is_ours(each)]
        # Somebody else's never stands for the resource where one of ours does, and no replacement left it.
        if ours and (others := [each for each in group if each not in ours]):
            self._name_is_taken[address] = others[0]
            group = ours
        for inspect in sorted(group, key=lambda each: self._rank(address, each), reverse=True):
            # Somebody else's container may have such a name by chance.
            suffix = replacement_suffix(name_of(inspect)) if ours else ""
            by_suffix[suffix].append(inspect)
        # A predecessor alone means that its successor never got the name.
        mains = by_suffix[""] or by_suffix[PREVIOUS][:1] or by_suffix[NEXT][:1]
        leftovers = [inspect for inspect in group if inspect not in mains and inspect not in by_suffix[""]]
        return mains, [*leftovers, *of_hooks]

    def _is_ours(self, inspect: Json) -> bool:
        return bool((dig(inspect, "Config.Labels") or {}).get(labels.PROJECT) == self._project)

    def _obstacle(self, address: Address) -> str:
        """Names somebody else's container with the name that the file gives to ours."""
        if other := self._name_is_taken.get(address):
            holder = ownership.called("container", name_of(other), dig(other, "Config.Labels"))
            return f"can't get its name as long as {holder} has it"
        return ""

    def _rank(self, address: Address, inspect: Json) -> tuple[bool, bool, str]:
        resource = self._desired.get(address)
        is_named = bool(resource and resource.spec.get("container_name") == name_of(inspect))
        return is_named, bool(dig(inspect, "State.Running")), str(inspect["Created"])

    def _container(self, address: Address, inspect: Json, leftovers: Sequence[Json]) -> Observed:
        self._engine.uses(_of_container(inspect["Id"]))
        spec = self._specification(address, inspect, leftovers)
        marks = dig(inspect, "Config.Labels") or {}
        return Observed(
            address,
            inspect["Id"],
            spec,
            owned=self._is_ours(inspect),
            claimable=ownership.is_nobodys(marks),
            called=ownership.called("container", name_of(inspect), marks),
            obstacle=self._obstacle(address),
            status=self._status(address, inspect, spec, self._outside(address)),
            outputs={"id": inspect["Id"], **restarts.outputs(inspect)},
            facts={
                **self._facts(address, inspect, spec),
                "leftovers": {name_of(other): other["Id"] for other in leftovers},
            },
            after=frozenset(self._uses(spec)),
            outlived_by=frozenset(self._needs(address, inspect)) - {address},
            restarts=int(inspect.get("RestartCount") or 0),
            # With leftovers it was a run of ours that stopped it, and not a person.
            stopped_by_hand=not leftovers and self._stops.was_by_hand(inspect),
        )

    def _specification(self, address: Address, inspect: Json, leftovers: Sequence[Json]) -> dict[str, Value]:
        """The container in the form of the declared one: references to resources instead of ids and names."""
        spec = {name: each.read(inspect) for name, each in container.PROPERTIES.items()}
        # The engine knows networks by their full names; the comparison needs the keys of the file.
        spec["networks"] = self._by_key(spec["networks"])
        others = self._outside(address)
        # Modes name other containers by id, which each replacement changes; the reference to the resource stays.
        spec |= {key: self._named_namespace(address, key, spec[key], others) for key in outside.NAMESPACES}
        spec["links"] = self._named_links(address, endpoints.renamed(spec["links"], self._renamed))
        spec["network_mode"] = self._named_network(address, str(spec["network_mode"]))
        mark = self._marks.get(inspect["Id"])
        spec |= files.grouped(files.read(inspect, mark and mark["Labels"]), self._mounted(address))
        spec["leftovers"] = tuple(sorted(name_of(other) for other in leftovers))
        spec["pre_start"] = pre_start.read(inspect)
        borrowed = self._lent(address)
        shared = {target: name for target, name in anonymous_volumes(inspect).items() if target in borrowed}
        spec["volumes"] = volumes_from.identified(spec["volumes"], shared)
        spec["depends_on"] = restarts.observed(self._desired.get(address))
        return spec

    def _facts(self, address: Address, inspect: Json, spec: Mapping[str, Value]) -> dict[str, Value]:
        """The facts beside the properties that steps need, and no comparison looks at."""
        mark = self._marks.get(inspect["Id"])
        borrowed = self._lent(address)
        return {
            "started": dig(inspect, "State.StartedAt"),
            "image": self._configs[inspect["Image"]],
            "files": files.digests(self._mounted(address)),
            "mark": mark["Name"] if mark else "",
            "is_taken_over": bool(mark and labels.SERVICE in mark["Labels"]),
            "score_is_raised": self._is_score_raised(address, spec["oom_score_adj"]),
            "ours": labels.is_ours(dig(inspect, "Config.Labels") or {}),
            # A volume borrowed by `volumes_from` belongs to another container, and does not move with this one.
            "anonymous": {at: name for at, name in anonymous_volumes(inspect).items() if at not in borrowed},
            "lent": borrowed,
            "outside": self._outside(address),
            "volumes_of_image": self._volumes_of_image(address),
            "pre_stop": self._before_stop(address),
            "pre_start": self._started_after(address),
        }

    def _is_score_raised(self, address: Address, now: Any) -> bool:
        """Returns whether the engine may have raised the requested score."""
        resource = self._desired.get(address)
        wanted: Any = resource.spec.get("oom_score_adj", 0) if resource else now
        return bool(now > wanted) and rootless.is_rootless(self._engine.own)

    def _mounted(self, address: Address) -> Sequence[Any]:
        resource = self._desired.get(address)
        mounted: Any = resource.spec.get("mounted", ()) if resource else ()
        return tuple(mounted)

    def _lent(self, address: Address) -> Mapping[str, Value]:
        """The mounts that other containers share with this one, and whose names the files do not have."""
        resource = self._desired.get(address)
        wanted = resource.spec.get("volumes_from", ()) if resource else ()
        return volumes_from.joined(wanted, self._lent_by)

    def _lent_by(self, name: str) -> Mapping[str, Value]:
        address = self._container_names.get(name)
        if address is None:  # outside the project
            return volumes_from.of_container(self._other(name) or {})
        others, live = self._lent(address), anonymous_volumes(self._other(name) or {})
        own = {target: volume for target, volume in live.items() if target not in others}
        of_image: Any = self._volumes_of_image(address)
        asked = own if of_image is None else [target for target in of_image if target not in others]
        return {**others, **volumes_from.unnamed(self._desired[address].spec, own, asked)}

    def _outside(self, address: Address) -> Mapping[str, Any]:
        """The containers outside the project that it names, as far as they are there."""
        resource = self._desired.get(address)
        wanted: Any = resource.spec.get("outside", ()) if resource else ()
        return outside.facts({each["container"]: self._other(each["container"]) for each in wanted})

    def _other(self, name: str) -> Json | None:
        """Another container, by name or, outside the project, by any reference; read once for each look."""
        if name not in self._others:
            is_ours = name in self._container_names
            self._others[name] = self._engine.get(_of_container(name)) if is_ours else self._engine.inspected(name)
        return self._others[name]

    def _before_stop(self, address: Address) -> Value:
        """The declared hooks to run before it is stopped, also when all is removed."""
        resource = self._desired.get(address)
        return hooks.of(resource.spec, hooks.BEFORE_STOP) if resource else ()

    def _started_after(self, address: Address) -> Value:
        """The expected label of a container that is made now."""
        resource = self._desired.get(address)
        return pre_start.digest(resource.spec.get("pre_start")) if resource else ""

    def _status(self, address: Address, inspect: Json, spec: Mapping[str, Value], others: Mapping[str, Any]) -> Status:
        resource = self._desired.get(address)
        if resource and container.is_done(resource.spec, spec):
            return Status(Health.OK, f"done, {container.FINISHED}")
        status = status_of(inspect, is_job=bool(resource and container.is_job(resource.spec)))
        # Only a container that seems well can be lost in this way; others have a failure of their own.
        lost = outside.lost(resource, others) if status.health is Health.OK and spec["state"] in restarts.UP else ""
        return Status(Health.FAILED, lost) if lost else status

    def _by_key(self, endpoints: Any) -> dict[str, Value]:
        """Endpoints under the keys of the file. One whose network is gone keeps its stale id, which differs.

        A container that was never started knows its networks by name only.
        """
        keys = self._names(network.NAME)
        by_key: dict[str, Value] = {}
        for name, endpoint in endpoints.items():
            item = self._by_network.get(endpoint["id"] or name)
            key = self._key(item, network.NAME, labels.NETWORK) if item else keys.get(name, name)
            told = {"name": item["Name"], "id": item["Id"]} if item else {}
            by_key[key] = {**endpoint, **told}
        return by_key

    def _named_namespace(self, address: Address, key: str, mode: Value, others: Mapping[str, Any]) -> Value:
        """``container:<id>``, as the engine stores it, with the reference that the file has there."""
        kind, _, target = str(mode).partition(":")
        resource = self._desired.get(address)
        reference = str(resource.spec.get(key, "")).partition(":")[2] if resource else ""
        if kind == "container" and reference in others and others[reference]["id"] == target:
            return f"container:{reference}"
        return f"container:{self._called[target]}" if kind == "container" and target in self._called else mode

    def _named_links(self, address: Address, links: Sequence[str]) -> Value:
        """Links with the references that the file has for containers outside; the engine knows them by their names."""
        resource = self._desired.get(address)
        wanted: Any = resource.spec.get("links", ()) if resource else ()
        references = {alias: reference for reference, _, alias in (str(link).partition(":") for link in wanted)}
        pairs = [
            (name, references.get(alias, name), alias) for name, _, alias in (each.partition(":") for each in links)
        ]
        return forms.text_set(
            f"{reference if self._is_called(reference, name) else name}:{alias}" for name, reference, alias in pairs
        )

    def _is_called(self, reference: str, name: str) -> bool:
        """Returns whether a container outside the project, of which the file has another reference, has this name."""
        other = self._others.get(reference)
        return other is not None and name_of(other) == name

    def _named_network(self, address: Address, mode: str) -> str:
        """A network mode that is a network, as the file names that: the engine keeps what it was once given."""
        resource = self._desired.get(address)
        wanted = str(resource.spec.get("network_mode", "")) if resource else ""
        live = self._by_network.get(mode)
        is_id = bool(live and endpoints.ID.fullmatch(wanted) and live["Id"].startswith(wanted))
        return wanted if is_id or (live and wanted == live["Real"]) else mode

    def _needs(self, address: Address, inspect: Json) -> Iterator[Address]:
        """The containers that it depends on: by the file or else its labels, and by its namespaces."""
        resource = self._desired.get(address)
        if resource:
            # The file decides where it has the container; the labels are those of its creation.
            yield from (need for need in resource.after if need.kind == container.NAME)
        services = () if resource else labels.services_before(dig(inspect, "Config.Labels"))
        yield from (self._of_container[each] for each in _lenders(inspect) if each in self._of_container)
        yield from (other for service in services for other in self._of_service.get(service, ()))

    def _uses(self, spec: Mapping[str, Any]) -> Iterator[Address]:
        for key in spec["networks"]:
            yield network_address(key)
        for mount in spec["volumes"].values():
            if mount["type"] == "volume":
                yield self._of_volume.get(mount["source"], volume_address(mount["source"]))


def _of_names(names: Sequence[str]) -> Json:
    """The filter of a list for containers of these names; none for many.

    The engine compiles each pattern anew for each container it has: 500 patterns take it 10 s with 40 containers, and
    the list of all 0.1 s (20.10).
    """
    # The filter is a regular expression that matches anywhere in a name.
    patterns = [f"^/{name.replace('.', '[.]')}$" for name in names]
    return {"filters": {"name": patterns}} if len(patterns) <= _MOST_NAMES else {}


def _of_image(reference: str) -> str:
    return f"/images/{reference}/json"


def _of_container(name: str) -> str:
    return f"/containers/{name}/json"


def name_of(inspect: Json) -> str:
    return str(inspect["Name"]).lstrip("/")


def _is_somebodys_own(marks: Mapping[str, str]) -> bool:
    """Run by hand, as with ``docker compose run``: no affair of ours."""
    return labels.is_one_off(marks) and not labels.is_of_a_hook(marks)


def _lenders(inspect: Json) -> Iterator[str]:
    """The ids of containers whose namespaces or volumes it shares."""
    for key in ("NetworkMode", "PidMode", "IpcMode"):
        yield str(dig(inspect, f"HostConfig.{key}") or "").removeprefix(compose.CONTAINER)
    yield from (str(each).partition(":")[0] for each in dig(inspect, "HostConfig.VolumesFrom") or ())


def status_of(inspect: Json, *, is_job: bool = False) -> Status:
    """The health of a container, whatever its fields are; a job is settled when it has finished."""
    state = inspect["State"]
    health = dig(state, "Health.Status") or "none"
    match state["Status"], health:
        case "running", _ if is_job:
            return Status(Health.SETTLING, "job is running")
        case "running", "healthy" | "none":
            return Status(Health.OK, "healthy" if health == "healthy" else "running")
        case "running", "starting":
            return Status(Health.SETTLING, "health: starting")
        case "running", _:
            return Status(Health.FAILED, f"unhealthy: {last_probe(inspect)}")
        case "restarting", _:
            return Status(Health.FAILED, f"restarting, last exit code {state['ExitCode']}")
        case "exited", _:
            return Status(Health.OK if state["ExitCode"] == 0 else Health.FAILED, f"exited ({state['ExitCode']})")
        case other, _:
            return Status(Health.FAILED, str(other))


def probed(inspect: Json) -> str:
    """The last output of the health check, if it has run at all."""
    return f"last probe: {last_probe(inspect)}" if dig(inspect, "State.Health.Log") else "not probed yet"


def last_probe(inspect: Json) -> str:
    """The last words of the health check."""
    log = dig(inspect, "State.Health.Log") or [{}]
    text = str(log[-1].get("Output") or "").strip().splitlines()
    return text[-1] if text else f"exit code {log[-1].get('ExitCode', '?')}"
