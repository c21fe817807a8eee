"""``docs/performance.md`` from saved figures: ``scripts/bench --page FILE.json``."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import load, number, promise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.harness import Figure

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

_HEAD = """\
# Performance

<!-- Written by `scripts/bench --page FILE.json`; edit benchmarks/page.py, not this file. -->

Measured with `scripts/bench --json FILE.json` on {machine}, {when}, version {version}.
Medians; each row runs alternately with its baselines, in the same minutes.

**How to read this.** The machine is a small virtual one, shared with others: the same figure
differs by half from hour to hour, so look at ratios. `PPE(2)` is
`concurrent.futures.ProcessPoolExecutor(2)`, `Pool(2)` is `multiprocessing.Pool(2)`: they keep
nothing when a process dies, know no dependencies and no shared memory, which is what is compared
where their columns are not empty. `Manager` is an object behind a proxy of
`multiprocessing.Manager`. Ray's figures are of its own microbenchmarks, Ray 2.60 on two such CPUs.
Where the time of a task goes, and why, is in
[design note 8](design/0008-where-the-time-of-a-task-goes.md).

"""
_RAY = """
## Ray's microbenchmarks

Its names and workloads (`scripts/bench ray-rows`), with shorter rounds; calls per second.

| row | per second | ± |
|---|---:|---:|
"""


def write(files: Sequence[Path], page: Path = PAGE) -> None:
    """Write the page; of a figure that several files have, the last one counts."""
    figures: dict[tuple[str, str], Figure] = {}
    machine: dict[str, Any] = {}
    ray: dict[str, list[float]] = {}
    for file in files:
        if "ray-rows" in (whole := json.loads(file.read_text())):
            ray |= whole["ray-rows"]
            machine = machine or whole["machine"]
        else:
            machine, more = load(file)
            figures |= {(figure.row, figure.what): figure for figure in more}
    page.write_text(text(machine, list(figures.values()), ray))


def text(machine: dict[str, Any], figures: list[Figure], ray: dict[str, list[float]]) -> str:
    """The page."""
    about = (
        f"{machine['cpus']} CPUs ({machine['processor']}), {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']} (memcpy {machine['memcpy_gb_s']} GB/s, "
        f"waking another process and back {machine['hand_over_us']} µs)"
    )
    lines = [_HEAD.format(machine=about, when=machine["when"], version=machine["version"])]
    lines.append(
        "| what | HyperLoom | beside | ratio | promised | |\n|---|---:|---|---:|---|---|\n"
    )
    lines += [_line(figure) for figure in figures]
    if ray:
        lines.append(_RAY)
        for name, rates in ray.items():
            mean, deviation = statistics.mean(rates), statistics.pstdev(rates)
            lines.append(f"| {name} | {number(mean)} | {number(deviation)} |\n")
    return "".join(lines)


def _line(figure: Figure) -> str:
    beside = ", ".join(f"{name} {number(value)}" for name, value in figure.others.items())
    ratio = f"{figure.measured:.2f}" if figure.against else ""
    mark = {True: "✓", False: "**missed**", None: ""}[figure.passed]
    value = f"{number(figure.value)} {figure.unit}".strip()
    return f"| {figure.what} | {value} | {beside} | {ratio} | {promise(figure)} | {mark} |\n"
