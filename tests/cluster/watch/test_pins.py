"""By whom an object is kept: a test for each kind of who."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.ids import short
from tests.cluster.api.gate import Gate
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


pytestmark = pytest.mark.slow

LARGE = 2_000_000


@loom.task
def holds(refs: list[Any], began: Gate, go_on: Gate) -> int:
    """Has the ref, and what it stands for, until told otherwise."""
    value = loom.get(refs[0])
    began.note("")
    go_on.pass_through()
    return len(value)


@loom.task(num_cpus=50)
def takes(*values: bytes) -> int:
    return len(values)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What a test held is let go of before the next one counts."""
    yield
    gc.collect()


def settled(ref: Any) -> str:
    current.session().settle()
    return ref.hex()


def says(loom_: Any, oid: str) -> dict[str, list[str]]:
    """Who keeps it, by kind, as each view of it tells; all tell the same."""
    shown = loom_("show", oid, "--json")["pins"]
    (row,) = [row for row in loom_("ls", "objects", "--json")["objects"] if row["id"] == oid]
    (largest,) = [row for row in loom_("memory", "--json")["largest"] if row["id"] == oid]
    assert row["pins"] == largest["pins"] == shown
    text = loom_("show", oid)
    for pin in shown:
        assert f"  {pin['says']}\n" in text.partition("kept by\n")[2]
        assert pin["short"] in row["pinned"] or len(shown) > 3
    kinds: dict[str, list[str]] = {}
    for pin in shown:
        kinds.setdefault(pin["by"], []).append(pin["says"])
    return kinds


def me() -> str:
    return short(current.session().process)


def test_a_program_that_has_a_ref(loom_: Any) -> None:
    ref = loom.put(bytes(LARGE))
    made = f"driver {me()} (pid {os.getpid()}) has a ref, and made it"
    assert says(loom_, settled(ref)) == {"process": [made]}
    assert made.partition(" (")[0] in loom_("memory")
    assert "made by put(), or by a task of which" in loom_("show", ref.hex())
    assert made.partition(" (")[0] in loom_("ls", "objects")


def test_a_task_that_waits_for_it(loom_: Any) -> None:
    ref = loom.put(bytes(LARGE))
    oid = ref.hex()
    task = takes.remote(ref)
    lacks = takes.remote(ref, task)
    del ref
    ready, waits = (short(each.binary()[:16]) for each in (task, lacks))
    current.session().settle()
    wait_until(lambda: "process" not in says(loom_, oid))
    assert {kind: sorted(each) for kind, each in says(loom_, oid).items()} == {"task": sorted([
        f"task {ready} takes takes it, and waits for a node",
        f"task {waits} takes takes it, and waits for its inputs",
    ])}  # fmt: skip
    loom.cancel(lacks)
    loom.cancel(task)


def test_a_process_that_looks_at_its_bytes(loom_: Any) -> None:
    ref = loom.put(np.zeros(LARGE))
    view = loom.get(ref)
    node = loom.nodes()[0]["node"][:8]
    pin = f"process {os.getpid()} on node {node} has its bytes mapped"
    oid = settled(ref)
    assert says(loom_, oid)["view"] == [pin]
    del ref  # the object is let go of, and its bytes stay as long as the array does
    current.session().settle()
    del view
    gc.collect()


def test_an_object_that_contains_it(loom_: Any) -> None:
    ref = loom.put(bytes(LARGE))
    oid = ref.hex()
    around = loom.put([ref])
    del ref
    current.session().settle()
    wait_until(lambda: "process" not in says(loom_, oid))
    assert says(loom_, oid) == {"object": [f"object {short(around.binary())} contains it"]}


def test_a_worker_that_has_a_ref(loom_: Any, tmp_path: Path) -> None:
    began, go_on = Gate(tmp_path / "began"), Gate(tmp_path / "go_on")
    ref = loom.put(bytes(LARGE))
    oid = ref.hex()
    task = holds.remote([ref], began, go_on)
    try:
        wait_until(began.notes)
        node = loom.nodes()[0]["node"][:8]
        wait_until(lambda: len(says(loom_, oid).get("process", ())) == 2)
        kept = says(loom_, oid)
        (worker,) = [each for each in kept["process"] if "worker" in each]
        assert worker.endswith(f" on node {node} has a ref")
        name = short(task.binary()[:16])
        assert kept["task"] == [f"task {name} holds takes it, and is on a node"]
    finally:
        go_on.open()
    assert loom.get(task, timeout=20) == LARGE


def test_who_is_not_found_is_counted(loom_: Any) -> None:
    ref = loom.put(bytes(LARGE))
    tasks = [takes.remote(ref) for _ in range(15)]
    oid = settled(ref)
    kept = says(loom_, oid)
    assert (len(kept["task"]), len(kept["process"])) == (10, 1)
    assert "  5 more, of which nothing is known here\n" in loom_("show", oid)
    (row,) = [row for row in loom_("ls", "objects", "--json")["objects"] if row["id"] == oid]
    assert row["pinned"].endswith(" and 13 more")
    for task in tasks:
        loom.cancel(task)
