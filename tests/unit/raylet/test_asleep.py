"""Which processes sleep, as the kernel sees them."""

from __future__ import annotations

import os
import subprocess
import sys

from hyperloom.raylet.asleep import asleep
from tests.waiting import wait_until


def test_who_waits_sleeps_and_who_asks_does_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as waits:
        wait_until(lambda: asleep({1: waits.pid, 2: os.getpid()}) == {1})
        waits.communicate(b"\n")
    assert asleep({1: waits.pid}) == frozenset(), "it is gone"
