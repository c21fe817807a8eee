"""A plan that dies halfway, and goes on where it stopped."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import hyperloom as loom

folder = Path(tempfile.mkdtemp())
log = folder / "log"


def note(line: str) -> None:
    with log.open("a") as file:
        print(line, file=file)


@loom.task
def simulate(seed: int) -> list[int]:
    note(f"simulate {seed}")
    return [seed * 7919 % 1000 + i for i in range(1000)]


@loom.task(checkpoint=True)  # a name made of the task's key, in checkpoint_dir
def score(path: list[int]) -> int:
    note("score")
    return sum(path) % 97


@loom.task
def best(*scores: int) -> int:
    if not (folder / "licence").exists():
        raise RuntimeError("no licence")
    note("best")
    return max(scores)


def pipeline(seeds: range) -> loom.Plan:
    scores = [score.bind(simulate.bind(seed)) for seed in seeds]
    return loom.Plan([best.bind(*scores).checkpoint("best")])


def computed() -> str:
    lines = log.read_text().split("\n")[:-1]
    log.write_text("")
    return f"computed {len(lines)} tasks"


loom.init("local", num_cpus=2, checkpoint_dir=str(folder / "checkpoints"))
try:
    pipeline(range(5)).submit(resume=True).gather()
except RuntimeError as error:
    print("it failed:", str(error).split("\n")[0])
print(computed())

(folder / "licence").touch()  # the next day
print("best score:", pipeline(range(5)).submit(resume=True).gather()[0])
print(computed())

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    print("best score:", pipeline(range(6)).submit(resume=True).gather()[0])
print(str(told[0].message).removeprefix(f"{folder}/"))
print(computed())
print("read without a cluster:", loom.read_checkpoint(folder / "checkpoints" / "best"))

# Output:
# it failed: no licence
# computed 10 tasks
# best score: 69
# computed 1 tasks
# best score: 69
# checkpoints/best: it was made by other code, arguments or inputs; best is computed again
# computed 3 tasks
# read without a cluster: 69
