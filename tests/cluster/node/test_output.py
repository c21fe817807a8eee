"""What tasks print reaches the program that waits for them, in whole lines."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.home import Home

pytestmark = pytest.mark.slow


def printed(home: Home, program: str) -> tuple[list[str], list[str]]:
    """The lines of stdout and of stderr of a program, without pids."""
    file: Path = home.path / "program.py"
    home.path.mkdir(exist_ok=True)
    file.write_text("import hyperloom as loom, os, sys, time\n" + textwrap.dedent(program))
    process = home.python(str(file))
    streams = process.communicate(timeout=40)
    assert process.returncode == 0, streams
    out, err = (re.sub(r" pid=\d+\)", ")", stream).splitlines() for stream in streams)
    return out, err


def test_a_line_without_end_belongs_to_its_own_task(home: Home) -> None:
    """Also of the last task, after which the program ends at once; also of programs that it runs.

    The two run in one worker, one after the other.
    """
    out, err = printed(
        home,
        """
        @loom.task
        def first():
            print("no newline", end="")

        @loom.task
        def second(_):
            print("second")
            print("to stderr", end="", file=sys.stderr)

        @loom.task
        def third(_):
            os.system("printf 'of a program'")

        loom.init(num_cpus=1)
        loom.get(third.remote(second.remote(first.remote())))
        """,
    )
    assert out == ["(first) no newline", "(second) second", "(third) of a program"]
    assert err == ["(second) to stderr"]


def test_a_progress_bar_is_seen_while_its_task_runs(home: Home) -> None:
    out, err = printed(
        home,
        """
        @loom.task
        def work(path):
            percent = 0
            while not os.path.exists(path):
                sys.stderr.write(f"\\r{(percent := percent + 1)} %")
                sys.stderr.flush()
                time.sleep(0.01)  # the task takes its time

        class Seen:
            def write(self, text):
                sys.stdout.write(text)
                open("seen", "w").close()
            def flush(self):
                sys.stdout.flush()

        sys.stderr = Seen()
        loom.init(num_cpus=1)
        loom.get(work.remote(os.path.abspath("seen")))
        """,
    )
    assert err == []
    assert all(re.fullmatch(r"\(work\) \d+ %", line) for line in out), out
    assert out


def test_what_tasks_print_on_another_node_is_seen_too(home: Home) -> None:
    head = home.start_head()
    url, password = home.status()["address"], head / "password"
    home.loom("start", "--address", url, "--password-file", password, "--num-cpus", "1")
    out, err = printed(
        home,
        """
        import threading

        class Seen:
            def __init__(self, stream):
                self.stream, self.event = stream, threading.Event()
            def write(self, text):
                self.stream.write(text)
                if "elsewhere" in text:
                    self.event.set()
            def flush(self):
                self.stream.flush()

        @loom.task
        def says():
            print("elsewhere")
            print("also elsewhere", file=sys.stderr)

        loom.init("auto")
        streams = sys.stdout, sys.stderr = Seen(sys.stdout), Seen(sys.stderr)
        here = loom.context().node_id
        (there,) = {node["node"] for node in loom.nodes()} - {here}
        loom.get(says.options(scheduling=loom.NodeAffinity(there)).remote())
        assert all(stream.event.wait(30) for stream in streams)
        print(there[:8])
        """,
    )
    *shown, node = out
    assert [re.sub(r" pid=\d+,", "", line) for line in shown] == [f"(says node={node}) elsewhere"]
    assert [re.sub(r" pid=\d+,", "", line) for line in err] == [
        f"(says node={node}) also elsewhere"
    ]
    home.loom("stop", "--all")
