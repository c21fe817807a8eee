"""What was recorded of jobs: events as they are, on disk, in a SQLite file of a head.

The rule: an entry is kept as the control plane had it, compressed, and taken apart by who reads;
so to record costs little, and a million tasks some ten megabytes.  Beyond the file's limit the
oldest entries go, whole jobs first of what is over.  Counts stay as long as their job does.
What can be known of the plans of a job that is over is summed up before its first entry goes.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.gcs import codes
from hyperloom.watch import counted
from hyperloom.watch.samples import Sample
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

FILE = "history.sqlite"
_Row = tuple[int, bytes, float, bytes, bytes]  # number, entry, time, kind, payload compressed

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job BLOB PRIMARY KEY, about TEXT, opened REAL, ended REAL, seen TEXT DEFAULT '',
    dropped INTEGER DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, job BLOB, entry BLOB, at REAL, kind BLOB, payload BLOB
);
CREATE INDEX IF NOT EXISTS of_job ON entries (job, number);
CREATE TABLE IF NOT EXISTS counts (job BLOB PRIMARY KEY, payload BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (
    at REAL, node TEXT, host TEXT, cpu_percent REAL, memory_used INTEGER, memory_bytes INTEGER,
    store_used INTEGER, spilled_bytes INTEGER, sent_bytes INTEGER, received_bytes INTEGER
);
CREATE INDEX IF NOT EXISTS of_time ON samples (at);
CREATE TABLE IF NOT EXISTS plans (
    number INTEGER PRIMARY KEY, plan BLOB UNIQUE, job BLOB, told BLOB, summary BLOB
);
CREATE INDEX IF NOT EXISTS plans_of_job ON plans (job, number);
"""
_LEVEL = 1  # of compression: rows repeat much, and time matters more
_TRIMMED = 100  # entries, and plans, that go at a time
_PLANS_PART = 8  # of the file, so much at most is plans: an eighth
PLANS_MOST = 500  # of a job, the latest, that are told


class Planned(NamedTuple):
    """What is kept of a plan."""

    number: int
    plan: bytes
    packed: bytes  # what was told of it: `hyperloom.plan.told`
    summed_up: bytes | None  # when entries of its job went; empty: it could not be

    @property
    def told(self) -> bytes:
        """As `hyperloom.plan.told` has it."""
        return zlib.decompress(self.packed)

    @property
    def summary(self) -> bytes:
        """As `History.sum_up` was given it; empty: the entries are there, or nothing is."""
        return zlib.decompress(self.summed_up) if self.summed_up else b""


def place(entry: bytes) -> tuple[int, int]:
    """Where an entry is among all, by its name in the control plane."""
    at, _, number = entry.partition(b"-")
    return int(at), int(number)


class History:
    """A file of recorded events.

    Raises:
        OSError: it cannot be opened; of a file that is not there, when only read.
    """

    def __init__(self, file: Path, *, write: bool = False) -> None:
        self._file = file
        if not write and not file.exists():
            raise FileNotFoundError(file)
        try:
            self._db = sqlite3.connect(file if write else f"file:{file}?mode=ro", uri=not write)
            if write:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise OSError(f"the history {file} cannot be opened: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # -- reading ----------------------------------------------------------------------------

    def jobs(self) -> dict[bytes, dict[str, Any]]:
        """All jobs, by id."""
        rows = self._db.execute("SELECT job, about, opened, ended, dropped FROM jobs")
        return {
            job: {
                "about": json.loads(about or "{}"),
                "opened": opened,
                "ended": ended,
                "state": "ended" if ended else "lost",  # who knows that it is open says so
                "dropped": dropped,
            }
            for job, about, opened, ended, dropped in rows
        }

    def entries(self, job: bytes, after: bytes = b"-") -> Iterator[tuple[bytes, Event]]:
        """The job's entries, each with its name in the control plane; the oldest first."""
        for _, entry, at, kind, payload in self._rows(job, 0, after):
            yield entry, Event(at, kind, zlib.decompress(payload))

    def _rows(self, job: bytes, number: int, after: bytes) -> Iterator[_Row]:
        known = (0, 0) if after == b"-" else place(after)
        rows = self._db.execute(
            "SELECT number, entry, at, kind, payload FROM entries WHERE job = ? AND number > ?"
            " ORDER BY number", (job, number)
        )  # fmt: skip
        return (row for row in rows if place(row[1]) > known)

    def rows_of(self, job: bytes, number: int, after: bytes, most_bytes: int) -> list[_Row]:
        """The job's rows as they are, from behind one on, until there are so many bytes."""
        found: list[_Row] = []
        size = 0
        for row in self._rows(job, number, after):
            size += len(row[-1])
            if found and size > most_bytes:
                break
            found.append(row)
        return found

    def counts(self, job: bytes) -> counted.Counts:
        """How many tasks of each template, when it was last looked."""
        row = self._db.execute("SELECT payload FROM counts WHERE job = ?", (job,)).fetchone()
        return counted.of_payload(row[0]) if row else {}

    def seen(self) -> dict[bytes, bytes]:
        """Of each job that is not over, the last entry that is here."""
        rows = self._db.execute("SELECT job, seen FROM jobs WHERE ended IS NULL")
        return {job: seen.encode() or b"0-0" for job, seen in rows}

    def recorded(self, job: bytes) -> int:
        """How many entries of a job were kept or counted as dropped."""
        (kept,) = self._db.execute("SELECT COUNT(*) FROM entries WHERE job = ?", (job,)).fetchone()
        row = self._db.execute("SELECT dropped FROM jobs WHERE job = ?", (job,)).fetchone()
        return int(kept) + (row[0] if row else 0)

    def samples(self, began: float, ended: float) -> list[Sample]:
        """How busy nodes were between two times, in seconds since 1970."""
        try:
            rows = self._db.execute(
                "SELECT * FROM samples WHERE at BETWEEN ? AND ? ORDER BY at", (began, ended)
            ).fetchall()
        except sqlite3.OperationalError:  # written before samples were kept
            return []
        return [Sample(*row) for row in rows]

    def samples_after(
        self, began: float, ended: float, after: int, most: int
    ) -> list[tuple[Any, ...]]:
        """The same with their numbers, in that order, so many from behind one on."""
        return self._db.execute(
            "SELECT rowid, * FROM samples WHERE at BETWEEN ? AND ? AND rowid > ? ORDER BY rowid"
            " LIMIT ?", (began, ended, after, most)
        ).fetchall()  # fmt: skip

    def plans(self, job: bytes) -> list[Planned]:
        """The latest plans of a job, the latest first."""
        return list(self.plan_rows(job, None))

    def plan_rows(self, job: bytes, number: int | None, most_bytes: int = 1 << 62) -> list[Planned]:
        """The same, from behind one on, until there are so many bytes."""
        found: list[Planned] = []
        size = 0
        for row in self._plans(
            "job = ? AND number < ? ORDER BY number DESC LIMIT ?",
            (job, 1 << 62 if number is None else number, PLANS_MOST),
        ):
            size += len(row.packed) + len(row.summed_up or b"")
            if found and size > most_bytes:
                break
            found.append(row)
        return found

    def plan(self, plan: bytes) -> Planned | None:
        """One plan, if it is known."""
        return next(iter(self._plans("plan = ?", (plan,))), None)

    def _plans(self, which: str, values: tuple[object, ...]) -> list[Planned]:
        text = f"SELECT number, plan, told, summary FROM plans WHERE {which}"  # noqa: S608 - words of ours
        try:
            return [Planned(*row) for row in self._db.execute(text, values)]
        except sqlite3.OperationalError:  # written before plans were kept
            return []

    # -- writing ----------------------------------------------------------------------------

    def add(self, job: bytes, entries: Sequence[tuple[bytes, Event]], dropped: int = 0) -> None:
        """What came of a job; `dropped` entries before it were gone when we looked."""
        with self._db:
            self._db.execute("INSERT OR IGNORE INTO jobs (job) VALUES (?)", (job,))
            self._db.executemany(
                "INSERT INTO entries (job, entry, at, kind, payload) VALUES (?, ?, ?, ?, ?)",
                [
                    (job, entry, event.at, event.kind, zlib.compress(event.payload, _LEVEL))
                    for entry, event in entries
                ],
            )
            for _, event in entries:
                if event.kind == codes.OPENED:
                    self._set(job, about=event.payload.decode(), opened=event.at)
                elif event.kind == codes.ENDED:
                    self._set(job, ended=event.at)
                    self.count(job, event.payload)
                elif event.kind == codes.PLANNED:
                    self._plan(job, event.payload)
            if entries:
                self._set(job, seen=entries[-1][0].decode())
            self._db.execute("UPDATE jobs SET dropped = dropped + ? WHERE job = ?", (dropped, job))

    def _set(self, job: bytes, **columns: object) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        self._db.execute(f"UPDATE jobs SET {names} WHERE job = ?", (*columns.values(), job))  # noqa: S608 - names of ours

    def count(self, job: bytes, payload: bytes) -> None:
        """The job's counts, as its last event has them."""
        self._db.execute("INSERT OR REPLACE INTO counts VALUES (?, ?)", (job, payload))
        self._db.commit()

    def _plan(self, job: bytes, payload: bytes) -> None:
        """What is told of a plan; the latest counts."""
        at = codes.PROCESS_ID
        self._db.execute(
            "INSERT INTO plans (plan, job, told) VALUES (?, ?, ?)"
            " ON CONFLICT (plan) DO UPDATE SET told = excluded.told, summary = NULL",
            (payload[:at], job, zlib.compress(payload[at:], _LEVEL)),
        )

    def sum_up(self, plan: bytes, summary: bytes) -> None:
        """All that can be known of a plan of a job that is over."""
        packed = zlib.compress(summary)
        with self._db:
            self._db.execute("UPDATE plans SET summary = ? WHERE plan = ?", (packed, plan))

    def sample(self, samples: Sequence[Sample]) -> None:
        """How busy nodes are now."""
        with self._db:
            marks = ", ".join("?" * len(Sample._fields))
            self._db.executemany(f"INSERT INTO samples VALUES ({marks})", samples)  # noqa: S608

    def trim(self, most_bytes: int, before: Callable[[bytes], None] = lambda _: None) -> None:
        """Let the oldest go until the file is no larger; what went is counted as dropped.

        `before` is told of each job that is over, of whose plans not all are summed up, and of
        which entries are to go.
        """
        self._trim_plans(most_bytes // _PLANS_PART)
        while self._bytes() > most_bytes:
            old = self._db.execute(
                "SELECT entries.number, entries.job FROM entries JOIN jobs USING (job)"
                " ORDER BY ended IS NULL, number LIMIT ?", (_TRIMMED,)
            ).fetchall()  # fmt: skip
            if not old and not self._has_samples():
                return
            self._sum_up({job for _, job in old}, before)
            with self._db:
                self._db.execute(
                    "DELETE FROM samples WHERE rowid IN (SELECT rowid FROM samples ORDER BY at"
                    " LIMIT ?)", (_TRIMMED,)
                )  # fmt: skip
                self._db.executemany(
                    "UPDATE jobs SET dropped = dropped + 1 WHERE job = ?", [row[1:] for row in old]
                )
                self._db.executemany(
                    "DELETE FROM entries WHERE number = ?", [row[:1] for row in old]
                )

    def _sum_up(self, jobs: set[bytes], before: Callable[[bytes], None]) -> None:
        over = self._db.execute(
            "SELECT DISTINCT job FROM plans JOIN jobs USING (job)"
            " WHERE summary IS NULL AND ended IS NOT NULL"
        ).fetchall()
        for job in jobs.intersection(job for (job,) in over):
            before(job)
            with self._db:  # of what could not be summed up, nobody tries again
                self._db.execute(
                    "UPDATE plans SET summary = x'' WHERE job = ? AND summary IS NULL", (job,)
                )

    def _trim_plans(self, most_bytes: int) -> None:
        """The oldest plans go until the others take no more."""
        size = "SELECT SUM(LENGTH(told) + IFNULL(LENGTH(summary), 0)) FROM plans"
        with self._db:
            while (self._db.execute(size).fetchone()[0] or 0) > most_bytes:
                self._db.execute(
                    "DELETE FROM plans WHERE number IN (SELECT number FROM plans ORDER BY number"
                    " LIMIT ?)", (_TRIMMED,)
                )  # fmt: skip

    def _has_samples(self) -> bool:
        return self._db.execute("SELECT 1 FROM samples LIMIT 1").fetchone() is not None

    def _bytes(self) -> int:
        with closing(self._db.cursor()) as cursor:
            pages, free, size = (
                cursor.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return int((pages - free) * size)
