"""What those processes have that live through a fault, and the server: before it, and after.

No more than: 3 more files open, 10 % more memory (or 4 MiB), 1 % more keys (but for those that
expire by themselves), as many connections to the server.  A `Baseline` is taken when all has been
used once and has come to rest; fewer of anything is no leak.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom.core import current
from hyperloom.gcs.wire import Wire
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_FILES = 3
_MEMORY = 0.1
_KEYS = 0.01
_PATIENCE_S = 20
_REST_S = 1.0
_MEMORY_BYTES = 4 << 20


@dataclass(frozen=True)
class _Held:
    files: dict[str, int]  # of a process
    memory: dict[str, int]  # in bytes
    connections: int
    keys: int


class Baseline:
    """See the module.  This process is a driver; `pids` are processes by name."""

    def __init__(self, **pids: int) -> None:
        self._pids = {"server": int(_info("server")["process_id"]), **pids}
        self._before = self._at_rest()

    def _at_rest(self) -> _Held:
        """When no worker has come or gone for some time."""
        held, since = _held(self._pids), time.monotonic()
        deadline = since + _PATIENCE_S
        while time.monotonic() < min(deadline, since + _REST_S):
            time.sleep(0.05)  # the task is to see whether anything goes on
            now = _held(self._pids)
            if (now.files, now.connections, now.keys) != (held.files, held.connections, held.keys):
                since = time.monotonic()
            held = now
        return held

    def left(self) -> list[str]:
        """What is different now, in words; it may take some seconds to go."""
        different: list[str] = []

        def same() -> bool:
            different[:] = self._different()
            return not different

        try:
            wait_until(same, _PATIENCE_S)
        except BaseException:  # noqa: BLE001 - pytest's failure is none of Exception's
            return different
        return []

    def _different(self) -> list[str]:
        before, now = self._before, _held(self._pids)
        found = [
            f"{name} has {now.files[name]} files open, not {before.files[name]}"
            for name in self._pids
            if now.files[name] > before.files[name] + _FILES
        ]
        found += [
            f"{name} has {now.memory[name] >> 10} KiB, not {before.memory[name] >> 10}"
            for name in self._pids
            if now.memory[name] - before.memory[name]
            > max(_MEMORY_BYTES, before.memory[name] * _MEMORY)
        ]
        if now.connections > before.connections:
            found.append(f"{now.connections} connections to the server, not {before.connections}")
        if now.keys > before.keys * (1 + _KEYS):
            found.append(f"{now.keys} keys, not {before.keys}")
        return found


def _held(pids: Mapping[str, int]) -> _Held:
    processes = {name: Path(f"/proc/{pid}") for name, pid in pids.items()}
    return _Held(
        files={name: len(list((at / "fd").iterdir())) for name, at in processes.items()},
        memory={
            name: int((at / "statm").read_text().split()[1]) * _PAGE_BYTES
            for name, at in processes.items()
        },
        connections=int(_info("clients")["connected_clients"]),
        keys=sum(_keys(each) for at, each in _info("keyspace").items() if at.startswith("db")),
    )


def _keys(database: str) -> int:
    """Without those that expire: what late words about an ended job meet, for some minutes."""
    about = dict(part.split("=") for part in database.split(","))
    return int(about["keys"]) - int(about["expires"])


def _info(section: str) -> dict[str, str]:
    lines: list[str] = _asked("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _asked(*command: str) -> Any:
    wire = Wire(current.session().address)
    try:
        return wire.call(*command)
    finally:
        wire.close()
