"""A program whose whole node vanishes, for good or for a while: what becomes of its job."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs import overview
from hyperloom.testing import Cluster
from tests.cluster.several.tasks import alive, where
from tests.home import ROOT, Home
from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from hyperloom.testing.cluster import ClusterNode

pytestmark = pytest.mark.slow

# It has a job of its own, through the node whose folder it is told, and waits for an object of it.
_PROGRAM = """
import sys
from pathlib import Path
import hyperloom as loom
from hyperloom import connection, errors
from hyperloom.core import current
from hyperloom.node.connect import Wanted
from tests.cluster.plans.programs import passes
from tests.cluster.api.gate import Gate

session = connection.begin(Wanted(session=Path(sys.argv[1])))
kept = loom.put(b"x" * (1 << 20))
waits = passes.remote(Gate(Path(sys.argv[2])), 7)
plan = None
if "detached" in sys.argv:
    plan = loom.submit(passes.bind(Gate(Path(sys.argv[2])), 8), detach=True).id
current.session().settle()  # so that its task is accepted before it is stopped
print(session.job_id, plan, flush=True)
try:
    print("got", loom.get(waits), flush=True)
except errors.LoomError as error:
    print(type(error).__name__, error, flush=True)
"""


@contextmanager
def cluster_of_two(grace_s: float) -> Iterator[Cluster]:
    options = {"lease_s": 1, "beat_s": 0.1, "job_grace_s": grace_s, "check": True}
    with Cluster(nodes=2, **options) as cluster, cluster.connect():
        yield cluster


class Program:
    """It runs until it is told otherwise."""

    def __init__(self, home: Home, cluster: Cluster, node: ClusterNode, *more: str) -> None:
        environment = {**home.environment, **cluster.environment, "PYTHONPATH": str(ROOT)}
        gate = str(home.path / "gate")
        self.process: subprocess.Popen[str] = home.python(
            "-c", _PROGRAM, str(node.folder), gate, *more, env=environment
        )
        self.job, self.plan = self.line().split()

    def line(self) -> str:
        assert self.process.stdout is not None
        said = self.process.stdout.readline().strip()
        assert said, self.process.communicate()[1]
        return said


def jobs() -> dict[str, dict[str, Any]]:
    """As ``loom status`` has them."""
    return {job["job"]: job for job in overview.look(current.session().address)["jobs"]}


def words(home: Home, cluster: Cluster, *command: str) -> str:
    """What a ``loom`` command prints about the cluster."""
    environment = {**os.environ, **cluster.environment}
    out, err = home.python("-m", "hyperloom", *command, env=environment).communicate()
    assert not err
    return out


@pytest.fixture
def home() -> Iterator[Home]:
    home = Home()
    yield home
    home.close()


def test_the_job_of_a_machine_that_lost_its_power_ends(home: Home) -> None:
    """1. Driver and raylet are killed at once.  2. The node is given up, the job is waited for.
    3. It is closed: nothing is held for it any more."""
    with cluster_of_two(0.5) as cluster:
        stays, vanishes = cluster.nodes
        program = Program(home, cluster, vanishes)
        assert program.job in jobs()
        os.kill(program.process.pid, signal.SIGSTOP)  # it shall not see the raylet's end
        os.kill(vanishes.pid, signal.SIGKILL)
        program.process.kill()
        program.process.communicate()
        cluster.remove_node(vanishes, kill=True)
        wait_until(lambda: program.job not in jobs(), 30)
        assert alive() == {stays.id}
        assert loom.get(where.remote(), timeout=30) == stays.id


def test_a_node_that_comes_back_in_time_has_its_job_still(home: Home) -> None:
    with cluster_of_two(600) as cluster:
        stays, hangs = cluster.nodes
        program = Program(home, cluster, hangs)
        os.kill(program.process.pid, signal.SIGSTOP)
        cluster.pause(hangs)
        wait_until(lambda: alive() == {stays.id}, 20)
        wait_until(lambda: jobs()[program.job]["lost_s"] is not None, 20)
        lost = f"program's node {hangs.id[:8]} has been lost for "
        says = re.compile(lost + ".* the job ends in 10 min")
        for command in (["status"], ["ls", "jobs"], ["why", program.job], ["why", "last"]):
            assert says.search(words(home, cluster, *command)), command
        told = json.loads(words(home, cluster, "why", program.job, "--json"))
        assert (told[0]["why"], told[0]["ends_s"] > 500) == ("job", True)
        cluster.resume(hangs)
        os.kill(program.process.pid, signal.SIGCONT)
        wait_until(lambda: jobs()[program.job]["lost_s"] is None, 20)
        (home.path / "gate").touch()
        assert program.line() == "got 7"
        program.process.communicate()
        wait_until(lambda: program.job not in jobs(), 20)


@pytest.mark.parametrize("first", ["raylet", "driver"])
def test_a_program_that_comes_back_too_late_is_told(home: Home, first: str) -> None:
    with cluster_of_two(0.2) as cluster:
        stays, hangs = cluster.nodes
        program = Program(home, cluster, hangs)
        os.kill(program.process.pid, signal.SIGSTOP)
        cluster.pause(hangs)
        wait_until(lambda: program.job not in jobs(), 30)
        if first == "driver":
            os.kill(program.process.pid, signal.SIGCONT)
            said = program.line()
            cluster.resume(hangs)
        else:
            cluster.resume(hangs)
            wait_until(lambda: alive() == {stays.id, hangs.id}, 20)
            os.kill(program.process.pid, signal.SIGCONT)
            said = program.line()
        assert said.startswith("JobEnded this program's job was ended without it: its node ")
        assert "was not heard of for 0.2 s (job_grace_s) after it had been given up" in said
        out, err = program.process.communicate()
        assert (out, err) == ("", "")
        wait_until(lambda: alive() == {stays.id, hangs.id}, 20)
        assert list(jobs()) == [current.session().job.hex()], "it was not opened again"


def test_what_was_detached_goes_on_without_the_program(home: Home) -> None:
    with cluster_of_two(0.2) as cluster:
        stays, hangs = cluster.nodes
        program = Program(home, cluster, hangs, "detached")
        os.kill(program.process.pid, signal.SIGSTOP)
        cluster.pause(hangs)
        wait_until(lambda: jobs()[program.job]["forsaken"], 30)
        cluster.resume(hangs)
        wait_until(lambda: alive() == {stays.id, hangs.id}, 20)
        os.kill(program.process.pid, signal.SIGCONT)
        assert program.line().startswith("JobEnded this program's job was ended without it")
        program.process.communicate()
        (home.path / "gate").touch()
        plan = loom.attach(program.plan)
        assert plan.gather(timeout=30) == [8]
        wait_until(lambda: program.job not in jobs(), 30)
