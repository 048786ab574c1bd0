"""``extends``: a service that begins with what another one says, of its own file or of one beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconciler.config.compose.assembly.layers import Layer, read_named
from reconciler.config.compose.assembly.level import Findings, Level
from reconciler.config.compose.assembly.stages import fitting_in_part, variables_filled, with_layer
from reconciler.config.compose.model.merge import laid_over, without
from reconciler.config.compose.model.paths import absolute_paths, is_remote
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.textfile import shown_name
from reconciler.config.yaml.tree import Map, Place, Tree, TreePath, placed, with_places
from reconciler.core.message.problem import CHECK
from reconciler.record import Struct, field

_MOST: Final = 100


def extended(tree: Map, layer: Layer, level: Level, found: Findings) -> Map:
    """The layer with every service complete that extends another one."""
    services = tree.get("services")
    if not isinstance(services, Map) or not any(_wanted(service) for service in services.values()):
        return tree
    home = _Home(layer.path, with_places(services, services), layer.cleared, found)
    extension = _Extension(level, found)
    for name in services:
        extension.complete(name, home, ())
    return with_places({**tree, "services": home.services}, tree)


class _Wanted(Struct, frozen=True):
    """The reference of an ``extends``, and its place."""

    service: str
    file: str | None
    place: Place | None
    file_place: Place | None = None


def _wanted(service: Tree) -> _Wanted | None:
    """None also where it is of a wrong form, which the schema complains of."""
    extends = service.get("extends") if isinstance(service, Map) else None
    place = placed(service, "extends")
    if isinstance(extends, str):
        return _Wanted(extends, None, place)
    if not isinstance(extends, Map) or not isinstance(extends.get("service"), str):
        return None
    file = extends.get("file")
    if not isinstance(file, str | None):
        return None
    return _Wanted(extends["service"], file, placed(extends, "service") or place, placed(extends, "file") or place)


class _Home(Struct):
    """Services that can extend each other: those of one layer, or of a file that is extended from."""

    path: Path
    services: Map
    cleared: Sequence[TreePath]
    found: Findings


class _Extension(Struct):
    level: Level
    found: Findings
    files: dict[Path, _Home | None] = field(default_factory=dict)
    is_too_deep: bool = False

    def complete(self, name: str, home: _Home, trail: tuple[tuple[Path, str], ...]) -> Tree:
        """The service with what it extends, which replaces it in its home."""
        service = home.services[name]
        wanted = _wanted(service)
        if wanted is None:
            return service
        own = with_places({key: value for key, value in service.items() if key != "extends"}, service)
        lower = self._lower(name, wanted, home, (*trail, (home.path, name)))
        if lower is None:
            # The service lacks a part that nobody knows, so checks of what it should have are left out.
            home.found.gone.append(("services", name, "extends"))
        if isinstance(lower, Map):
            own = laid_over(self._cleared(name, lower, home), own, home.found.problems, path=("services", name))
        home.services[name] = own
        return own

    def _lower(self, name: str, wanted: _Wanted, home: _Home, trail: tuple[tuple[Path, str], ...]) -> Tree:
        other = home if wanted.file is None else self._file(wanted)
        if other is None:
            return None
        where = f"services.{name}.extends"
        if wanted.service not in other.services:
            hint = f", but there is no such service{suggestion(wanted.service, list(other.services))}"
            of_file = "" if other is home else f" of {shown_name(other.path, self.level.root)}"
            self._wrong(wanted.place, f"{where} names `{wanted.service}`{of_file}{hint}")
            return None
        step = (other.path, wanted.service)
        if step in trail:
            names = [each for _, each in (*trail[trail.index(step) :], step)]
            self._wrong(wanted.place, f"services extend each other in a circle: {' → '.join(names)}")
            return None
        if self.is_too_deep:
            return None  # reported where it first was
        if len(trail) > _MOST:
            self.is_too_deep = True
            self._wrong(wanted.place, f"{where}: more than {_MOST} services extend each other")
            return None
        lower = self.complete(wanted.service, other, trail)
        home.found.inherit(wanted.service, name, other.found)
        return lower

    def _wrong(self, place: Place | None, message: str) -> None:
        self.found.problems.extend([place.problem(message, at_value=True, code=CHECK)] if place else [])

    def _cleared(self, name: str, lower: Map, home: _Home) -> Map:
        held = Map({"services": Map({name: lower})})
        cleared: Map = without(held, [path for path in home.cleared if len(path) > 2])["services"][name]
        return cleared

    def _file(self, wanted: _Wanted) -> _Home | None:
        assert wanted.file is not None
        if is_remote(wanted.file):
            self._wrong(wanted.file_place, f"`{wanted.file}` is not supported yet: only files can be extended")
            return None
        named = self.level.directory / wanted.file
        # Several services may extend from one file, which is read once.
        path = named.resolve() if named.exists() else named  # the message on a link that leads nowhere shows its name
        forbidden = self.level.forbids(named)
        if forbidden:
            self._wrong(wanted.file_place, forbidden)
            return None
        if path not in self.files:
            self.found.files.append(path)
            self.files[path] = self._read(path, wanted)
        return self.files[path]

    def _read(self, path: Path, wanted: _Wanted) -> _Home | None:
        assert wanted.file_place
        written = read_named([path], self.level.root, place=wanted.file_place, problems=self.found.problems)
        if written is None:
            return None
        found = Findings([*written.problems])
        document = Map()
        for layer in written.layers:
            # Its includes are not read: only its own services are asked for.
            tree = variables_filled(layer, self.level, found)
            document = with_layer(document, tree, layer, found, check=_as_base)
        self.found.problems.extend(found.problems)
        services = absolute_paths(document, self.level.base_of(path.parent)).get("services") or Map()
        cleared = written.layers[-1].cleared if written.layers else ()
        return _Home(path, with_places(services, services), cleared, found)


def _as_base(document: Map, found: Findings) -> Map:
    """The part of a file that others may be extended from."""
    return fitting_in_part(_empty_where_null(document), found)


def _empty_where_null(tree: Map) -> Map:
    """Replaces null by an empty service: a file that others are extended from may leave a service empty."""
    services = tree.get("services")
    if not isinstance(services, Map) or None not in services.values():
        return tree
    filled = {name: Map() if service is None else service for name, service in services.items()}
    return with_places({**tree, "services": with_places(filled, services)}, tree)
