"""Rows 9-11: partitions, slow lines, connections that break after a word and before its answer."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import suppress
from random import Random
from socket import SHUT_RDWR

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs import delivery
from hyperloom.gcs.wire import Wire
from hyperloom.testing import Cluster
from tests.chaos.oracle import ANSWERS, PATIENCE_S, Account, Load
from tests.chaos.processes import CHAINS
from tests.cluster.several.tasks import alive, make, on, sizes_in
from tests.waiting import wait_until


def row_9(choose: Random) -> Account:
    """a node is cut off (network namespaces) for half a lease, or three"""
    if why := Cluster.why_no_networks():
        return Account(rounds=1, skipped=why)
    with Cluster(nodes=2, networks=True, lease_s=2, beat_s=0.5) as cluster, cluster.connect():
        load = Load()
        load.submit(CHAINS)
        cut = cluster.nodes[1]
        cluster.partition(cut)
        time.sleep(2 * choose.choice([0.5, 3]))  # the task of this row is to be silent
        cluster.heal(cut)
        load.account.measured(ANSWERS, load.answers())
        wait_until(lambda: len(alive()) == 2, 30)
        return load.settle()


class FaultyWire(Wire):
    """Breaks now and then, most often when a word was said and is not answered; and may be slow."""

    choose = Random(0)
    chance = 0.0
    delay_s = 0.0

    def send_packed(self, data: bytes) -> None:
        super().send_packed(data)
        if self.choose.random() < self.chance:
            with suppress(OSError):
                self._socket.shutdown(SHUT_RDWR)

    def receive(self, timeout_s: float | None = None) -> object:
        if self.delay_s:
            time.sleep(self.delay_s * self.choose.random())  # the task of this row is to be slow
        return super().receive(timeout_s)


def _with_faults(choose: Random, chance: float, delay_s: float) -> Account:
    """A driver whose words go over such lines."""
    FaultyWire.choose, FaultyWire.chance, FaultyWire.delay_s = choose, chance, delay_s
    real, delivery.Wire = delivery.Wire, FaultyWire  # type: ignore[misc]
    try:
        with loom.init("local", num_cpus=2, submit_batch=5):
            assert isinstance(current.session().outbox._delivery._wire, FaultyWire)
            load = Load()
            load.submit(CHAINS)
            load.account.measured(ANSWERS, load.answers())
            return load.settle()
    finally:
        delivery.Wire = real  # type: ignore[misc]


def _on_thin_lines() -> Account:
    """Some values of 100 KiB have to go over them, too; no node may be given up."""
    with Cluster(nodes=3, networks=True, lease_s=5, beat_s=1) as cluster, cluster.connect():
        for node in cluster.nodes[1:]:
            place = cluster._place_of(node)
            for through, link in ([], place.name), (place.through, "eth0"):
                thin = "root tbf rate 1mbit burst 32kbit latency 400ms"
                command = [*through, "tc", "qdisc", "add", "dev", link, *thin.split()]
                subprocess.run(command, check=True)
        load = Load()
        load.submit(CHAINS)
        large = [on(node.id, make).remote(100 << 10) for node in cluster.nodes]
        sizes = [on(node.id, sizes_in).remote(large) for node in cluster.nodes]
        load.account.measured(ANSWERS, load.answers())
        assert loom.get(sizes, timeout=PATIENCE_S) == [[100 << 10] * 3] * 3
        load.account.left += [] if len(alive()) == 3 else ["a node was given up"]
        del large, sizes
        return load.settle(counts=False)


def row_10(choose: Random) -> Account:
    """lines of 1 Mbit/s (tc); or one that takes up to 200 ms and breaks with one word in twenty"""
    if not Cluster.why_no_networks() and shutil.which("tc") and choose.random() < 0.5:
        return _on_thin_lines()
    return _with_faults(choose, 0.05, 0.2)


def row_11(choose: Random) -> Account:
    """one word in four is carried out, and its answer lost"""
    return _with_faults(choose, 0.25, 0)
