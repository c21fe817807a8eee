"""Starting: import, first result, what then is there, and what it does when nobody asks."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.harness import US, expect
from benchmarks.peers import CPUS, PPE

if TYPE_CHECKING:
    from benchmarks.harness import Bench


def fresh(program: str, *arguments: str) -> dict[str, Any]:
    """What a program of `benchmarks.fresh` says of itself, from a new process."""
    command = [sys.executable, "-m", "benchmarks.fresh", program, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def import_(bench: Bench) -> None:
    """``import hyperloom`` in a new process."""
    times = [fresh("import")["import_s"] for _ in range(bench.n(11, quick=5, tiny=1))]
    bench.figure("import hyperloom", median(times) * 1e3, "ms", target=100, at_most=True)


def first_result(bench: Bench) -> None:
    """From ``import`` to the value of the first task; processes and memory then."""
    ours, theirs = [], []
    for _ in range(bench.n(7, quick=3, tiny=1)):
        ours.append(fresh("first"))
        theirs.append(fresh("executor"))
    for said in ours + theirs:
        expect(said["value"], 42, "first result")
    bench.figure(
        "import to first result", median(s["first_s"] for s in ours), "s",
        others={PPE: median(s["first_s"] for s in theirs)}, target=0.6, at_most=True,
    )  # fmt: skip
    bench.figure(
        "processes then", max(s["processes"] for s in ours), "", target=5, at_most=True,
        others={PPE: CPUS + 1},
    )  # fmt: skip
    bench.figure(
        "memory then (PSS, all processes)", median(s["memory_bytes"] for s in ours) / 1e6, "MB",
        target=150, at_most=True,
    )  # fmt: skip


def idle(bench: Bench) -> None:
    """CPU time of all processes of a session that has nothing to do."""
    seconds = bench.n(10, quick=5, tiny=1)
    said = fresh("idle", str(seconds))
    expect(set(said["cpu_s"]) >= {"driver", "raylet", "server"}, wanted=True, what=f"{US}: roles")
    for role, spent_s in said["cpu_s"].items():
        bench.figure(f"idle CPU of the {role}", spent_s / seconds * 100, "% of a core")
    bench.figure(
        f"idle CPU of all over {seconds} s", sum(said["cpu_s"].values()) / seconds * 100,
        "% of a core", target=0.5, at_most=True,
    )  # fmt: skip
