"""What a worker tells of its attempts, for people: a row of `hyperloom.events` each."""

from __future__ import annotations

import time

from hyperloom import events, failures, specs
from hyperloom.gcs.codes import FAILURE, SHARED
from hyperloom.ids import TASK_BYTES, TEMPLATE_BYTES

_INPUTS = slice(8, 11)  # their number, in a record
_NONE = bytes(3)
_DONE = int(events.Ended.DONE)
_pack = events.ROW.pack


class Attempts:
    """Of the attempts that were not told yet."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []
        self._errors: dict[int, tuple[str, ...]] = {}
        self._inputs: dict[int, bytes] = {}
        self._epoch = time.time() - time.perf_counter()

    def add(
        self, entry: bytes, record: bytes, start: float, end: float, outputs: list[bytes]
    ) -> None:
        """One has ended with these outputs; times as `time.perf_counter` gives them."""
        ended, size = _DONE, 0  # in one pass: every task comes through here
        for kept in outputs:
            mark = kept[:1]
            size += events.stored_bytes(kept) if mark == SHARED else len(kept)
            if mark == FAILURE and ended == _DONE:
                ended = self._failed(entry, kept)
        if record[_INPUTS] != _NONE:
            makers = [oid[:TASK_BYTES] for oid in specs.inputs_of(record)[: events.INPUTS_MOST]]
            self._inputs[len(self._rows)] = b"".join(makers)
        self._rows.append(self._row(entry, record, start, end, ended, size))

    def _failed(self, entry: bytes, kept: bytes) -> events.Ended:
        failure = failures.decode(kept[1:])
        self._errors[len(self._rows)] = events.error_of(
            failure.category, failure.text, failure.traceback
        )
        passed_on = failure.task_id not in {entry[:TASK_BYTES], b""}
        return events.Ended.PASSED_ON if passed_on else events.Ended.FAILED

    def _row(  # noqa: PLR0913, PLR0917 - the row's columns
        self, entry: bytes, record: bytes, start: float, end: float, ended: int, size: int
    ) -> bytes:
        tries = entry[TASK_BYTES:]
        attempt = min(int(tries), events.ATTEMPTS_SHOWN) if tries else 1
        began = self._epoch + start
        return _pack(
            entry[:TASK_BYTES], record[:TEMPLATE_BYTES], attempt, ended, began, end - start, size
        )

    def without_outputs(
        self, entry: bytes, record: bytes, start: float, end: float, ended: events.Ended
    ) -> bytes:
        """The row of one that came to nothing, or goes on as another; it is told by itself."""
        return self._row(entry, record, start, end, ended, 0)

    def take(self) -> tuple[bytes, dict[int, tuple[str, ...]], dict[int, bytes]]:
        """All that is there, told from now on; and how far the clocks are apart now."""
        told = b"".join(self._rows), self._errors, self._inputs
        self._rows, self._errors, self._inputs = [], {}, {}
        self._epoch = time.time() - time.perf_counter()
        return told


class Silence(Attempts):
    """Nobody wants to know."""

    def add(
        self, entry: bytes, record: bytes, start: float, end: float, outputs: list[bytes]
    ) -> None:
        """Nothing is told."""

    def without_outputs(
        self, entry: bytes, record: bytes, start: float, end: float, ended: events.Ended
    ) -> bytes:
        """There is no row."""
        del entry, record, start, end, ended
        return b""
