"""Containers from changes to steps: the least disruptive calls, and how one container takes another's place.

A replacement is made of small steps, each safe to repeat, and what an interrupted one leaves behind is
recognised by names alone:

    N, N.next           the successor is made, nothing is stopped yet   → the next run removes it
    N.prev, N.next      the predecessor has given up its name           → it gets its name back; then again
    N (new), N.prev     the successor runs                              → it is waited for; then N.prev goes

Where two can be up at a time the successor is started as N.next. It has no name in the networks that anybody asks for
until it is ready, so that nobody comes to it before; then it gets all names, and the predecessor is stopped.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.difference.change import Action, Change, differ
from reconciler.core.difference.compare import FieldChange
from reconciler.core.difference.kind import Effect
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Health, Observed, Resource
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.docker.container import claims, files, hooks, one_shot, ports, pre_start, restarts
from reconciler.providers.docker.container.endpoints import endpoint_body
from reconciler.providers.docker.kinds import container
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.names import NEXT, PREPARED, PREVIOUS, STARTED
from reconciler.providers.docker.table.property import Json
from reconciler.record import Struct, replace


def steps(
    change: Change,
    *,
    awaited: bool,
    in_circle: bool = False,
    holds_renewed: bool = False,
    stands_in: Sequence[Change] = (),
    gives_way: bool = False,
) -> Sequence[Step]:
    """The steps of one container.

    ``awaited``: another resource waits until this one is ready. ``in_circle``: its name is that of a container which
    waits, over however many, for this one's. ``holds_renewed``: it has a volume that is made anew. ``gives_way``: what
    it gives up is taken by one that it needs, so it is stopped before that starts. ``stands_in``: for those who need
    this one and gave way to it; they serve again if it fails.
    """
    container = _Container(change, in_circle=in_circle, gives_way=gives_way)
    first = (*(required(change) if change.acts else ()), *_takeover(change))
    if stands_in:
        # Who gave way stopped before this one started. If this one fails, they have to serve again.
        again = tuple(step for other in stands_in for step in _Container(other).again())
        return tuple(chained(first, _with_way_back(container.steps(awaited=awaited), again)))
    # All that use a volume let go of it before it is made anew, so these steps come before others.
    if holds_renewed:
        return tuple(chained(_letting_go(first), container.renewed()))
    return tuple(chained(first, container.steps(awaited=awaited)))


def required(change: Change) -> Sequence[Step]:
    """The steps that ask before anything is touched: is the engine new enough, are the others there that it names?"""
    found: list[Step] = []
    if needs := change.desired.spec.get("since") if change.desired else ():
        why = "only newer engines have it"
        found.append(Step(f"{change.address}:require", change.address, "engine.require", {"needs": needs}, why))
    if outside := change.desired.spec.get("outside") if change.desired and _starts(change) else ():
        args, why = {"containers": outside}, "they are outside the project"
        found.append(Step(f"{change.address}:outside", change.address, "container.require", args, why))
    return found


def joined(change: Change, network: str) -> Step | None:
    """The step that connects a running container to a network that was just made.

    One whose connection differs otherwise, or that does not run, has steps of its own in the next pass. An interrupted
    run may have disconnected it already.
    """
    live, endpoint = change.observed, networks(change.desired).get(network)
    # One that is still to be taken over gets its mark before anything else.
    if not (live and live.owned and endpoint) or live.spec["state"] != "running":
        return None
    own = ("networks", network)
    is_kept = network in networks(live) or change.later is not Action.REPLACE
    is_changed = any(
        field.path[:2] == own and field.path[2:] != ("id",) and field.before is not ABSENT for field in change.fields
    )
    return _Container(change).joined(network, endpoint) if is_kept and not is_changed else None


def networks(container: Resource | Observed | None) -> Mapping[str, Any]:
    """The endpoints of a container by the keys of their networks."""
    found: Any = container.spec.get("networks") if container else None
    return found or {}


def _takeover(change: Change) -> Iterator[Step]:
    """The mark that makes a container of somebody else the project's, before anything else is done to it.

    One that belongs to nobody and is as declared needs nothing more.
    """
    live, desired = change.observed, change.desired
    if not (live and desired) or live.owned or not (change.acts or change.is_takeover):
        return
    args: dict[str, Value] = {"name": desired.spec["mark"], "owner": _marked(desired.spec, live.id), "files": ()}
    yield Step(f"{change.address}:take-over", change.address, "container.mark", args, "is taken over")


def _marked(spec: Mapping[str, Any], container_id: str) -> dict[str, Value]:
    """The labels of a container's mark."""
    return {**{key: spec["owner"][key] for key in labels.OF_WHICH}, labels.MARK: container_id}


def _starts(change: Change) -> bool:
    """Returns whether a container is made or started."""
    starting, effects = {Effect.START, Effect.RUN, Effect.RESTART}, {field.effect for field in change.fields}
    return change.action in (Action.CREATE, Action.REPLACE) or bool(effects & starting)


def chained(*parts: Iterable[Step]) -> Iterator[Step]:
    """One after the other."""
    before: frozenset[str] = frozenset()
    for part in parts:
        for step in part:
            yield replace(step, after=before)
            before = frozenset({step.id})


class _Container(Struct, frozen=True):
    change: Change
    in_circle: bool = False
    gives_way: bool = False

    def steps(self, *, awaited: bool) -> Iterator[Step]:
        match self.change.action:
            case Action.CREATE:
                return chained(self._create(self.name), self._begin(self.name))
            case Action.REPLACE if container.is_job(self.spec):
                # A job does not serve anybody, so nothing is kept of the old one to go back to.
                return chained(
                    self._cleared(), self._delete(self.live_id), self._create(self.name), self._begin(self.name)
                )
            case Action.REPLACE:
                return chained(self._cleared(), self._replacement())
            case Action.UPDATE | Action.START | Action.RUN:
                return chained(self._update())
            case Action.DELETE:
                return chained(_letting_go([*self._cleared(), *self._delete(self.live_id)]))
            case Action.KEEP if awaited:
                return chained([self._gate(self.live_id)])
            case _:
                return iter(())

    # -------------------------------------------------------------- what the steps speak of

    @property
    def address(self) -> Address:
        return self.change.address

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.change.desired.spec if self.change.desired else {}

    @property
    def live(self) -> Mapping[str, Any]:
        return self.change.observed.spec if self.change.observed else {}

    @property
    def live_id(self) -> str:
        return self.change.observed.id if self.change.observed else ""

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.change.observed.facts if self.change.observed else {}

    @property
    def _mark(self) -> str:
        """The name of the live container's mark, which it may only get by these steps."""
        is_foreign = self.change.observed is not None and not self.change.observed.owned
        return str(self.spec["mark"] if is_foreign and self.spec else self.facts.get("mark") or "")

    @property
    def name(self) -> str:
        return str(self.spec["container_name"])

    def _step(self, verb: str, why: str = "", *, milestone: str = "", tag: str = "", **args: Value) -> Step:
        return Step(f"{self.address}:{tag or verb}", self.address, verb, args, why, milestone=milestone)

    # -------------------------------------------------------------- create, start, wait

    def _create(self, name: str) -> Iterator[Step]:
        networks = self.spec.get("networks", {})
        yield self._made(name, networks, self._mounts())
        yield from self._joined(name, networks)

    def _joined(self, name: str, networks: Mapping[str, Any]) -> Iterator[Step]:
        """All networks but the first, into which it is made."""
        for key, endpoint in list(networks.items())[1:]:
            yield self._connect(name, key, endpoint)

    def _made(self, name: str, networks: Value, mounts: Sequence[Json], tag: str = "") -> Step:
        body = container.body({**self.spec, "networks": networks, "mounts": mounts})
        body["Labels"] = {**body.get("Labels", {}), **self.spec["owner"]}
        noted: dict[str, Any] = {"files": self.spec.get("mounted"), "started_after": self.spec.get("pre_start")}
        noted["holds"] = self._holds()
        given = {key: value for key, value in noted.items() if value}
        step = self._step("container.create", self.change.reason, tag=tag, name=name, body=body, **given)
        return replace(step, takes=claims.name(name))

    def _mounts(self) -> list[Json]:
        """Volumes without a name go from one container to the next, or their data would be left behind.

        But not where neither the file nor the new one's image asks for a volume there any more.
        """
        unnamed = dict(self.facts.get("anonymous", {}))
        of_image = self.facts.get("volumes_of_image")
        mounts: list[Json] = []
        for mount in self.spec["mounts"]:
            # By their targets: a volume without a name has nothing else that a file could know it by.
            volume = unnamed.pop(posixpath.normpath(mount["target"]), "")
            is_unnamed = mount["type"] == "volume" and not mount.get("source")
            mounts.append({**mount, "source": volume} if volume and is_unnamed else mount)
        return mounts + [
            {"type": "volume", "source": name, "target": target}
            for target, name in unnamed.items()
            if of_image is None or target in of_image
        ]

    def _holds(self) -> dict[str, Value]:
        """The host ports that nobody outside the project may have, which is known before anything is stopped."""
        place = self.change.desired.place if self.change.desired else None
        wanted: list[Value] = [
            {"address": address, "port": number, "protocol": key.partition("/")[2], "at": str(place(("ports", key)))}
            for key, address, number in ports.fixed(self.spec.get("ports"))
            if place
        ]
        if not wanted:
            return {}
        return {"ports": tuple(wanted), "project": self.spec["owner"][labels.PROJECT], "own": (self.live_id,)}

    def _begin(self, container_name: str) -> Iterator[Step]:
        yield from self._started(container_name, "created")
        yield self._gate(container_name)

    def _started(self, container_name: str, why: str, *, is_new: bool = True) -> Iterator[Step]:
        """The start, with the hooks that belong to every start, and to the first one."""
        if is_new:
            yield from self._prepared(container_name)
        *first, last = [
            self._start(container_name, why, is_new=is_new),
            *self._hooks(hooks.AFTER_START, container_name),
        ]
        for step in first:
            yield replace(step, milestone="")
        yield replace(last, milestone=STARTED)

    def _prepared(self, container_name: str) -> Iterator[Step]:
        """All that is run to its end before it."""
        hooks_to_run = self.spec.get("before_start", ())
        for number, hook in enumerate(hooks_to_run, 1):
            *steps, last = self._run_first(hook, container_name)
            yield from steps
            yield replace(last, milestone=PREPARED if number == len(hooks_to_run) else "")

    def _run_first(self, hook: Mapping[str, Any], beside: str) -> Iterator[Step]:
        """One container, with the volumes of the one ``beside`` it. Nothing is left of it, whatever becomes of it."""
        called, name, networks = hook["called"], f"{self.name}{pre_start.SUFFIX}", hook["networks"]
        body = pre_start.body(hook["body"], owner=self.spec["owner"], beside=beside)

        def step(verb: str, **args: Value) -> Step:
            given: dict[str, Any] = {"container": name, **args}
            return self._step(f"container.{verb}", called, tag=f"{called}:{verb}", **given)

        # Removed at the end, and by the same step where one before it fails.
        removed = step("remove", volumes=True)
        yield step("create", name=name, body=body, files=hook["files"], anew=True)
        # The first network is part of the creation; the others are joined before the start.
        for key, endpoint in list(networks.items())[1:]:
            yield replace(self._connect(name, key, endpoint, called), clears=(removed,))
        wanted = claims.addresses(networks) | claims.any_address(networks, fixed=False)
        yield replace(step("start", is_new=True), clears=(removed,), takes=wanted)
        yield replace(step("wait", until="finished", called=called), clears=(removed,), timeout_s=pre_start.TIMEOUT_S)
        yield removed

    def _hooks(self, moment: str, container_name: str) -> Iterator[Step]:
        is_start = moment == hooks.AFTER_START
        for number, body in enumerate(hooks.of(self.spec if is_start else self.facts, moment)):
            name, tag = f"{moment}[{number}]", f"{moment}[{number}]:{container_name}"
            run = {"hook": name, "body": body, "stops": is_start}
            yield self._step("container.exec", name, tag=tag, container=container_name, **run)

    def _start(self, container_name: str, why: str, *, is_new: bool) -> Step:
        declared = self.change.desired.source("ports") if self.change.desired else None
        at = str(declared.origin) if declared else ""  # for the message of a port that another program has
        new: dict[str, Any] = {"is_new": True} if is_new else {}
        step = self._step("container.start", why, milestone=STARTED, container=container_name, ports=at, **new)
        networks = self.spec.get("networks", {})
        wanted = claims.running(self.spec) | claims.any_address(networks, fixed=False)
        return replace(step, takes=wanted, frees=claims.any_address(networks, fixed=True))

    def _given_up(self) -> frozenset[str]:
        """The claims of the live container that the desired one does not have."""
        return claims.running(self.live) - claims.running(self.spec)

    def _gate(
        self,
        container_name: str,
        *,
        is_new: bool = False,
        may_recover: bool = False,
        strict: bool = True,
        tag: str = "",
    ) -> Step:
        """One that is new, and is to take another's place, is watched for a while."""
        gate, rollout = self.spec["gate"], self.spec["rollout"]
        step = self._step(
            "container.wait",
            f"until {gate['until']}",
            tag=tag,
            container=container_name,
            until=gate["until"],
            strict=gate["strict"] and strict,
            monitored=rollout["monitored"],
            may_recover=may_recover,
            **({one_shot.NAME: self.spec[one_shot.NAME]} if one_shot.NAME in self.spec else {}),
        )
        return replace(
            step, timeout_s=float(gate["timeout_s"]), hold_s=rollout["hold_s"] if is_new else 0.0, serves=True
        )

    # -------------------------------------------------------------- in place

    def _update(self) -> Iterator[Step]:
        """Unpause, rename, limits, networks, start: in the order in which each makes the next possible."""
        fields = {field.path[0]: field for field in self.change.fields}
        state = self.live["state"]
        if "state" in fields and state == "paused":
            yield self._step("container.unpause", "paused", milestone=STARTED, container=self.live_id)
        if self.gives_way:
            # Whoever takes the address comes first otherwise, as this container needs it.
            for key in self._given_up_networks():
                yield replace(self._disconnect(key, self.live["networks"][key]), lets_go=True)
        if "container_name" in fields:
            yield from self._rename()
        yield from self._changed(self._live_fields())
        yield from self._reconnect([field for field in self.change.fields if field.path[0] == "networks"])
        yield from self._cleared()
        runs = "state" not in fields or state == "paused"
        # A value that is read at the start alone needs a stop; the start below is that of any stopped container.
        if runs and state != "paused" and self._restarts():
            yield from self._stopped(self.live_id, "restarts")
            runs, state = False, "stopped"
        yield from self._told_of_files(runs=runs and state in restarts.UP)
        yield from self._begin_again(state, is_down="state" in fields or state == "stopped")

    def _restarts(self) -> bool:
        """Returns whether it has to be stopped and started: for a file, or with a service that it needs."""
        return any(field.effect is Effect.RESTART for field in self.change.fields)

    def _told_of_files(self, *, runs: bool) -> Iterator[Step]:
        """Copy what changed, let the process know, and note that it does. What does not run finds out by itself.

        What was made and never started may lack all of them, if a run ended in between.
        """
        mounted = {each["target"]: each for each in self.spec.get("mounted", ())}
        changed = [field for field in self.change.fields if field.path[0] in files.FIELDS]
        is_new = self.live["state"] == "created"
        anew = files.copied(mounted.values() if is_new else [mounted[field.path[1]] for field in changed])
        if anew:
            yield self._step("container.copy", "files differ", container=self.live_id, files=anew)
        if runs:
            told = [mounted[field.path[1]] for field in changed if field.before is not ABSENT]
            # One signal for all files that ask for it: a reload reads all of them.
            signals = {each["signal"] for each in (*told, *anew) if each["reaction"] == "signal"}
            for signal in sorted(signals):
                yield self._step(
                    "container.signal", "files differ", tag=f"signal:{signal}", container=self.live_id, signal=signal
                )
        # Last: a run that ends before this one reports the files to the process once more.
        if changed:
            owner = _marked(self.spec, self.live_id)
            yield self._step(
                "container.mark", "files differ", name=self.spec["mark"], owner=owner, files=[*mounted.values()]
            )

    def _rename(self) -> Iterator[Step]:
        """Renames; in a circle of names each is given up first, and the one in between is known as a left-over."""
        given_up = claims.name(self.live["container_name"])
        # Names that go round can't be given in any order, so each is freed first.
        if self.in_circle:
            aside = f"{self.name}{PREVIOUS}"
            step = self._step("container.rename", "makes room", tag="set-aside", container=self.live_id, name=aside)
            yield replace(step, frees=given_up)
        step = self._step("container.rename", "named otherwise", container=self.live_id, name=self.name)
        yield replace(step, frees=given_up, takes=claims.name(self.name))

    def _changed(self, fields: Mapping[str, Value]) -> Iterator[Step]:
        """The changed fields, removals first: the engine takes no `cpus` beside a quota."""
        lifted = {name: value for name, value in fields.items() if container.is_lifted(name, value)}
        rest = {name: value for name, value in fields.items() if name not in lifted}
        for tag, part in (("lifted", lifted), ("", rest)):
            if part:
                body = container.live_body(part)
                why = differ(sorted(part), container.KIND.singular)
                yield self._step("container.update", why, tag=tag, container=self.live_id, body=body)

    def _live_fields(self) -> dict[str, Value]:
        """Name → desired value of what /update takes; memory goes together with its swap."""
        fields = {field.path[0]: field.after for field in self.change.fields if field.path[0] in container.LIVE}
        if fields.keys() & {"mem_limit", "memswap_limit"}:
            expected = self._expected()
            fields |= {name: expected[name] for name in ("mem_limit", "memswap_limit")}
            # The engine refuses memory above a swap limit that was derived from the former one.
            if "memswap_limit" not in self.spec:
                fields["memswap_limit"] = 2 * expected["mem_limit"]
        return fields

    def _expected(self) -> Mapping[str, Any]:
        assert self.change.desired
        assert self.change.observed
        return container.expect(self.change.desired, self.change.observed)

    def _reconnect(self, fields: Sequence[FieldChange]) -> Iterator[Step]:
        """Joins networks anew; one that can't be joined as wanted is joined again as it was."""
        wanted, live = self.spec.get("networks", {}), self.live["networks"]
        let_go = self._given_up_networks() if self.gives_way else ()
        # Both steps for a network that stays: an endpoint can't be changed, only made again.
        for key in dict.fromkeys(field.path[1] for field in fields if len(field.path) > 1):
            if key in live and key not in let_go:
                yield self._disconnect(key, live[key])
            if key in wanted:
                yield replace(self._connect(self.live_id, key, wanted[key]), on_failure=tuple(self._as_before([key])))

    def _given_up_networks(self) -> Sequence[str]:
        """The networks in which it has an address that it is not to keep."""
        wanted, live = self.spec.get("networks", {}), self.live["networks"]
        kept = {key: claims.addresses({key: wanted[key]}) for key in live if key in wanted}
        return [key for key, endpoint in live.items() if claims.addresses({key: endpoint}) - kept.get(key, set())]

    def _as_before(self, keys: Iterable[str]) -> Iterator[Step]:
        """Joins networks as they were, with what was asked for: a MAC address may be the engine's own choice."""
        for key in keys:
            if endpoint := self.live["networks"].get(key):
                asked = {name: value for name, value in endpoint.items() if name != "mac_address"}
                yield self._connect(self.live_id, key, asked, "is connected as before")

    def joined(self, key: str, endpoint: Mapping[str, Any]) -> Step:
        """The step that connects the live container to a network."""
        return self._connect(self.live_id, key, endpoint)

    def _disconnect(self, key: str, endpoint: Mapping[str, Any], why: str = "", container_name: str = "") -> Step:
        step = self._step(
            "network.disconnect",
            why or "connected otherwise",
            tag=f"disconnect:{key}",
            network=endpoint["id"] if not why and endpoint["id"] else endpoint["name"],
            name=endpoint["name"],
            container=container_name or self.live_id,
        )
        return replace(step, frees=claims.addresses({key: endpoint}))

    def _connect(self, container_name: str, key: str, endpoint: Mapping[str, Any], why: str = "") -> Step:
        step = self._step(
            "network.connect",
            why or f"network {key}",
            tag=f"{why or 'connect'}:{key}",
            network=endpoint["name"],
            container=container_name,
            body=endpoint_body(endpoint),
        )
        joined = {key: endpoint}
        wanted = claims.addresses(joined) | claims.any_address(joined, fixed=False)
        return replace(step, takes=wanted, frees=claims.any_address(joined, fixed=True))

    def _begin_again(self, state: str, *, is_down: bool) -> Iterator[Step]:
        """Start what is not running. The predecessor of an interrupted replacement goes once this one is ready."""
        predecessor = self._leftover(PREVIOUS)
        back = self._back(self.live_id, predecessor) if predecessor else ()
        if is_down and state != "paused":
            for step in self._started(self.live_id, f"is {state}", is_new=state == "created"):
                held = {"holds": self._holds()} if step.verb == "container.start" else {}
                yield replace(step, on_failure=back, args={**step.args, **held})
        if predecessor:
            yield replace(self._gate(self.live_id, is_new=True), on_failure=back)
            yield from self._gone(predecessor, "predecessor", final=True)
        elif is_down or any(field.effect is Effect.RESTART for field in self.change.fields):
            # While it was paused its health checks failed: what they say now is of the past.
            yield self._gate(self.live_id, may_recover=state == "paused")

    # -------------------------------------------------------------- replace, delete

    def _cleared(self) -> Sequence[Step]:
        """A successor that was made and never used is in the way, and so is what an interrupted hook left.

        Such a successor is the only sign that the restart policy was taken away, so that is given back before.
        """
        leftovers: Mapping[str, str] = self.facts.get("leftovers", {})
        unused = {name: found for name, found in leftovers.items() if not name.endswith(PREVIOUS)}
        policy = self.spec.get("restart", "no")
        is_taken_away = bool(self._leftover(NEXT)) and self.live.get("restart", "no") == "no" != policy
        body = container.live_body({"restart": policy})
        given_back = self._step(
            "container.update", "left-over", tag="left-over:policy", container=self.live_id, body=body
        )
        removed = [self._remove(found, "left-over", of=name) for name, found in unused.items()]
        return [given_back, *removed] if is_taken_away and self.spec else removed

    def _leftover(self, suffix: str) -> str:
        leftovers: Mapping[str, str] = self.facts.get("leftovers", {})
        return next((found for name, found in leftovers.items() if name.endswith(suffix)), "")

    def _replacement(self) -> Iterator[Step]:
        """The replacement; leftovers of an interrupted run come first: there is one good place to go back to."""
        successor, stale = f"{self.name}{NEXT}", self._leftover(PREVIOUS)
        # An interrupted run left a successor that does not serve: back to the predecessor first.
        if stale and not self._serves():
            yield from self._way_back(self.live_id, stale)
            return  # it is replaced by the next pass
        if self.live["container_name"] == successor:  # all that an interrupted run left of it
            yield self._step("container.rename", "makes room", tag="left-over", container=self.live_id, name=self.name)
        # Only one place to go back to is kept, so the older predecessor goes once the present one has proved itself.
        if stale:
            settled = self._gate(self.live_id, is_new=True, strict=False, tag="settle")
            yield replace(settled, on_failure=self._back(self.live_id, stale))
            yield from self._gone(stale, "left-over predecessor")
        yield from self._beside() if self.change.effect is Effect.HANDOVER else self._instead()

    def _serves(self) -> bool:
        """As far as can be told before it is waited for."""
        assert self.change.observed
        return self.live["state"] == "running" and self.change.observed.status.health is not Health.FAILED

    def _instead(self) -> Iterator[Step]:
        """Stop-first: nothing is stopped before the successor exists, nothing removed before it is ready.

        Nothing is renamed while it runs: an engine (20.10) whose other containers come or go meanwhile may lose count.
        Unless who is needed for that waits for what it has.
        """
        successor = f"{self.name}{NEXT}"
        stopped = [self._quiet(), *self._stopped(self.live_id)]
        # Others wait for what it gives up, and need it stopped before its successor can be made.
        if self.gives_way:
            yield from _letting_go(stopped)
        yield from self._create(successor)
        ways = [
            *([] if self.gives_way else stopped),
            self._set_aside(),
            # Only now is the name free; others find the successor by it as soon as it starts.
            self._renamed(successor),
            *self._started(self.name, "replaced"),
            self._gate(self.name, is_new=True),
        ]
        yield from self._or_back(ways)
        yield self._remove(self.live_id, "predecessor", final=True)

    def _beside(self) -> Iterator[Step]:
        """Start-first: the predecessor serves until the successor is ready, which nobody finds before."""
        successor, networks = f"{self.name}{NEXT}", self.spec.get("networks", {})
        hidden = {key: {**endpoint, "aliases": ()} for key, endpoint in networks.items()}
        yield self._made(successor, hidden, self._mounts())
        yield from self._joined(successor, hidden)
        ways = [
            # Nobody may rely on the successor before it has the name, so its start is no milestone yet.
            *(replace(step, milestone="") for step in self._started(successor, "replaced")),
            self._gate(successor, is_new=True),
            # Now others find it by the aliases of the service, beside the predecessor.
            *self._shown(successor, networks),
            self._gate(successor, tag="shown"),
            self._quiet(),
            self._set_aside(),
            replace(self._renamed(successor), milestone=STARTED),
        ]
        yield from self._or_back(ways)
        yield from self._gone(self.live_id, "predecessor", final=True)

    def _shown(self, successor: str, networks: Mapping[str, Any]) -> Iterator[Step]:
        """The engine takes the names of a container in a network only when it is connected."""
        for key, endpoint in networks.items():
            yield self._disconnect(key, endpoint, "is shown", successor)
            yield self._connect(successor, key, endpoint, "is shown")

    def again(self) -> Iterator[Step]:
        """It serves as it did, though it was stopped or disconnected already."""
        if self.change.action is Action.UPDATE:
            yield from self._as_before(self._given_up_networks())
            return
        policy = container.live_body({"restart": self.live.get("restart", "no")})
        yield self._step("container.update", "serves again", tag="again:policy", container=self.live_id, body=policy)
        yield self._step("container.start", "serves again", tag="again:start", container=self.live_id)

    def _quiet(self) -> Step:
        # A restart of the engine in the midst of it must not bring the predecessor back to take the port.
        quiet: dict[str, Value] = {"RestartPolicy": {"Name": "no"}}
        return self._step("container.update", "stays down", tag="quiet", container=self.live_id, body=quiet)

    def _set_aside(self) -> Step:
        aside = f"{self.name}{PREVIOUS}"
        step = self._step(
            "container.rename", "makes room", tag="set-aside", container=self.live_id, name=aside, is_to_go=True
        )
        return replace(step, frees=claims.name(self.live["container_name"]))

    def _renamed(self, successor: str) -> Step:
        step = self._step("container.rename", "takes the name", container=successor, name=self.name)
        return replace(step, takes=claims.name(self.name))

    def _or_back(self, steps: Iterable[Step]) -> Iterator[Step]:
        back = self._back(f"{self.name}{NEXT}", self.live_id)
        returns_to = "what was there before serves again" if self._serves() else ""
        return (replace(step, on_failure=back, returns_to=returns_to) for step in steps)

    def _back(self, successor: str, predecessor_id: str) -> tuple[Step, ...]:
        """The way back, where the service is to take it."""
        return self._way_back(successor, predecessor_id) if self.spec["rollout"]["on_failure"] == "rollback" else ()

    def _way_back(self, successor: str, predecessor_id: str) -> tuple[Step, ...]:
        """Remove the successor under whichever name, and let the predecessor serve again.

        A predecessor that is down may have been stopped by an interrupted run, so it is started as well; what was
        never started is not, and neither is one that has done its job. Its restart policy may have been taken away by
        that run: then the declared one counts.
        """
        # Leftovers, or a name that is not its own, are the signs of an interrupted run.
        is_left_over = (
            bool(self._leftover(NEXT) or self._leftover(PREVIOUS)) or self.live.get("container_name") != self.name
        )
        policies = self.spec if is_left_over else self.live
        policy = container.live_body({"restart": policies.get("restart", "no")})
        names: tuple[Value, ...] = (f"{self.name}{NEXT}", self.name) if successor.endswith(NEXT) else (successor,)
        was_left = not successor.endswith(NEXT)
        serves = self.live.get("state") not in ("created", "dead") or was_left
        is_over = one_shot.NAME in self.spec and (was_left or self.live.get("state") == one_shot.FINISHED)
        return (
            self._step(
                "container.give-way",
                "rolls back",
                tag="back:remove",
                containers=names,
                keeps=predecessor_id,
                owner=self.spec["owner"],
            ),
            # Its name comes last: only under the other one does a next run know that its policy was taken away.
            self._step("container.update", "rolls back", tag="back:policy", container=predecessor_id, body=policy),
            self._step("container.rename", "rolls back", tag="back:name", container=predecessor_id, name=self.name),
            *(
                [self._step("container.start", "rolls back", tag="back:start", container=predecessor_id)]
                if serves and not is_over
                else []
            ),
        )

    def _stopped(self, container_id: str, why: str = "") -> Iterator[Step]:
        yield from self._hooks(hooks.BEFORE_STOP, container_id)
        yield self._stop(container_id, why)

    def _stop(self, container_id: str, why: str = "") -> Step:
        grace, tag = int(self.live.get("stop_grace_period") or 10), f"stop:{why}" if why else ""
        step = self._step("container.stop", why or self.change.reason, tag=tag, container=container_id, grace_s=grace)
        frees = self._given_up() if container_id == self.live_id else frozenset[str]()
        return replace(step, timeout_s=grace + 60.0, frees=frees, serves=False)

    def _gone(self, container_id: str, why: str, *, final: bool = False) -> Iterator[Step]:
        """It may be running: it is given the time that it was promised."""
        yield from self._stopped(container_id, why)
        yield self._remove(container_id, why, final=final)

    def _remove(self, container_id: str, why: str, *, of: str = "", final: bool = False) -> Step:
        marked = {"mark": self._mark} if container_id == self.live_id and self._mark else {}
        step = self._step("container.remove", why, tag=f"remove:{of or why}", container=container_id, **marked)
        return replace(step, final=final)

    def renewed(self) -> Iterator[Step]:
        """Nothing may have the volume while it is made anew: the old container goes first, and nobody can serve again.

        Its volumes without a name would be forgotten with it, so a container that is never started keeps them
        meanwhile. It has a successor's name: the next run knows what to do with it.
        """
        if self.change.action is not Action.REPLACE:
            return self.steps(awaited=False)
        keeper = f"{self.name}{NEXT}"
        unnamed = self.facts.get("anonymous", {}).values()
        kept = [mount for mount in self._mounts() if mount.get("source") in unnamed]
        return chained(
            _letting_go(self._cleared()),
            _letting_go(
                self._delete(
                    self.live_id, [self._made(keeper, self.spec.get("networks"), kept, "keeper")] if kept else []
                )
            ),
            self._create(self.name),
            self._begin(self.name),
            [self._remove(keeper, "keeper")] if kept else [],
        )

    def _delete(self, container_id: str, keeper: Sequence[Step] = ()) -> Iterator[Step]:
        # Nothing is left to go back to, and an older predecessor would keep its volumes and networks in use.
        if predecessor := self._leftover(PREVIOUS):
            yield from self._gone(predecessor, "left-over predecessor")
        yield from self._stopped(container_id)
        yield from keeper
        removed = self._remove(container_id, self.change.reason)
        yield replace(removed, frees=claims.name(self.live["container_name"]))


def _letting_go(steps: Iterable[Step]) -> Iterator[Step]:
    return (replace(step, lets_go=True) for step in steps)


def _with_way_back(steps: Iterable[Step], more: tuple[Step, ...]) -> Iterator[Step]:
    """Until it has what it takes for good."""
    for step in steps:
        is_undone = step.on_failure or step.clears or step.verb in ("container.create", "container.start")
        yield replace(step, on_failure=(*step.on_failure, *more)) if is_undone else step
