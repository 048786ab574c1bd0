"""One file laid over another: what becomes of a value that both have, by the rules of the Compose Specification.

Mappings are merged key by key, lists are joined, of anything else the upper value counts. The exceptions are rows of
a table, by an attribute's form in the schema or by its name. Values may be in any form, short or long; those of a
wrong type are left for the schema to complain of.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from reconciler.config.compose.model.attributes import by_form
from reconciler.config.compose.model.longform import build_mapping, edge_mapping, name_mapping
from reconciler.config.compose.model.shapes import Malformed, text
from reconciler.config.yaml.tree import (
    Items,
    Map,
    Place,
    Tree,
    TreePath,
    bare,
    dotted,
    entries,
    from_items,
    like,
    placed,
    pruned,
    with_places,
)
from reconciler.core.message.problem import CHECK, Problem
from reconciler.core.resource.options import OPTIONS
from reconciler.record import Struct, field

Form = Callable[[Tree], Tree]
Join = Callable[[Tree, Tree], Tree]


_MOST_PAIRS: Final = 10_000


def _as_it_is(value: Tree) -> Tree:
    return value


class Rule(Struct, frozen=True):
    """Merges two values: brings both to one ``form`` and joins them; ``inside`` are the rules of a mapping's keys."""

    form: Form = _as_it_is
    join: Join | None = None
    inside: Mapping[str, Rule] = field(default_factory=dict)

    def below(self, key: str) -> Rule:
        return self.inside.get(key) or self.inside.get("*") or _PLAIN


def laid_over(lower: Map, upper: Map, problems: list[Problem], *, path: TreePath = ()) -> Map:
    """The upper mapping over the lower one, both of them what stands at ``path``; adds what can't be merged."""
    rule = DOCUMENT
    for key in path:
        rule = rule.below(str(key))
    return _Merge(problems).mappings(lower, upper, rule, path)


def without(document: Map, cleared: Iterable[TreePath]) -> Map:
    """The document without what a layer above it clears."""
    done = pruned(document, tuple(cleared))
    assert isinstance(done, Map)
    return done


class _Merge(Struct, frozen=True):
    problems: list[Problem]

    def mappings(self, lower: Map, upper: Map, rule: Rule, path: TreePath) -> Map:
        done = with_places(lower, lower)
        for key, value in upper.items():
            place = placed(upper, key)
            if key not in lower:
                new, where = value, place
            else:
                new = self._values(lower[key], value, rule.below(key), (*path, key), place)
                # A merged value keeps the place of the lower one, where its beginning stands.
                where = place if new is value or not placed(lower, key) else placed(lower, key)
            done[key] = new
            if where:
                done.places[key] = where
        return done

    def _values(self, lower: Tree, upper: Tree, rule: Rule, path: TreePath, place: Place | None) -> Tree:
        try:
            # Both sides in one form first: a list of pairs and a mapping say the same.
            below, above = rule.form(lower), rule.form(upper)
            if rule.join:
                return rule.join(below, above)
        except Malformed as error:
            self.problems.extend(fault for fault in error.at(place) if isinstance(fault, Problem))
            return upper
        # `null` in a later file declares nothing; removing is what `!reset` is for.
        if above is None:
            return below
        if isinstance(below, Map) and isinstance(above, Map):
            return self.mappings(below, above, rule, path)
        if isinstance(below, list) and isinstance(above, list):
            return _joined(below, above)
        if isinstance(below, Map | list) and place:
            said = f"{dotted(path)} can't be merged: what it is laid over has another form; write both alike"
            self.problems.append(place.problem(said, code=CHECK))
        return above


def _appended(lower: Tree, upper: Tree) -> Tree:
    """One list after the other. Of two items with one name the later counts, so that none may be left out here."""
    if not isinstance(lower, list) or not isinstance(upper, list):
        return upper
    return from_items([*entries(lower), *entries(upper)])


def _joined(lower: Tree, upper: Tree) -> Items:
    """One list after the other, without what is there already."""
    seen = {_identity(item) for item in lower}
    kept = list(entries(lower))
    for item, place in entries(upper):
        if (identity := _identity(item)) not in seen:
            seen.add(identity)
            kept.append((item, place))
    return from_items(kept)


def _identity(item: Tree) -> tuple[type, str]:
    plain = bare(item)
    return type(plain), plain if isinstance(plain, str) else json.dumps(plain, sort_keys=True, default=str)


def _list(value: Tree) -> Tree:
    """A list of texts, however it is written: a mapping gives ``KEY=value``, in the order of the keys."""
    match value:
        case Map() if not any(isinstance(part, dict) for part in value.values()):
            # Compose sorts pairs that were a mapping; a list keeps its order.
            return from_items(sorted(_pairs(value), key=lambda pair: str(pair[0])))
        case str():
            return Items([value])
        case None:
            return Items()
        case _:
            return value


def _pairs(value: Map) -> Iterable[tuple[str, Place | None]]:
    for key, given in value.items():
        for each in given if isinstance(given, list) else [given]:
            pair = key if each is None else like(each, "=".join((key, text(each))))
            yield pair, placed(value, key)


def _upper(_lower: Tree, upper: Tree) -> Tree:
    return upper


def _of_one_driver(lower: Tree, upper: Tree) -> Tree:
    """Options of another log driver mean nothing to the new one."""
    if not isinstance(lower, Map) or not isinstance(upper, Map):
        return upper
    drivers = {str(value["driver"]) for value in (lower, upper) if "driver" in value}
    return laid_over(lower, upper, []) if len(drivers) <= 1 else upper


def _of_either_form(lower: Tree, upper: Tree) -> Tree:
    """Names as a list or as a mapping; what is said of a name is replaced as a whole, since a list of words is one."""
    if isinstance(lower, list) and isinstance(upper, list):
        return _joined(lower, upper)
    below, above = name_mapping(lower), name_mapping(upper)
    if not isinstance(below, Map) or not isinstance(above, Map):
        return upper
    # A name alone must not erase what the lower layer says about it.
    said = {name: value for name, value in above.items() if value is not None or name not in below}
    return Map(
        {**below, **said}, {**below.places, **{name: above.places[name] for name in said if name in above.places}}
    )


def _pools(lower: Tree, upper: Tree) -> Tree:
    """Address pools are known by their subnets. That some of the lower ones are lost is Compose's own oddity."""
    if not all(isinstance(pool, Map) for pools in (lower, upper) if isinstance(pools, list) for pool in pools):
        return upper
    # Each pool is compared with each, so a file must not be able to ask for billions of comparisons.
    if len(lower or ()) * len(upper or ()) > _MOST_PAIRS:
        raise Malformed("more address pools are to be merged than any network has")
    found: list[Map] = []
    for mine in lower or ():
        pool = with_places(mine, mine)
        for theirs in upper or ():
            if theirs.get("subnet") != pool.get("subnet") and _with_subnet(found, theirs) is None:
                found.append(theirs)
                continue
            merged = laid_over(pool, theirs, [])
            pool.update(merged)
            pool.places.update(merged.places)
            known = _with_subnet(found, pool)
            if known is None:
                found.append(pool)
            else:
                found[known] = pool
    return Items(found)


def _with_subnet(pools: Iterable[Map], wanted: Map) -> int | None:
    found = (number for number, pool in enumerate(pools) if pool.get("subnet") == wanted.get("subnet"))
    return next(found, None)


_PLAIN: Final = Rule()
_UPPER: Final = Rule(join=_upper)
_LIST: Final = Rule(form=_list, join=_appended)
_ONCE: Final = Rule(form=_list)
_LABELS: Final = Rule(inside={"labels": _ONCE})
_BUILD: Final = {"additional_contexts": _LIST, "args": _LIST, "extra_hosts": _ONCE, "labels": _LIST}
_BY_FORM: Final[Mapping[str, Rule]] = {
    "command": _UPPER,
    "env_files": _LIST,
    "hosts": _ONCE,
    "mapping": _LIST,
    "text_list": _ONCE,
    "text_or_texts": _LIST,
    "ulimits": Rule(inside={"*": _UPPER}),
}
"""The rule of an attribute of a service by its form in the schema; any other form has the plain rule."""

_SERVICE: Final[Mapping[str, Rule]] = {
    **by_form("service", _BY_FORM),
    "build": Rule(form=build_mapping, inside=_BUILD),
    "depends_on": Rule(form=edge_mapping),
    "deploy": Rule(inside={"labels": _LIST}),
    "dns_opt": _LIST,
    "healthcheck": Rule(inside={"test": _UPPER}),
    "logging": Rule(join=_of_one_driver),
    "models": Rule(form=name_mapping),
    "networks": Rule(form=name_mapping),
}
_NETWORK: Final = {"ipam": Rule(inside={"config": Rule(join=_pools)}), "labels": _LIST}
DOCUMENT: Final = Rule(
    inside={
        "configs": Rule(inside={"*": _LABELS}),
        "networks": Rule(inside={"*": Rule(inside=_NETWORK)}),
        "secrets": Rule(inside={"*": _LABELS}),
        "services": Rule(inside={"*": Rule(inside=_SERVICE)}),
        "volumes": Rule(inside={"*": _LABELS}),
        OPTIONS: Rule(inside={"secrets": Rule(join=_of_either_form)}),
    }
)
