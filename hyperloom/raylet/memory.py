"""Memory: how much is used, whose task goes when it runs out, and what its error says.

The kernel's own remedy kills whichever process it likes best, and may take the raylet and all
tasks with it.  So the raylet is faster: above `memory_kill_percent` it ends one worker.

Which one.  Only who uses a good part of it can help: of the workers with at least half as much
as the largest, one whose task may be tried again goes first, and of these the one that began
last, since it loses least.  If no worker has even a hundredth of the memory, the tasks are not
to blame and nobody is ended.

An ended task is tried again as long as its retries last, and at most as often as a crashing
one; then its error is `OutOfMemory`.  After each such end tasks run one at a time for a moment.

What is counted: in a container the memory of its cgroup without the file cache that the kernel
gives back at once; else the machine's.  Of a worker, what it does not share with others.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hyperloom import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperloom.failures import Attempt
    from hyperloom.raylet.state import WorkerState

_LEAST_SHARE = 0.01  # of all memory: who has less is not to blame
_SHOWN = 5  # processes in a report
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """Of the machine, of a container, or of all workers."""

    used_bytes: int
    total_bytes: int

    @property
    def percent(self) -> float:
        """How full it is."""
        return 100 * self.used_bytes / self.total_bytes


class Figures(NamedTuple):
    """What an error says of a worker that was ended."""

    used_bytes: int
    node: Usage
    largest: tuple[str, ...]


class MemoryWatch:
    """See the module.  `usage` and `private` are replaced by tests."""

    def __init__(
        self,
        kill_percent: float,
        most_bytes: int = 0,
        usage: Callable[[], Usage] | None = None,
        private: Callable[[int], int] | None = None,
    ) -> None:
        self._kill_percent = kill_percent
        self._most_bytes = most_bytes
        self._usage = usage or machine_usage()
        self._private = private or private_bytes
        self._began: dict[int, tuple[bytes, int]] = {}  # worker -> its task, order of beginning
        self._order = 0
        self._figures: dict[int, Figures] = {}

    def look(self, workers: Mapping[int, WorkerState], pids: Mapping[int, int]) -> int | None:
        """The worker that must go now, if memory is short."""
        self._note_beginnings(workers)
        if any(worker.killed == "oom" for worker in workers.values()):
            return None  # what it leaves may be enough
        usage = self._usage()
        used: dict[int, int] | None = None
        if self._most_bytes:
            used = self._of_workers(workers, pids)
            usage = max(usage, Usage(sum(used.values()), self._most_bytes), key=_percent)
        if usage.percent < self._kill_percent:
            return None
        used = self._of_workers(workers, pids) if used is None else used
        victim = self._victim(workers, used, usage)
        if victim is not None:
            self._figures[victim] = Figures(used[victim], usage, self._largest(workers, used))
        return victim

    def report(self, worker: int, who: Attempt) -> bytes:
        """The failure of the task that the worker was ended for; asked for once."""
        figures = self._figures.get(worker) or Figures(0, self._usage(), ())
        return failures.out_of_memory(
            who,
            used_bytes=figures.used_bytes,
            node_used_bytes=figures.node.used_bytes,
            node_total_bytes=figures.node.total_bytes,
            largest=figures.largest,
        )

    def forget(self, worker: int) -> None:
        """It is gone."""
        self._began.pop(worker, None)
        self._figures.pop(worker, None)

    def _note_beginnings(self, workers: Mapping[int, WorkerState]) -> None:
        for number, worker in workers.items():
            if worker.sent:
                entry = worker.sent[0].entry
                if self._began.get(number, (b"",))[0] != entry:
                    self._order += 1
                    self._began[number] = (entry, self._order)

    def _of_workers(
        self, workers: Mapping[int, WorkerState], pids: Mapping[int, int]
    ) -> dict[int, int]:
        return {
            number: self._private(pids[number])
            for number, worker in workers.items()
            if worker.sent and pids.get(number)
        }

    def _victim(
        self, workers: Mapping[int, WorkerState], used: Mapping[int, int], usage: Usage
    ) -> int | None:
        largest = max(used.values(), default=0)
        if largest < _LEAST_SHARE * usage.total_bytes:
            return None
        able = [number for number, size in used.items() if 2 * size >= largest]
        return max(able, key=lambda n: (workers[n].sent[0].kind.retries != 0, self._began[n][1]))

    def _largest(
        self, workers: Mapping[int, WorkerState], used: Mapping[int, int]
    ) -> tuple[str, ...]:
        top = sorted(used, key=lambda number: -used[number])[:_SHOWN]
        return tuple(
            f"{used[number] / 2**20:,.0f} MiB: {workers[number].sent[0].kind.name}"
            for number in top
        )


def _percent(usage: Usage) -> float:
    return usage.percent


# -- reading ----------------------------------------------------------------------------------


def private_bytes(pid: int) -> int:
    """Memory that the process shares with nobody; 0 when it is gone."""
    try:
        words = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(words[1]) - int(words[2])) * _PAGE


def machine_usage(root: Path = Path("/")) -> Callable[[], Usage]:
    """How to read the use of memory here: of the container, if it has a limit."""
    machine = _machine_reader(root / "proc/meminfo")
    group = _group_reader(root, machine().total_bytes)
    if group is None:
        return machine
    return lambda: max(group(), machine(), key=_percent)


def _machine_reader(file: Path) -> Callable[[], Usage]:
    if not file.exists():
        import psutil  # noqa: PLC0415 - not needed on Linux

        def elsewhere() -> Usage:
            memory = psutil.virtual_memory()
            return Usage(memory.total - memory.available, memory.total)

        return elsewhere

    def read() -> Usage:
        fields = {}
        for line in file.read_text().splitlines()[:3]:
            name, _, amount = line.partition(":")
            fields[name] = int(amount.split()[0]) * 1024
        return Usage(fields["MemTotal"] - fields["MemAvailable"], fields["MemTotal"])

    return read


def _group_reader(root: Path, machine_bytes: int) -> Callable[[], Usage] | None:
    """Of the nearest cgroup around this process with a limit below the machine's memory."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names = ("memory.max", "memory.current", "inactive_file")
            base = root / "sys/fs/cgroup"
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            base = root / "sys/fs/cgroup/memory"
        else:
            continue
        for folder in _upwards(base, path):
            limit = _number(folder / names[0])
            if limit is not None and limit < machine_bytes:
                return _reader(folder, limit, names[1], names[2])
    return None


def _upwards(base: Path, path: str) -> list[Path]:
    parts = [part for part in path.split("/") if part]
    return [base.joinpath(*parts[:end]) for end in range(len(parts), -1, -1)]


def _reader(folder: Path, limit: int, current: str, cache: str) -> Callable[[], Usage]:
    def read() -> Usage:
        used = _number(folder / current) or 0
        for line in (folder / "memory.stat").read_text().splitlines():
            name, _, amount = line.partition(" ")
            if name == cache:
                used -= int(amount)
                break
        return Usage(max(0, used), limit)

    return read


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # there is none, or it says "max"
        return None
