"""What a worker tells of its attempts, for people: a `hyperloom.events.Run` with each report.

The rule: what a task pays for it are two numbers in a list.  All else is taken, many tasks at a
time, from what is told of their results anyway.
"""

from __future__ import annotations

import time
from array import array
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from hyperloom import events, failures, specs
from hyperloom.gcs.codes import FAILURE, SHARED, stored_bytes
from hyperloom.ids import TASK_BYTES, TEMPLATE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FIELDS = 4  # of a result, before its outputs; see `hyperloom.raylet.results`
_WITH_ONE = _FIELDS + 1
_FIRST = b"1"
_FAILED, _STORED = FAILURE[0], SHARED[0]
_AGAIN_S = 60.0  # the whole traceback of failures at one place is told so often
_WHOLE_MOST = 50  # and so many in all
_mark = itemgetter(0)


class Tracebacks:
    """What is told of failures: of those at one place one traceback now and then, however many.

    The rule: a history that lets the oldest go has a traceback of each place that it tells of, and
    a million failures at one place cost no more than their first lines.
    """

    def __init__(self) -> None:
        self._told: set[tuple[bytes, str, str]] = set()
        self._since = time.monotonic()

    def error(self, template: bytes, failure: failures.Failure) -> events.Error:
        """As much of one as is told."""
        error = _error(failure)
        if not failure.traceback:
            return error
        now = time.monotonic()
        if now - self._since >= _AGAIN_S:
            self._told.clear()
            self._since = now
        group = template, error.kind, error.place
        if group in self._told or len(self._told) >= _WHOLE_MOST:
            return error
        self._told.add(group)
        return error._replace(traceback=events.shortened(failure.traceback))


class Attempts:
    """Of the attempts whose results were not told yet.  `pid`: of the process that makes them."""

    def __init__(self, pid: int) -> None:
        self.times: list[float] = []  # when each began, as `time.perf_counter` has it; its seconds
        self._pid = pid
        self._inputs: dict[int, bytes] = {}
        self._tracebacks = Tracebacks()

    def takes(self, record: bytes) -> None:
        """The one whose times come next may have inputs."""
        if makers := makers_of(record):
            self._inputs[len(self.times) // 2] = makers

    def take(self, done: list[Any]) -> bytes:
        """All that is there, of attempts with these results: told from now on."""
        times, inputs, number = self.times, self._inputs, len(self.times) // 2
        self.times, self._inputs = [], {}
        if len(done) == _WITH_ONE * number and done[3::_WITH_ONE].count(1) == number:
            tasks, tries = done[::_WITH_ONE], done[1::_WITH_ONE]
            headings, values = done[2::_WITH_ONE], done[4::_WITH_ONE]
            marks = bytes(map(_mark, values))
            outputs = [[value] for value in values] if _FAILED in marks or _STORED in marks else []
        else:
            tasks, tries, headings, outputs = map(list, zip(*_results(done), strict=True))
        if outputs:
            sizes, ended, errors = self._looked_at(tasks, headings, outputs)
        else:  # as good as always
            sizes, ended, errors = list(map(len, values)), b"", {}
        one = len(headings[0]) == TEMPLATE_BYTES and headings.count(headings[0]) == number
        firsts = tries.count(_FIRST) == number
        return events.encode(
            events.Run(
                self._pid,
                time.time() - time.perf_counter(),
                b"".join(tasks),
                headings[0] if one else b"".join([each[:TEMPLATE_BYTES] for each in headings]),
                array("d", times[::2]).tobytes(),
                array("f", times[1::2]).tobytes(),
                sizes,
                ended,
                b"" if firsts else array("H", map(_shown, tries)).tobytes(),
                errors,
                inputs,
            )
        )

    def _looked_at(
        self, tasks: Sequence[bytes], headings: Sequence[bytes], outputs: Sequence[list[bytes]]
    ) -> tuple[list[int], bytes, dict[int, tuple[str, ...]]]:
        """How large the outputs are, how each attempt ended, and why not well."""
        sizes = [sum(map(_size, kept)) for kept in outputs]
        ended, errors = bytearray(len(tasks)), dict[int, tuple[str, ...]]()
        for number, kept in enumerate(outputs):
            failed = next((value for value in kept if value[0] == _FAILED), None)
            if failed is None:
                continue
            failure = failures.decode(failed[1:])
            if failure.task_id in {tasks[number], b""}:
                ended[number] = events.Ended.FAILED
                template = headings[number][:TEMPLATE_BYTES]
                errors[number] = self._tracebacks.error(template, failure)
            else:  # whose failure it is tells its traceback
                ended[number] = events.Ended.PASSED_ON
                errors[number] = _error(failure)._replace(origin=failure.task_id.hex())
        return sizes, bytes(ended), errors

    def without_outputs(
        self, entry: bytes, record: bytes, start: float, end: float, ended: events.Ended
    ) -> bytes:
        """The row of one that came to nothing, or goes on as another, and who made its inputs.

        It is told by itself: see `told_alone`.
        """
        attempt = _shown(entry[TASK_BYTES:] or _FIRST)
        began = time.time() - time.perf_counter() + start
        row = events.ROW.pack(
            entry[:TASK_BYTES], record[:TEMPLATE_BYTES], attempt, ended, began, end - start, 0
        )
        return row + makers_of(record)


def makers_of(record: bytes) -> bytes:
    """The tasks that made its first inputs, joined."""
    return b"".join([oid[:TASK_BYTES] for oid in specs.inputs_of(record)[: events.INPUTS_MOST]])


def told_alone(pid: int, row: bytes, error: events.Error | None = None) -> bytes:
    """One attempt as a run: its row, and behind that who made its inputs."""
    makers = row[events.ROW.size :]
    return events.encode(
        events.run_of(
            pid,
            row[: events.ROW.size],
            {} if error is None else {0: error},
            {0: makers} if makers else {},
        )
    )


class Silence(Attempts):
    """Nobody wants to know."""

    def takes(self, record: bytes) -> None:
        """Nothing is kept."""

    def take(self, done: list[Any]) -> bytes:
        """Nothing is told."""
        del done
        self.times.clear()
        return b""

    def without_outputs(
        self, entry: bytes, record: bytes, start: float, end: float, ended: events.Ended
    ) -> bytes:
        """There is no row."""
        del entry, record, start, end, ended
        return b""


def _error(failure: failures.Failure) -> events.Error:
    return events.error_of(failure.category, failure.text, failure.traceback, failure.name)


def _shown(attempt: bytes) -> int:
    return min(int(attempt), events.ATTEMPTS_SHOWN)


def _results(done: list[Any]) -> Iterator[tuple[bytes, bytes, bytes, list[bytes]]]:
    """Task, attempt, heading and outputs of each."""
    at = 0
    while at < len(done):
        end = at + _FIELDS + done[at + 3]
        yield done[at], done[at + 1], done[at + 2], done[at + _FIELDS : end]
        at = end


def _size(kept: bytes) -> int:
    return stored_bytes(kept) if kept[0] == _STORED else len(kept)
