"""What it costs that many look at the page while very many tasks run: they do or not, in turns."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from benchmarks.functions import task_same
from benchmarks.harness import expect, timed
from benchmarks.observe import cpu_s
from benchmarks.peers import CPUS
from benchmarks.viewers import log_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.harness import Bench

_VIEWERS = 50
_ALONE = "nobody looks"
_TABLES = ("tasks", "objects")


def dashboard(bench: Bench) -> None:
    """Maps while fifty viewers follow the page, every other one; and what its process takes."""
    n = bench.n(1_000_000, quick=50_000, tiny=500)
    with loom.init(num_cpus=CPUS, address="local"), _page() as (process, link):
        viewer = log_in(link)
        spent: list[float] = []

        def run(viewers: int) -> float:
            with _viewers(viewer, viewers):
                before = cpu_s([process.pid])
                seconds = timed(lambda: _map(n))
                if viewers:
                    spent.append((cpu_s([process.pid]) - before) / seconds)
            return n / seconds

        def turn() -> dict[str, float]:
            order = (0, _VIEWERS) if len(spent) % 2 else (_VIEWERS, 0)  # who is first has it harder
            rates = {viewers: run(viewers) for viewers in order}
            return {_ALONE: rates[0], "watched": rates[_VIEWERS]}

        taken = bench.turns(turn, bench.n(5, tiny=1))
        rates = {how: median(each[how] for each in taken) for how in (_ALONE, "watched")}
        # Who takes turns with whom is known: so the median of the ratios, not of the rates.
        ratio = median(each["watched"] / each[_ALONE] for each in taken)
        bench.figure(
            f"maps of {n:,} tasks, {_VIEWERS} viewers", rates[_ALONE] * ratio, "tasks/s",
            others={_ALONE: rates[_ALONE]}, against=_ALONE, target=0.97,
        )  # fmt: skip
        bench.figure("CPU of the page meanwhile", 100 * median(spent), "% of a core")
        # Of other widths: an answer to the same question is made once a second.
        seconds = [timed(lambda: _stream(viewer, width)) for width in (1000, 1100, 1200)]  # noqa: B023
        bench.figure("task stream, the first look", seconds[0], "s")
        bench.figure("task stream, all of it, later", min(seconds[1:]) * 1e3, "ms")
        tables = timed(lambda: [_asked(viewer, f"/api/{what}?limit=100") for what in _TABLES])
        bench.figure("tables of tasks and of objects", tables, "s")
        bench.figure(
            "memory of the page (most, RSS)", _most_rss(process.pid) / 1e6, "MB", target=300,
            at_most=True,
        )  # fmt: skip


def _map(n: int) -> None:
    """Each item is a task of its own, and has its own events."""
    expect(sum(loom.get(task_same.map(range(n), chunk=1))), n * (n - 1) // 2, "dashboard: map")


@contextmanager
def _page() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A page over the node of this program: its process, and a link to it."""
    command = [sys.executable, "-m", "hyperloom", "dashboard", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http\S+", process.stdout.readline())
        assert found is not None, "it says where it is"
        try:
            yield process, found.group()
        finally:
            process.terminate()


@contextmanager
def _viewers(viewer: tuple[str, int, str], number: int) -> Iterator[None]:
    """They look, all of them; none of them takes as long to come."""
    host, port, cookie = viewer
    command = [sys.executable, "-m", "benchmarks.viewers", host, str(port), cookie, str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        expect(process.stdout.readline().strip(), "all of them look", "viewers")
        try:
            yield
        finally:
            process.terminate()


def _stream(viewer: tuple[str, int, str], width: int) -> dict[str, Any]:
    """The task stream of the job, from end to end."""
    return _asked(viewer, f"/api/stream?start=0&end=9e9&width={width}")


def _asked(viewer: tuple[str, int, str], question: str) -> dict[str, Any]:
    host, port, cookie = viewer
    connection = http.client.HTTPConnection(host, port, timeout=300)
    connection.request("GET", question, headers={"Cookie": cookie})
    told: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return told


def _most_rss(pid: int) -> int:
    """Bytes, at any time so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
