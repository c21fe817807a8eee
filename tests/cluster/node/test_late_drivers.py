"""A program that comes back when its job was ended without it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow

_WAITS = """
import time
import hyperloom as loom

@loom.task
def wait():
    time.sleep(100)  # the task outlives everybody

loom.init("auto")
ref = wait.remote()
loom.wait([ref], timeout=0.01)
print("begun", flush=True)
try:
    loom.get(ref)
except loom.errors.LoomError as error:
    print(type(error).__name__, error)
"""


def test_one_that_slept_while_its_raylet_died_is_told_and_does_not_wait(home: Home) -> None:
    """1. It is stopped.  2. Its raylet is killed; the next one waits for it as long as a lease
    lasts.  3. It goes on: what it waits for will never come."""
    home.variables |= {"LOOM_LEASE_S": "1", "LOOM_BEAT_S": "0.3"}
    home.start_head()
    program = home.python("-c", _WAITS)
    assert program.stdout is not None
    assert program.stdout.readline() == "begun\n"
    os.kill(program.pid, signal.SIGSTOP)
    home.kill("raylet")
    wait_until(lambda: home.jobs() == [], 30)
    os.kill(program.pid, signal.SIGCONT)
    out, err = program.communicate(timeout=30)
    assert out.startswith(
        "JobEnded this program's job was ended without it: the raylet of its node"
    )
    assert err == ""
    assert home.jobs() == []
