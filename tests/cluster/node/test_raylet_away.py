"""A driver whose raylet died, and is going to be started again, needs what lies on another node."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow

SIZE = 1_000_000


@loom.task(resources={"there": 1})
def make() -> bytes:
    return b"x" * SIZE


def test_get_of_what_lies_elsewhere_waits_for_the_next_raylet(head: Home) -> None:
    """1. it lies on another node  2. the raylet here dies  3. get  4. there is another raylet."""
    url, password = head.status()["address"], head.current / "password"
    supervisor, raylet = head.pid("supervisor"), head.pid("raylet")
    loom.init()  # now: what is started next is what programs find
    there = ("--num-cpus", "1", "--resources", '{"there": 1}')
    head.loom("start", "--address", url, "--password-file", password, *there)
    ref = make.remote()
    assert loom.wait([ref], timeout=30) == ([ref], [])
    os.kill(supervisor, signal.SIGSTOP)
    os.kill(raylet, signal.SIGKILL)
    try:
        wait_until(lambda: _is_over(raylet), what="the raylet is dead")
        with pytest.raises(errors.GetTimeout):
            loom.get(ref, timeout=0.3)
    finally:
        os.kill(supervisor, signal.SIGCONT)
    assert len(loom.get(ref, timeout=30)) == SIZE


def _is_over(pid: int) -> bool:
    about = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return about.rpartition(")")[2].split()[0] == "Z"  # its parent is stopped
