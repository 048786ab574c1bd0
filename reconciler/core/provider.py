"""The protocol of a provider: four verbs, two of them pure. The rest of the program knows nothing else of an API."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, runtime_checkable

from reconciler.core.diagnosis import Check
from reconciler.core.difference.change import Change
from reconciler.core.difference.kind import Kind
from reconciler.core.history.author import Author
from reconciler.core.login import Evidence, Way
from reconciler.core.message.problem import Problem
from reconciler.core.plan.access import AccessChange, Grants, Matches
from reconciler.core.plan.plan import Step
from reconciler.core.plan.risk import Risk
from reconciler.core.resource.address import Address
from reconciler.core.resource.amount import Amount
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Bystander, Observed, Resource
from reconciler.core.resource.values import Path, Secret, Value
from reconciler.record import Discreet, Struct, field


class Done(Struct, frozen=True):
    """The step has had its effect. ``mark`` stays the same as long as it lasts, where that is to be watched."""

    note: str = ""
    mark: str = ""


class Pending(Struct, frozen=True):
    """Not yet; call again in so many seconds. The caller keeps the clock, and asks ``otherwise`` what more there is to
    say if time runs out. ``milestone`` is another number once a part of it has begun or is complete."""

    retry_in: float
    note: str = ""
    otherwise: Callable[[], str] = str
    amount: Amount | None = None
    milestone: int = 0


Verdict: TypeAlias = Done | Pending


class Provider(Protocol):
    """The adapter of one API."""

    @property
    def name(self) -> str:
        """The first part of its kinds' names."""
        ...

    @property
    def title(self) -> str:
        """The name of the other side in a sentence."""
        ...

    @property
    def kinds(self) -> Mapping[str, Kind]: ...

    @property
    def served_by(self) -> Address | None:
        """The resource of another provider without which this one can't be reached, if there is one."""
        ...

    def expand(self, document: Document) -> Iterable[Resource]:
        """The desired resources; pure. Raises ConfigError for what it can't make sense of."""
        ...

    def observe(self, desired: Collection[Resource]) -> Iterable[Observed]:
        """Read what there is of the desired resources, and owned orphans. Raises Unreachable, Denied."""
        ...

    def steps(self, changes: Sequence[Change]) -> Sequence[Step]:
        """The calls that settle the changes; pure. Kept resources are among them: they may need a gate."""
        ...

    def perform(self, step: Step) -> Verdict:
        """Do one call; safe to repeat, and called from several threads. A failure is a ProviderError."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


@runtime_checkable
class OneOfSeveral(Protocol):
    """A provider with others of its sort beside it: while its server is away, they go on, and its resources wait."""

    @property
    def is_one_of_several(self) -> bool: ...


class BuiltImage(Struct, frozen=True):
    """An image that is built for ``services``; ``names`` are those of the files under which it can be pushed."""

    resource: Resource
    services: tuple[str, ...]
    names: tuple[str, ...]


@runtime_checkable
class ImageBuilder(Protocol):
    """A provider that builds images, and can send them to where others get them."""

    def images(self, desired: Iterable[Resource]) -> Sequence[BuiltImage]:
        """The desired resources that are built from a context; pure."""
        ...

    def push(self, image: Resource, names: Sequence[str]) -> Iterator[str]:
        """Send an image to the registries of these names; yields progress, each line with the name that it is about.

        Raises Rejected, Conflict or Denied with a registry's words.
        """
        ...


@runtime_checkable
class LogSource(Protocol):
    """A provider whose resources write logs."""

    def logs(self, name: str, *, tail: int | None, follow: bool, timestamps: bool) -> Iterator[str]:
        """The lines of what runs under this name; raises NotThere where there is no such thing."""
        ...

    def log_names(self, services: Collection[str] = ()) -> Sequence[str]:
        """Lists the logs to follow of these names, or of all; an unknown name stays as it is."""
        ...


@runtime_checkable
class ExportReader(Protocol):
    """A provider that finds the live state of its resources in exports of its server."""

    def exported_live(self, realms: Sequence[Mapping[str, Any]], desired: Collection[Resource]) -> Sequence[Observed]:
        """The desired resources that exported realms have, as they are there; asks nobody. Raises ProviderError."""
        ...

    def in_exports(self, realms: Sequence[Mapping[str, Any]], desired: Collection[Resource]) -> Sequence[Resource]:
        """The desired resources whose live state the exports have."""
        ...


@runtime_checkable
class ServiceSource(Protocol):
    """A provider with services, which a person may name alone."""

    def service_address(self, service: str) -> Address:
        """The address that the name of a service stands for."""
        ...


class Hint(Struct, frozen=True):
    """A few words on a change that somebody noticed, and the resource that it is about or within, if that is known.

    ``is_order`` is True if a person or a program asks for a look at everything.
    """

    text: str
    address: Address | None = None
    is_order: bool = False

    def concerns(self, address: Address) -> bool:
        """Returns whether the hint is about this resource, or about one that contains it."""
        own = self.address
        if own is None or own.provider != address.provider:
            return False
        is_within = len(own.path) < len(address.path) and address.path[: len(own.path)] == own.path
        return own == address or is_within

    def __str__(self) -> str:
        return self.text


@runtime_checkable
class Restarter(LogSource, Protocol):
    """A provider whose running resources can be restarted, by the names of their logs."""

    def restart(self, name: str, *, timeout_s: int | None) -> None:
        """Restart it as it is; it has so long to stop, or its own time. Raises NotThere where there is none."""
        ...

    def attached(self, document: Document) -> Mapping[str, Collection[str]]:
        """Service → the services that it loses touch with when they are restarted, until it is restarted too."""
        ...


@runtime_checkable
class Stopper(Restarter, Protocol):
    """A provider whose running resources can be stopped for a while, by the names of their logs."""

    def stop(self, name: str) -> bool:
        """Stop it within its own time; returns whether it ran. Raises Conflict where there is none."""
        ...


class Command(Discreet, frozen=True):
    """A program with its arguments, to be run inside a running resource.

    ``environment`` has entries such as ``NAME=value``. ``user`` and ``directory`` are those of the resource where they
    are empty. With a ``size``, columns and rows, it has a terminal of that size.
    """

    words: tuple[str, ...]
    environment: tuple[str, ...] = ()
    user: str = ""
    directory: str = ""
    size: tuple[int, int] | None = None
    takes_input: bool = False
    is_privileged: bool = False


class RunningCommand(Protocol):
    """A command under way. Its input may be sent by another thread than the one that reads its output."""

    def output(self) -> Iterator[tuple[bool, bytes]]:
        """Yields each piece of output as it comes, and whether it is of the error output. Raises Unreachable."""
        ...

    def send(self, data: bytes) -> bool:
        """Hands input to the command; returns False once it takes no more."""
        ...

    def end_input(self) -> None:
        """The command sees the end of its input."""
        ...

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal of the command another size."""
        ...

    def exit_code(self) -> int | None:
        """The exit code of the command, awaited; None where it goes on without its terminal. Raises ProviderError."""
        ...

    def close(self) -> None:
        """Hangs up; the command itself may go on."""
        ...


@runtime_checkable
class CommandRunner(LogSource, Protocol):
    """A provider in whose running resources a command can be run, by the names of their logs."""

    def begun(self, service: str, number: int | None, command: Command) -> RunningCommand:
        """Begins a command in a service's first container, or the one of this number.

        Raises NotThere where there is no such container, Conflict where it does not run.
        """
        ...

    def begin(self, service: str, number: int | None, command: Command) -> None:
        """Begins a command in the same way, and leaves it alone."""
        ...

    def finished(self, service: str, command: Command, *, timeout_s: float) -> tuple[int, str]:
        """Runs a command in the same way to its end; returns its exit code, and what it wrote to both outputs."""
        ...


@runtime_checkable
class PasswordStore(Protocol):
    """A provider among whose resources are accounts with passwords."""

    def has_password(self, address: Address, password: Secret) -> bool:
        """Returns whether the password logs the account in. Raises ProviderError where that can't be told."""
        ...

    def set_password(self, address: Address, password: Secret) -> None:
        """Give the account this password for good. Raises Conflict where there is no such account."""
        ...


@runtime_checkable
class HintSource(Protocol):
    """A provider that tells when something changed. The change itself is found by a look."""

    def hint_sources(self) -> Mapping[str, Callable[[], Iterator[Hint]]]:
        """The sources by name. Each blocks, and ends when its connection does or it has reported what is new; it is
        begun again after two seconds."""
        ...


class Exit(Struct, frozen=True):
    """The last end of a program: its exit code, and the last lines that it wrote."""

    code: int | None
    lines: tuple[str, ...] = ()


@runtime_checkable
class GlanceSource(HintSource, Protocol):
    """A provider that knows from its hints what can't have changed since it was read."""

    def glance(self, desired: Collection[Resource]) -> Iterable[Observed]:
        """The same as ``observe``, asking only for what may have changed. A change without a hint stays unseen."""
        ...


@runtime_checkable
class ExitSource(Protocol):
    """A provider whose resources run programs."""

    def last_exit(self, live: Observed) -> Exit | None:
        """The last end of a resource's program; None if it has not ended by itself, as far as is known. Asks."""
        ...


@runtime_checkable
class AccessSource(Protocol):
    """A provider whose changes give access to people, or take it."""

    def access(self, changes: Sequence[Change]) -> Sequence[AccessChange]:
        """Lists users who gain or lose by these changes of the last look; asks nothing unless one is about access."""
        ...


@runtime_checkable
class UserDirectory(Protocol):
    """A provider with users and groups. They are searched on its server, and never listed whole.

    All of it asks, and raises ProviderError. The path of a group begins with a slash.
    """

    @property
    def user_kind(self) -> str: ...

    @property
    def group_kind(self) -> str: ...

    def users_found(self, realm: str, text: str, *, most: int) -> Matches:
        """The first users that match a text."""
        ...

    def groups_found(self, realm: str, text: str, *, most: int) -> Matches:
        """The paths of the first groups that match a text."""
        ...

    def members_found(self, realm: str, group: str, *, most: int) -> Matches:
        """The first members of a group; a greater total only says that there are more."""
        ...

    def grants_of_user(self, realm: str, user: str, changes: Sequence[Change]) -> tuple[Grants, Grants]:
        """The grants of a realm with one user, now and after these changes of the last look."""
        ...

    def grants_of_group(self, realm: str, group: str, changes: Sequence[Change]) -> tuple[Grants, Grants]:
        """The same with a user of no name, who is in this group and has nothing else."""
        ...


@runtime_checkable
class GrantSource(Protocol):
    """A provider that knows who can get into what, realm by realm."""

    def declared_grants(self, realm: Mapping[str, Value]) -> Grants:
        """The grants of a realm of the document; what it leaves out stays open."""
        ...

    def live_grants(self, realm: str, users: Collection[str]) -> Grants:
        """The grants of a live realm, of these users or of all; raises ProviderError if there is none."""
        ...


class MadeOf(Struct, frozen=True):
    """The files from which another program made a project, on the machine of its engine, in its own order."""

    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    directory: str = ""


class Adoption(Discreet, frozen=True):
    """Live resources in the words of a file, as plain data with its secrets in the open.

    ``remarks`` say what a file can't say of them. ``made_of`` has the files from which they were made, as far as is
    known, and ``mounted`` for each service the places in its container that something is mounted at.
    """

    file: Mapping[str, Any]
    remarks: tuple[str, ...] = ()
    made_of: MadeOf = field(default_factory=MadeOf)
    mounted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    containers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class StackSource(Protocol):
    """A provider whose live resources can be written as a stack file."""

    def projects(self) -> Sequence[str]:
        """The names of the projects that live there."""
        ...

    def adopted(self, names: Sequence[str], *, project: str, directory: str) -> Adoption:
        """The stack of a project, and of resources that belong to none; raises NotThere for what there is not.

        ``project`` is the name of the stack where no project is among the ``names``, ``directory`` that of the file.
        """
        ...

    def file_in(self, container: str, path: str) -> bytes | None:
        """The content of a file in a container, which need not run; None if there is none. Raises ProviderError."""
        ...


class Sample(Struct, frozen=True):
    """An object as a server made it of the ``asked`` properties; it tells the defaults of objects ``like`` it."""

    asked: Mapping[str, Any]
    like: Mapping[str, Any]
    made: Mapping[str, Any] = field(default_factory=dict)


class LiveRealm(Discreet, frozen=True):
    """A live realm, a ``new`` one of the same name as the server makes it, and samples of objects by section.

    ``remarks`` say what of it the account can't see, or can't tell from defaults.
    """

    realm: Mapping[str, Any]
    new: Mapping[str, Any]
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@runtime_checkable
class ExportSource(Protocol):
    """A provider whose live realms can be written as files."""

    def exported(self, realm: str, *, with_secrets: bool = False) -> LiveRealm:
        """The live realm and what is default in it; raises ProviderError.

        ``with_secrets`` shows those that the server shows to administrators, else they are masked.
        """
        ...


class Declaration(Discreet, frozen=True):
    """A field in the words of a file: the attribute of its object, with the expected value and the live one.

    ABSENT is the value that a file has no line for.
    """

    path: Path
    wanted: Value
    live: Value


@runtime_checkable
class DeclarationSource(Protocol):
    """A provider that can say a live field in the words of a file."""

    def declarations(
        self, document: Document, change: Change, fields: Mapping[str, tuple[Value, Value]]
    ) -> Mapping[str, Sequence[Declaration]]:
        """The declarations of fields of a changed resource: name → (expected, live), without secrets; pure.

        Several for one field are alternatives: the first whose attribute the file has counts, else the first of all.
        A field that a file can't say is left out.
        """
        ...


class Machine(Struct, frozen=True):
    """A machine of a cluster: its part in it, and its state in words. It ``works`` if it does all that it is for."""

    name: str
    role: str
    state: str
    works: bool = True


@runtime_checkable
class MachineSource(Protocol):
    """A provider whose resources run on the machines of a cluster."""

    def machines(self) -> Sequence[Machine]:
        """The machines of the cluster, by name. Asks; raises ProviderError."""
        ...


@runtime_checkable
class PermissionSource(Protocol):
    """A provider that works with an account whose permissions can be limited."""

    def permissions(self, desired: Iterable[Resource]) -> Mapping[str, Mapping[str, str]]:
        """The roles that the account needs for these resources, by realm, and what each is for; pure."""
        ...

    def looking(self, desired: Iterable[Resource]) -> Mapping[str, Mapping[str, str]]:
        """The roles of an account that may only look at these resources, by realm, and what each shows; pure."""
        ...


@runtime_checkable
class EndpointSource(Protocol):
    """A provider whose server can be behind a proxy that admits only the requests on a list."""

    def endpoints(self, document: Document) -> Mapping[str, tuple[str, str]]:
        """The requests for this document: each has what it is for, and a regular expression of its method and path."""
        ...


@runtime_checkable
class Residence(Protocol):
    """A provider one of whose resources may be the place that this process runs in."""

    def home(self) -> str:
        """The id of that live resource, "" if this process runs elsewhere; asks nobody."""
        ...

    def run_apart(self, arguments: Sequence[str], purpose: str) -> str:
        """Begins this program with other arguments in a place of its own, which is like this one and outlives it.

        One that is at work already is left to it. Returns the reason if it has failed of late for the same purpose.
        Raises ProviderError.
        """
        ...

    def clear_away(self) -> None:
        """Removes that place, once its program has ended. Raises ProviderError."""
        ...


@runtime_checkable
class ProgramSource(Protocol):
    """A provider of programs, which may write what they were given."""

    def given(self) -> Iterable[tuple[str, Mapping[str, Value]]]:
        """Hands over each environment that was seen since the last call, with the name of its service or "".

        Before a text of a program is read, its environment is seen. Asks nobody, and raises nothing.
        """
        ...


@runtime_checkable
class CredentialHolder(Protocol):
    """A provider with credentials that it has from elsewhere than the files."""

    def credentials(self) -> Iterable[Value]:
        """Lists them, as secrets; asks nobody, and raises nothing."""
        ...


@runtime_checkable
class WaySource(Protocol):
    """A provider that knows how this process reaches what a browser on the server's machine reaches."""

    def ways(self, document: Document) -> Mapping[int, Way] | None:
        """The way to each port of that machine; None if this process reaches them as the machine itself does.

        Raises ProviderError.
        """
        ...


@runtime_checkable
class WarningSource(Protocol):
    """A provider that has doubts about a document, because of where it would be carried out."""

    def warnings(self, document: Document) -> Iterable[Problem]:
        """Lists warnings for a person before the first look; asks nobody."""
        ...


@runtime_checkable
class RiskSource(Protocol):
    """A provider whose resources can reach beyond themselves, by what is declared of them."""

    def risks(self, document: Document) -> Iterable[Risk]:
        """Lists the risky declarations, also those with a waiver; asks nobody."""
        ...


@runtime_checkable
class BystanderSource(Protocol):
    """A provider whose changes can hurt what is outside the plan."""

    def bystanders(self, changes: Sequence[Change]) -> Mapping[Address, tuple[Bystander, ...]]:
        """Lists resources that these changes of the last look would hurt; asks nothing unless a change can do so."""
        ...


@runtime_checkable
class LeftDataSource(Protocol):
    """A provider whose resources can lose the way to their data, which stays where it is."""

    def left_behind(self, changes: Sequence[Change]) -> Mapping[Address, Sequence[str]]:
        """Returns for resources what they would have in place of their data, in words; asks nobody."""
        ...


@runtime_checkable
class ObstacleSource(Protocol):
    """A provider that can tell beforehand that the other side will not take a step."""

    def obstacles(self, steps: Sequence[Step]) -> Sequence[Problem]:
        """Lists reasons why steps of the last look can't be taken; asks nothing unless one is in doubt."""
        ...


@runtime_checkable
class ContentSource(Protocol):
    """A provider that shows all that a live resource was given: in its fields, or else here."""

    def content(self, desired: Resource, live: Observed, path: Path) -> Value:
        """The live text in the place of what is desired at a path outside of the fields.

        ABSENT where there is none, UNKNOWN where it can't be read.
        """
        ...

    def left_beside(self, live: Observed) -> Mapping[str, Observed]:
        """The other forms of a live resource that an interrupted run left, by their names."""
        ...

    def data_outside(self, desired: Resource) -> Sequence[str]:
        """Places outside of all resources with data in them that an earlier resource of this sort may have written."""
        ...


@runtime_checkable
class AuthorSource(Protocol):
    """A provider whose server records who changed what."""

    def authors(self, ids: Mapping[Address, Sequence[str]], *, since: float) -> Mapping[Address, Sequence[Author]]:
        """The acts on these resources since a time (seconds since 1970), newest first, ours among them.

        ``ids`` are those that they have in the server, and those that they had when they were last seen.
        """
        ...


@runtime_checkable
class Located(Protocol):
    """A provider that works on one of several servers, so that what is known of one must not be said of another."""

    @property
    def server(self) -> str:
        """The address of the server, "" where it can't be told; asks nobody."""
        ...


@runtime_checkable
class LeaseStore(Protocol):
    """A place that all reconcilers of a project can see, for marks that say who is at work."""

    @property
    def lease_noun(self) -> str:
        """The noun for the object that is a mark, as a person finds it on the other side."""
        ...

    def put_lease(self, name: str, mark: Mapping[str, str]) -> None:
        """Leave a mark under a name that nobody else uses."""
        ...

    def leases(self) -> Mapping[str, Mapping[str, str]]:
        """All marks there are: name → mark."""
        ...

    def drop_lease(self, name: str) -> None:
        """Take a mark away; one that is gone is fine."""
        ...

    def holds_data(self, name: str) -> bool:
        """Returns whether more is kept under a mark's name than the mark: then it is none, and must not be deleted."""
        ...


@runtime_checkable
class LeaseEventSource(LeaseStore, Protocol):
    """A place for marks that tells at once when one comes or goes."""

    def lease_events(self) -> AbstractContextManager[Iterator[tuple[str, bool]]]:
        """The names of marks that come or go from the beginning of the block on, and whether each is gone.

        Names of other objects may be among them. Ends with the connection; raises ProviderError.
        """
        ...


@runtime_checkable
class RemnantSource(Protocol):
    """A provider that keeps notes of its own beside live resources."""

    def clear(self) -> Sequence[str]:
        """Removes the notes on what is gone; returns their names."""
        ...


@runtime_checkable
class DiagnosisSource(Protocol):
    """A provider that can look for the cause of trouble. Its checks only read, and wait for an answer briefly."""

    def checks(self, document: Document) -> Sequence[Check]:
        """The checks of the other side and of what the project has there, in their order; asks nothing yet."""
        ...

    def login_checks(self, document: Document, evidence: Evidence) -> Sequence[Check]:
        """The checks of what a login needs, for one that failed; asks nothing yet."""
        ...
