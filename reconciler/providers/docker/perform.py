"""The verbs of steps: each is one call to the engine, and may be repeated after a crash."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from time import monotonic
from typing import Any, Final

from reconciler.core.message.errors import (
    Conflict,
    Denied,
    GateFailed,
    Rejected,
    Throttled,
    Unobtainable,
    Unreachable,
)
from reconciler.core.provider import Done, Pending, Verdict
from reconciler.core.resource.values import Value
from reconciler.providers.docker.build import buildx
from reconciler.providers.docker.build.context import digest_of, dockerfile_of, packed
from reconciler.providers.docker.build.counted import counted
from reconciler.providers.docker.container import endpoints, files, hooks, one_shot, outside, pre_start
from reconciler.providers.docker.engine import occupied_ports, proxies, rootless
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.credentials import logged_in
from reconciler.providers.docker.engine.failures import NeedsBuildKit
from reconciler.providers.docker.engine.obstacles import Foreseen, Reading, absent, too_new
from reconciler.providers.docker.kinds import image
from reconciler.providers.docker.observe import last_probe, name_of, probed
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json, dig

LOOK_AGAIN_S: Final = 0.25
"""How often a container that is waited for is looked at."""

LAST_LINES: Final = 20
"""How much of a failed container's log goes into the report."""

LAST_LINES_BYTES: Final = 1 << 16
LAST_LINES_S: Final = 10.0

RESTARTS: Final = 3
"""After so many restarts a container that crashes is given up."""


def _create_network(engine: Engine, args: Mapping[str, Any]) -> None:
    if not _owned(engine.get(f"/networks/{args['body']['Name']}"), args["body"]["Labels"]):
        engine.post("/networks/create", args["body"])


def _remove_network(engine: Engine, args: Mapping[str, Any]) -> None:
    """Its users leave it first: those of the project and those that the plan names, and nobody else."""
    found = (engine.get(f"/networks/{args['network']}") or {}).get("Containers") or {}
    # All are checked before the first is disconnected: half of a removal would hurt for nothing.
    for container_id in found.keys() - set(args["disconnects"]):
        _require_ours(engine, container_id, args["owner"])
    for container_id in found:
        engine.post(f"/networks/{args['network']}/disconnect", {"Container": container_id, "Force": True})
    engine.delete(f"/networks/{args['network']}")


def _require_ours(engine: Engine, container_id: str, owner: Mapping[str, Value]) -> None:
    """Raise Conflict for a container of somebody else that joined after the plan was made."""
    found = engine.get(f"/containers/{container_id}/json")
    if found and not _owned(dict(found["Config"]), owner):
        raise Conflict(f"container {name_of(found)}, which is not the project's, joined it meanwhile")


def _connect(engine: Engine, args: Mapping[str, Any]) -> None:
    """Connects first and reads only after a refusal: nobody finds the container in the network until then."""
    body = {"Container": args["container"], "EndpointConfig": args["body"]}
    try:
        engine.post(f"/networks/{args['network']}/connect", body)
    except (Rejected, Conflict, Denied):
        # An earlier try may have got through.
        if args["network"] not in endpoints.joined(_inspect(engine, args["container"])):
            raise


def _disconnect(engine: Engine, args: Mapping[str, Any]) -> None:
    """Disconnects by id; if the network was made anew meanwhile, by the name that the container still has."""
    inspect = _inspect(engine, args["container"])
    if args["name"] not in (dig(inspect, "NetworkSettings.Networks") or {}):
        return
    network_id = args["network"] if engine.get(f"/networks/{args['network']}") else args["name"]
    engine.post(f"/networks/{network_id}/disconnect", {"Container": args["container"], "Force": True})


def _create_volume(engine: Engine, args: Mapping[str, Any]) -> None:
    engine.post("/volumes/create", args["body"])


def _remove_volume(engine: Engine, args: Mapping[str, Any]) -> None:
    engine.delete(f"/volumes/{args['volume']}")


def _pull(engine: Engine, args: Mapping[str, Any]) -> Generator[Pending, None, None]:
    try:
        yield from engine.pull(args["reference"], args["platform"] or None)
    except (Rejected, Conflict, Denied) as error:  # what is not in the registry now will not be there a moment later
        # A pull of an unchanged image leaves its date as it is; naming it anew sets the date by which the next one is
        # due.
        raise Rejected(f"image {args['reference']} can't be pulled: {error}") from error
    if args["is_dated"]:
        engine.tag(args["reference"], args["reference"])


def _build(engine: Engine, args: Mapping[str, Any]) -> Generator[Pending, None, None]:
    """Builds with BuildKit if available, else with the classic builder, which can do all that needs no BuildKit."""
    build, reference = args["build"], args["reference"]
    inputs, platform = digest_of(build), _platform(engine, build)
    obstacle = require_builder(engine, build, args["needs"])
    if obstacle:
        # The plugin buildx adds the proxies by itself. They are no input: another one does not build again.
        arguments = {**proxies.of_engine(engine.environment, engine.location.url), **(build.get("args") or {})}
        options = image.build_options(
            {**build, "args": arguments}, inputs, dockerfile_of(build).name, platform=platform
        )
        lines = engine.build(packed(build), tag=reference, **options)
    else:
        lines = buildx.run(buildx.loading(build, reference, inputs, platform), engine.environment)
    with closing(lines):
        yield from counted(_withlast_lines(lines, obstacle))
    _tag(engine, {"reference": reference, "tags": image.names(build)})


def _withlast_lines(lines: Iterable[str], obstacle: str) -> Iterator[str]:
    """The lines, and where the build fails its last ones in the error."""
    last: list[str] = []
    try:
        for line in lines:
            last = [*last[1 - LAST_LINES :], line]
            yield line
    except Rejected as error:
        # The failure says that BuildKit is needed, and the obstacle why it is not used.
        what = f"{error}: {obstacle}" if isinstance(error, NeedsBuildKit) and obstacle else str(error)
        sort = Unobtainable if isinstance(error, Unobtainable) else Rejected
        raise sort(_with_lines(f"the build failed: {what}", last)) from error


def pushing(what: str, lines: Iterable[str]) -> Iterator[str]:
    try:
        yield from (f"{what} {line}" for line in lines)
    except (Rejected, Conflict, Denied) as error:
        raise type(error)(f"image {what} can't be pushed: {error}") from error


def _platform(engine: Engine, build: Json) -> str:
    """The platform for which an image is built here: of several the engine's own, if it is among them."""
    several = build.get("platforms") or ()
    if build.get("platform") or not several:
        return str(build.get("platform") or "")
    about = engine.get("/version")
    # The engine can hold one platform of them; its own is the one that it can run.
    own = f"{about['Os']}/{about['Arch']}"
    return str(next((each for each in several if f"{each}/".startswith(f"{own}/")), several[0]))


def require_builder(engine: Engine, build: Json, needs: Any) -> str:
    """Explains why BuildKit can't be used, if nothing needs it. Raises Rejected if something does."""
    obstacle = buildx.obstacle(build, engine.environment, engine.api_version)
    _refuse(buildx.lacks(needs, obstacle))
    return obstacle


def published(engine: Engine, build: Json, names: Sequence[str]) -> Iterator[str]:
    """Send an image that is more than the one in the engine; BuildKit has it still, and makes what it lacks."""
    with closing(buildx.run(buildx.publishing(build, names, digest_of(build)), engine.environment)) as lines:
        try:
            yield from lines
        except Rejected as error:
            with logged_in(next((name for name in names if name in str(error)), names[0]), engine.environment):
                raise


def _tag(engine: Engine, args: Mapping[str, Any]) -> None:
    for tag in args["tags"]:
        engine.tag(args["reference"], tag)


def _require(engine: Engine, args: Mapping[str, Any]) -> None:
    _refuse(too_new(Reading(engine), args))


def _not_to_be_used(reading: Reading, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return outside.lacks(args["containers"], reading.inspected)


def _require_containers(engine: Engine, args: Mapping[str, Any]) -> None:
    _refuse(_not_to_be_used(Reading(engine), args))


def _without_ports(reading: Reading, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return occupied_ports.lacks(reading.holders, args)


def _unbuildable(reading: Reading, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if args["needs"]:
        engine = reading.engine
        yield from buildx.lacks(args["needs"], buildx.obstacle(args["build"], engine.environment, engine.api_version))


LACKS: Final[Mapping[str, Foreseen]] = {
    "engine.require": too_new,
    "container.require": _not_to_be_used,
    "container.create": _without_ports,
    "container.start": _without_ports,
    "external.missing": lambda _reading, args: iter([(args["at"], absent(args))]),
    "image.missing": lambda _reading, args: iter([(args["at"], _not_to_be_pulled(args))]),
    "image.build": _unbuildable,
}
"""Facts about a step before it is taken: the reason and the place in the files for which it will be refused."""


def _refuse(lacks: Iterable[tuple[str, str]]) -> None:
    if refused := [f"{at}: {said}" for at, said in lacks]:
        raise Rejected("\n".join(refused))


def _missing_image(_engine: Engine, args: Mapping[str, Any]) -> None:
    raise Rejected(_not_to_be_pulled(args))


def _not_to_be_pulled(args: Mapping[str, Any]) -> str:
    return f"image {args['reference']} is not in the engine, and `pull_policy: never` forbids to get it"


def _missing_external(_engine: Engine, args: Mapping[str, Any]) -> None:
    raise Rejected(absent(args))


def _create_container(engine: Engine, args: Mapping[str, Any]) -> None:
    found, mounted = engine.get(f"/containers/{args['name']}/json"), args.get("files", ())
    is_ours = _owned(dict((found or {}).get("Config") or {}), args["body"]["Labels"])
    # A hook's container is no state: what an interrupted run left of it goes, and the hook runs from its beginning.
    if found and is_ours and args.get("anew") and labels.is_of_a_hook(dig(found, "Config.Labels")):
        _remove(engine, {"container": found["Id"], "volumes": True})
        found = None
    # It may be there already: made by an earlier try, whose answer was lost.
    if found is None:
        _refuse(_without_ports(Reading(engine), args))
        _require_kept(engine, args["body"]["HostConfig"])
        marks = {**args["body"]["Labels"], **files.label(mounted), **pre_start.label(args.get("started_after"))}
        body = endpoints.named({**args["body"], "Labels": marks}, lambda mode: _name_of_network(engine, mode))
        _made(engine, engine.post("/containers/create", body, name=args["name"]))
    elif not is_ours:
        raise Conflict(f"the name {args['name']} was taken meanwhile by a container of somebody else")
    # Copied in any case: an earlier try may have ended between the creation and the copy.
    _copy_in(engine, args["name"], mounted)


def _name_of_network(engine: Engine, mode: str) -> str:
    """The name of the network that has this id; the text itself where there is none."""
    return str((engine.get(f"/networks/{mode}") or {"Name": mode})["Name"])


def _copy_in(engine: Engine, container: str, mounted: Sequence[Json]) -> None:
    if copied := files.copied(mounted):
        engine.unpack(container, files.archive(copied))


def _copy(engine: Engine, args: Mapping[str, Any]) -> None:
    _copy_in(engine, args["container"], args["files"])


def _signal(engine: Engine, args: Mapping[str, Any]) -> None:
    engine.post(f"/containers/{args['container']}/kill", signal=args["signal"])


def _mark(engine: Engine, args: Mapping[str, Any]) -> None:
    """Labels can't be changed: the mark is made anew. Without one, what the container was told is told once more."""
    found = engine.get(f"/volumes/{args['name']}")
    if found and labels.MARK not in (found.get("Labels") or {}):
        raise Conflict(f"volume {args['name']} has the name of a mark, and is none; rename it")
    engine.delete(f"/volumes/{args['name']}")
    engine.post("/volumes/create", files.mark(args["name"], args["owner"], args["files"]))


def _require_kept(engine: Engine, host: Json) -> None:
    if rootless.asks_for_limits(host) and (refused := list(rootless.refusals(host, engine.own))):
        raise Rejected("\n".join(refused))


def _made(engine: Engine, answer: Json) -> None:
    """Removes a container that the engine made without one of its limits: it would differ for ever."""
    if lost := _discarded(answer):
        engine.delete(f"/containers/{answer['Id']}", force=1, v=1)
        raise Rejected(lost)


def _discarded(answer: Json | None) -> str:
    warnings = (answer or {}).get("Warnings") or ()
    return " ".join(text for text in warnings if text.startswith("Your kernel") and "discarded" in text)


def _start(engine: Engine, args: Mapping[str, Any]) -> None:
    """Starts it; after a lost answer it checks whether it did, as a container that has ended must not run twice."""
    path = f"/containers/{args['container']}"
    # Nobody serves while a successor waits for its start, so one that never ran is not read before.
    before = _NEVER if args.get("is_new") else _started_at(engine, path)
    try:
        engine.post(f"{path}/start")
    except Unreachable:
        # With another start time it did start, and only the answer was lost.
        if _started_at(engine, path) == before:
            raise
    except (Rejected, Conflict, Denied) as error:
        # The engine reports that a port is taken, and not by which program.
        if why := occupied_ports.port(engine, str(error.args[0]), args.get("ports", "")):
            raise Rejected(why) from error
        raise


def _started_at(engine: Engine, path: str) -> Value:
    found: Value = dig(engine.get(f"{path}/json"), "State.StartedAt")
    return found


_NEVER: Final = "0001-01-01T00:00:00Z"
"""The start time of a container that was never started."""


def _exec(engine: Engine, args: Mapping[str, Any]) -> None:
    """A start whose hook failed is none: the container is stopped, so that the next run sees that both are missing."""
    path = f"/containers/{args['container']}"
    if not dig(engine.get(f"{path}/json"), "State.Running"):
        return  # there is none to run it in
    try:
        code, output = engine.execute(args["container"], args["body"], timeout_s=hooks.TIMEOUT_S)
    except Rejected:
        if args["stops"]:
            engine.post(f"{path}/stop")
        raise
    if code != 0:
        if args["stops"]:
            engine.post(f"{path}/stop")
        lines = output.splitlines()[-LAST_LINES:]
        raise GateFailed(_with_lines(f"the hook {args['hook']} failed with exit code {code}", lines))


def _unpause(engine: Engine, args: Mapping[str, Any]) -> None:
    if dig(_inspect(engine, args["container"]), "State.Paused"):
        engine.post(f"/containers/{args['container']}/unpause")


def _rename(engine: Engine, args: Mapping[str, Any]) -> None:
    """Renames first and reads only after a refusal: nobody serves while the successor waits for the name."""
    path = f"/containers/{args['container']}"
    try:
        _renamed(engine, path, args)
    except (Rejected, Conflict):
        inspect = _inspect(engine, args["container"], or_none=True) or _inspect(engine, args["name"])
        # An earlier try may have renamed it already.
        if inspect["Name"].lstrip("/") != args["name"]:
            raise


def _renamed(engine: Engine, path: str, args: Mapping[str, Any]) -> None:
    """Between two runs of one that crashes again and again the engine can't; it is stopped where it is to go anyway."""
    try:
        engine.post(f"{path}/rename", name=args["name"])
    except Throttled:
        if not args.get("is_to_go"):
            raise
        _stopped(engine, path)
        engine.post(f"{path}/rename", name=args["name"])


def _update(engine: Engine, args: Mapping[str, Any]) -> None:
    _require_kept(engine, args["body"])
    if lost := _discarded(engine.post(f"/containers/{args['container']}/update", args["body"])):
        raise Rejected(lost)


def _stop(engine: Engine, args: Mapping[str, Any]) -> None:
    if engine.get(f"/containers/{args['container']}/json"):
        _stopped(engine, f"/containers/{args['container']}", t=args["grace_s"])


def _stopped(engine: Engine, path: str, **params: Any) -> None:
    """Stop it, and let the engine come to an end: it answers before the container has left its networks (20.10)."""
    engine.post(f"{path}/stop", **params)
    engine.get(f"{path}/json")


def _remove(engine: Engine, args: Mapping[str, Any]) -> None:
    """Removes it, with anonymous volumes only if it was a hook's; those that a hook saw belong to another one."""
    engine.delete(f"/containers/{args['container']}", force=1, **({"v": 1} if args.get("volumes") else {}))
    if args.get("mark"):
        engine.delete(f"/volumes/{args['mark']}")


def _give_way(engine: Engine, args: Mapping[str, Any]) -> None:
    """Remove the successor under each of its possible names, but never the predecessor that may still have one.

    Nor what somebody else gave such a name meanwhile.
    """
    for name in args["containers"]:
        found = engine.get(f"/containers/{name}/json")
        if found and found["Id"] != args["keeps"] and _owned(dict(found["Config"]), args["owner"]):
            engine.delete(f"/containers/{found['Id']}", force=1)


def _wait(engine: Engine, args: Mapping[str, Any]) -> Verdict:
    inspect = _inspect(engine, args["container"])
    if args["until"] == "finished":
        return _finished(engine, inspect, args.get("called", "the job"))
    return _ready(engine, inspect, args)


def _finished(engine: Engine, inspect: Json, called: str) -> Verdict:
    state = inspect["State"]
    if state["Status"] in ("running", "restarting", "created"):
        note = f"{called} is {state['Status']}"
        return Pending(LOOK_AGAIN_S, note, lambda: _with_lines("", last_lines(engine, inspect)))
    if state["ExitCode"] == 0:
        return Done("finished")
    raise _failure(engine, inspect, f"{called} failed with exit code {state['ExitCode']}")


def _ready(engine: Engine, inspect: Json, args: Mapping[str, Any]) -> Verdict:
    """Healthy; or, where there is no health check, up. What is up has a mark, and may be watched."""
    state, health = inspect["State"], dig(inspect, "State.Health.Status") or "none"
    if _has_done_its_job(inspect, args):
        return Done("finished")
    # The engine answers a start once it was made, so one that is not there yet never comes.
    if state["Status"] == "created":
        raise _failure(engine, inspect, "it was not started, though the engine said so")
    # This end is final: while a policy starts it again, the state is `restarting`.
    if state["Status"] in ("exited", "dead"):
        raise _failure(engine, inspect, f"it ended with exit code {state['ExitCode']}")
    if inspect["RestartCount"] >= RESTARTS:
        raise _failure(engine, inspect, f"it crashes again and again, last exit code {state['ExitCode']}")
    # A container that was paused shows failures of its health check from that time.
    if health == "unhealthy" and not args["may_recover"]:
        raise _failure(engine, inspect, f"it is unhealthy: {last_probe(inspect)}")
    if note := _not_yet(inspect, health):
        return Pending(LOOK_AGAIN_S, note, lambda: _with_lines("", last_lines(engine, inspect)))
    if health == "none" and args["strict"]:
        raise GateFailed("others wait for it to be healthy, but it has no health check; declare one")
    # Without a health check, being up for a moment proves nothing, so it is watched for a while.
    is_watched = health != "healthy" or args["monitored"]
    return Done(health if health == "healthy" else "running", mark=state["StartedAt"] if is_watched else "")


def _has_done_its_job(inspect: Json, args: Mapping[str, Any]) -> bool:
    has_ended = dig(inspect, "State.Status") == "exited" and dig(inspect, "State.ExitCode") == 0
    return has_ended and one_shot.may_end(args, dig(inspect, "Config.ExposedPorts"))


def _not_yet(inspect: Json, health: str) -> str:
    """The condition that a container does not meet yet."""
    if dig(inspect, "State.Status") == "restarting":
        return f"restarting, last exit code {dig(inspect, 'State.ExitCode')}"
    waits = {"unhealthy": "still unhealthy", "starting": "health: starting"}.get(health)
    return f"{waits}, {probed(inspect)}" if waits else ""


def _failure(engine: Engine, inspect: Json, what: str) -> GateFailed:
    return GateFailed(_with_lines(what, last_lines(engine, inspect)))


def last_lines(engine: Engine, inspect: Json) -> Sequence[str]:
    """As far as they come soon, and make a report that can be read."""
    end, written = monotonic() + LAST_LINES_S, b""
    with closing(engine.logs(inspect["Id"], tail=LAST_LINES)) as pieces:
        for piece in pieces:
            written += piece
            # A program may write without end, and faster than it is read.
            if len(written) > LAST_LINES_BYTES or monotonic() > end:
                break
    return written[:LAST_LINES_BYTES].decode(errors="replace").splitlines()


def _with_lines(what: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{what}; its last lines:", *(f"    {line}" for line in lines)]) if lines else what


def _inspect(engine: Engine, name: str, *, or_none: bool = False) -> Json:
    found: Json | None = engine.get(f"/containers/{name}/json")
    if found is None and not or_none:
        raise Conflict(f"container {name} is gone")
    return found or {}


def _owned(found: Json | None, wanted: Mapping[str, Value]) -> bool:
    """Returns whether something is there and carries the project's mark that we would give it."""
    marks = (found or {}).get("Labels") or {}
    return found is not None and marks.get(labels.PROJECT) == wanted[labels.PROJECT]


STREAMS: Final[Mapping[str, Callable[[Engine, Mapping[str, Any]], Generator[Pending, None, None]]]] = {
    "image.pull": _pull,
    "image.build": _build,
}
IN_NETWORKS: Final = frozenset(f"container.{verb}" for verb in ("create", "start", "stop", "remove", "give-way")) | {
    "network.connect",
    "network.disconnect",
}
"""The verbs that may change which containers are in a network."""

VERBS: Final[Mapping[str, Callable[[Engine, Mapping[str, Any]], Verdict | None]]] = {
    "network.create": _create_network,
    "network.remove": _remove_network,
    "network.connect": _connect,
    "network.disconnect": _disconnect,
    "volume.create": _create_volume,
    "volume.remove": _remove_volume,
    "image.tag": _tag,
    "image.missing": _missing_image,
    "engine.require": _require,
    "container.require": _require_containers,
    "external.missing": _missing_external,
    "container.create": _create_container,
    "container.copy": _copy,
    "container.start": _start,
    "container.exec": _exec,
    "container.signal": _signal,
    "container.mark": _mark,
    "container.unpause": _unpause,
    "container.rename": _rename,
    "container.update": _update,
    "container.stop": _stop,
    "container.remove": _remove,
    "container.give-way": _give_way,
    "container.wait": _wait,
}
