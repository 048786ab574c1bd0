"""Groups of columns in the table of a Keycloak type, and what a type has that does not name a group.

A group holds what belongs to one question: where the server has the objects, how it takes a PUT, what makes a new
object, which objects it makes by itself, which may be pruned. Most types need two or three of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import Path, Spec, Value
from reconciler.providers.keycloak.table import names
from reconciler.providers.keycloak.table.connection import Connection, Live, Representation, View
from reconciler.providers.keycloak.table.required_release import Check, Since
from reconciler.record import Struct, field


def _nothing(_realm: str, _spec: Spec) -> Iterable[Address]:
    return ()


def _never(_keys: Path) -> bool:
    return False


def _always(_keys: Path, _parent: Spec) -> bool:
    return True


def _is_not(_body: Representation) -> bool:
    return False


def _decides_nothing(_spec: Spec) -> bool:
    return False


def _no_names(_spec: Spec) -> Iterable[str]:
    return ()


def _same_body(body: Mapping[str, Value]) -> Mapping[str, Value]:
    return body


class Paths(Struct, frozen=True):
    """The paths of the Admin REST API; they may hold ``{realm}``, ``{parent}``, ``{id}``, ``{name}`` and ``{path}``.

    ``item`` is one object, and a GET of ``find`` tells its id, or an export where no list has them all.
    ``collections`` has the path of the POST for each kind of parent. ``answers_id`` says that a creation is answered
    with the new id. ``id_key`` is the property that holds the id, or "" where objects have none.
    """

    item: str
    find: str
    collections: Mapping[str, str] = field(default_factory=dict)
    answers_id: bool = True
    id_key: str = "id"


class Put(Struct, frozen=True):
    """The server's treatment of keys that a PUT omits.

    Where it ``replaces``, it erases all that is left out, so the whole live object goes along. The properties in
    ``always`` go along in each PUT, with their live values. ``carries`` names those that go along with a certain
    property, because the server would otherwise reset them or ignore the change. ``implies`` names the values that a
    property needs once it is switched on, in a POST as well. ``resolve`` puts ids into a body where names stand.
    ``save`` takes the place of the PUT, and of the POST for objects that the server makes by itself.
    """

    always: tuple[str, ...] = ()
    carries: Mapping[str, frozenset[str]] = field(default_factory=dict)
    implies: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    replaces: bool = False
    resolve: Callable[[Live, Address, Mapping[str, Value]], Mapping[str, Value]] | None = None
    save: Callable[[Live, Address, Mapping[str, Value]], None] | None = None

    def implied(self, body: Mapping[str, Value]) -> Mapping[str, Value]:
        """The values that the properties which a body switches on need."""
        needed = (other for name, other in self.implies.items() if body.get(name) is True)
        return {key: value for other in needed for key, value in other.items()}

    def kept(self, patch: Iterable[str], live: Representation) -> Mapping[str, Value]:
        """The live values that go along with a patch of these properties."""
        if self.replaces:
            return live
        along = (*self.always, *(other for name in patch for other in sorted(self.carries.get(name, ()))))
        return {name: live[name] for name in along if name in live}


class Creation(Struct, frozen=True):
    """The making of a new object, besides its declared part.

    ``misnamed`` says why the server refuses a name, or "". ``defaults`` fill up its body, and ``complete`` does so
    depending on what is declared. ``imported`` turns the body
    into that of a partial import, where the type has one; ``inherits`` adds to it what the settings of the live realm
    give to every object but an imported one. ``decides`` says of an object whether the server gives something to later
    ones because of it: such a one is written whole with its making, also where it came with a new realm, and not by
    the next pass. ``with_realm`` takes all that is declared of a new realm;
    it returns the objects that are made together with the realm, in place of the server's own, and what the realm's
    body says of them.
    """

    misnamed: Callable[[str], str] = names.too_long
    defaults: Mapping[str, Value] = field(default_factory=dict)
    complete: Callable[[Mapping[str, Value]], Mapping[str, Value]] = _same_body
    imported: Callable[[str, Mapping[str, Value]], Mapping[str, Value]] | None = None
    inherits: Callable[[View, Address, Mapping[str, Value]], Mapping[str, Value]] | None = None
    decides: Callable[[Spec], bool] = _decides_nothing
    with_realm: Callable[[Sequence[Resource]], tuple[Sequence[Resource], Mapping[str, Value]]] | None = None


class Builtins(Struct, frozen=True):
    """Objects that the server makes by itself.

    ``is_builtin`` says it of an object that every server has, and ``comes_with`` whether a new parent, as it is
    declared, brings it. ``arises`` says it of an object that the server makes out of another one. With
    ``comes_inside``, a new object brings others of its own type, which only the next pass sees.
    """

    is_builtin: Callable[[Path], bool] = _never
    comes_with: Callable[[Path, Spec], bool] = _always
    arises: Callable[[Path], bool] = _never
    comes_inside: bool = False


class Pruning(Struct, frozen=True):
    """The deletion of undeclared objects.

    ``section`` is the type's name under `prune` in a file, or "" where the type is never pruned. ``keeps`` says which
    objects stay, whatever a file says. ``mark`` turns the owner's name into the attribute that marks its objects.
    """

    section: str = ""
    keeps: Callable[[Representation], bool] = _is_not
    mark: Callable[[Value], Value] | None = None


class Dependencies(Struct, frozen=True):
    """Other objects that an object hangs together with, besides its parent and its links.

    ``uses`` returns those that it needs, and ``takes`` those that the server deletes along with it. ``switches`` says
    so of properties: what goes when such a one is turned off. It is written
    ``behind`` all objects of these types: they decide what the server gives to it, or it acts on what is written later.
    """

    uses: Callable[[str, Spec], Iterable[Address]] = _nothing
    takes: Callable[[str, Spec], Iterable[Address]] = _nothing
    switches: Mapping[str, Callable[[str, Spec], Iterable[Address]]] = field(default_factory=dict)
    behind: tuple[str, ...] = ()


class Replacement(Struct, frozen=True):
    """The replacement of an object that still serves by a new one.

    ``obstacle`` says why that can't be done with a certain one, or "". ``successor`` returns the new object, and
    ``set_aside`` gives the old one another name.
    """

    obstacle: Callable[[Resource, Observed], str]
    successor: Callable[[Resource, Observed], Resource]
    set_aside: Callable[[Live, Address, str], None]


class Requirements(Struct, frozen=True):
    """The server's features and permissions that are required, and the remedy for a refusal.

    ``since`` names the first release that has a property, or the type itself under "". ``checks`` ask for whatever
    else a server may lack. ``refuses`` says why a body would not have its effect, or "". ``rejects`` says the same of
    a body that a POST or PUT is refused for, while an import is not. ``remedies`` say what to do where the server's
    refusal contains certain words.
    """

    since: Mapping[str, Since] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    refuses: Callable[[View, Address, Mapping[str, Value]], str] | None = None
    rejects: Callable[[View, Address, Mapping[str, Value]], str] | None = None
    remedies: Mapping[str, str] = field(default_factory=dict)


class Listing(Struct, frozen=True):
    """The server's list of all objects of a type in a realm, each with its key: rules about other objects read it.

    ``path`` is below the realm. ``at_first`` are the keys in a new realm; None where the server's version decides.
    """

    path: str
    at_first: tuple[str, ...] | None = None


class Reading(Struct, frozen=True):
    """The way the objects are read.

    ``flags`` are those that a partial export needs to show the objects, and ``more`` reads what it does not show.
    ``secrets`` are the places of values that only the server and the one who declares them may know. ``masked`` names
    the properties of an object in which the server shows a mask in place of a secret. ``listing`` is the list that
    rules of other types read. ``shown_to`` are the roles that are shown them, where it is not the one that writes them.
    """

    flags: frozenset[str] = frozenset()
    more: Callable[[Connection, str, Representation, Iterable[Resource]], Representation] | None = None
    secrets: tuple[Path, ...] = ()
    masked: Callable[[Spec], Iterable[str]] = _no_names
    listing: Listing | None = None
    shown_to: str = ""


class Wording(Struct, frozen=True):
    """The names of properties in ``words`` for a reader, and an object's ``label``, if that is not the key."""

    words: Mapping[str, str] = field(default_factory=dict)
    label: Callable[[Representation], str] | None = None
