"""Who goes when memory is short, and how it is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hyperloom import failures
from hyperloom.failures import Attempt
from hyperloom.raylet import messages as m
from hyperloom.raylet.memory import MemoryWatch, Usage, machine_usage, private_bytes
from tests.unit.raylet.scene import Scene, kind_of

if TYPE_CHECKING:
    from pathlib import Path

GIB = 2**30
WHO = Attempt(b"t" * 16, "greedy", 1, b"n" * 8)


class Machine:
    """A machine of 100 GiB whose workers use what the test says."""

    def __init__(self, used: dict[int, float], node_used: float, **more: int) -> None:
        self.scene = Scene(cpus=len(used))
        self.used = used
        self.node_used = node_used
        self.watch = MemoryWatch(95, usage=self.usage, private=self.bytes, **more)

    def usage(self) -> Usage:
        return Usage(int(self.node_used * GIB), 100 * GIB)

    def bytes(self, pid: int) -> int:
        return int(self.used[pid - 1000] * GIB)

    def run(self, name: str, retries: int = 3) -> None:
        self.scene.claim(kind_of(name, retries=retries))
        starting = [w for w in self.scene.machine.workers.values() if w.state == "starting"]
        self.scene.ready(starting[0].number)
        self.look_at_rest()

    def look_at_rest(self) -> None:
        self.node_used, short = 1, self.node_used
        assert self.look() is None
        self.node_used = short

    def look(self) -> int | None:
        workers = self.scene.machine.workers
        return self.watch.look(workers, {number: 1000 + number for number in workers})


def test_below_the_threshold_nobody_goes() -> None:
    machine = Machine({1: 90}, node_used=94)
    machine.run("large")
    assert machine.look() is None


def test_of_the_large_ones_the_latest_goes() -> None:
    machine = Machine({1: 30, 2: 40, 3: 25, 4: 1}, node_used=96)
    for name in ("first", "second", "third", "small and last"):
        machine.run(name)
    assert machine.look() == 3


def test_who_may_be_tried_again_goes_before_who_may_not() -> None:
    machine = Machine({1: 30, 2: 40}, node_used=96)
    machine.run("again", retries=3)
    machine.run("never again", retries=0)
    assert machine.look() == 1


def test_but_a_small_one_does_not_go_for_a_large_one_that_may_not() -> None:
    machine = Machine({1: 2, 2: 80}, node_used=96)
    machine.run("again", retries=3)
    machine.run("never again", retries=0)
    assert machine.look() == 2


def test_nobody_goes_for_what_others_use() -> None:
    machine = Machine({1: 0.1, 2: 0.2}, node_used=99)
    machine.run("small")
    machine.run("small too")
    assert machine.look() is None


def test_while_one_is_going_no_other_is_chosen() -> None:
    machine = Machine({1: 40, 2: 50}, node_used=96)
    machine.run("one")
    machine.run("two")
    machine.scene.tell(m.MemoryShort(machine.look()))
    assert machine.look() is None


def test_workers_may_have_a_bound_of_their_own() -> None:
    machine = Machine({1: 1, 2: 1.5}, node_used=10, most_bytes=2 * GIB)
    machine.run("one")
    machine.used[2] = 0.1
    machine.run("two")
    assert machine.look() is None
    machine.used[2] = 1.5
    assert machine.look() == 2


def test_the_error_has_the_figures_of_the_moment() -> None:
    machine = Machine({1: 40, 2: 50}, node_used=96)
    machine.run("one")
    machine.run("two")
    assert machine.look() == 2
    machine.node_used = 3
    failure = failures.decode(machine.watch.report(2, WHO))
    assert failure.category == "oom"
    assert failure.text.splitlines() == [
        (
            "greedy was ended because its node ran out of memory: the task used 50.00 GiB, "
            "the node 96.00 GiB of 100.00 GiB."
        ),
        "  Ask for memory= so that fewer run at the same time, or make its share smaller.",
        "  Tasks that used most:",
        "  | 51,200 MiB: two",
        "  | 40,960 MiB: one",
    ]


# -- reading ----------------------------------------------------------------------------------

MEMINFO = "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  400 kB\nBuffers: 1 kB\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    return tmp_path


def group(root: Path, path: str, **files: object) -> None:
    folder = root / "sys/fs/cgroup" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_a_machine_is_read_as_what_it_can_still_give(root: Path) -> None:
    assert machine_usage(root)() == Usage(600 * 1024, 1000 * 1024)


def test_a_container_counts_without_the_cache_that_it_gives_back(root: Path) -> None:
    (root / "proc/self/cgroup").write_text("0::/pod/box\n")
    stat = "anon 1\ninactive_file 100000\nactive_file 7"
    group(root, "pod", memory__max=500_000, memory__current=480_000, memory__stat=stat)
    group(root, "pod/box", memory__max="max", memory__current=1, memory__stat=stat)
    assert machine_usage(root)() == Usage(380_000, 500_000)


def test_a_container_of_the_first_kind_is_read_too(root: Path) -> None:
    (root / "proc/self/cgroup").write_text("5:cpu,cpuacct:/x\n3:memory:/box\n")
    group(
        root,
        "memory/box",
        memory__limit_in_bytes=400_000,
        memory__usage_in_bytes=390_000,
        memory__stat="cache 1\ntotal_inactive_file 40000",
    )
    assert machine_usage(root)() == Usage(350_000, 400_000)


def test_the_tighter_of_container_and_machine_counts(root: Path) -> None:
    stat = "inactive_file 0"
    group(root, "", memory__max=900_000, memory__current=9_000, memory__stat=stat)
    assert machine_usage(root)().total_bytes == 1000 * 1024


def test_a_limit_above_the_machine_is_none(root: Path) -> None:
    group(root, "", memory__max=2**62, memory__current=2**40, memory__stat="inactive_file 0")
    assert machine_usage(root)() == Usage(600 * 1024, 1000 * 1024)


def test_this_machine_and_this_process_can_be_read() -> None:
    usage = machine_usage()()
    assert 0 < usage.used_bytes < usage.total_bytes
    assert 0 < private_bytes(os.getpid()) < usage.total_bytes
    assert private_bytes(2**22 - 1) == 0, "a process that is gone"
