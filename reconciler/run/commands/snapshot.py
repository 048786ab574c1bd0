"""Snapshots of all that is live, and looks at one of them instead of a server.

A snapshot is what a look has read. In the place of each secret it has a salted digest, so that the same secret in the
files is known again, and no other one is told.
"""

from __future__ import annotations

import hashlib
import json
import secrets as random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from reconciler.config.schema.validator import load_schema
from reconciler.core.difference.change import Change
from reconciler.core.difference.kind import Kind
from reconciler.core.message.errors import ConfigError, ProviderError, Unreachable
from reconciler.core.message.problem import SCHEMA as SCHEMA_CODE
from reconciler.core.message.problem import SYNTAX, UNREADABLE, Problem
from reconciler.core.message.secrecy import concealed
from reconciler.core.plan.plan import Step
from reconciler.core.provider import ExportReader, Located, Provider, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Bystander, Health, Observed, Origin, Place, Resource, Status
from reconciler.core.resource.values import ABSENT, UNKNOWN, Ref, Secret, Value
from reconciler.record import replace
from reconciler.run.reconciliation.once import Look
from reconciler.run.session.session import Session

SCHEMA: Final = "reconcile.snapshot/v1"
_NOTHINGS: Final[Mapping[str, Value]] = {"absent": ABSENT, "unknown": UNKNOWN}


def snapshot_of(look: Look, project: str, providers: Iterable[str], is_secret: Callable[[str], bool]) -> dict[str, Any]:
    """The snapshot of a look, in the shape of ``schemas/snapshot.schema.json``; ``is_secret`` knows secret texts."""
    salt = random.token_hex(8)
    encoder = _Encoder(salt, is_secret)
    return {
        "schema": SCHEMA,
        "project": project,
        "salt": salt,
        # A provider that could not be read is left out, as an empty one would mean that all is gone.
        "providers": sorted(set(providers) - look.unread.keys()),
        "resources": [encoder.resource(each) for _, each in sorted(look.observed.items())],
    }


def observed_in(snapshot: Mapping[str, Any], desired: Iterable[Resource]) -> Mapping[str, Sequence[Observed]]:
    """The live resources of a snapshot, by their provider. Secrets are those of the desired resources, or unknown."""
    decoder = _Decoder(snapshot["salt"], desired)
    found: dict[str, list[Observed]] = {name: [] for name in snapshot["providers"]}
    for each in snapshot["resources"]:
        observed = decoder.resource(each)
        found.setdefault(observed.address.provider, []).append(observed)
    return found


def offline(session: Session, documents: Sequence[Mapping[str, Any]]) -> tuple[Session, frozenset[Address]]:
    """The session with what files have in the place of servers, and the resources of which no file has anything.

    A document is a snapshot or an exported realm. Raises ConfigError for a snapshot of another project.
    """
    desired = {name: tuple(each.expand(session.document)) for name, each in session.providers.items()}
    everything = [resource for each in desired.values() for resource in each]
    found: dict[str, dict[Address, Observed]] = {}
    covered: set[Address] = set()
    realms = [each for each in documents if each.get("schema") != SCHEMA]
    for snapshot in (each for each in documents if each.get("schema") == SCHEMA):
        for name, observed in observed_in(snapshot, everything).items():
            found.setdefault(name, {}).update((each.address, each) for each in observed)
            covered.update(resource.address for resource in desired.get(name, ()))
    for name, provider in session.providers.items():
        if realms and isinstance(provider, ExportReader):
            live = {each.address: each for each in provider.exported_live(realms, desired[name])}
            found[name] = {**found.get(name, {}), **live}
            covered.update(each.address for each in provider.in_exports(realms, desired[name]))
    providers = {
        name: OfflineProvider(each, tuple(found[name].values()) if name in found else None)
        for name, each in session.providers.items()
    }
    unknown = frozenset(resource.address for resource in everything) - covered
    return replace(session, providers=providers), unknown


class _Encoder:
    def __init__(self, salt: str, is_secret: Callable[[str], bool]) -> None:
        self._digests, self._is_secret = _Digests(salt), is_secret

    def resource(self, each: Observed) -> dict[str, Any]:
        return {
            "address": str(each.address),
            "id": each.id,
            "owned": each.owned,
            "surplus": each.surplus,
            "data_stays": each.data_stays,
            "restarts": each.restarts,
            "status": {"health": each.status.health.value, "note": self._text(each.status.note)},
            "spec": self._values(each.spec),
            "outputs": self._values(each.outputs),
            "facts": self._values(each.facts),
            "vital": sorted(each.vital),
            "after": _texts(each.after),
            "names": _texts(each.names),
            "along": [{"path": list(path), "addresses": _texts(found)} for path, found in each.along.items()],
            "holders": [_holder(holder, places) for holder, places in each.holders.items()],
            "bystanders": [_bystander(by) for by in each.bystanders],
        }

    def _text(self, text: str) -> str:
        return "" if self._is_secret(text) else text

    def _values(self, values: Mapping[str, Value]) -> dict[str, Any]:
        return {name: self._value(value, concealed((name,), value, self._is_secret)) for name, value in values.items()}

    def _value(self, value: Value, sealed: Value) -> Any:
        """A value as JSON; ``sealed`` is the same with each secret in it sealed."""
        match sealed:
            case Secret():
                # The same secret has the same digest, so that two snapshots can still be compared.
                text = value.reveal() if isinstance(value, Secret) else str(value)
                return {"secret": self._digests.of(text), "plain": not isinstance(value, Secret)}
            case Ref():
                return {"ref": [str(sealed.address), sealed.output]}
            case str() | int() | float() | None:
                return sealed
            case Mapping():
                assert isinstance(value, Mapping)
                return {"map": {key: self._value(value[key], part) for key, part in sealed.items()}}
            case Sequence():
                assert isinstance(value, Sequence)
                return [self._value(one, part) for one, part in zip(value, sealed, strict=True)]
            case _:
                return {"nothing": "absent" if sealed is ABSENT else "unknown"}


class _Decoder:
    def __init__(self, salt: str, desired: Iterable[Resource]) -> None:
        digests = _Digests(salt)
        texts = {text for each in desired for name, value in each.spec.items() for text in _secret_texts(name, value)}
        self._texts = {digests.of(text): text for text in texts}

    def resource(self, each: Mapping[str, Any]) -> Observed:
        status = each["status"]
        return Observed(
            Address.parse(each["address"]),
            each["id"],
            self._values(each["spec"]),
            owned=each["owned"],
            status=Status(Health(status["health"]), status["note"]),
            outputs=self._values(each["outputs"]),
            facts=self._values(each["facts"]),
            after=_addresses(each["after"]),
            surplus=each["surplus"],
            vital=frozenset(each["vital"]),
            names=_addresses(each["names"]),
            along={tuple(part["path"]): _addresses(part["addresses"]) for part in each["along"]},
            holders={Address.parse(part["address"]): _held_at(part["places"]) for part in each["holders"]},
            bystanders=tuple(Bystander(**part) for part in each["bystanders"]),
            data_stays=each["data_stays"],
            restarts=each["restarts"],
        )

    def _values(self, values: Mapping[str, Any]) -> dict[str, Value]:
        return {name: self._value(value) for name, value in values.items()}

    def _value(self, value: Any) -> Value:
        match value:
            case {"secret": digest, "plain": is_plain}:
                text = self._texts.get(digest)
                # A secret that the files do not know stays one, and differs from all that they know.
                return Secret(f"the secret {digest}") if text is None else text if is_plain else Secret(text)
            case {"ref": [address, output]}:
                return Ref(Address.parse(address), output)
            case {"map": parts}:
                return {key: self._value(part) for key, part in parts.items()}
            case {"nothing": name}:
                return _NOTHINGS[name]
            case list():
                return tuple(self._value(part) for part in value)
            case _:
                return value  # type: ignore[no-any-return]  # a leaf of JSON


class _Digests:
    """Digests of secrets with one salt; slow on purpose, as the file may be shown to others."""

    def __init__(self, salt: str) -> None:
        self._salt, self._known = salt.encode(), dict[str, str]()

    def of(self, text: str) -> str:
        if text not in self._known:
            self._known[text] = hashlib.scrypt(text.encode(), salt=self._salt, n=2**13, r=8, p=1, dklen=12).hex()
        return self._known[text]


def _secret_texts(name: str, value: Value) -> Iterator[str]:
    """The texts of a desired value that are secret, or would be sealed in a live one."""

    def leaves(part: Value) -> Iterator[str]:
        match part:
            case Secret():
                yield part.reveal()
            case str() | int() | float() | None:
                return
            case Mapping():
                for each in part.values():
                    yield from leaves(each)
            case Sequence():
                for each in part:
                    yield from leaves(each)

    yield from leaves(concealed((name,), value))


def _texts(addresses: Collection[Address]) -> list[str]:
    return sorted(map(str, addresses))


def _addresses(texts: Iterable[str]) -> frozenset[Address]:
    return frozenset(map(Address.parse, texts))


def _places(places: Iterable[tuple[str, Sequence[str]]]) -> frozenset[Place]:
    return frozenset((Address.parse(at), tuple(path)) for at, path in places)


class OfflineProvider:
    """A provider that has read already: it plans as the real one, and asks no server."""

    served_by: Address | None = None

    def __init__(self, real: Provider, observed: Sequence[Observed] | None) -> None:
        self._real, self._observed = real, observed

    @property
    def name(self) -> str:
        return self._real.name

    @property
    def title(self) -> str:
        return self._real.title

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return self._real.kinds

    def expand(self, document: Document) -> Iterable[Resource]:
        return self._real.expand(document)

    def observe(self, _desired: Collection[Resource]) -> Iterable[Observed]:
        if self._observed is None:
            raise Unreachable(f"no file of --against has anything of {self.title}")
        return self._observed

    @property
    def server(self) -> str:
        return self._real.server if isinstance(self._real, Located) else ""

    def steps(self, changes: Sequence[Change]) -> Sequence[Step]:
        return self._real.steps(changes)

    def perform(self, step: Step) -> Verdict:
        raise ProviderError("a file can't be changed", address=step.address, doing=step.verb)

    def close(self) -> None:
        self._real.close()


def read_documents(path: Path, project: str) -> Sequence[Mapping[str, Any]]:
    """The snapshot or the exported realms of a file. Raises ConfigError for anything else."""
    from reconciler.config.yaml.errors import json_fault
    from reconciler.config.yaml.textfile import USERS_LIMIT, UnusableFile, read_bytes

    try:
        found = json.loads(read_bytes(path, USERS_LIMIT))
    except UnusableFile as error:
        raise _wrong(path, str(error), UNREADABLE) from error
    except (ValueError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else json_fault(error)
        raise _wrong(path, f"is neither a snapshot nor a realm export: {why}", SYNTAX) from error
    documents = found if isinstance(found, list) else [found]
    for each in documents:
        if not isinstance(each, dict) or not (each.get("schema") == SCHEMA or isinstance(each.get("realm"), str)):
            advice = "write one with `reconcile snapshot --out FILE`, or export a realm"
            raise _wrong(path, f"is neither a snapshot nor a realm export; {advice}", SCHEMA_CODE)
        if each.get("schema") == SCHEMA and (faults := load_schema("snapshot").faults(each, is_plain=True)):
            raise ConfigError([Problem(fault.message, Origin(str(path)), code=SCHEMA_CODE) for fault in faults])
        # Another project's snapshot would show everything as missing.
        if each.get("schema") == SCHEMA and each["project"] != project:
            raise _wrong(path, f"is a snapshot of the project `{each['project']}`, not of `{project}`", SCHEMA_CODE)
    return documents


def _holder(holder: Address, places: Iterable[Place]) -> dict[str, Any]:
    return {"address": str(holder), "places": sorted([str(at), list(path)] for at, path in places)}


def _held_at(found: Iterable[Any]) -> frozenset[Place]:
    return frozenset((Address.parse(at), tuple(path)) for at, path in found)


def _bystander(each: Bystander) -> dict[str, Any]:
    return {"id": each.id, "name": each.name, "loss": each.loss, "lasting": each.lasting, "holds": each.holds}


def _wrong(path: Path, message: str, code: str) -> ConfigError:
    return ConfigError([Problem(message, Origin(str(path)), code=code)])
