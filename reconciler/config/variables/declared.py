"""The secrets that ``x-reconcile.secrets`` declares, in either form: a list of names, or names with more to say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.tree import Place, Tainted, Tree, TreePath
from reconciler.core.message.problem import CHECK, VARIABLE, Problem
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.rotation import Call, Rotation
from reconciler.record import Struct, field

Locate = Callable[[TreePath], Place | None]


def declared_names(secrets: Tree) -> Iterator[str]:
    """The variables that one ``x-reconcile.secrets`` names; none where it fits no form, which the schema reports."""
    if isinstance(secrets, list | dict):
        yield from map(str, secrets)


class SecretSource(Struct, frozen=True):
    """The declared source of a secret: its name among the sources, its settings, and the place in the files."""

    name: str
    kind: str
    settings: Any
    place: Place | None = None

    def problem(self, message: str) -> Problem:
        """A problem at the place of the declaration."""
        message = f"{self.name} can't be read from its source: {message}"
        return self.place.problem(message, code=VARIABLE) if self.place else Problem(message, Origin(""), code=VARIABLE)


def declared_sources(secrets: Tree, locate: Locate) -> Iterator[SecretSource]:
    """The sources that one ``x-reconcile.secrets`` gives with ``from``.

    It is read before the schema has checked it, since variables are needed first: what fits no form is left out.
    """
    for name, settings in secrets.items() if isinstance(secrets, dict) else ():
        source = settings.get("from") if isinstance(settings, dict) else None
        for kind, own in source.items() if isinstance(source, dict) else ():
            yield SecretSource(str(name), str(kind), own, locate((name, "from")))


class Rotations(Struct):
    """The declared rotations by the names of their variables, and the problems of their declarations.

    ``services`` are those that commands can be run in; None where the stack is not known, so that no name is wrong.
    """

    services: Collection[str] | None = None
    found: dict[str, Rotation] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, secrets: Tree, locate: Locate) -> None:
        """Adds the rotations of one ``x-reconcile.secrets`` that fits the schema, and a problem for each contradiction.

        ``locate`` finds the place of a path below it.
        """
        for name, settings in secrets.items() if isinstance(secrets, dict) else ():
            declared = settings.get("rotate") if isinstance(settings, dict) else None
            if not isinstance(declared, dict):
                continue
            place = locate((name, "rotate"))
            self.found[name] = rotation = _rotation(declared, place.key if place else Origin(""))
            for why in (*_contradictions(declared), *self._unknown(rotation)):
                message = f"{name}.rotate: {why}"
                self.problems.append(
                    place.problem(message, code=CHECK) if place else Problem(message, Origin(""), code=CHECK)
                )

    def _unknown(self, rotation: Rotation) -> Iterator[str]:
        for service in dict.fromkeys((rotation.service, rotation.check.service)):
            if service and self.services is not None and service not in self.services:
                yield f"there is no service `{service}`{suggestion(service, list(self.services))}"


def _rotation(declared: Mapping[str, Any], origin: Origin) -> Rotation:
    service = str(declared.get("service") or "")
    check = declared.get("check") or ()
    # A list is the short form: the words of a command that is tried in the same service as `exec`.
    if isinstance(check, Mapping):
        tried = Call(str(check.get("service") or service), _words(check.get("exec")))
    else:
        tried = Call(service, _words(check))
    user = Address.parse(str(declared["user"])) if declared.get("user") else None
    return Rotation(service, Call(service, _words(declared.get("exec"))), tried, user, origin)


def _words(command: Any) -> tuple[str, ...]:
    return tuple(map(str, command or ()))


def _contradictions(declared: Mapping[str, Any]) -> Iterator[str]:
    check = declared.get("check")
    has_service = "service" in declared or (isinstance(check, Mapping) and "service" in check)
    words = [*(declared.get("exec") or ()), *((check.get("exec") if isinstance(check, Mapping) else check) or ())]
    if "user" in declared and len(declared) > 1:
        yield "`user` needs nothing beside it: the server of the account changes its password and tries it"
    if "exec" in declared and "service" not in declared:
        yield "`exec` is run in the container of a service; name it with `service`"
    if check and not has_service:
        yield "`check` is run in the container of a service; name it with `service`"
    # Commands show up in process lists and in the engine's events.
    if any(isinstance(word, Tainted) for word in words):
        yield (
            "a secret must not be part of a command, which everybody on the machine can read; "
            "the command finds it in its environment: OLD and NEW in `exec`, SECRET in `check`"
        )
