"""Jobs on a Redis Cluster of three primaries: a job's tables lie on one of them, and work there."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom import errors
from hyperloom.gcs import codes, keys
from hyperloom.gcs.address import Address
from hyperloom.gcs.inbox import Inbox
from hyperloom.gcs.library import build
from hyperloom.gcs.reach import reach
from hyperloom.gcs.wire import Wire, fcall
from tests import servers
from tests.unit.gcs.plane import node, output, record, task, template
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIMARIES, SLOTS = 3, 16384
KIND, NODE = template("plain"), node("n1")
_BUS = 10_000  # the nodes of a Redis Cluster talk on their port plus this


def free_port() -> int:
    """One whose bus port is free, too."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
        if port + _BUS < 1 << 16:
            return port


class Shards:
    """Three servers that share the slots of a Redis Cluster, with the library on each."""

    def __init__(self, kind: str, folder: Path) -> None:
        binary = servers.binary(kind)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.addresses: list[Address] = []
        for number in range(PRIMARIES):
            port, own = free_port(), folder / str(number)
            own.mkdir()
            command = [
                *servers.dying_with_us(),
                str(binary),
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--dir",
                str(own),
            ]
            command += ["--cluster-enabled", "yes", "--save", "", "--appendonly", "no"]
            with (own / "log").open("ab") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log)
            servers.RUNNING.add(process.pid)
            self._processes.append(process)
            self.addresses.append(Address(f"redis://127.0.0.1:{port}"))
        self.wires = [wait_until(lambda a=a: _reached(a), 20) for a in self.addresses]
        self._share_slots()
        for wire in self.wires:
            wire.call("FUNCTION", "LOAD", build().text)

    def _share_slots(self) -> None:
        for number, wire in enumerate(self.wires):
            first, last = (SLOTS * n // PRIMARIES for n in (number, number + 1))
            wire.call("CLUSTER", "ADDSLOTSRANGE", first, last - 1)
            wire.call("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for address in self.addresses[1:]:
            self.wires[0].call("CLUSTER", "MEET", "127.0.0.1", address.url.rpartition(":")[2])
        wait_until(lambda: all(b"cluster_state:ok" in w.call("CLUSTER", "INFO") for w in self.wires)
                   and all(w.call("CLUSTER", "INFO").count(b"known_nodes:3") for w in self.wires),
                   30, what="the primaries know each other")  # fmt: skip

    def home(self, ns: str) -> int:
        """Which of them has the tables of a namespace."""
        return int(self.wires[0].call("CLUSTER", "KEYSLOT", f"{ns}:task")) * PRIMARIES // SLOTS

    def call(self, ns: str, name: str, *args: Any) -> Any:
        return self.wires[self.home(ns)].call(*fcall(name, ns, *args))

    def inbox(self, ns: str, who: bytes) -> Inbox:
        return Inbox(self.addresses[self.home(ns)], keys.INBOX.name(ns, who))

    def close(self) -> None:
        for wire in self.wires:
            wire.close()
        for process in self._processes:
            process.kill()
            process.wait()
            servers.RUNNING.discard(process.pid)


def _reached(address: Address) -> Wire | None:
    try:
        return Wire(address)
    except errors.ControlPlaneLost:
        return None


@pytest.fixture
def shards(server: servers.Server, tmp_path: Path) -> Iterator[Shards]:
    shards = Shards(server.kind, tmp_path)
    yield shards
    shards.close()


class Job:
    """One with a driver and a node, in the words of the protocol."""

    def __init__(self, shards: Shards, job: bytes) -> None:
        self.shards, self.ns = shards, keys.job_namespace(job)
        self.driver = job + b"driver"
        self.inbox = shards.inbox(self.ns, self.driver)
        self.call("template_declare", KIND, 1, 3, "0|CPU:10000", b"F" * 12 + b"b", b"F" * 12, b"c")
        self.call("node_attach", NODE)

    def call(self, name: str, *args: Any) -> Any:
        return self.shards.call(self.ns, name, *args)

    def submit(self) -> None:
        """A task, and one that takes its result."""
        first, second = task(self.driver, 1), task(self.driver, 2)
        rows = (first, record(KIND), second, record(KIND, [output(first)]))
        assert self.call("task_submit", self.driver, 1, 2, b"", KIND, *rows) == 1

    def run(self, n: int, value: bytes, refs: bytes = b"") -> None:
        _, _, entry, *_ = self.call("task_step", NODE, 0, "1;CPU:10000;")
        assert entry == task(self.driver, n)
        assert self.call("task_step", NODE, 0, "", entry, 1, KIND + refs, 1, value)[0] == b""
        assert self.inbox.poll(10) == [[output(entry), value]]

    def end(self) -> None:
        self.inbox.close()
        self.call("job_close", 60)


def test_two_jobs_on_two_primaries(shards: Shards) -> None:
    """Each with its own tables and inboxes; the cluster's table of nodes and jobs on the third."""
    names = (number.to_bytes(codes.JOB_ID, "big") for number in range(1, 1000))
    cluster = shards.home(keys.CLUSTER)
    by_home: dict[int, bytes] = {}
    for name in names:
        by_home.setdefault(shards.home(keys.job_namespace(name)), name)
    one, other = (Job(shards, by_home[n]) for n in range(PRIMARIES) if n != cluster)

    assert shards.call(keys.CLUSTER, "node_join", NODE, 60_000, "about") == []
    for job in (one, other):
        job.submit()
    one.run(1, b"0one")
    other.run(1, b"0other")
    one.run(2, b"0of one", output(task(one.driver, 1)))
    with pytest.raises(errors.ServerRefused, match="MOVED"):
        shards.wires[shards.home(other.ns)].call(*fcall("object_watch", one.ns, one.driver))
    one.end()
    assert other.call("object_watch", other.driver, output(task(other.driver, 1))) == [b"0other"]
    other.run(2, b"0of other", output(task(other.driver, 1)))
    other.end()
    left = [name for wire in shards.wires for name in wire.call("KEYS", "*")]
    stays = {key.name(ns) for key in keys.OUTLIVE for ns in (one.ns, other.ns)}
    assert set(left) - stays == {key.name(keys.CLUSTER) for key in (keys.NODES, keys.LEASES)}


def test_a_session_is_refused_with_what_to_do(shards: Shards) -> None:
    """It would find some jobs there, and be sent elsewhere (MOVED) for the others."""
    for address in shards.addresses:
        with pytest.raises(errors.NotConnected, match=r"one of a Redis Cluster.*cluster-enabled"):
            reach(address)
