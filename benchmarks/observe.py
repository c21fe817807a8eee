"""What our own session uses: its server's figures, its processes' CPU time and memory."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import psutil

from hyperloom.core import current
from hyperloom.gcs import keys
from hyperloom.gcs.wire import Wire

_SERVERS = ("valkey-server", "redis-server")


class Server:
    """The session's server, seen through a connection of its own."""

    def __init__(self, wire: Wire | None = None) -> None:
        self._wire = wire or Wire(current.session().address)

    def number(self, section: str, name: str) -> float:
        """One figure of INFO."""
        text = self._wire.call("INFO", section).decode()
        return float(text.partition(f"{name}:")[2].split(None, 1)[0])

    def cpu_s(self) -> float:
        """CPU time so far.  Of its main thread: others only free memory and fsync."""
        return self.number("cpu", "used_cpu_sys_main_thread") + self.number(
            "cpu", "used_cpu_user_main_thread"
        )

    def memory_bytes(self) -> float:
        """What its data takes, without the buffers of its connections and its log."""
        overhead = self.number("memory", "mem_clients_normal") + self.number(
            "memory", "mem_aof_buffer"
        )
        return self.number("memory", "used_memory") - overhead

    def events_bytes(self) -> float:
        """What the session's events take: bounded, and there for a while after their tasks."""
        name = keys.EVENTS.name(current.session().namespace)
        return float(self._wire.call("MEMORY", "USAGE", name, "SAMPLES", 0) or 0)

    def close(self) -> None:
        """Hang up."""
        self._wire.close()


def roles() -> dict[str, list[int]]:
    """Process ids of this program's session by what they are.

    The raylet is our child; the server and the template are its; workers are the template's.
    """
    found: dict[str, list[int]] = {"driver": [os.getpid()]}
    for raylet in psutil.Process().children():
        if "hyperloom.raylet.main" not in raylet.cmdline():
            continue
        found.setdefault("raylet", []).append(raylet.pid)
        for child in raylet.children():
            if Path(child.cmdline()[0]).name in _SERVERS or child.name() in _SERVERS:
                found.setdefault("server", []).append(child.pid)
            else:
                found.setdefault("template", []).append(child.pid)
                found.setdefault("workers", []).extend(p.pid for p in child.children())
    return found


def cpu_s(pids: list[int]) -> float:
    """CPU time of these processes so far, all threads, to the nanosecond."""
    total_ns = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
                total_ns += int((thread / "schedstat").read_text().split()[0])
    return total_ns / 1e9


def memory_bytes(pids: list[int]) -> float:
    """Memory of these processes; what several share is counted once (PSS)."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def settled(value: object, wanted: object, timeout_s: float) -> bool:
    """Ask `value()` until `wanted(it)`; False when that did not come to be in time."""
    deadline = time.monotonic() + timeout_s
    while not wanted(value()):  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
