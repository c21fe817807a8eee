"""Failure records: what raylets say, and how paths grow without growing for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest
from msgspec import msgpack

from hyperloom import failures
from hyperloom.failures import Attempt, Failure
from tests.models.told import UNSAID

WHO = Attempt(b"t" * 16, "train", 2, b"n" * 8, 42)


def test_a_record_says_who_failed_and_why():
    failure = failures.decode(failures.crashed(WHO, exit_code=3, stderr=["one\n", "two\n"]))
    assert failure == Failure(
        "crash",
        **WHO._asdict(),
        text=(
            "the worker that ran train died: exit code 3\n"
            "  Its last lines on stderr:\n"
            "  | one\n"
            "  | two"
        ),
        path=("train",),
        detail={"exit_code": 3, "signal": None, "stderr": ("one", "two")},
    )


def test_a_negative_code_is_a_signal():
    failure = failures.decode(failures.crashed(WHO, exit_code=-11))
    assert failure.text.endswith("killed by SIGSEGV (a bug in native code)")
    assert failure.detail == {"exit_code": None, "signal": "SIGSEGV", "stderr": ()}
    assert failures.signal_name(-40) == "signal 40"  # real-time signals have no name


def test_only_the_last_lines_of_stderr_are_kept_and_long_ones_cut():
    lines = [f"{number} {'x' * 10_000}" for number in range(100)]
    record = failures.crashed(WHO, exit_code=1, stderr=lines)
    kept = failures.decode(record).detail["stderr"]
    assert isinstance(kept, tuple)
    assert [line.split()[0] for line in kept] == [str(number) for number in range(80, 100)]
    assert len(record) < 20_000


@pytest.mark.parametrize(
    ("record", "category", "words"),
    [
        (failures.cancelled(WHO), "cancelled", "train was cancelled"),
        (failures.timed_out(WHO, limit_s=1.5), "timeout", "timeout_s=1.5"),
        (failures.poisoned(WHO, deaths=3, exit_code=-9), "poisoned", "killed the 3 workers"),
        (
            failures.out_of_memory(
                WHO, used_bytes=2**30, node_used_bytes=2**31, node_total_bytes=2**31
            ),
            "oom",
            "the task used 1.00 GiB, the node 2.00 GiB of 2.00 GiB",
        ),
        (failures.node_lost(WHO), "node", "no retry was left"),
        (failures.object_lost(WHO, oid="ab-1:0", reason="put"), "lost", "object ab-1:0 is lost"),
        (
            failures.infeasible(WHO, asked="2 GPU", missing=["1 GPU"]),
            "infeasible",
            "asks for 2 GPU, which no node has in all: 1 GPU missing",
        ),
    ],
)
def test_each_way_to_fail_says_so(record, category, words):
    failure = failures.decode(record)
    assert failure.category == category
    assert words in failure.text


def test_dependants_fail_with_the_root_cause_and_their_names():
    record = failures.cancelled(WHO)
    for name in ("merge", "report"):
        record = failures.extend_path(record, name)
    failure = failures.decode(record)
    assert failure.path == ("train", "merge", "report")
    assert failure.name == "train"


def test_the_path_of_a_very_long_chain_keeps_its_ends():
    record = failures.cancelled(WHO)
    sizes = set()
    for number in range(1000):
        record = failures.extend_path(record, f"t{number:04}")
        sizes.add(len(record))
    path = failures.decode(record).full_path()
    assert path[:2] == ("train", "t0000")
    assert path[8] == "(985 more)"
    assert path[-1] == "t0999"
    assert max(sizes) < 400


def test_a_record_ends_with_what_the_control_plane_says_of_calls():
    """The Lua replaces these bytes, and reads no other."""
    record = failures.actor_died(WHO, cause="killed")
    assert record.endswith(UNSAID)
    told = record.removesuffix(UNSAID) + msgpack.encode(True) + msgpack.encode("train.step")  # noqa: FBT003
    assert failures.decode(told).told().splitlines() == [
        "actor train (747474-128043518817396, incarnation 2) is dead: killed",
        "  This call of train.step may have run, wholly or in part",
    ]


def test_whoever_passes_failures_on_needs_no_pickle():
    """Raylets and the control plane import this module and must not be able to unpickle."""
    code = "import sys, hyperloom.failures; print('cloudpickle' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
