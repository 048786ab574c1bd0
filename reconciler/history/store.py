"""The history's SQLite file: several processes at once, bounded, for its owner alone.

Nothing here raises besides ``require_place``: a file that can't be read or written costs a warning, and then there is
no history. What can't be parsed as a database is set aside, and a new one begun.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reconciler.core.difference.cause import Applied
from reconciler.core.history.author import Author
from reconciler.core.history.records import ChangeRecord, FieldRecord, Run
from reconciler.core.resource.address import Address
from reconciler.record import Struct

if TYPE_CHECKING:
    import sqlite3  # imported only where there is something to write or to look up

FILE: Final = "history.db"
VERSION: Final = 3
"""The format of the file."""

_DIGEST_BYTES: Final = 2
"""So short that a digest confirms no guess at a password: one guess in 65,536 fits."""

_AT_A_TIME: Final = 500
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS keys (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, command TEXT NOT NULL, began REAL NOT NULL, user TEXT NOT NULL, host TEXT NOT NULL,
    trigger TEXT NOT NULL, revision TEXT NOT NULL, exit INTEGER, seconds REAL);
CREATE TABLE IF NOT EXISTS changes (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, address TEXT NOT NULL,
    action TEXT NOT NULL, cause TEXT NOT NULL, reason TEXT NOT NULL, disruption TEXT NOT NULL, source TEXT NOT NULL,
    fields TEXT NOT NULL, authors TEXT NOT NULL, began REAL NOT NULL, result TEXT NOT NULL, seconds REAL, outage REAL,
    note TEXT NOT NULL, stopped_first TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS changes_of_address ON changes (address, id);
CREATE INDEX IF NOT EXISTS changes_of_run ON changes (run);
CREATE TABLE IF NOT EXISTS applied (
    server TEXT NOT NULL, address TEXT NOT NULL, wanted TEXT NOT NULL, seen TEXT NOT NULL, declared TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (server, address));
"""
_LATER_COLUMNS: Final = {"stopped_first": "TEXT NOT NULL DEFAULT ''"}
"""Columns of changes that a file of an older format may not have."""

_APPLIED_SINCE: Final = 2
"""The format since which the last applied digests have their form; those of an older one are forgotten."""

_APPLIED: Final = "address, wanted, seen, declared, id"
_RUN: Final = "id, command, began, user, host, trigger, revision, exit, seconds"
_CHANGE: Final = (
    "address, action, cause, reason, disruption, source, fields, authors, began, result, seconds, outage, note, "
    "stopped_first"
)
_COLUMNS: Final = tuple(_CHANGE.split(", "))
_KEY_BYTES: Final = 32
_ASIDE: Final = ".damaged"
_T = TypeVar("_T")


class Limits(Struct, frozen=True):
    """The most that is kept, the oldest, how long another process is waited for, and when a file that could not be
    used is tried again."""

    runs: int = 5_000
    changes: int = 20_000
    age_s: float = 365 * 86_400.0
    busy_s: float = 5.0
    again_s: float = 60.0


LIMITS: Final = Limits()


class History:
    """The history of one project. A ``file`` of None is a history that keeps nothing.

    Its methods may be called from several threads. ``trouble`` is the reason why nothing is kept at present, else "".
    """

    def __init__(
        self, file: Path | None, warn: Callable[[str], None] = lambda _message: None, *, limits: Limits = LIMITS
    ) -> None:
        self._file, self._warn, self._limits = file, warn, limits
        self._connection: sqlite3.Connection | None = None
        self._key = b""
        self._is_damaged = False
        self.trouble = ""
        self._again_at = 0.0
        self._lock = threading.Lock()

    @property
    def place(self) -> str:
        """The path of the file, "" where nothing is kept."""
        return str(self._file or "")

    # -------------------------------------------------------------- runs and changes

    def begin(self, run: Run) -> int:
        """Write a run that has begun; returns its number, 0 where nothing is kept."""
        values = (run.command, run.began, run.user, run.host, run.trigger, run.revision)
        statement = "INSERT INTO runs (command, began, user, host, trigger, revision) VALUES (?, ?, ?, ?, ?, ?)"
        return self._written(lambda database: database.execute(statement, values).lastrowid or 0, 0)

    def add(self, run: int, changes: Sequence[ChangeRecord]) -> Sequence[int]:
        """Write changes of a run; returns their numbers, none where nothing is kept."""
        marks = ", ".join("?" * (len(_COLUMNS) + 1))
        statement = f"INSERT INTO changes (run, {_CHANGE}) VALUES ({marks})"  # noqa: S608 (names of ours)

        def write(database: sqlite3.Connection) -> Sequence[int]:
            return [database.execute(statement, (run, *_row(change))).lastrowid or 0 for change in changes]

        return self._written(write, ()) if run and changes else ()

    def settle(self, results: Mapping[int, ChangeRecord]) -> None:
        """Write how changes ended, by their numbers."""
        statement = "UPDATE changes SET result = ?, seconds = ?, outage = ?, note = ? WHERE id = ?"
        rows = [(each.result, each.seconds, each.outage, each.note, number) for number, each in results.items()]
        self._written(lambda database: database.executemany(statement, rows), None)

    def end(self, run: int, *, code: int, seconds: float, now: float) -> None:
        """Write how a run ended, and drop what is too old or too much."""

        def write(database: sqlite3.Connection) -> None:
            database.execute("UPDATE runs SET exit = ?, seconds = ? WHERE id = ?", (code, seconds, run))
            # Never the run itself: with a clock that was set back it may look like the oldest one. Changes go with
            # their runs.
            database.execute("DELETE FROM runs WHERE began < ? AND id <> ?", (now - self._limits.age_s, run))
            for column, table, most in (("id", "runs", self._limits.runs), ("run", "changes", self._limits.changes)):
                # The first run beyond the limit, counted in runs and in changes: one run of a large realm has
                # thousands.
                last = f"SELECT {column} FROM {table} ORDER BY id DESC LIMIT 1 OFFSET ?"  # noqa: S608 (names of ours)
                database.execute(f"DELETE FROM runs WHERE id <= ({last}) AND id <> ?", (most, run))  # noqa: S608

        if run:
            self._written(write, None)

    def runs(
        self, *, address: str = "", since: float = 0.0, limit: int = 50
    ) -> Sequence[tuple[Run, Sequence[ChangeRecord]]]:
        """The runs, newest first, each with its changes; of one address only those that changed it."""
        of_address = "AND id IN (SELECT run FROM changes WHERE address = ?)" if address else ""
        query = f"SELECT {_RUN} FROM runs WHERE began >= ? {of_address} ORDER BY id DESC LIMIT ?"  # noqa: S608

        def read(database: sqlite3.Connection) -> Sequence[tuple[Run, Sequence[ChangeRecord]]]:
            rows = database.execute(query, (since, *([address] if address else []), limit))
            return [(run, tuple(_changes(database, run, address))) for run in [Run(*row) for row in rows]]

        return self._read(read, ())

    def outages(self) -> Mapping[tuple[str, str], float]:
        """The seconds without service of the last such change of each resource, by its address and disruption."""
        query = (
            "SELECT address, disruption, outage, max(id) FROM changes WHERE outage IS NOT NULL AND result = 'done' "
            "GROUP BY address, disruption"
        )
        return self._read(lambda database: {(row[0], row[1]): row[2] for row in database.execute(query)}, {})

    def make(self) -> None:
        """Make the file where there is none, so that its key is known; try one that could not be used once more."""

        def write(database: sqlite3.Connection) -> None:
            if self.trouble:
                database.execute(f"PRAGMA user_version = {VERSION}")  # on a full disk an empty transaction succeeds

        self._written(write, None)

    def require_place(self) -> None:
        """Raises OSError where the file can't be read, or where there is none and none can be made; leaves nothing."""
        if self._file is None:
            return
        if self._file.exists():
            self._file.open("rb").close()
            return
        from tempfile import TemporaryDirectory

        # An attempt tells more than permissions: they say nothing of a read-only file system, or to root.
        with TemporaryDirectory(dir=next(each for each in self._file.parents if each.exists())):
            pass

    def last_end(self) -> float:
        """The time when the last run ended that did; 0 where there was none."""
        query = "SELECT max(began + seconds) FROM runs"
        return self._read(lambda database: float(database.execute(query).fetchone()[0] or 0.0), 0.0)

    def addresses(self) -> Sequence[str]:
        """Every address that was changed, as far back as the history goes."""
        query = "SELECT DISTINCT address FROM changes ORDER BY address"
        return self._read(lambda database: [row[0] for row in database.execute(query)], ())

    # -------------------------------------------------------------- last applied

    def applied(self, server: str, addresses: Collection[Address]) -> Mapping[Address, Applied]:
        """The digests of those resources of a server that are known."""
        asked = {str(address): address for address in addresses}

        def read(database: sqlite3.Connection) -> Mapping[Address, Applied]:
            found: dict[Address, Applied] = {}
            for names in _portions(tuple(asked)):
                marks = ", ".join("?" * len(names))
                query = f"SELECT {_APPLIED} FROM applied WHERE server = ? AND address IN ({marks})"  # noqa: S608
                for address, *texts, identity in database.execute(query, (server, *names)):
                    wanted, seen, declared = map(json.loads, texts)
                    found[asked[address]] = Applied(wanted, seen, declared, identity)
            return found

        return self._read(read, {})

    def known(self, server: str) -> Collection[Address]:
        """The addresses of a server of which something is remembered."""
        query = "SELECT address FROM applied WHERE server = ?"
        return self._read(lambda database: [Address.parse(row[0]) for row in database.execute(query, (server,))], ())

    def keep_applied(self, server: str, found: Mapping[Address, Applied], gone: Collection[Address] = ()) -> None:
        """Remember what was seen to be as declared, and forget what is gone. Only what is new is written."""
        # A look at 100,000 users in sync must not write 100,000 rows.
        known = self.applied(server, found.keys())
        new = [
            (server, str(address), *map(_text, (each.wanted, each.seen, each.declared)), each.id)
            for address, each in found.items()
            if known.get(address) != each
        ]
        old = [(server, str(address)) for address in gone]

        def write(database: sqlite3.Connection) -> None:
            statement = f"INSERT OR REPLACE INTO applied (server, {_APPLIED}) VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
            database.executemany(statement, new)
            database.executemany("DELETE FROM applied WHERE server = ? AND address = ?", old)

        if new or old:
            self._written(write, None)

    def digest(self, text: str) -> str:
        """The digest of a text with the key of this history; without a file it is good for this process only.

        Digests that are to be kept need the file first: see :meth:`make`.
        """
        if not self._key:
            # Reading opens the file, and with it comes its key.
            self._read(lambda _database: None, None)
            self._key = self._key or os.urandom(_KEY_BYTES)
        return blake2b(text.encode(), key=self._key, digest_size=_DIGEST_BYTES).hexdigest()

    def close(self) -> None:
        """Give back the file."""
        with self._lock:
            self._disconnect()

    # -------------------------------------------------------------- underneath

    def _read(self, read: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """The result of a query, or what stands for it where there is no history."""
        import sqlite3

        with self._lock:
            try:
                database = None if self._is_damaged else self._opened(writes=False)
                return otherwise if database is None else read(database)
            except (sqlite3.Error, OSError, ValueError) as error:
                self._failed(error)
                return otherwise

    def _written(self, write: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """Write in one transaction. A damaged file is set aside first; after any other error nothing is kept for a
        while."""
        import sqlite3

        with self._lock:
            # The second time on a new file, where the first one has found the old one damaged.
            for _ in range(2):
                try:
                    return self._in_transaction(write, otherwise)
                except (sqlite3.Error, OSError, ValueError) as error:
                    self._failed(error)
            return otherwise

    def _in_transaction(self, write: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        if self._is_damaged and self._file is not None:
            _set_aside(self._file)
            self._is_damaged = False
        database = self._opened(writes=True)
        if database is None:
            return otherwise
        database.execute("BEGIN IMMEDIATE")
        done = write(database)
        database.execute("COMMIT")
        self.trouble = ""
        return done

    def _opened(self, *, writes: bool) -> sqlite3.Connection | None:
        if self._file is None or (writes and time.monotonic() < self._again_at):
            return None
        if self._connection is None and (writes or self._file.exists()):
            self._connection = self._connected(self._file, writes=writes)
        return self._connection

    def _connected(self, file: Path, *, writes: bool) -> sqlite3.Connection:
        import sqlite3

        is_writable = writes or os.access(file, os.W_OK)
        # A history that can't be written is still read, for example by another user.
        if is_writable:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives its other files the same mode
        where = f"{file.absolute().as_uri()}?mode={'rw' if is_writable else 'ro'}"
        database = sqlite3.connect(
            where, uri=True, timeout=self._limits.busy_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._key = _prepared(database)
        except BaseException:
            database.close()
            raise
        return database

    def _failed(self, error: Exception) -> None:
        """Warn, and do without a history for a while; a damaged one waits for who writes."""
        import sqlite3

        self._disconnect()
        if self._file is None:
            return
        self._is_damaged = type(error) is sqlite3.DatabaseError and not self._is_damaged
        rest = f"it will be kept as {self._file.name}{_ASIDE}" if self._is_damaged else "nothing is recorded"
        message, known = f"the history {self._file} can't be used: {error}; {rest}", self.trouble
        if not self._is_damaged:
            # A full disk, or another program that writes for long, is over some time; each try may take seconds.
            self.trouble, self._again_at = message, time.monotonic() + self._limits.again_s
        if message != known:
            self._warn(message)

    def _disconnect(self) -> None:
        if not self._connection:
            return
        import sqlite3

        with suppress(sqlite3.Error):
            self._connection.close()  # without COMMIT nothing of an interrupted transaction stays
        self._connection = None


class _Newer(ValueError):
    """A newer version of the program wrote the file."""


def _prepared(database: sqlite3.Connection) -> bytes:
    """Make the tables where there are none; returns the key of the digests."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise _Newer(f"a newer version of reconcile wrote it (format {version})")
    database.execute("PRAGMA foreign_keys = ON")
    if version < VERSION:
        # With a write-ahead log, whoever reads is not held up by whoever writes.
        database.execute("PRAGMA journal_mode = WAL")
        _bring_up_to_date(database)
    database.execute("PRAGMA synchronous = NORMAL")
    found: bytes = database.execute("SELECT value FROM keys WHERE name = 'digests'").fetchone()[0]
    return found


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    """Make the tables, or give those of an older version their new form; all of it or nothing."""
    database.execute("BEGIN IMMEDIATE")
    # Another process may have done it while this one waited.
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version < _APPLIED_SINCE:
        database.execute("DROP TABLE IF EXISTS applied")
    for statement in _TABLES.split(";"):
        database.execute(statement)
    there = {name for _, name, *_ in database.execute("PRAGMA table_info(changes)")}
    for name, declaration in _LATER_COLUMNS.items():
        if name not in there:
            database.execute(f"ALTER TABLE changes ADD COLUMN {name} {declaration}")
    database.execute("INSERT OR IGNORE INTO keys VALUES ('digests', ?)", (os.urandom(_KEY_BYTES),))
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def _set_aside(file: Path) -> None:
    """Rename a damaged file with those that SQLite keeps beside it. Raises OSError."""
    for suffix in ("-wal", "-shm", ""):
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            beside.replace(file.with_name(f"{file.name}{_ASIDE}{suffix}"))


def _row(change: ChangeRecord) -> tuple[Any, ...]:
    return (
        *(change.address, change.action, change.cause, change.reason, change.disruption, change.source),
        *(_texts(change.fields), _texts(change.authors), change.began),
        *(change.result, change.seconds, change.outage, change.note, change.stopped_first),
    )


def _texts(rows: Iterable[FieldRecord | Author]) -> str:
    return _text([each.as_json() for each in rows])


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, default=str)


def _changes(database: sqlite3.Connection, run: Run, address: str) -> Iterator[ChangeRecord]:
    of_address = "AND address = ?" if address else ""
    query = f"SELECT {_CHANGE} FROM changes WHERE run = ? {of_address} ORDER BY id"  # noqa: S608
    for row in database.execute(query, (run.id, *([address] if address else []))):
        named = dict(zip(_COLUMNS, row, strict=True))
        named["fields"] = tuple(FieldRecord(**each) for each in json.loads(named["fields"]))
        named["authors"] = tuple(Author(**each) for each in json.loads(named["authors"]))
        yield ChangeRecord(**named, run=run)


def _portions(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(names), _AT_A_TIME):
        yield names[start : start + _AT_A_TIME]
