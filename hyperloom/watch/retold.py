"""What a head recorded, for who looks from elsewhere: its recorder is asked, a part at a time.

`Retold` is read as `hyperloom.watch.history.History` is.  The rule: a part is small enough for the
channel of the answers, and a recorder that does not answer has recorded nothing.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Protocol

from hyperloom.watch.history import PLANS_MOST, Planned
from hyperloom.watch.samples import Sample
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.watch import counted
    from hyperloom.watch.history import History
    from hyperloom.watch.live import Live

RECORDER = b"recorder"  # where it listens, as a node does where its id is
_PART_BYTES = 1 << 19
_PART_ROWS = 5_000


class Recorded(Protocol):
    """What is known of jobs besides what the control plane has."""

    def jobs(self) -> dict[bytes, dict[str, Any]]:
        """All jobs, by id."""

    def entries(self, job: bytes, after: bytes = b"-") -> Iterator[tuple[bytes, Event]]:
        """The job's entries, the oldest first."""

    def counts(self, job: bytes) -> counted.Counts:
        """How many tasks of each template."""

    def samples(self, began: float, ended: float) -> list[Sample]:
        """How busy nodes were between two times."""

    def plans(self, job: bytes) -> list[Planned]:
        """The latest plans of a job, the latest first."""

    def plan(self, plan: bytes) -> Planned | None:
        """One plan, if it is known."""

    def close(self) -> None:
        """It is not read any more."""


def answer(history: History, asked: Sequence[Any], most_bytes: int = _PART_BYTES) -> Any:  # noqa: ANN401
    """What the recorder answers; None: it does not know this question."""
    match asked:
        case ["jobs"]:
            return history.jobs()
        case ["plan" | "plans", *_]:
            return _of_plans(history, asked, most_bytes)
        case ["entries", bytes(job), int(number), bytes(after)]:
            return history.rows_of(job, number, after, most_bytes)
        case ["counts", bytes(job)]:
            return history.counts(job)
        case ["samples", float(began), float(ended), int(after)]:
            return history.samples_after(began, ended, after, _PART_ROWS)
        case _:
            return None


def _of_plans(history: History, asked: Sequence[Any], most_bytes: int) -> list[Planned] | None:
    match asked:
        case ["plans", bytes(job), int() | None as number]:
            return history.plan_rows(job, number, most_bytes)
        case ["plan", bytes(plan)]:
            return [found] if (found := history.plan(plan)) else []
        case _:
            return None


class Retold:
    """See the module; of the head at the other end of `live`."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def _ask(self, *asked: object) -> Any:  # noqa: ANN401 - any plain value
        return self._live.answers_of([RECORDER], *asked).get(RECORDER.hex())

    def jobs(self) -> dict[bytes, dict[str, Any]]:
        """All jobs, by id."""
        return self._ask("jobs") or {}

    def entries(self, job: bytes, after: bytes = b"-") -> Iterator[tuple[bytes, Event]]:
        """The job's entries, the oldest first."""
        number = 0
        while part := self._ask("entries", job, number, after):
            number = part[-1][0]
            for _, entry, at, kind, payload in part:
                yield entry, Event(at, kind, zlib.decompress(payload))

    def counts(self, job: bytes) -> counted.Counts:
        """How many tasks of each template."""
        return self._ask("counts", job) or {}

    def samples(self, began: float, ended: float) -> list[Sample]:
        """How busy nodes were between two times."""
        found: list[Sample] = []
        after = 0
        while part := self._ask("samples", float(began), float(ended), after):
            after = part[-1][0]
            found += [Sample(*row[1:]) for row in part]
        return found

    def plans(self, job: bytes) -> list[Planned]:
        """The latest plans of a job, the latest first."""
        found: list[Planned] = []
        while len(found) < PLANS_MOST:
            part = self._ask("plans", job, found[-1].number if found else None)
            if not part:
                break
            found += [Planned(*row) for row in part]
        return found

    def plan(self, plan: bytes) -> Planned | None:
        """One plan, if it is known."""
        found = self._ask("plan", plan)
        return Planned(*found[0]) if found else None

    def close(self) -> None:
        """Nothing of ours is open."""
