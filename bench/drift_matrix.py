"""The reaction of the program and of the Compose CLI to the same changes, as docs/drift-matrix.md.

Usage: python -m bench.drift_matrix, with a Docker engine. Everything it makes is in projects of its own, and removed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reconciler import __version__
from reconciler.core.difference.change import Action
from reconciler.core.message.errors import ReconcileError
from tests.kit.docker import fields, hands
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import Project, a_project, the_engine
from tests.kit.docker.fields import ROWS, Row
from tests.kit.docker.hands import NEW, SAME, SAME_ID, Hand

BATCH = 8
AT_ONCE = 3
PATIENCE_S = 120

MEANS = {
    SAME: "repaired, the container keeps running",
    SAME_ID: "repaired, started again",
    NEW: "repaired by a new one",
}
PROMISE = {
    Action.UPDATE: "in place or reconnected",
    Action.REPLACE: "a new container",
    Action.KEEP: "left to the engine",
}
INTRODUCTION = """\
# Drift: what is seen, and what is done about it

Written by `make drift-matrix`, {date}: reconcile {version}, Docker engine {engine},
Compose CLI {compose}. Each change is made to a running stack on a real engine, once with each program. Then
`reconcile apply`, or `docker-compose up -d`, runs, and the whole stack is compared with its file field by field.
Another service of the stack may not be touched, and its container is looked at too.

## Changes behind its back

"Keeps running" is the same container, up since before.

| change | reconcile | Compose CLI |
|---|---|---|
{hands}

{sums}

## Every field of a container

The columns show the reaction to a change in the file, to a change by hand, and to a removed line. The last one shows
the Compose CLI's reaction to the change by hand. A removed line has no effect if the engine is free to choose the
value. A field without a row fails `tests/unit/providers/docker/kinds/test_tried.py`. The tests also show
that a reordered file is no difference. "Not here" means that this machine's kernel or engine can't hold the value;
then only the comparison is tested.

| field | as a user writes it | changed in the file | changed by hand | taken out | Compose CLI, changed by hand |
|---|---|---|---|---|---|
{fields}
"""


@contextmanager
def projects() -> Iterator[Project]:
    engine = the_engine()
    with tempfile.TemporaryDirectory() as folder, a_project(Path(folder), engine) as project:
        try:
            yield project
        finally:
            project.remove()
            hands.clean(project)
    engine.close()


def compose(project: Project) -> str:
    """Run ``up -d``; the last line of what it complains of, if it fails."""
    command = [str(compose_cli()), "-p", project.name, "-f", "stack.yaml", "up", "-d"]
    done = subprocess.run(
        command,
        cwd=project.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = done.stderr.strip().splitlines()[-1].removeprefix("Error response from daemon: ") if done.returncode else ""
    return re.sub("[0-9a-f]{64}", "ID", said)


def ours(project: Project) -> str:
    try:
        report = project.apply()
    except ReconcileError as error:
        return f"refused: {error}".replace(project.name, "p").splitlines()[0]
    return f"fails: {report.failed[0].note}" if report.failed else ""


def theirs(project: Project) -> str:
    said = compose(project)
    return f"fails: {said.replace(project.name, 'p')}" if said else ""


def outcome(hand: Hand, *, by_compose: bool) -> str:
    """The result of one change, in words."""
    with projects() as project:
        run = theirs if by_compose else ours
        hands.declare(project)
        failed = run(project)
        assert not failed, failed
        settled(project)
        before, other = project.identity(), project.identity("other")
        hand.do(project)
        seen = bool(project.differences()) or hand.by is Action.KEEP
        said = run(project)
        try:
            return said or told(project, before, other, hand, seen=seen)
        finally:
            if hand.undo:
                hand.undo(project)


def settled(project: Project) -> None:
    """Waits until the Compose CLI's containers are as declared for us, too: their health check must pass."""
    assert not project.differences(), project.differences()


def told(project: Project, before: tuple[str, str], other: tuple[str, str], hand: Hand, *, seen: bool) -> str:
    wrong = project.differences()
    inspect = project.engine.get(f"/containers/{before[0]}/json") or project.inspect()
    after = (inspect["Id"], inspect["State"]["StartedAt"]) if inspect else ("", "")
    became, touched = hands.left(before, after), project.identity("other") != other
    if not seen and became == SAME:  # what is in a file that the Compose CLI mounted is nowhere to be seen
        return "**not repaired**"
    if wrong:
        names = ", ".join(sorted({field.path[0] for change in wrong.values() for field in change.fields}))
        text = "**not repaired**" if became == SAME and not touched else f"**still wrong** ({names})"
    elif hand.by is Action.KEEP:
        text = "told, nothing is done" if became == SAME and not touched else "containers replaced or started again"
    else:
        text = MEANS[became] if hand.by is not Action.DELETE else "removed"
    return text + (", **and the other service was touched**" if touched else "")


# ------------------------------------------------------------------ fields


def by_compose(rows: Sequence[Row]) -> dict[str, str]:
    """Service → what the Compose CLI makes of the change by hand."""
    with projects() as project:
        able = held(project, rows)
        fields.declare(project, able, lambda row: row.other)
        assert not compose(project)
        unlike = project.differences()
        for row in able:
            fields.by_hand(project, row)
        said = compose(project)
        wrong = project.differences()
        found = {}
        for row in rows:
            address = f"docker.container/{row.service}"
            if row not in able:
                found[row.service] = "not here"
            elif address in unlike:
                found[row.service] = "makes it otherwise: " + ", ".join(f.path[0] for f in unlike[address].fields)
            else:
                found[row.service] = (
                    (f"fails: {said}" if said else "not seen") if address in wrong else "a new container"
                )
        return found


def held(project: Project, rows: Iterable[Row]) -> list[Row]:
    known = [row for row in rows if row.starts and row.api <= project.engine.api_version]
    fields.declare(project, known, lambda row: row.value)
    failed = {event.step.address.name for event in project.apply().failed}
    project.remove()
    return [row for row in known if row.service not in failed]


def row_of(row: Row, compose_does: str) -> str:
    wrote = f"`{row.attribute}: {row.value}`".replace("|", "\\|")
    means = PROMISE[row.by]
    return f"| {row.field} | {wrote} | {means} | {means} | {PROMISE[row.removal]} | {compose_does} |"


def main() -> int:
    """Write the document."""
    if not compose_cli():
        print("there is no docker-compose here", file=sys.stderr)
        return 1
    batches = [ROWS[first : first + BATCH] for first in range(0, len(ROWS), BATCH)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        here = list(pool.map(lambda hand: outcome(hand, by_compose=False), hands.HANDS))
        there = list(pool.map(lambda hand: outcome(hand, by_compose=True), hands.HANDS))
        found = {name: text for batch in pool.map(by_compose, batches) for name, text in batch.items()}
    engine = the_engine()
    version = engine.get("/version")
    text = INTRODUCTION.format(
        date=f"{datetime.now(tz=UTC):%-d %B %Y}",
        version=__version__,
        engine=f"{version['Version']} (API {'.'.join(map(str, engine.api_version))})",
        compose=subprocess.run(
            [str(compose_cli()), "version", "--short"], capture_output=True, text=True, check=True
        ).stdout.strip(),
        hands="\n".join(
            f"| {hand.name} | {us} | {them} |" for hand, us, them in zip(hands.HANDS, here, there, strict=True)
        ),
        sums=sums(here, there),
        fields="\n".join(row_of(row, found[row.service]) for row in ROWS),
    )
    engine.close()
    (Path(__file__).resolve().parents[1] / "docs/drift-matrix.md").write_text(text, encoding="utf-8")
    return 0


def sums(here: Sequence[str], there: Sequence[str]) -> str:
    def settled(outcomes: Sequence[str]) -> int:
        return sum(text.startswith(("repaired", "removed", "refused", "told")) for text in outcomes)

    return (
        f"Of these {len(here)}, reconcile repairs or refuses with a reason {settled(here)}, "
        f"and the Compose CLI {settled(there)}."
    )


if __name__ == "__main__":
    sys.exit(main())
