"""What a worker tells of its attempts, for people: a row of `hyperloom.events` each."""

from __future__ import annotations

import time

from hyperloom import events, failures, specs
from hyperloom.gcs.codes import FAILURE

_INPUTS = slice(8, 11)  # their number, in a record
_NONE = bytes(3)


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
        ended = events.Ended.DONE
        for kept in outputs:
            if kept[:1] == FAILURE:
                ended = self._failed(entry, kept)
                break
        if record[_INPUTS] != _NONE:
            makers = [oid[:16] for oid in specs.inputs_of(record)[: events.INPUTS_MOST]]
            self._inputs[len(self._rows)] = b"".join(makers)
        self._rows.append(self._row(entry, record, start, end, ended, outputs))

    def _failed(self, entry: bytes, kept: bytes) -> events.Ended:
        failure = failures.decode(kept[1:])
        self._errors[len(self._rows)] = events.error_of(
            failure.category, failure.text, failure.traceback
        )
        passed_on = failure.task_id not in {entry[:16], b""}
        return events.Ended.PASSED_ON if passed_on else events.Ended.FAILED

    def _row(  # noqa: PLR0913, PLR0917 - the row's columns
        self,
        entry: bytes,
        record: bytes,
        start: float,
        end: float,
        ended: events.Ended,
        outputs: list[bytes],
    ) -> bytes:
        return events.ROW.pack(
            entry[:16],
            specs.template_of(record),
            min(int(entry[16:] or b"1"), events.ATTEMPTS_SHOWN),
            ended,
            self._epoch + start,
            end - start,
            events.outputs_bytes(outputs),
        )

    def without_outputs(
        self, entry: bytes, record: bytes, start: float, end: float, ended: events.Ended
    ) -> bytes:
        """The row of one that came to nothing, or goes on as another; it is told by itself."""
        return self._row(entry, record, start, end, ended, [])

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
