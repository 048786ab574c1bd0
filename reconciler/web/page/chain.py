"""The chain of a login: from the browser to the application, and on to all that the application needs for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from reconciler.core.diagnosis import Diagnosis
from reconciler.core.login import Login, Walk
from reconciler.core.plan.graph import Needs
from reconciler.core.resource.address import Address
from reconciler.record import Struct
from reconciler.render.answers.doctor import login_words
from reconciler.web.page.drawing import Cell, cell_of
from reconciler.web.page.model import RANK, Model, Row, Sign

MOST_OF_A_KIND: Final = 6
"""So many resources of one kind are drawn: of a realm with many users the worst."""

BROWSER: Final = Address("browser", ("login",))


class Chain(Struct, frozen=True):
    """The cells of the chain, what leads to each, and how many resources are left out of it."""

    cells: tuple[Cell, ...]
    comes_from: Needs
    left_out: int


def chain_of(found: Model, login: Login | None, walk: Walk | None, diagnoses: Sequence[Diagnosis]) -> Chain | None:
    """The chain with the findings on it; None if no login is declared, or no resource of the project answers there."""
    entry = _entry(found, login) if login else None
    if login is None or entry is None:
        return None
    needs = _needs(found, entry)
    notes: dict[Address, list[str]] = {}
    for each in diagnoses:
        if each.address:
            notes.setdefault(each.address, []).append(f"{each.code}: {each.message}")
    members = [row for row in found.rows if row.address in needs and _is_shown(found, entry, row)]
    drawn = list(_few(members, notes))
    cells = (_browser(login, walk), *(_cell(row, notes.get(row.address, ())) for row in drawn))
    shown = {row.address for row in drawn}
    comes_from: dict[Address, dict[Address, str]] = {cell.address: {} for cell in cells}
    # Drawn the way that a login takes, which is against the way of needs.
    comes_from[entry][BROWSER] = ""
    for address in shown:
        for need in needs[address] & shown:
            comes_from[need][address] = ""
    return Chain(cells, comes_from, len(members) - len(drawn))


def _entry(found: Model, login: Login) -> Address | None:
    """The resource that answers at the address of the login: that of the service that publishes its port."""
    parts = urlsplit(login.url)
    port = str(parts.port or (443 if parts.scheme == "https" else 80))
    names = {
        name
        for name, service in found.scene.session.document.section("services").items()
        if any(str(each.get("published")) == port for each in service.get("ports") or ())
    }
    return next((row.address for row in found.rows if _runs(found, row) and row.address.path[0] in names), None)


def _needs(found: Model, entry: Address) -> dict[Address, set[Address]]:
    """All that the entry needs, with what each of it needs; a provider's resources also need what serves them."""
    hosts = {name: provider.served_by for name, provider in found.scene.session.providers.items()}
    needs: dict[Address, set[Address]] = {}
    frontier = [entry]
    while frontier:
        address = frontier.pop()
        if address in needs:
            continue
        # Clients and users live in a Keycloak, and that is a container of the stack: the chain leads on through it.
        host = hosts.get(address.provider)
        needs[address] = {*found.needs.get(address, ()), *((host,) if host in found.place else ())}
        frontier += needs[address]
    return needs


def _is_shown(found: Model, entry: Address, row: Row) -> bool:
    """Not what a program only lies on, such as its image: a login passes through programs and through objects."""
    return row.address.provider != entry.provider or _runs(found, row)


def _runs(found: Model, row: Row) -> bool:
    return "state" in found.scene.session.kinds[row.address.kind].fields


def _few(rows: Sequence[Row], notes: Collection[Address]) -> Iterator[Row]:
    counts: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: (row.address not in notes, RANK[row.sign])):
        counts[row.address.kind] = counts.get(row.address.kind, 0) + 1
        if counts[row.address.kind] <= MOST_OF_A_KIND:
            yield row


def _cell(row: Row, notes: Sequence[str]) -> Cell:
    cell = cell_of(row)
    if not notes:
        return cell
    sign = min(row.sign, Sign.DEGRADED, key=RANK.__getitem__)
    return Cell(cell.address, sign, "; ".join(notes), cell.href)


def _browser(login: Login, walk: Walk | None) -> Cell:
    is_known = walk is not None and (walk.works or walk.fails)
    sign = Sign.UNKNOWN if not is_known else Sign.IN_SYNC if walk and walk.works else Sign.STUCK
    return Cell(BROWSER, sign, "not walked yet" if walk is None else login_words(login, walk), "/doctor#login")
