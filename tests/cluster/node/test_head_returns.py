"""A head's machine stops and comes back: other nodes and their programs go on where they were."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.node.somebodys import one_more
from tests.home import Home
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

_PROGRAM = """
import sys, time
from pathlib import Path
import hyperloom as loom

folder = Path(sys.argv[1])

@loom.task(max_retries=0, num_cpus=0.1)
def runs():
    (folder / "begun").open("a").write("begun\\n")
    while not (folder / "go").exists():
        time.sleep(0.01)  # the task takes its time
    return "ran"

@loom.task
def plus_one(x):
    return x + 1

loom.init("auto")
slow = runs.options(resources={"here": 1}).remote()
refs = [plus_one.remote(i) for i in range(500)]
while not (folder / "begun").exists():
    time.sleep(0.01)  # the task begins
(folder / "waits").touch()
assert loom.get(slow) == "ran"
assert loom.get(refs) == list(range(1, 501))
assert loom.get([plus_one.remote(i) for i in range(100)]) == list(range(1, 101))
"""


@pytest.fixture
def other(home: Home) -> Iterator[Home]:
    """Another machine."""
    other = Home(variables=home.variables)
    yield other
    other.close()


def test_a_head_that_was_killed_goes_on_and_disturbs_nobody(
    home: Home, other: Home, tmp_path: Path
) -> None:
    """The task that runs elsewhere meanwhile runs once, and its program notices nothing."""
    data = home.path / "data"
    home.start_head("--dir", data)
    address = home.status()["address"]
    joins = ("--password-file", data / "password", "--num-cpus", "1")
    other.loom("start", "--address", address, *joins, "--resources", '{"here": 1}')
    program = other.python("-c", _PROGRAM, str(tmp_path))
    wait_until((tmp_path / "waits").exists, 30)
    for pid in home.processes():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not home.processes(), 20)
    home.loom("start", "--head", "--dir", data)
    assert home.status()["address"] == address
    (tmp_path / "go").touch()
    _, err = program.communicate(timeout=50)
    assert (program.returncode, err) == (0, "")
    assert Path(tmp_path / "begun").read_text() == "begun\n"


def test_a_head_without_a_folder_that_died_may_go_on_in_one(home: Home) -> None:
    """1. All of it is killed.  2. The next one begins anew, and names the data of the first.
    3. Where they lie they would be removed some day.  4. Moved, they are gone on with."""
    died = home.start_head()
    loom.init()
    plan = loom.submit([one_more.bind(1)], detach=True)
    assert plan.fetch(timeout=30) == [2]
    loom.shutdown()
    home.lose_power()
    wait_until(lambda: not home.processes(), 20)
    few = ("--head", "--port", "0", "--num-cpus", "1", "--no-dashboard")
    told = home.loom("start", *few).stdout
    assert f"loom stop && mv {died} DIR && loom start --head --dir DIR" in told
    home.loom("stop")
    refused = home.loom("start", *few, "--dir", died, exits=1).stderr
    assert f"mv {died} DIR && loom start --head --dir DIR" in refused
    data = died.rename(home.path / "mine")
    assert "begins anew" not in home.loom("start", *few, "--dir", data).stdout
    assert loom.attach(plan.id).fetch(timeout=30) == [2]
    loom.shutdown()
    home.loom("stop")
    assert "begins anew" not in home.loom("start", *few).stdout, "it was told to end"
