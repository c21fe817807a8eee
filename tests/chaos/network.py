"""Rows 10 and 11: slow lines, and words that are lost, said twice, or arrive late.

All of a cluster speaks with its server through a `Proxy`: raylets, workers and the driver.

row 10   no node is given up and nothing runs again, with up to a second each way
row 11   what the control plane counts in the end is what it counts without faults; in a whole row
         1,000 calls are cut off, of each function that is often called at least one
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import Counter as Calls
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom.gcs import codes
from hyperloom.gcs.address import Address
from hyperloom.testing import Cluster
from tests.chaos import observed
from tests.chaos.counting import Counter
from tests.chaos.oracle import ANSWERS, PATIENCE_S, Account, Load
from tests.chaos.proxy import Faults, Proxy
from tests.cluster.several.tasks import alive, make, on, size_of, sizes_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

CHAINS = 67  # about 200 tasks
ALL_CUTS = 1000  # of a whole row
OFTEN = 20  # who is called so many times in it is cut off sometimes
CUT: Calls[str] = Calls()  # in all rounds, by function and how
CALLED: Calls[str] = Calls()  # in all rounds, by function
_COUNTED = {"done": codes.DONE, "failed": codes.FAILED}


@contextmanager
def behind(faults: Faults, nodes: int, **options: Any) -> Iterator[tuple[Cluster, Proxy]]:
    """A cluster whose parts reach its server through a proxy; this process is a driver of it."""
    with (
        tempfile.TemporaryDirectory(prefix="loom-chaos-") as folder,
        Cluster(nodes=0, **options) as cluster,
    ):
        plane = cluster._control_plane
        proxy = Proxy(Path(folder) / "s", plane.folder / "gcs.sock", faults)
        plane.address = Address(f"unix://{proxy.path}", plane.address.password_file)
        try:
            for _ in range(nodes):
                cluster.add_node(num_cpus=2)
            with cluster.connect():
                yield cluster, proxy
        finally:
            cluster.close()
            proxy.close()


def _slow(faults: Faults, lease_s: float) -> Account:
    with behind(faults, 2, lease_s=lease_s, beat_s=lease_s / 5) as (cluster, _):
        load = Load()
        load.submit(CHAINS)
        large = on(cluster.nodes[1].id, make).remote(1 << 20)
        load.expect(on(cluster.nodes[0].id, size_of).remote(large), 1 << 20)
        load.account.accepted, load.account.committed = load.account.accepted + 1, 1
        load.account.measured(ANSWERS, load.answers())
        load.account.left += [] if len(alive()) == 2 else ["a node was given up"]
        if again := observed.count(codes.AGAIN):
            load.account.left.append(f"{again} tasks ran again")
        del large
        return load.settle()


def _on_thin_lines() -> Account:
    """Some values of 100 KiB have to go over them, too; no node may be given up."""
    with Cluster(nodes=3, networks=True, lease_s=5, beat_s=1) as cluster, cluster.connect():
        for node in cluster.nodes[1:]:
            place = cluster._place_of(node)
            for through, link in ((), place.name), (place.through, "eth0"):
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


KINDS = ("1 Mbit/s", "200 ms, connections break", "1 s")


def row_10(kind: str, choose: Random) -> Account:
    """1 Mbit/s (tc); 200 ms each way, about, and a connection in 20 breaks; 1 s each way"""
    seed = choose.randrange(1 << 30)
    if kind == "1 Mbit/s":
        why = Cluster.why_no_networks() or ("" if shutil.which("tc") else "tc is not on PATH")
        return Account(rounds=1, skipped=why) if why else _on_thin_lines()
    if kind == "1 s":
        return _slow(Faults(seed, delay_s=0.9, jitter_s=0.1), lease_s=10)
    return _slow(Faults(seed, delay_s=0.2, jitter_s=0.1, breaks=0.05), lease_s=10)


@loom.task(max_retries=0)
def refuses() -> None:
    raise ValueError("no")


@loom.task
def items(n: int) -> Any:
    yield from range(n)


def _work() -> tuple[Account, dict[str, int]]:
    """Something of all kinds, so that most functions are called; and what is counted then."""
    load = Load()
    load.submit(CHAINS)
    counter = Counter.options(checkpoint_every=1).remote()
    for total in range(1, 21):
        load.expect(counter.add.remote(1), total)
    group = loom.placement_group([{"CPU": 1}])
    in_group = size_of.options(scheduling=group).remote(b"123")
    load.expect(in_group, 3)
    refused = [refuses.remote() for _ in range(5)]
    stream = items.remote(20)
    load.account.wrong += [loom.get(ref, timeout=PATIENCE_S) for ref in stream] != list(range(20))
    for ref in refused:
        with suppress(ValueError):
            load.account.wrong += loom.get(ref, timeout=PATIENCE_S) is None
    large = make.remote(1 << 20)
    load.expect(size_of.remote(large), 1 << 20)
    load.account.measured(ANSWERS, load.answers())
    loom.wait([in_group], timeout=PATIENCE_S)  # else it may be removed with its group
    loom.remove_placement_group(group)
    del in_group, refused, stream, counter, large, ref
    account = load.settle(counts=False)
    counted = {name: observed.count(kind) for name, kind in _COUNTED.items()}
    return account, counted


def row_11(choose: Random) -> Account:
    """calls lost, done and not answered, or late: of drivers, workers and raylets (1000 in all)"""
    with Cluster(nodes=2, num_cpus=2) as cluster, cluster.connect():
        calm, clean = _work()
    faults = Faults(choose.randrange(1 << 30), cuts=0.05)
    # A node whose inbox broke looks after what it holds when both of these have passed.
    with behind(faults, 2, outage_s=5, lease_s=5) as (_, proxy):
        account, counted = _work()
    if calm.failed or not calm.passes:
        account.left.append(f"without faults: {calm}")
    if counted != clean:
        account.left.append(f"counted {counted}, and {clean} without faults")
    CUT.update(proxy.faults)
    CALLED.update(proxy.called)
    return account


def cut_everywhere() -> list[str]:
    """What is missing in all rounds together: cuts, or functions among them."""
    few = [f"only {CUT.total()} cuts, not {ALL_CUTS}"] if CUT.total() < ALL_CUTS else []
    cut = {name.partition(" ")[0] for name in CUT}
    often = {name for name, number in CALLED.items() if number >= OFTEN}
    return few + [f"{name} was never cut off" for name in sorted(often - cut)]
