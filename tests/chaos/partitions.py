"""Row 9: parts of a cluster that cannot reach one another, for 2 s to ten leases.

What is asked besides the account:

node and server   shorter than the lease: nothing runs again; and the node is a member within a
                  lease of the end of the cut
node and node     nobody is given up, nothing runs again, and what is fetched comes from another
                  node that has it, while the cut lasts
driver, server    nobody is given up, nothing runs again
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom.gcs import codes
from hyperloom.testing import Cluster
from tests.chaos import observed
from tests.chaos.oracle import FETCHED, HEALED, Account, Load
from tests.cluster.several.tasks import alive, make, on, size_of
from tests.waiting import wait_until

if TYPE_CHECKING:
    from random import Random

    from hyperloom.testing.node import Part

LEASE_S = 4.0
CHAINS = 20
SIZE = 1 << 20
PARTS = ("node and server", "node and node", "driver and server")
KINDS = tuple(f"{parts}, {way}" for parts in PARTS for way in ("both", "there", "back"))
FETCHING = tuple(kind for kind in KINDS if kind.startswith("node and node"))


def row_9(kind: str, choose: Random) -> Account:
    """cut off for 2 s to 10 L: node - server, node - node, driver - server; both ways or one"""
    parts, _, way = kind.partition(", ")
    return cut_off(parts, LEASE_S * choose.choice([0.5, 1, 2, 2, 10]), way)


def cut_off(kind: str, for_s: float, way: str) -> Account:
    """One round."""
    if why := Cluster.why_no_networks():
        return Account(rounds=1, skipped=why)
    name = f"{kind}, {way}, {for_s:g} s"
    with (
        Cluster(nodes=3, networks=True, lease_s=LEASE_S, beat_s=LEASE_S / 4) as cluster,
        cluster.connect(),
    ):
        load = Load()
        load.submit(CHAINS)
        load.answers()
        data = _with_copies(cluster, load) if kind == "node and node" else None
        one, other = _parts(cluster, kind, way)
        cluster.partition(one, other, one_way=way != "both")
        began = time.monotonic()
        if kind == "driver and server":
            load.submit(CHAINS)
        if data is not None:
            _fetch(cluster, load, data)
        time.sleep(max(0.0, began + for_s - time.monotonic()))  # the task of this row is silence
        lost = kind != "driver and server" and len(alive()) < 3
        cluster.heal()
        at = time.monotonic()
        load.answers()
        wait_until(lambda: len(alive()) == 3, 60)
        load.account.measured(HEALED, time.monotonic() - at)
        if lost and (kind == "node and node" or for_s < LEASE_S):
            load.account.left.append(f"{name}: a node was given up")
        again = observed.count(codes.AGAIN)
        if again and not (kind == "node and server" and for_s >= LEASE_S):
            load.account.left.append(f"{name}: {again} tasks ran again")
        del data
        return load.settle()


def _parts(cluster: Cluster, kind: str, way: str) -> tuple[Part, Part]:
    _, copies, lacks = cluster.nodes
    pairs: dict[str, tuple[Part, Part]] = {
        "node and server": (lacks, "server"),
        "node and node": (lacks, copies),
        "driver and server": ("driver", "server"),
    }
    one, other = pairs[kind]
    return (other, one) if way == "back" else (one, other)


def _with_copies(cluster: Cluster, load: Load) -> Any:
    """A large value that two nodes have, the latter for the shorter time."""
    maker, copies, _ = cluster.nodes
    data = on(maker.id, make).remote(SIZE)
    copied = on(copies.id, size_of).remote(data)
    assert loom.get(copied, timeout=60) == SIZE
    load.account.accepted += 1  # the other is asked for below
    load.account.committed += 1
    load.expect(copied, SIZE)
    return data


def _fetch(cluster: Cluster, load: Load, data: Any) -> None:
    size = on(cluster.nodes[2].id, size_of).remote(data)
    load.expect(size, SIZE)
    at = time.monotonic()
    loom.wait([size], timeout=60)
    load.account.measured(FETCHED, time.monotonic() - at)
