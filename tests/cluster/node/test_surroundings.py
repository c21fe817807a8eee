"""What a task finds around itself: the program's name, one thread for each library."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.cluster.node.test_output import printed

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow

PROGRAM = """
    @loom.task
    def around():
        return sys.argv, [os.environ[name] for name in NAMES]

    NAMES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
    loom.init(num_cpus=1)
    argv, threads = loom.get(around.remote())
    print(argv == sys.argv, *threads)
    """


def test_a_task_has_the_programs_name_and_one_thread_a_library(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert printed(home, PROGRAM) == (["True 1 1 1"], [])


def test_threads_that_somebody_asked_for_are_left_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    home.variables |= {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "2"}
    assert printed(home, PROGRAM) == (["True 3 2 1"], [])


PROGRAMS = """
    from hyperloom import tasks

    def threads(**said):
        return tasks.run(["sh", "-c", SHOWN], **said)

    SHOWN = "echo $OMP_NUM_THREADS $OPENBLAS_NUM_THREADS $MKL_NUM_THREADS $HYPERLOOM_THREADS"
    loom.init(num_cpus=4)
    for said in loom.submit([
        threads(),
        threads(request=tasks.cpus(4)),
        threads(request=tasks.cpus(1.5), pin=True),
        threads(request=tasks.cpus(4), pin=[min(os.sched_getaffinity(0))]),
        threads(request=tasks.cpus(0), env={"OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": None}),
    ]).gather():
        print(said.decode().strip())
    """


def test_a_program_has_a_thread_for_each_of_its_cpus(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    pinned = str(min(2, len(os.sched_getaffinity(0))))
    assert printed(home, PROGRAMS) == (
        ["1 1 1", "4 4 4", " ".join([pinned] * 3), "1 1 1", "7 1"],
        [],
    )


def test_threads_that_somebody_asked_for_are_left_alone_in_programs(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    home.variables |= {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "2"}
    lines, errors = printed(home, PROGRAMS)
    assert (lines[1], errors) == ("3 2 4", [])
