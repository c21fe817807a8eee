"""Row 5: the server is killed under load; that is answered soon, and goes on as fast as before."""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress
from math import inf
from statistics import median
from threading import Thread
from typing import TYPE_CHECKING, Any

import psutil

import hyperloom as loom
from tests.chaos.oracle import ANSWERS, PATIENCE_S, RECOVERED, Account, Load, plus_one
from tests.chaos.processes import CHAINS, Head

if TYPE_CHECKING:
    from random import Random

KILLS = 3  # in a round
LEAST = 0.9  # of what was done in a second before
MOST_S = 30.0  # it is waited for that
_BEFORE = 3  # seconds that are measured before a kill
_AHEAD, _BATCH = 2000, 200  # tasks on their way; got at a time


class Stream:
    """A driver that always has so many tasks on their way, and counts what comes of them.

    What others did on this machine is not laid to the server's charge: a rate is of the
    CPUs that they left.
    """

    def __init__(self, home: Head) -> None:
        self.account = Account()
        self._home = home
        self._ahead: deque[tuple[Any, int]] = deque()
        self._next = 0

    def second(self) -> float:
        """Go on for a second, or until an answer comes; how many tasks a second that were."""
        at, done, others_s = time.monotonic(), self.account.committed, self._others_s()
        while (took := time.monotonic() - at) < 1:
            while len(self._ahead) < _AHEAD:
                numbers = range(self._next, self._next + _BATCH)
                self._ahead.extend(zip(plus_one.map(numbers, chunk=1), numbers, strict=True))
                self.account.accepted += _BATCH
                self._next += _BATCH
            self._take(_BATCH)
        left = 1 - (self._others_s() - others_s) / took / (os.cpu_count() or 1)
        return (self.account.committed - done) / took / min(1.0, max(0.1, left))

    def _others_s(self) -> float:
        """CPU time of all that is neither this process nor of this home."""
        times, ours_s = psutil.cpu_times(), 0.0
        for pid in (os.getpid(), *self._home.processes()):
            with suppress(psutil.Error):  # it has ended
                ours_s += sum(psutil.Process(pid).cpu_times()[:2])
        return float(times.user + times.nice + times.system + times.softirq + times.steal) - ours_s

    def end(self) -> None:
        """Take the rest."""
        self._take(len(self._ahead))

    def _take(self, number: int) -> None:
        refs, numbers = zip(*(self._ahead.popleft() for _ in range(number)), strict=True)
        values = loom.get(list(refs), timeout=PATIENCE_S)
        self.account.committed += number
        self.account.wrong += sum(v != n + 1 for v, n in zip(values, numbers, strict=True))


def row_5(choose: Random) -> Account:
    """kill -9 of the server (always), under load; soon as much is done as before"""
    with Head() as home:
        home.begins("--durability", "always")
        load, stream = Load(), Stream(home)
        for _ in range(KILLS):
            load.submit(CHAINS)
            _kill_under(stream, load, home, choose.random())
        stream.end()
        load.account.add(stream.account)
        return load.settle()


def _kill_under(stream: Stream, load: Load, home: Head, after_s: float) -> None:
    """Measure, kill, and go on until as much is done in a second as before."""
    stream.second()  # what is begun first takes longer
    before = median(stream.second() for _ in range(_BEFORE))
    killed_at: list[float] = []

    def kill() -> None:
        time.sleep(after_s)  # the task of this row is chance
        home.kill("server")
        killed_at.append(time.monotonic())
        load.account.measured(ANSWERS, load.answers())

    thread = Thread(target=kill, name="kills the server")
    thread.start()
    while not killed_at:
        stream.second()
    recovered = False
    while not recovered and time.monotonic() < killed_at[0] + MOST_S:
        recovered = stream.second() >= LEAST * before
    load.account.measured(RECOVERED, time.monotonic() - killed_at[0] if recovered else inf)
    thread.join()
