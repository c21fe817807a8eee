"""A parameter sweep with a program that writes files: each run's file stays, only names travel.

The program simulates a pendulum with friction and writes what it sees; then one task looks at all
files, which it finds by their handles, and names the setting that came to rest first.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import hyperloom as loom
from hyperloom import data, tasks

FRICTIONS = [0.1, 0.5, 1.0]
LENGTHS = [1, 2]

SIMULATE = """
import math, sys

friction, length = map(float, sys.argv[1:3])
angle, speed = 1.0, 0.0
with open("path.csv", "w") as out:
    for step in range(2000):
        speed += 0.01 * (-9.81 / length * math.sin(angle) - friction * speed)
        angle += 0.01 * speed
        out.write(f"{step * 0.01:.2f},{angle:.6f}\\n")
"""


def simulated(friction: float, length: int, folder: Path) -> loom.BoundTask[Any]:
    return tasks.run(
        [sys.executable, "-S", "simulate.py", "$friction", "$length"],
        {"simulate.py": SIMULATE, "$friction": friction, "$length": length},
        outputs={"path.csv": str(folder / f"friction-{friction}-length-{length}.csv")},
    ).named(f"friction {friction}, length {length}")


def rests_after(path: data.File) -> float:
    """The last time at which it was further out than a hundredth."""
    rows = [line.split(",") for line in path.read().decode().splitlines()]
    return max(float(time) for time, angle in rows if abs(float(angle)) > 0.01)


@tasks.py_task
def calmest(*paths: data.File) -> data.PyObj:
    best = min(paths, key=rests_after)
    return data.PyObj((Path(best.path).stem, rests_after(best)))


with tempfile.TemporaryDirectory() as name:
    runs = [
        simulated(friction, length, Path(name)) for friction, length in product(FRICTIONS, LENGTHS)
    ]
    (winner,) = loom.submit([calmest(*runs)]).gather()
    print(len(list(Path(name).iterdir())), "files stay;", *winner)

# Output:
# 6 files stay; friction-1.0-length-1 8.46
