"""What tasks print: every line, in the driver's output with name and pid, and in a file."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.cluster.api.program import run

pytestmark = pytest.mark.slow


PRINTS = """
    import os, subprocess, sys
    from pathlib import Path
    import hyperloom as loom
    from tests.waiting import wait_until

    @loom.task
    def speaks(n):
        for i in range(n):
            print(f"line {i}")
            print(f"complaint {i}", file=sys.stderr)
        print("the same"); print("the same")
        os.write(1, b"from below\\n")
        return os.getpid()
"""


def test_each_line_comes_once_with_the_task_and_its_process_and_none_is_folded() -> None:
    done = run(
        PRINTS
        + """
    with loom.init("local", num_cpus=2):
        pids = loom.get([speaks.remote(3) for _ in range(4)])
        logs = Path(loom.nodes()[0]["folder"]) / "logs"
        def text():
            return "".join(path.read_text() for path in logs.glob("worker-*.log"))
        wait_until(lambda: text().count("the same") == 8)
        assert all(f"worker-{pid}.log" in os.listdir(logs) for pid in pids)
    print("pids", *sorted(pids))
    """
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    pids = lines.pop().split()[1:]
    out = Counter(re.sub(r"pid=\d+", "pid=N", line) for line in lines)
    assert out == {
        "(speaks pid=N) line 0": 4, "(speaks pid=N) line 1": 4, "(speaks pid=N) line 2": 4,
        "(speaks pid=N) the same": 8, "(speaks pid=N) from below": 4,
    }  # fmt: skip
    assert {re.search(r"pid=(\d+)", line)[1] for line in lines} == set(pids)  # type: ignore[index]
    errors = Counter(re.sub(r"pid=\d+", "pid=N", line) for line in done.stderr.splitlines())
    assert errors == {f"(speaks pid=N) complaint {i}": 4 for i in range(3)}


def test_log_to_driver_off_keeps_it_away() -> None:
    done = run(
        PRINTS
        + """
    with loom.init("local", num_cpus=1, log_to_driver=False):
        loom.get(speaks.remote(3))
        logs = Path(loom.nodes()[0]["folder"]) / "logs"
        wait_until(lambda: any("the same" in p.read_text() for p in logs.glob("worker-*.log")))
    """
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


SHOUTS = """
    import sys
    import hyperloom as loom
    from hyperloom import connection
    from tests.waiting import wait_until

    @loom.task
    def shouts(n):
        for i in range(n):
            print(i, "x" * 100)
        print("the end", end="")
        return n
"""


def _numbers(text: str) -> list[str]:
    *lines, last = text.splitlines()
    assert last.endswith(") the end")
    return [line.split(") ")[1].split()[0] for line in lines]


def test_much_output_is_not_lost_and_holds_nobody_up() -> None:
    done = run(
        SHOUTS
        + """
    with loom.init("local", num_cpus=1):
        assert loom.get(shouts.remote(20_000)) == 20_000
    """
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert _numbers(done.stdout) == [str(i) for i in range(20_000)]


def test_what_is_not_shown_yet_when_the_program_ends_is_shown_then() -> None:
    """1. The first line stops whoever shows it.  2. The task ends, and the program.  3. It is
    shown, and all that waited meanwhile in pipes and sockets."""
    done = run(
        SHOUTS
        + """
    class Slow:
        def write(self, text):
            wait_until(loom_ends.is_set, 20)
            real.write(text)

        def flush(self):
            real.flush()

    real, sys.stdout = sys.stdout, Slow()
    with loom.init("local", num_cpus=1):
        loom_ends = connection._driver[0]._closing
        assert loom.get(shouts.remote(10_000)) == 10_000
    """
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert _numbers(done.stdout) == [str(i) for i in range(10_000)]
