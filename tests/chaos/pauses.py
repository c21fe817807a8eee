"""Row 8: a worker, a raylet, the server or a driver hangs, for less than a lease or for longer.

L is the lease.  What is asked besides the account:

server < L, raylet < L   nothing runs again
raylet > L               each late result is refused, and its workers end within 1 s of its return
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import hyperloom as loom
from hyperloom.gcs import codes
from hyperloom.testing import Cluster
from tests.chaos import observed
from tests.chaos.oracle import ANSWERS, ENDED, REFUSED, Account, Load
from tests.cluster.api.gate import Gate
from tests.cluster.several.tasks import alive
from tests.home import ROOT
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from hyperloom.testing import ClusterNode

    Who = Callable[[Cluster, Load, Path, float], Iterator[str]]

LEASE_S = 2.0
CHAINS = 67  # about 200 tasks
LATE = 3  # tasks that end while their raylet hangs
# Its workers stop when they have told it their first result: then it is known that it has the word.
SAID = "worker.reported=stop"


def row_8(kind: str, _: Random) -> Account:
    """SIGSTOP of a worker, raylet, server or driver for half a lease, two or ten"""
    name, _, for_leases = kind.partition(" for ")
    who, leases = _WHO[name], float(for_leases.removesuffix(" L"))
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(
            nodes=[{}, {"failpoints": SAID if kind in GIVEN_UP else ""}],
            num_cpus=2,
            lease_s=LEASE_S,
            beat_s=0.5,
        ) as cluster,
        cluster.connect(),
    ):
        load = Load()
        missed = list(who(cluster, load, Path(folder), leases))
        load.account.measured(ANSWERS, load.answers())
        wait_until(lambda: len(alive()) == 2, 30)
        again = observed.count(codes.AGAIN)
        if leases < 1 and again:
            missed.append(f"{again} tasks ran again")
        account = load.settle()
        account.left += [f"{kind}: {what}" for what in missed]
        return account


def _hangs(pid: int, leases: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(LEASE_S * leases)  # the task of this row is to hang
    finally:
        os.kill(pid, signal.SIGCONT)


@loom.task(max_retries=-1, num_cpus=0, timeout_s=900)  # with a limit, each has its own process
def ends_late(gate: Gate, begun: Gate) -> int:
    begun.note(f"{loom.context().node_id} {os.getpid()}")
    gate.pass_through(600)
    return 1


class Late:
    """Tasks, on one node first, that end when they are let; and the processes in which they are."""

    def __init__(self, node: ClusterNode, folder: Path, number: int) -> None:
        self._gate, self._begun, self._number = (
            Gate(folder / "gate"),
            Gate(folder / "begun"),
            number,
        )
        first = ends_late.options(scheduling=loom.NodeAffinity(node.id, soft=True))
        self.refs = [first.remote(self._gate, self._begun) for _ in range(number)]
        wait_until(lambda: len(self._begun.notes()) == number, 30)
        begun = [line.split() for line in self._begun.notes()]
        # If the node was slow to begin them, another may have taken some.
        self.pids = [int(pid) for there, pid in begun if there == node.id]
        assert self.pids, f"none of them began on {node.id}"

    def end(self, *, again: bool) -> None:
        """Now; but not before they run elsewhere as well, if they do."""
        most = self._number + (len(self.pids) if again else 0)
        wait_until(lambda: len(self._begun.notes()) == most, 60)
        self._gate.open()

    def words_of(self, node: ClusterNode, account: Account) -> Iterator[str]:
        """What is wrong with what becomes of them: each is to be refused."""
        refused = observed.refused(node, self.refs)
        account.measured(REFUSED, refused)
        if refused != self._number:
            yield f"{refused} of {self._number} late results were refused"

    def have_ended(self) -> None:
        """Wait until those of the first node have said so to their raylet (`SAID`)."""
        wait_until(lambda: all(map(observed.stopped, self.pids)), 30, what="they have said it")


def _raylet(cluster: Cluster, load: Load, folder: Path, leases: float) -> Iterator[str]:
    stays, hangs = cluster.nodes
    late = Late(hangs, folder, LATE)
    for ref in late.refs:
        load.expect(ref, 1)
    load.submit(CHAINS)
    began = time.monotonic()
    cluster.pause(hangs)
    if leases > 1:
        wait_until(lambda: alive() == {stays.id}, LEASE_S * leases)
    late.end(again=leases > 1)
    if leases > 1:
        late.have_ended()
    left_s = began + LEASE_S * leases - time.monotonic()
    time.sleep(max(0.0, left_s))  # the task of this row is to hang
    if leases > 1 and alive() != {stays.id}:
        yield "a node that hung for longer than its lease is a member"
    if leases > 1:
        yield from late.words_of(hangs, load.account)
    at = time.monotonic()
    cluster.resume(hangs)
    if leases > 1:
        wait_until(lambda: not observed.running(late.pids), 30)
        load.account.measured(ENDED, time.monotonic() - at)


def _server(cluster: Cluster, load: Load, folder: Path, leases: float) -> Iterator[str]:
    del folder
    load.submit(CHAINS)
    _hangs(cluster._control_plane.server_pid, leases)
    yield from ()


def _worker(cluster: Cluster, load: Load, folder: Path, leases: float) -> Iterator[str]:
    late = Late(cluster.nodes[1], folder, 1)
    load.expect(late.refs[0], 1)
    load.submit(CHAINS)
    late.end(again=False)
    _hangs(late.pids[0], leases)
    yield from ()


_DRIVER = """
import hyperloom as loom

@loom.task
def plus_one(x):
    return x + 1

with loom.init():
    refs = [plus_one.remote(i) for i in range(200)]
    print("begun", flush=True)
    input()
    print(loom.get(refs) == list(range(1, 201)))
"""


def _driver(cluster: Cluster, load: Load, folder: Path, leases: float) -> Iterator[str]:
    load.submit(CHAINS)
    driver = subprocess.Popen(
        [sys.executable, "-c", _DRIVER],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | cluster.environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "begun\n"
    _hangs(driver.pid, leases)
    out, err = driver.communicate("\n", timeout=60)
    if out != "True\n":
        yield f"it says {out!r} {err:.300}"


_WHO: dict[str, Who] = {"worker": _worker, "raylet": _raylet, "server": _server, "driver": _driver}
KINDS = tuple(f"{who} for {leases} L" for who in _WHO for leases in (0.5, 2, 10))
GIVEN_UP = tuple(kind for kind in KINDS if kind in {"raylet for 2 L", "raylet for 10 L"})
