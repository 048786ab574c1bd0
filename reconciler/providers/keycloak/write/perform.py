"""Doing one step: a request, with what has to be read right before it so that nobody's work is lost.

A PUT that replaces is made from the live object of this moment, not from the one the plan saw.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import Conflict, Denied, NoLogin, ProviderError, Rejected
from reconciler.core.message.problem import Problem, Severity
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Done, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.providers.keycloak.table.kind import Parts, RestKind, patched
from reconciler.providers.keycloak.table.masked import noted
from reconciler.providers.keycloak.table.properties import DIGESTS, as_map
from reconciler.providers.keycloak.write.steps import (
    ADD,
    CREATE,
    CREATE_PART,
    DELETE,
    DELETE_PART,
    IMPORT,
    NOTE,
    REMOVE,
    REQUIRE,
    SET_ASIDE,
    UPDATE,
    UPDATE_PART,
    linked,
    texts,
)
from reconciler.record import replace
from reconciler.vocabulary.keycloak import REALM


class Performer:
    """The verbs of steps.py; used from several threads."""

    def __init__(self, connection: Connection, directory: Directory) -> None:
        self._connection, self._directory = connection, directory
        self._tried: set[str] = set()  # creations of this pass, whatever came of them
        self._lock = threading.Lock()
        self._settings = threading.Lock()  # a PUT of a realm replaces its attributes
        self._importing = threading.Lock()  # two at a time wait for each other's tables, and one fails (26.7 on H2)

    def forget(self) -> None:
        """Begin a new pass: what came of the last one has been seen."""
        with self._lock:
            self._tried.clear()

    def __call__(self, step: Step) -> Verdict:
        try:
            _VERBS[step.verb](self, step)
        # A lost login concerns the whole provider, and no step.
        except NoLogin:
            raise
        except Denied as error:
            raise Denied(_with_remedy(error, step.address), address=step.address, doing=step.verb) from error
        except Rejected as error:
            said = _with_advice(str(error.args[0]), step.address)
            raise Rejected(said, address=error.address or step.address, doing=error.doing or step.verb) from error
        except ProviderError as error:
            error.address = error.address or step.address
            error.doing = error.doing or step.verb
            raise
        return Done()

    def require(self, step: Step) -> None:
        """Raise Rejected where the server lacks what the realm declares; nothing of it is written then."""
        lacks = [f"{lack.origin}: {lack.address} {lack.message}" for lack in self.lacks(step)]
        if lacks:
            raise Rejected("\n".join(("the server lacks what is declared, so nothing is written:", *lacks)))

    def lacks(self, step: Step) -> Iterator[Problem]:
        """The features that the server lacks, as warnings."""
        needs = step.args["needs"]
        assert isinstance(needs, Sequence)
        for need in map(as_map, needs):
            address = Address.parse(str(need["address"]))
            said = self._directory.lack(address, str(need["name"]), need["asked"])
            if said:
                yield Problem(said, Origin.parse(str(need["at"])), Severity.WARNING, address=address)

    # -------------------------------------------------------------- objects

    def create(self, step: Step) -> None:
        """POST. Answered with 409 it is done if we tried before, as answers get lost; else somebody was faster."""
        kind, address, body = KINDS[step.address.kind], step.address, as_map(step.args["body"])
        parent = kind.parent_of(address)
        path = self._directory.path(kind.paths.collections[parent.kind if parent else ""], address)
        body = self._resolved(kind, address, body)
        self._targets(step)
        if reason := kind.creation.misnamed(address.name):
            raise Rejected(reason)
        self._check(address, body)
        # Noted before the request: an answer that is lost leaves no other trace of it.
        with self._lock:
            is_again = step.id in self._tried
            self._tried.add(step.id)
        try:
            name = self._connection.create(path, body)
        except (Conflict, Rejected) as error:  # of the name of a workflow 26.7 says that it must be unique (400)
            self._settle(step, error, is_again=is_again)
            return
        if kind.paths.answers_id and address.kind != REALM:
            self._directory.learn(address, name)
        # Roles in a new realm are in new tokens only.
        if address.kind == REALM:
            self._connection.login()

    def _settle(self, step: Step, error: ProviderError, *, is_again: bool) -> None:
        if self._directory.find(step.address) is None:
            raise Rejected(str(error.args[0])) from error  # not it, but another with what must be unique
        if not is_again:
            raise Conflict(f"somebody else made it meanwhile: {error.args[0]}") from error

    def import_(self, step: Step) -> None:
        """Many objects in one transaction; what is there already is left as it is, and the next pass sees it.

        Where the server does not want all of it, one by one, so that only those fail that are wrong.
        """
        bodies = step.args["bodies"]
        assert isinstance(bodies, Sequence)
        reasons = {
            address: self._refusal(address, as_map(body)) for address, body in zip(step.covers, bodies, strict=True)
        }
        wanted = {address: body for address, body in zip(step.covers, bodies, strict=True) if not reasons[address]}
        try:
            self._import(step.address, tuple(wanted.values()))
        # The transaction failed as a whole, so nothing of it is there.
        except (Conflict, Rejected):
            reasons |= {address: self._import_failure(address, body) for address, body in wanted.items()}
        failed = {address: reason for address, reason in reasons.items() if reason}
        if failed:
            said = "; ".join(f"{address.name}: {reason}" for address, reason in failed.items())
            raise Rejected(said, address=next(iter(failed)))

    def _import_failure(self, address: Address, body: Value) -> str:
        """Explains why the server does not take this object by itself, "" if it does."""
        try:
            self._import(address, (body,))
        except (Conflict, Rejected) as error:
            return str(error.args[0])
        return ""

    def _import(self, address: Address, bodies: Sequence[Value]) -> None:
        kind = KINDS[address.kind]
        section, inherits = kind.pruning.section, kind.creation.inherits
        if not bodies:
            return
        if inherits:
            bodies = tuple(inherits(self._directory, address, as_map(body)) for body in bodies)
        path = self._directory.path(f"{BASE}/partialImport", address)
        with self._importing:
            self._connection.post(path, {"ifResourceExists": "SKIP", section: bodies})

    def update(self, step: Step) -> None:
        kind, patch = KINDS[step.address.kind], as_map(step.args["patch"])
        self._check(step.address, patch)
        if kind.put.save:
            kind.put.save(self._directory, step.address, patch)
            return
        path = self._directory.path(kind.paths.item, step.address)
        with self._settings if kind.paths.item == BASE else nullcontext():
            live = self._live(path, step.address) if kind.needs_live(patch) else {}
            self._connection.put(path, self._resolved(kind, step.address, kind.update(patch, live)))

    def note(self, step: Step) -> None:
        """Keep digests of the secrets that were written, which the server does not show."""
        kind, realm = KINDS[step.address.kind], Address(REALM, step.address.path[:1])
        path = self._directory.path(BASE, realm)
        with self._settings:
            live = self._live(path, realm)
            own = self._directory.path(kind.paths.item, step.address)
            body = live if step.address == realm else self._live(own, step.address)
            attributes = {DIGESTS: noted(live, step.address, body, as_map(step.args["values"]))}
            self._connection.put(path, KINDS[REALM].update({"attributes": attributes}, live))

    def set_aside(self, step: Step) -> None:
        """Give the object another name, so that a new one can have it."""
        replacement = KINDS[step.address.kind].replacement
        assert replacement is not None
        replacement.set_aside(self._directory, step.address, str(step.args["id"]))
        self._directory.drop(step.address)

    def delete(self, step: Step) -> None:
        """DELETE, unless it is what Keycloak or this program cannot do without."""
        kind, address = KINDS[step.address.kind], step.address
        if kind.builtins.is_builtin(address.path):
            raise Rejected("it is built into Keycloak, and never deleted")
        if self._connection.is_account(address):
            raise Rejected("it belongs to the account that reconcile works with, and is never deleted")
        try:
            self._connection.delete(self._directory.path(kind.paths.item, address))
        except (Conflict, Rejected):  # of a workflow that is gone 26.7 says that it is not valid (400)
            self._directory.drop(address)
            if self._directory.find(address) is not None:
                raise
        self._directory.drop(address)

    def _resolved(self, kind: RestKind, address: Address, body: Mapping[str, Value]) -> dict[str, Value]:
        return dict(kind.put.resolve(self._directory, address, body) if kind.put.resolve else body)

    def _live(self, path: str, address: Address) -> Representation:
        live = self._connection.get(path)
        if live is ABSENT:
            raise Conflict("it is not there any more", address=address)
        found: Representation = live
        return found

    def _check(self, address: Address, body: Mapping[str, Value]) -> None:
        rejects = KINDS[address.kind].requirements.rejects
        reason = self._refusal(address, body) or (rejects(self._directory, address, body) if rejects else "")
        if reason:
            raise Rejected(reason)

    def _refusal(self, address: Address, body: Mapping[str, Value]) -> str:
        """Explains why this body would not have its effect, "" if it would."""
        refuses = KINDS[address.kind].requirements.refuses
        return refuses(self._directory, address, body) if refuses else ""

    # -------------------------------------------------------------- sets of other objects

    def add(self, step: Step) -> None:
        if reason := self._refusal(step.address, linked(step)):
            raise Rejected(reason)
        self._link(step, self._connection.put, self._connection.post)

    def remove(self, step: Step) -> None:
        """DELETE; what is gone already has let go of everything."""
        left = self._still_there(step)
        try:
            self._unlink(step, left)
        except (Conflict, Rejected):
            for target in left:
                self._directory.drop(target)
            if (fewer := self._still_there(step)) == left:
                raise
            self._unlink(step, fewer)

    def _still_there(self, step: Step) -> Sequence[Address]:
        targets = map(Address.parse, texts(step.args["targets"]))
        return [target for target in targets if self._directory.find(target) is not None]

    def _unlink(self, step: Step, targets: Sequence[Address]) -> None:
        if targets:
            left = replace(step, args={**step.args, "targets": tuple(map(str, targets))})
            self._link(left, self._connection.delete, self._connection.delete)

    def _link(self, step: Step, one: Callable[[str], Any], many: Callable[[str, Value], Any]) -> None:
        kind = KINDS[step.address.kind]
        links = kind.links[str(step.args["field"])]
        targets = self._targets(step)
        ids = list(targets.values())
        template = f"{kind.paths.item}/{links.path}"
        if links.by_id:
            self._link_by_id(step, self._directory.path(template, step.address), ids[0])
            return
        if links.one_by_one:
            one(self._directory.path(template, step.address, target=ids[0]))
            return
        # Roles of clients are mapped client by client.
        more = {}
        if "{client}" in template:
            target = next(iter(targets))
            parent = KINDS[target.kind].parent_of(target)
            assert parent is not None
            more["client"] = self._directory.id(parent)
        # The server wants both: it refuses an id without the name, and a name without the id.
        body = [{"id": object_id, "name": target.name} for target, object_id in targets.items()]
        many(self._directory.path(template, step.address, **more), body)

    def _link_by_id(self, step: Step, path: str, target: str) -> None:
        if step.verb == ADD:
            self._connection.post(path, target)
        else:
            self._connection.delete(f"{path}/{quote(target, safe='')}")

    def _targets(self, step: Step) -> Mapping[Address, str]:
        """The ids of what the step names; raises Conflict where something is not there."""
        targets = step.args["targets"]
        assert isinstance(targets, Sequence)
        return {target: self._directory.id(target) for target in map(Address.parse, map(str, targets))}

    # -------------------------------------------------------------- parts

    def create_part(self, step: Step) -> None:
        parts, path = self._parts(step)
        part, own = str(step.args["part"]), as_map(step.args["body"])
        self._check(step.address, {str(step.args["field"]): {part: own}})
        if parts.writer:
            parts.writer.create(self._directory, step.address, part, own)
            return
        body = {parts.key: part, **own}
        try:
            self._connection.create(f"{path}/{quote(part, safe='')}" if parts.named else path, body)
        except Conflict:
            # Answered twice, or made by somebody else: the next look tells.
            if self._part(path, parts, step) is ABSENT:
                raise

    def update_part(self, step: Step) -> None:
        parts, path = self._parts(step)
        if parts.writer:
            parts.writer.update(self._directory, step.address, str(step.args["part"]), as_map(step.args["patch"]))
            return
        live = self._part(path, parts, step)
        if live is ABSENT:
            raise Conflict(f"{step.args['part']} is not there any more")
        body = patched(parts, as_map(step.args["patch"]), live)
        # Parts that go by a name have no PUT, so it is deleted and made again.
        if parts.named:
            own = f"{path}/{quote(str(step.args['part']), safe='')}"
            self._connection.delete(own)
            self._connection.create(own, body)
            return
        self._connection.put(f"{path}/{live['id']}", body)

    def delete_part(self, step: Step) -> None:
        parts, path = self._parts(step)
        if parts.writer:
            parts.writer.delete(self._directory, step.address, str(step.args["part"]))
            return
        live = self._part(path, parts, step)
        # Gone already is as good as deleted.
        if live is not ABSENT:
            self._connection.delete(f"{path}/{quote(live[parts.key if parts.named else 'id'], safe='')}")

    def _parts(self, step: Step) -> tuple[Parts, str]:
        kind = KINDS[step.address.kind]
        parts = kind.parts[str(step.args["field"])]
        return parts, self._directory.path(f"{kind.paths.item}/{parts.path}", step.address)

    def _part(self, path: str, parts: Parts, step: Step) -> Any:
        found = self._connection.get(path)
        named = (part for part in found if parts.called(part) == step.args["part"]) if found is not ABSENT else iter(())
        return next(named, ABSENT)


def _with_advice(said: str, address: Address) -> str:
    """The server's words, and what its table has to say of them."""
    return "; ".join(
        (said, *(advice for words, advice in KINDS[address.kind].requirements.remedies.items() if words in said))
    )


def _with_remedy(error: Denied, address: Address) -> str:
    """The refusal, and its remedy."""
    kind = KINDS[address.kind]
    needed = f"{error.args[0]}; the account needs the role {kind.right} in realm {address.path[0]}"
    # 26.7 lets no account write to the client realm-management.
    is_fixed = kind.builtins.is_builtin(address.path)
    return f"{needed}, or nobody can change it, as it is built into Keycloak" if is_fixed else needed


_VERBS: Final[Mapping[str, Callable[[Performer, Step], None]]] = {
    CREATE: Performer.create,
    UPDATE: Performer.update,
    DELETE: Performer.delete,
    ADD: Performer.add,
    REMOVE: Performer.remove,
    CREATE_PART: Performer.create_part,
    UPDATE_PART: Performer.update_part,
    DELETE_PART: Performer.delete_part,
    IMPORT: Performer.import_,
    REQUIRE: Performer.require,
    SET_ASIDE: Performer.set_aside,
    NOTE: Performer.note,
}
