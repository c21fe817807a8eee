"""Tasks of a job that are not over, looked for among all of them: what somebody names is found.

The rule: the server does little at a time, less than half a millisecond, and is left alone
between; so whoever works there hardly notices, and a million tasks take seconds.

A task that waits all the time of the search, or is ready all that time, is found if there is time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hyperloom.gcs import codes, keys
from hyperloom.watch.live import Range

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from hyperloom.watch.live import Live

MOST_S = 10.0
_RESTS, _REST_MOST_S = 2, 0.001  # times as long as an answer took, which is longer if all are busy
_ROWS = 1000  # in an answer, about;
_BYTES = 1 << 17  # if they are not larger than that together


class Search:
    """Through the tables of one job, for tasks of these `templates`; they may become fewer.

    `cut_short` says that time was up before all was looked at.
    """

    def __init__(self, live: Live, job: bytes, templates: Collection[bytes], until: float) -> None:
        """`until` a time as `time.monotonic` tells it."""
        self._live = live
        self._job = job
        self._ns = keys.job_namespace(job)
        self.templates = set(templates)
        self._until = until
        self.cut_short = False

    def held(self) -> Iterator[list[bytes]]:
        """Those that nodes have."""
        yield [*self._live.held(self._job)]

    def waiting(self) -> Iterator[list[bytes]]:
        """Those that lack an input, some at a time."""
        for rows in self._rows(keys.WAIT.name(self._ns)):
            mine = [(task, row) for task, row in rows if self._is_mine(row)]
            ranges = [task[: codes.RANGE_ID] for task, row in mine if row.endswith(codes.RANGE)]
            yield [task for task, row in mine if not row.endswith(codes.RANGE)]
            for name, row in zip(ranges, self._of(keys.RANGE, ranges), strict=True):
                yield Range(row).tasks(name) if row else []

    def ready(self) -> Iterator[list[bytes]]:
        """Those that lack none, some at a time; what a node has among them."""
        for rows in self._rows(keys.TASK.name(self._ns)):
            mine = [task for task, record in rows if self._is_mine(record)]
            lacks = self._of(keys.WAIT, mine)
            yield [task for task, row in zip(mine, lacks, strict=True) if row is None]
        for rows in self._rows(keys.RANGE.name(self._ns)):
            ranges = {name: Range(row) for name, row in rows}
            names = [name for name, of in ranges.items() if self._is_mine(of.head)]
            lacks = self._of(keys.WAIT, [name + b"\0" for name in names])
            for name, row in zip(names, lacks, strict=True):
                if row is None or not row.endswith(codes.RANGE):
                    yield ranges[name].tasks(name)

    def _is_mine(self, row: bytes) -> bool:
        """Records and rows of `wait` begin with the template."""
        return row[: codes.TEMPLATE_ID] in self.templates

    def _of(self, table: keys.Key, names: list[bytes]) -> list[bytes | None]:
        return self._live.wire.call("HMGET", table.name(self._ns), *names) if names else []

    def _rows(self, name: bytes) -> Iterator[list[tuple[bytes, bytes]]]:
        """Fields and values of a table; some come twice while it grows or shrinks."""
        cursor, number = b"0", _ROWS
        while time.monotonic() < self._until:
            asked = time.monotonic()
            cursor, flat = self._live.wire.call("HSCAN", name, cursor, "COUNT", number)
            took = time.monotonic() - asked
            yield list(zip(flat[::2], flat[1::2], strict=True))
            if cursor == b"0":
                return
            size = sum(map(len, flat))
            number = max(1, min(_ROWS, number * _BYTES // max(size, 1)))
            time.sleep(min(took * _RESTS, _REST_MOST_S))
        self.cut_short = True
