"""How busy a node's machine is: CPU, memory, network, and what was spilled to disk."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hyperloom.objectstore.burial import count_spilled
from hyperloom.raylet.memory import machine_usage

if TYPE_CHECKING:
    from typing import Any

_FRESH_S = 0.5  # so short a time says little about a rate


class _Counters(NamedTuple):
    """What the kernel counts since the machine's start."""

    at: float
    busy: int  # clock ticks of all CPUs
    ticks: int
    received: int  # bytes, without those from the machine to itself
    sent: int


class Load:
    """See the module.  Rates are since the question before, of whoever asked it."""

    def __init__(self, spill: Path, proc: Path = Path("/proc")) -> None:
        self._spill = spill
        self._proc = proc
        self._memory = machine_usage()
        self._before = self._counters()
        self._rates = {"cpu_percent": 0.0, "received_s": 0.0, "sent_s": 0.0}
        self._spilled = (-1, 0, 0)  # mtime of the folder, objects, bytes

    def now(self) -> dict[str, Any]:
        """Percent, bytes, and bytes a second."""
        memory = self._memory()
        with suppress(FileNotFoundError):
            changed = self._spill.stat().st_mtime_ns
            if changed != self._spilled[0]:
                self._spilled = (changed, *count_spilled(self._spill))
        return {
            **self._rates_now(), "memory_used": memory.used_bytes,
            "memory_bytes": memory.total_bytes, "spilled": self._spilled[2],
        }  # fmt: skip

    def _rates_now(self) -> dict[str, float]:
        now, before = self._counters(), self._before
        passed = now.at - before.at
        if passed >= _FRESH_S:
            self._before = now
            self._rates = {
                "cpu_percent": 100 * (now.busy - before.busy) / max(1, now.ticks - before.ticks),
                "received_s": (now.received - before.received) / passed,
                "sent_s": (now.sent - before.sent) / passed,
            }
        return {name: round(rate, 1) for name, rate in self._rates.items()}

    def _counters(self) -> _Counters:
        ticks = received = sent = idle = 0
        with suppress(OSError, ValueError, IndexError):  # another system than Linux tells nothing
            words = (self._proc / "stat").read_text().partition("\n")[0].split()[1:9]
            idle = int(words[3]) + int(words[4])
            ticks = sum(map(int, words))
            for line in (self._proc / "net/dev").read_text().splitlines()[2:]:
                name, _, row = line.partition(":")
                if name.strip() != "lo":
                    columns = row.split()
                    received += int(columns[0])
                    sent += int(columns[8])
        return _Counters(time.monotonic(), ticks - idle, ticks, received, sent)
