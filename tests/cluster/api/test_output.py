"""What tasks print: every line, in the driver's output with name and pid, and in a file."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.cluster.api.program import run

if TYPE_CHECKING:
    from pathlib import Path

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


LOGS = """
    import contextlib, io, os, subprocess, sys, threading
    import hyperloom as loom
    from hyperloom.cli.main import main
    from tests.waiting import wait_until

    @loom.task
    def says(n):
        print(f"{n} begins")
        if n % 10 == 0:
            subprocess.run(["echo", f"{n} runs a program"])
        print(f"{n} complains", file=sys.stderr)
        print(f"{n} ends")

    @loom.task
    def says_little(n):
        print(n, end="")

    @loom.task
    def reads_its_own(path):
        stdout = os.dup(1)
        with open(path, "w") as file:
            os.dup2(file.fileno(), 1)
            print("into a file")
            os.dup2(stdout, 1)
        os.close(stdout)
        print("and not")
        return open(path).read()

    @loom.task
    def is_silent():
        pass

    def logs(ref):
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            main(["logs", str(ref.hex() if hasattr(ref, "hex") else ref)])
        return [line.partition("] ")[2] or line for line in told.getvalue().splitlines()]

    def wait_for(ref):  # its attempt is told a moment later
        wait_until(lambda: not any("has not run yet" in line for line in logs(ref)))
        return sorted(logs(ref))
"""


def test_of_a_task_loom_logs_has_its_own_lines_and_no_others(tmp_path: Path) -> None:
    done = run(
        LOGS
        + """
    with loom.init("local", num_cpus=1, log_to_driver=False):
        refs = [says.remote(n) for n in range(300)]
        little, silent = says_little.remote(7), is_silent.remote()
        own = reads_its_own.remote(sys.argv[1])
        loom.get([*refs, little, silent])
        assert loom.get(own) == "into a file\\n", "as it was printed, without a mark"
        assert wait_for(own) == ["and not"], logs(own)
        assert wait_for(refs[105]) == ["105 begins", "105 complains", "105 ends"], logs(refs[105])
        with_program = ["110 begins", "110 complains", "110 ends", "110 runs a program"]
        assert wait_for(refs[110]) == with_program, logs(refs[110])
        assert wait_for(little) == ["7"], logs(little)
        (nothing,) = wait_for(silent)
        assert nothing.startswith("it printed nothing itself"), nothing
    """,
        str(tmp_path / "own"),
    )
    assert (done.stderr, done.returncode) == ("", 0)


def test_of_an_actor_loom_logs_has_all_lines_and_of_a_call_its_own() -> None:
    done = run(
        LOGS
        + """
    @loom.actor(max_concurrency=2)
    class Speaker:
        def __init__(self):
            print("is made")
            self.one, self.two, self.three = (threading.Event() for _ in range(3))

        def first(self):
            print("1 one")
            self.one.set()
            assert self.two.wait(20)
            print("1 two")
            self.three.set()

        def second(self):
            assert self.one.wait(20)
            print("2 one")
            self.two.set()
            assert self.three.wait(20)

    with loom.init("local", num_cpus=1, log_to_driver=False):
        speaker = Speaker.remote()
        calls = [speaker.first.remote(), speaker.second.remote()]
        loom.get(calls)
        assert wait_for(calls[0]) == ["1 one", "1 two"], logs(calls[0])
        assert wait_for(calls[1]) == ["2 one"], logs(calls[1])
        actor = speaker._loom_id.hex()
        assert wait_for(actor) == ["1 one", "1 two", "2 one", "is made"], logs(actor)
    """
    )
    assert (done.stderr, done.returncode) == ("", 0)
