"""Failpoints: each is there, and a process ends at its time and not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hyperloom
from hyperloom import failpoints
from hyperloom.errors import InvalidOption
from tests.cluster.node import (
    test_resume,
    test_steps,
    test_steps_of_heads,
    test_steps_of_programs,
)
from tests.cluster.several import test_steps_of_raylets

SOURCE = [path.read_text() for path in Path(hyperloom.__file__).parent.rglob("*.py")]


@pytest.mark.parametrize("point", failpoints.PLACES)
def test_a_failpoint_is_hit_in_one_place(point: str) -> None:
    assert sum(text.count(f'hit("{point}")') for text in SOURCE) == 1


def test_each_transition_that_writes_is_a_step_of_somebody() -> None:
    lua = Path(hyperloom.__file__).parent / "gcs" / "lua"
    written = {
        f"{file.parent.name}_{file.stem}"
        for file in lua.glob("*/[a-z]*.lua")
        if "-- Writes:  nothing." not in file.read_text()
    }
    assert written == {each for of_role in failpoints.TRANSITIONS.values() for each in of_role}


# No deed yet has a raylet give tasks back each time; the simulation does, at random.
NOT_YET = {"raylet.before.task_give_back", "raylet.after.task_give_back"}


def test_each_point_is_one_at_which_a_test_kills() -> None:
    armed = {
        *test_steps.WORKER,
        *test_steps_of_programs.POINTS,
        *test_steps_of_raylets.POINTS,
        *test_steps_of_heads.SPILLS,
        *test_steps_of_heads.SUPERVISES,
        test_resume.HALF_WRITTEN,
    }
    assert armed == set(failpoints.POINTS) - NOT_YET


@pytest.mark.parametrize(("action", "code"), [("kill9", -9), ("segv", -11), ("exit:3", 3)])
def test_a_process_ends_at_its_time_and_not_before(action: str, code: int) -> None:
    script = f"""
from hyperloom import failpoints
failpoints.arm("worker.begun={action}@3; worker.packed=exit:9@9")
assert failpoints.ON
for number in range(5):
    failpoints.hit("worker.reported")
    print(number, flush=True)
    failpoints.hit("worker.begun")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.returncode) == ("0\n1\n2\n", code)


def test_a_process_comes_by_the_points_of_its_own_role_alone() -> None:
    script = """
import os
from hyperloom import failpoints
from hyperloom.gcs.wire import fcall, pack
text = "worker.begun=exit:1;spill.copied=exit:2;raylet.after.task_step=exit:3"
failpoints.arm(text, "driver")
assert not failpoints.ON
failpoints.arm(text, "raylet")
failpoints.hit("worker.begun")
failpoints.says("before", pack(fcall("task_step", "ns", "x")))
failpoints.says("after", pack(fcall("task_held", "ns", "x")))
failpoints.says("after", pack(fcall("task_held", "ns")) + pack(fcall("task_step", "ns")))
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=30, check=False).returncode == 3


@pytest.mark.parametrize(
    "text",
    [
        "worker.begun",
        "nowhere=kill9",
        "driver.before.task_step=kill9",
        "worker.begun=explode",
        "worker.begun=kill9@0",
    ],
)
def test_what_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match=r"failpoints: .*cannot be"):
        failpoints.arm(text)
    failpoints.arm("")
    assert not failpoints.ON
