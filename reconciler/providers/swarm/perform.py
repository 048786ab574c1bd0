"""The verbs of steps: each is one call to a manager of the Swarm, and may be repeated after a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from time import monotonic
from typing import Any, Final

from reconciler.core.message.errors import Conflict, Denied, GateFailed, ProviderError, Rejected
from reconciler.core.provider import Done, Pending, Verdict
from reconciler.core.resource.values import ABSENT, Value, revealed
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.obstacles import Foreseen, Reading, absent, too_new
from reconciler.providers.docker.table.property import Json, dig
from reconciler.providers.swarm import nodes, tasks
from reconciler.providers.swarm.kinds import file, service
from reconciler.providers.swarm.table import labels
from reconciler.providers.swarm.table.row import patched

LOOK_AGAIN_S: Final = 0.5
"""How often a service that is waited for is looked at."""

FAILED_TASKS: Final = 3
"""After so many failed tasks of one place a service is given up."""

LAST_LINES: Final = 20
LAST_LINES_S: Final = 5.0
LAST_LINES_BYTES: Final = 1 << 16

_OUT_OF_SEQUENCE: Final = "update out of sequence"
_IN_USE: Final = ("in use", "active endpoints")


# ------------------------------------------------------------------ networks, configs, secrets


def _create_network(engine: Engine, args: Mapping[str, Any]) -> None:
    body = args["body"]
    found = engine.get(f"/networks/{body['Name']}")
    if found and (found.get("Labels") or {}).get(labels.NAMESPACE) == body["Labels"][labels.NAMESPACE]:
        return  # an earlier try got through
    engine.post("/networks/create", body)


def _remove_network(engine: Engine, args: Mapping[str, Any]) -> Verdict:
    return _removed(engine, f"/networks/{args['network']}")


def _removed(engine: Engine, path: str) -> Verdict:
    """Removes something as soon as the last task that uses it has ended."""
    try:
        engine.delete(path)
    except (Rejected, Denied, Conflict) as error:
        # A manager gives the same status for what is in use and for what is forbidden: only its words tell.
        if not any(words in str(error) for words in _IN_USE):
            raise
        return Pending(LOOK_AGAIN_S, str(error.args[0]))
    return Done()


def _create_file(engine: Engine, args: Mapping[str, Any]) -> None:
    spec, section = args["spec"], args["section"]
    data = file.content(spec["source"])
    if data is None and "driver" not in spec:
        raise Rejected(f"{spec['source'].get('file')} can't be read")
    digest = file.digest_now(spec["name"], spec["source"])
    # A config can't be changed, so other content gets another name, and the services move over to it.
    name = file.fresh_name(spec["name"], digest) if args["is_fresh"] else spec["name"]
    body = file.body(spec, name, args["project"], data or b"", digest)
    try:
        engine.post(f"/{section}/create", body)
    except Conflict:
        # An earlier try may have made it; another content under this name belongs to somebody else.
        found = engine.get(f"/{section}/{name}")
        if (dig(found, "Spec.Labels") or {}).get(labels.DIGEST) != digest:
            raise


def _update_file(engine: Engine, args: Mapping[str, Any]) -> None:
    """Changes labels, the only part of a config or secret that can be changed."""
    path = f"/{args['section']}/{args['id']}"
    found = _found(engine, path)
    # An update replaces all labels; those that others put there stay.
    wanted = {**labels.undeclared(found["Spec"].get("Labels")), **args["spec"]["labels"]}
    _versioned(engine, path, found, {**found["Spec"], "Labels": wanted})


def _remove_files(engine: Engine, args: Mapping[str, Any]) -> Verdict:
    for each in args["ids"]:
        verdict = _removed(engine, f"/{args['section']}/{each}")
        if isinstance(verdict, Pending):
            return verdict
    return Done()


def _found(engine: Engine, path: str) -> Json:
    found: Json | None = engine.get(path)
    if found is None:
        raise Conflict(f"{path.rpartition('/')[2]} is gone")
    return found


def _versioned(engine: Engine, path: str, found: Json, spec: Any, *, image: str = "", **params: Any) -> None:
    """Sends a specification in place of the one that was found; raises Conflict where it was changed meanwhile."""
    try:
        engine.post(f"{path}/update", spec, image=image, version=found["Version"]["Index"], **params)
    except Rejected as error:
        if _OUT_OF_SEQUENCE in str(error):
            raise Conflict("somebody else changed it at the same time") from error
        raise


# ------------------------------------------------------------------ services


def _create_service(engine: Engine, args: Mapping[str, Any]) -> None:
    found = engine.get(f"/services/{args['name']}")
    if found:
        if not labels.is_of_stack(found["Spec"].get("Labels"), args["project"]):
            raise Conflict(f"the name {args['name']} was taken meanwhile by a service of somebody else")
        return  # an earlier try got through
    fields = _known(engine, args, pins=True)
    body = service.body(args["name"], args["project"], args["reference"], fields)
    engine.post("/services/create", body, image=args["reference"])


def _update_service(engine: Engine, args: Mapping[str, Any]) -> None:
    path = f"/services/{args['name']}"
    found = _found(engine, path)
    fields = _known(engine, args, pins="image" in args["fields"])
    wanted = patched(found["Spec"], ((service.ROWS[name], value) for name, value in fields.items()))
    if "image" in fields:
        wanted["Labels"] = {**(wanted.get("Labels") or {}), labels.IMAGE: args["reference"]}
    if _as_sent(wanted) == found["Spec"]:
        return  # an earlier try got through; another one would make that the state to go back to
    # An update replaces the whole spec, so a change by somebody else would be undone unseen.
    if found["Spec"] != args["seen"]:
        raise Conflict("somebody else changed it since it was looked at")
    _versioned(engine, path, found, wanted, image=args["reference"])


def _as_sent(spec: Mapping[str, Any]) -> Any:
    """A specification as a manager is going to show it."""
    return json.loads(json.dumps(revealed(spec)))


def _known(engine: Engine, args: Mapping[str, Any], *, pins: bool) -> dict[str, Value]:
    """The fields with the ids of configs and secrets that were made in this pass, and the digest of the image."""
    fields = dict(args["fields"])
    for section in file.SECTIONS:
        if isinstance(fields.get(section), Mapping):
            fields[section] = {
                target: each if isinstance(each["id"], str) else {**each, **_made(engine, section, each["wanted"])}
                for target, each in fields[section].items()
            }
    # As `docker service update` does: without a digest a node that pulls later may run another image of the same tag.
    if pins and "@" not in fields.get("image", "@") and args["pull_policy"] != "never":
        fields["image"] = _pinned(engine, fields["image"], args["reference"])
    return fields


def _made(engine: Engine, section: str, wanted: Json) -> dict[str, Value]:
    """Id and name of the config or secret that holds what is wanted; the newest where a driver has the content."""
    digest = file.digest_now(wanted["name"], wanted["source"])
    named = [each for each in engine.get(f"/{section}") if file.is_named(each["Spec"]["Name"], wanted["name"])]
    marks = ((each, (each["Spec"].get("Labels") or {}).get(labels.DIGEST, ABSENT)) for each in named)
    found = [each for each, mark in marks if mark == digest]
    if not found:
        raise Conflict(f"{section.removesuffix('s')} {wanted['name']} is gone")
    newest = max(found, key=lambda each: str(each["CreatedAt"]))
    return {"id": newest["ID"], "name": newest["Spec"]["Name"]}


def _pinned(engine: Engine, image: str, reference: str) -> str:
    """The image with its digest, so that all nodes run the same; without one where its registry can't be asked."""
    try:
        return f"{image}@{engine.digest_in_registry(reference)}"
    # A private registry without credentials here, or an image that is on the nodes alone: no reason to stop.
    except (Rejected, Conflict, Denied):
        return image


def _remove_service(engine: Engine, args: Mapping[str, Any]) -> Verdict:
    engine.delete(f"/services/{args['service']}")
    # The service is gone at once, its tasks take their time to stop.
    left = [each for each in engine.get("/tasks") if each.get("ServiceID") == args["service"]]
    alive = [each for each in left if tasks.state(each) not in tasks.ENDED]
    return Pending(LOOK_AGAIN_S, f"{len(alive)} of its tasks have not ended yet") if alive else Done()


def _rollback(engine: Engine, args: Mapping[str, Any]) -> None:
    """Goes back to the specification before; a Swarm that has done so by itself is left alone."""
    path = f"/services/{args['service']}"
    found = _found(engine, path)
    if str(dig(found, "UpdateStatus.State") or "").startswith("rollback"):
        return
    if not found.get("PreviousSpec"):
        raise Rejected("there is no state to go back to")
    _versioned(engine, path, found, found["Spec"], rollback="previous")


def force_update(engine: Engine, service_id: str) -> None:
    """Has all tasks of a service replaced, though nothing of it changes."""
    path = f"/services/{service_id}"
    found = _found(engine, path)
    task = found["Spec"]["TaskTemplate"]
    forced = {**task, "ForceUpdate": int(task.get("ForceUpdate") or 0) + 1}
    _versioned(engine, path, found, {**found["Spec"], "TaskTemplate": forced})


# ------------------------------------------------------------------ waiting


def _place(engine: Engine, args: Mapping[str, Any]) -> Verdict:
    """Waits until no task lacks a node."""
    found = _found(engine, f"/services/{args['service']}")
    own = engine.get("/tasks", filters={"service": [found["ID"]], "_up-to-date": ["true"]})
    why = tasks.unplaced(own)
    if not why and (own or not _wanted(engine, found)):
        return Done()
    return Pending(LOOK_AGAIN_S, why or "no task yet", lambda: _unfit(engine, args) if why else "")


def _wait(engine: Engine, args: Mapping[str, Any]) -> Verdict:
    found = _found(engine, f"/services/{args['service']}")
    own = engine.get("/tasks", filters={"service": [found["ID"]], "_up-to-date": ["true"]})
    if args["is_job"]:
        # The state of an update comes before the counts: tasks of the old spec may be up as well.
        return _finished(engine, found, own)
    state, message = (str(dig(found, f"UpdateStatus.{key}") or "") for key in ("State", "Message"))
    if state in ("paused", "rollback_paused", "rollback_completed"):
        words = {"paused": "the update was paused", "rollback_completed": "the Swarm took the update back"}
        what = f"{words.get(state, 'the way back was paused')}: {message}"
        raise _failure(engine, found, what)
    if state == "rollback_started":
        return Pending(LOOK_AGAIN_S, f"the Swarm takes the update back: {message}")
    wanted = _wanted(engine, found)
    up = tasks.running(own)
    shown = f"{len(up)} of {wanted} tasks running"
    # Both: with all tasks up an update may still be in its time of `monitor`, and a new service has no update.
    if state == "updating" or len(up) < wanted:
        _give_up(engine, found, own)
        why = tasks.trouble(own)
        return Pending(LOOK_AGAIN_S, f"{shown}; {why}" if why else shown)
    return Done(shown, mark=" ".join(sorted(up.values())))


def _wanted(engine: Engine, found: Json) -> int:
    """The number of tasks that there are to be."""
    replicated = dig(found, "Spec.Mode.Replicated")
    if replicated is not None:
        count = replicated.get("Replicas")
        return 1 if count is None else int(count)
    # Only the list has the counts, and only with `status`. A global service has as many tasks as fitting nodes.
    listed = engine.get("/services", filters={"id": [found["ID"]]}, status="true")
    return int(dig(listed[0], "ServiceStatus.DesiredTasks") or 0) if listed else 0


def _give_up(engine: Engine, found: Json, own: Sequence[Json]) -> None:
    """Raises GateFailed where tasks of one place end again and again, and the Swarm would go on for ever."""
    counts: dict[str, int] = {}
    for each in tasks.ended(own):
        counts[tasks.slot(each)] = counts.get(tasks.slot(each), 0) + 1
    if any(count >= FAILED_TASKS for count in counts.values()):
        raise _failure(engine, found, "its tasks end again and again")


# Tasks of an earlier run of the job stay listed; each run has a number of its own.
def _finished(engine: Engine, found: Json, own: Sequence[Json]) -> Verdict:
    iteration = dig(found, "JobStatus.JobIteration.Index")
    now = [each for each in own if dig(each, "JobIteration.Index") == iteration]
    wanted = int(dig(found, "Spec.Mode.ReplicatedJob.TotalCompletions") or 1)
    if tasks.complete(now) >= wanted:
        return Done("finished")
    failed = tasks.failures(now)
    ends = dig(found, "Spec.TaskTemplate.RestartPolicy.Condition") == "none"
    if failed and (ends or len(failed) >= FAILED_TASKS):
        raise _failure(engine, found, "the job failed")
    why = tasks.trouble(now)
    return Pending(LOOK_AGAIN_S, f"the job is under way; {why}" if why else "the job is under way")


def _failure(engine: Engine, found: Json, what: str) -> GateFailed:
    """The failure of a service, with the error of its last failed task and the lines that this wrote last."""
    own = engine.get("/tasks", filters={"service": [found["ID"]]})
    # A program that ends with 0 has not failed, and yet does not stay up: its end says more than nothing.
    failed = next(iter(tasks.failures(own)), None) or next(iter(tasks.ended(own)), None)
    if failed is None:
        return GateFailed(what)
    lines = last_lines(engine, str(failed["ID"]))
    said = f"{what}; its last task {tasks.words(failed)}"
    return GateFailed("\n".join([f"{said}; its last lines:", *(f"    {line}" for line in lines)]) if lines else said)


def last_lines(engine: Engine, task: str) -> Sequence[str]:
    """The last lines of a task, as far as its node has them and they come soon."""
    end, written = monotonic() + LAST_LINES_S, b""
    try:
        # A manager waits for the node of the task, which may be away: so a deadline, and what came until then.
        with closing(engine.cluster_logs(f"/tasks/{task}", tail=LAST_LINES)) as pieces:
            for piece in pieces:
                written += piece
                if len(written) > LAST_LINES_BYTES or monotonic() > end:
                    break
    except ProviderError:  # the log went with its container
        return ()
    return written[:LAST_LINES_BYTES].decode(errors="replace").splitlines()


def _unfit(engine: Engine, args: Mapping[str, Any]) -> str:
    """Says of each node why it can't have the tasks, where the Swarm only counts nodes."""
    return "".join(f"\n    node {each}" for each in nodes.unfit(engine.get("/nodes"), args["constraints"]))


def _missing_external(_engine: Engine, args: Mapping[str, Any]) -> None:
    raise Rejected(absent(args))


def _require(engine: Engine, args: Mapping[str, Any]) -> None:
    if refused := [f"{at}: {said}" for at, said in too_new(Reading(engine), args)]:
        raise Rejected("\n".join(refused))


LACKS: Final[Mapping[str, Foreseen]] = {
    "engine.require": too_new,
    "external.missing": lambda _reading, args: iter([(args["at"], absent(args))]),
}
"""Facts about a step before it is taken: the reason and the place in the files for which it will be refused."""


VERBS: Final[Mapping[str, Callable[[Engine, Mapping[str, Any]], Verdict | None]]] = {
    "engine.require": _require,
    "external.missing": _missing_external,
    "network.create": _create_network,
    "network.remove": _remove_network,
    "file.create": _create_file,
    "file.update": _update_file,
    "file.remove": _remove_files,
    "service.create": _create_service,
    "service.update": _update_service,
    "service.remove": _remove_service,
    "service.rollback": _rollback,
    "service.place": _place,
    "service.wait": _wait,
}
