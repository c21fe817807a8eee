"""Nodes that encrypt what they give each other: a plan goes over it; strangers are refused."""

from __future__ import annotations

import random
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from tests.cluster.api.gate import Gate
from tests.cluster.several.stores import transfers
from tests.cluster.several.tasks import MIB
from tests.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.authority import Authority, Papers

pytestmark = pytest.mark.slow

SIZE = 24 * MIB
ZONES = ("a", "b", "c")


def zone(number: int) -> loom.NodeLabels:
    return loom.NodeLabels({"zone": ZONES[number % 3]}, soft=True)


def bytes_of(number: int) -> bytes:
    return random.Random(number).randbytes(SIZE)


@loom.task(max_retries=-1)
def makes(number: int) -> bytes:
    return bytes_of(number)


@loom.task(max_retries=-1)
def crosses(gate: Gate | None, first: bytes, second: bytes) -> bytes:
    if gate is not None:
        gate.pass_through(50)
    return first[: SIZE // 2] + second[SIZE // 2 :]


@loom.task(max_retries=-1)
def digest(*data: bytes) -> str:
    return sha256(b"".join(data)).hexdigest()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Papers | None], Home]]:
    """Machines whose nodes have such papers; `loom.init()` here finds the node of the first."""
    homes: list[Home] = []

    def another(papers: Papers | None) -> Home:
        quick = {"LOOM_LEASE_S": "2", "LOOM_BEAT_S": "0.2"}
        homes.append(Home(variables=quick | (papers.variables if papers else {})))
        monkeypatch.setenv("LOOM_RUNTIME_DIR", str(homes[0].runtime))
        return homes[-1]

    yield another
    loom.shutdown()
    for home in reversed(homes):
        home.close()


def join(home: Home, head: Home, *arguments: str, exits: int = 0) -> str:
    """Have a machine join the head's cluster; what it says on stderr."""
    at = ("--address", head.status()["address"], "--password-file", head.current / "password")
    return home.loom("start", *at, "--num-cpus", "1", *arguments, exits=exits).stderr


@pytest.mark.timeout(150)
def test_a_plan_goes_on_over_tls_when_a_raylet_is_killed(
    machine: Callable[[Papers | None], Home], ours: Authority, tmp_path: Path
) -> None:
    """1. Large values are made on three nodes, and cross.  2. When half of them have, a raylet is
    killed.  3. The others cross, and all of them come together on each node."""
    head, *others = (machine(ours.sign()) for _ in ZONES)
    head.start_head("--labels", "zone=a")
    for home, name in zip(others, ZONES[1:], strict=True):
        join(home, head, "--labels", f"zone={name}")
    loom.init()
    assert all(node["objects"].startswith("tls:127.0.0.1:") for node in loom.nodes())
    gate = Gate(tmp_path / "gate")
    made = [makes.options(scheduling=zone(i)).bind(i) for i in range(6)]
    crossed: list[Any] = [
        crosses.options(scheduling=zone(i + 1)).bind(gate if i > 2 else None, made[i], made[i - 1])
        for i in range(6)
    ]
    ends = [digest.options(scheduling=zone(i)).bind(*crossed) for i in range(3)]
    handle = loom.submit([*crossed[:3], *ends])
    assert len(list(islice(handle.as_completed(60), 3))) == 3
    killed = others[0].kill("raylet")
    gate.open()
    values = [bytes_of(i) for i in range(6)]
    wanted = [values[i][: SIZE // 2] + values[i - 1][SIZE // 2 :] for i in range(6)]
    *early, one, two, three = handle.gather(timeout=90)
    assert early == wanted[:3]
    assert one == two == three == sha256(b"".join(wanted)).hexdigest()
    assert others[0].pid("raylet") != killed
    moved = transfers()
    assert len(moved) == 3
    assert sum(each["received_bytes"] for each in moved.values()) > 6 * SIZE


def test_a_node_that_could_not_read_what_others_give_it_does_not_join(
    machine: Callable[[Papers | None], Home], ours: Authority
) -> None:
    """Although it has the control plane's password."""
    head = machine(ours.sign())
    head.start_head()
    (node,) = head.status()["cluster"]["nodes"]
    said = join(machine(None), head, exits=1)
    name = f"node {node['node'][:8]} on {node['host']}"
    assert f"{name} encrypts the large values that it gives to other nodes, and this node" in said
    assert "Last words" not in said, "the reason says all"
    assert len(head.status()["cluster"]["nodes"]) == 1
