"""Four processes share a small store and are killed at random, and so is the keeper.

Bounded and seeded; HYPERLOOM_TORTURE_S makes it longer, HYPERLOOM_TORTURE_SEED another one.
(The seed fixes what each process does and when we kill; the kernel's scheduling it cannot fix.)
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyperloom.objectstore.reaper import remove_store
from tests.chaos.objectstore.torturer import IDS, oid
from tests.unit.objectstore import peer
from tests.waiting import wait_until

CAPACITY = 48 << 20  # a third of what all objects would take: reclaiming and spilling all the time
DURATION_S = float(os.environ.get("HYPERLOOM_TORTURE_S", "8"))
SEED = int(os.environ.get("HYPERLOOM_TORTURE_SEED", "1"))


class Torture:
    def __init__(self, root: Path, spill: Path) -> None:
        self.root = root
        self.spill = spill
        self.choose = random.Random(SEED)
        self.processes: list[subprocess.Popen[str]] = []
        self.words: list[str] = []  # of processes that are gone
        self.started = 0
        self.kills = 0
        self.keeper_kills = 0
        self.keeper = self._start_keeper()

    def _start_keeper(self) -> peer.Peer:
        names = {"root": str(self.root), "spill": str(self.spill), "capacity": CAPACITY}
        return peer.Peer(peer.KEEPER.format(**names))

    def start_missing(self) -> None:
        while len(self.processes) < 4:
            self.started += 1
            seed = str(SEED * 1000 + self.started)
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.chaos.objectstore.torturer", self.root, seed],
                    cwd=peer.REPOSITORY,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )

    def kill_one(self) -> None:
        victim = self.processes.pop(self.choose.randrange(len(self.processes)))
        self.end(victim)
        self.kills += 1

    def end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        words, _ = process.communicate()
        if process.returncode != -signal.SIGKILL:
            words += f"ended by itself: {process.returncode}"
        if words:
            self.words.append(words)

    def kill_keeper(self) -> None:
        self.keeper.kill()
        self.keeper.end()
        self.keeper_kills += 1
        self.keeper = self._start_keeper()

    def bytes_of_files(self, *, on_pages: bool) -> int:
        total = 0
        for folder in "obnz":
            for entry in os.scandir(self.root / folder):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat()
                    total += status.st_blocks * 512 if on_pages else status.st_size
        return total

    def books_agree(self) -> bool:
        used = self.keeper.run("keeper.stats().used_bytes")
        return used == self.bytes_of_files(on_pages=False)


@pytest.fixture
def torture(tmp_path):
    name = f"loom-{os.getuid()}-torture{os.getpid()}-{SEED}"
    one = Torture(Path("/dev/shm") / name, tmp_path / name)
    yield one
    for process in one.processes:
        one.end(process)
    one.keeper.end()
    remove_store(str(one.root))
    wait_until(lambda: not one.root.exists() and not one.spill.exists())


@pytest.mark.slow
@pytest.mark.timeout(DURATION_S + 60)
def test_nothing_is_corrupt_and_nothing_is_lost_track_of(torture):
    print(f"seed {SEED}, {DURATION_S} s")  # noqa: T201 - shown when it fails
    end = time.monotonic() + DURATION_S
    next_keeper_kill = time.monotonic() + DURATION_S / 3
    most_bytes = 0
    while time.monotonic() < end:
        torture.start_missing()
        pause_s = torture.choose.uniform(0.02, 0.6)  # a new one takes 0.2 s to begin
        with contextlib.suppress(subprocess.TimeoutExpired):
            torture.processes[0].wait(pause_s)  # does not end, so this is the time it has
        torture.kill_one()
        most_bytes = max(most_bytes, torture.bytes_of_files(on_pages=True))
        if time.monotonic() > next_keeper_kill:
            torture.kill_keeper()
            next_keeper_kill = time.monotonic() + DURATION_S / 3
    for process in torture.processes:
        torture.end(process)
    torture.processes.clear()

    assert torture.words == []
    assert most_bytes <= CAPACITY
    wait_until(lambda: list((torture.root / "p").iterdir()) == [], what="all are buried")
    wait_until(torture.books_agree, what="the books are the files")
    print(torture.keeper.run("tuple(keeper.stats())"), torture.kills, torture.keeper_kills)  # noqa: T201
    torture.keeper.run(f"keeper.free(n.to_bytes(20, 'big') for n in range({IDS}))")
    wait_until(lambda: torture.keeper.run("keeper.stats().used_bytes") == 0)
    assert [oid(n).hex() for n in range(IDS) if (torture.spill / oid(n).hex()).exists()] == []
    assert [path.name for path in torture.spill.iterdir()] == ["root"]
