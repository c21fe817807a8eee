"""`tasks.run`: what the original's programs did, without what was broken there; and their ends."""

from __future__ import annotations

import ast
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import data, tasks
from hyperloom.core import scratch
from hyperloom.errors import ProgramFailed, TaskCancelled, TaskTimeout, WorkerCrashed
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")

PATIENCE_S = 40
ABC = "print('a'); import sys; print('b', file=sys.stderr); open('c', 'w').write('c')"
LARGE = bytes(range(256)) * (1 << 13)  # 2 MiB


def get(*bound: Any) -> Any:
    return loom.submit(bound).gather(timeout=PATIENCE_S)


def python(code: str, *args: str) -> list[str]:
    return [sys.executable, "-c", code, *args]


def sh(script: str) -> list[str]:
    return ["sh", "-c", script]


@pytest.fixture
def in_cluster(anywhere: str) -> None:
    if anywhere == "inline":
        pytest.skip("there are no workers")


# -- what goes in and comes out ---------------------------------------------------------------


def test_standard_input_and_output() -> None:
    assert get(tasks.run("sort -n", stdin="3\n1\n2\n")) == [b"1\n2\n3\n"]
    assert get(tasks.run("cat")) == [b""], "no input is an empty one"


def test_a_text_is_split_and_a_sequence_taken_as_it_is() -> None:
    show = "import sys; print(sys.argv[1:])"
    assert get(tasks.run(f"{sys.executable} -c '{show}' 'a b' c $HOME *")) == [
        b"['a b', 'c', '$HOME', '*']\n"
    ]
    assert get(tasks.run(python(show, "a b", "", "'"))) == [b"['a b', '', \"'\"]\n"]


def test_variables_are_whole_arguments() -> None:
    show = "import sys; print(sys.argv[1:])"
    run = tasks.run(
        python(show, "$xyz", "xyz", "$ab", "$c", "pre$c"), {"$xyz": 123, "$c": tasks.const("4 5")}
    )
    assert get(run) == [b"['123', 'xyz', '$ab', '4 5', 'pre$c']\n"]


def test_what_tasks_make_may_be_values_of_variables(tmp_path: Path) -> None:
    @loom.task
    def made(value: Any) -> Any:
        return value

    lines = tasks.split("a\nb\nc\n")
    (tmp_path / "best").write_text("0.25")
    values = {
        "$length": tasks.length(lines), "$size": tasks.size("four"), "$put": loom.put(3),
        "$text": made.bind("a b"), "$bytes": made.bind(b"x"), "$float": made.bind(0.1),
        "$path": made.bind(tmp_path), "$object": tasks.py_value("o"),
        "$file": tasks.open(tmp_path / "best"), "$known": tmp_path,
        "$plain": tasks.get(lines, 0), "$raw": b"\xff", "$big": made.bind(np.int64(5)),
    }  # fmt: skip
    show = "import sys; print(sys.argv[1:])"
    (said,) = get(tasks.run(python(show, *values), values))
    assert ast.literal_eval(said.decode()) == [
        "3", "4", "3", "a b", "x", "0.1", str(tmp_path), "o", "0.25", str(tmp_path),
        "a\n", "\udcff", "5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        ([1], TypeError, r"input '\$x' is bytes, text, a file or a number, and a task gave \[1\]"),
        (True, TypeError, "and a task gave True: have one make text of it"),
        (None, TypeError, "and a task gave None: have one make text of it"),
        (data.array(["a"]), TypeError, "and a task gave <Array of 1"),
        ("a\0b", ValueError, "has a zero byte in it"),
        ("x" * (1 << 17), ValueError, r"\$x is 131,072 bytes, and an argument has less than 131,"),
    ],
)
def test_what_cannot_be_an_argument(value: Any, kind: Any, told: str) -> None:
    @loom.task
    def made() -> Any:
        return value

    with pytest.raises(kind, match=told):
        get(tasks.run(["echo", "$x"], {"$x": made.bind()}))


def test_which_input_it_is_that_is_no_bytes() -> None:
    with pytest.raises(TypeError, match="input stdin is bytes, text or a file, and a task gave 1"):
        get(tasks.run("cat", stdin=tasks.length(data.array(["a"]))))
    with pytest.raises(TypeError, match="input 'a' is bytes, text or a file, and a task gave 1"):
        get(tasks.run("cat a", {"a": tasks.length(data.array(["a"]))}))


def test_one_output_is_plain_several_are_an_array_none_an_empty_one() -> None:
    assert get(tasks.run(python(ABC), outputs=["c"])) == [b"c"]
    several = tasks.run(python(ABC), outputs=["c", None, tasks.STDERR])
    assert get(several, tasks.get(several, 1)) == [[b"c", b"a\n", b"b\n"], b"a\n"]
    assert get(tasks.run(python(ABC), outputs=())) == [[]]


def test_files_are_chained_through_folders() -> None:
    first = tasks.run("cp in/a out/b/c", {"in/a": LARGE}, ["out/b/c"])
    second = tasks.run("cp x y", [(first, "x")], ["y"])
    (value,) = get(tasks.run("cat", [(second, None)]))
    assert value == LARGE


def test_a_program_may_be_an_input_and_has_its_own_environment() -> None:
    script = "#!/bin/sh\necho $1 $HELLO ${GONE-gone}\n"
    run = tasks.run("./s.sh a", {"s.sh": script}, env={"HELLO": "hi", "GONE": None})
    assert get(run) == [b"a hi gone\n"]


def test_a_file_is_linked_and_one_that_is_to_stay_is_not_copied(tmp_path: Path) -> None:
    given, kept = tmp_path / "given", tmp_path / "new" / "kept"
    given.write_bytes(LARGE)
    run = tasks.run(
        sh("readlink in; cat in in > out"), {"in": tasks.open(given)}, {None: "", "out": str(kept)}
    )
    ((said, file),) = get(run)
    assert said == f"{given}\n".encode()
    assert isinstance(file, data.File)
    assert (file.path, file.size) == (str(kept), 2 * len(LARGE))
    assert os.listdir(kept.parent) == ["kept"]  # noqa: PTH208 - names
    assert get(tasks.run("cat", stdin=tasks.open(kept))) == [LARGE * 2]


def test_many_of_them_and_results_of_other_tasks() -> None:
    @loom.task
    def text(i: int) -> str:
        return f"{i}\n"

    runs = [tasks.run("cat", stdin=text.bind(i)) for i in range(20)]
    assert get(tasks.merge(runs)) == ["".join(f"{i}\n" for i in range(20)).encode()]
    assert loom.get(tasks.run.remote("cat", stdin=text.remote(7))) == b"7\n"


def test_pinned_it_has_as_many_cpus_as_it_asks_for() -> None:
    count = python("import os; print(len(os.sched_getaffinity(0)))")
    assert get(
        tasks.run(count, pin=True), tasks.run(count, pin=[min(os.sched_getaffinity(0))])
    ) == [
        b"1\n",
        b"1\n",
    ]
    everything = f"{len(os.sched_getaffinity(0))}\n".encode()
    assert get(tasks.run(count)) == [everything], "and is free of it unless it asks"
    with pytest.raises(ValueError, match="this worker has the CPUs"):
        get(tasks.run(count, pin=[100_000]))


# -- what may go wrong ------------------------------------------------------------------------


def test_a_failure_has_its_code_and_its_last_words() -> None:
    code = "import sys; sys.stderr.write('x' * 300_000 + '\\nthe end\\n'); sys.exit(7)"
    with pytest.raises(ProgramFailed, match=r"failed: exit code 7[\s\S]*the end") as caught:
        get(tasks.run(python(code)))
    error: Any = caught.value
    assert (error.returncode, error.signal, len(error.stderr)) == (7, None, 128 * 1024)
    assert error.stderr.endswith("xxx\nthe end\n")


def test_one_that_is_killed_has_failed() -> None:
    with pytest.raises(ProgramFailed, match="failed: killed by SIGKILL") as caught:
        get(tasks.run(sh("echo partial; kill -9 $$")))
    error: Any = caught.value
    assert (error.returncode, error.signal) == (-9, "SIGKILL")


@pytest.mark.parametrize(
    ("args", "inputs", "outputs", "told"),
    [
        ("no-such-program", {}, [None], "was not started: there is no such program in"),
        ("./s", {}, [None], "no such program in its folder"),
        ("./s", {"s": "#!/bin/nope\n"}, [None], "the interpreter that its first line names"),
        ("./s", {"s": b"\0\1\2"}, [None], "it is no program of this machine"),
        (sh("echo 1 > x"), {}, ["y"], "ended well, but its output 'y' is not there.*: x"),
        (sh("mkdir x"), {}, ["x"], "is no ordinary file"),
        (sh("ln -s /etc/passwd x"), {}, ["x"], "leads out of its folder"),
    ],
)
def test_what_is_not_there(args: Any, inputs: Any, outputs: Any, told: str) -> None:
    with pytest.raises(ProgramFailed, match=told):
        get(tasks.run(args, inputs, outputs))


def test_an_output_that_cannot_stay_where_it_should(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, why in (
        (tmp_path, "Is a directory"),
        (tmp_path / "file" / "x", "File exists|Not a"),
    ):
        told = f"ended well, but its output 'o' could not be moved to {place}: ({why})"
        with pytest.raises(ProgramFailed, match=told):
            get(tasks.run(sh("echo > o"), outputs={"o": str(place)}))


def test_one_that_may_not_be_executed(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("#!/bin/sh\n")
    with pytest.raises(ProgramFailed, match=r"may not be executed: chmod \+x"):
        get(tasks.run([tmp_path / "s"]))


@pytest.mark.parametrize(
    ("kind", "build", "told"),
    [
        (ValueError, lambda: tasks.run(""), "no program is named"),
        (ValueError, lambda: tasks.run("a 'b"), "cannot be split: No closing quotation"),
        (TypeError, lambda: tasks.run(["x", 3]), "argument 1 is text, not 3; write str"),
        (TypeError, lambda: tasks.run(b"x"), "args are text or a sequence of texts"),
        (ValueError, lambda: tasks.run("x", {"../a": b""}), "no name of a file in the program's"),
        (ValueError, lambda: tasks.run("x", {"/a": b""}), "no name of a file in the program's"),
        (ValueError, lambda: tasks.run("x", {"+out": b""}), r"names that begin with \+"),
        (ValueError, lambda: tasks.run("x", {"a": b"", "a/b": b""}), "cannot be a file and have"),
        (ValueError, lambda: tasks.run("x", {"$v": b""}), "no argument is '\\$v'"),
        (TypeError, lambda: tasks.run("x $v", {"$v": [1]}), "a file or a number, not \\[1\\]"),
        (TypeError, lambda: tasks.run("x $v", {"$v": True}), "a file or a number, not True"),
        (ValueError, lambda: tasks.run("x", {"a": b""}, ["a"]), "is an input and an output"),
        (ValueError, lambda: tasks.run("x", [(b"", "a"), (b"", "./a")]), "two inputs for 'a'"),
        (ValueError, lambda: tasks.run("x", [(b"", None)], stdin=b""), "two inputs for stdin"),
        (ValueError, lambda: tasks.run("x", outputs=[None, None]), "an output is there twice"),
        (TypeError, lambda: tasks.run("x", outputs="a"), r"outputs are several: write \['a'\]"),
        (ValueError, lambda: tasks.run("x", outputs={"a": "b"}), "the absolute path of a file"),
        (TypeError, lambda: tasks.run("x", [b"a"]), "an input is a value and what it is for"),
        (TypeError, lambda: tasks.run("x", {"f": [1]}), "is bytes, text or a file, not"),
        (ValueError, lambda: tasks.run("x", env={"a=b": "c"}), "cannot be the name of a variable"),
        (ValueError, lambda: tasks.run("x", pin=[]), "it is True, or numbers of CPUs"),
        (TypeError, lambda: tasks.run("x", pin=2), "it is True, or numbers of CPUs"),
        (TypeError, lambda: tasks.run("x", env=["a"]), "env is a mapping from names to text"),
        (TypeError, lambda: tasks.run("x", 5), "inputs are names and values, as in"),
        (TypeError, lambda: tasks.run("x", request=2), r"such as tasks.cpus\(2\)"),
        (TypeError, lambda: tasks.py_call(len, ["x"], request=2), r"such as tasks.cpus\(2\)"),
    ],
)
def test_bad_input_is_refused_where_it_is_written(kind: Any, build: Any, told: str) -> None:
    with pytest.raises(kind, match=told):
        build()


# -- how it ends ------------------------------------------------------------------------------


def started(log: Gate) -> list[int]:
    """A program with a child in another session, which say their numbers and wait."""
    wait_until(lambda: len(log.notes()) == 2, 20)
    return [int(pid) for pid in log.notes()]


def waiting(log: Gate, **request: Any) -> Any:
    child = f"setsid sh -c 'echo $$ >> {log.path}; sleep 60; true' & "
    return tasks.run.remote(
        sh(f"{child} echo $$ >> {log.path}; sleep 60; true"), request={"num_cpus": 1, **request}
    )


def are_gone(pids: list[int]) -> bool:
    def lives(pid: int) -> bool:
        try:
            return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return False

    return not any(map(lives, pids))


def folders() -> list[Path]:
    """All that is left in the nodes' scratch folders."""
    runtime = Path(os.environ["LOOM_RUNTIME_DIR"])
    return list(runtime.glob("session-*/scratch-*/[0-9]*/*"))


@pytest.mark.usefixtures("in_cluster")
def test_cancelling_kills_all_that_it_started(gate: Callable[[str], Gate]) -> None:
    log = gate("log")
    ref = waiting(log)
    pids = started(log)
    loom.cancel(ref)
    with pytest.raises(TaskCancelled):
        loom.get(ref, timeout=PATIENCE_S)
    wait_until(lambda: are_gone(pids), 20)
    wait_until(lambda: not folders(), 20)


@pytest.mark.usefixtures("in_cluster")
def test_so_does_its_timeout(gate: Callable[[str], Gate]) -> None:
    log = gate("log")
    ref = waiting(log, timeout_s=2.0)
    pids = started(log)
    with pytest.raises(TaskTimeout):
        loom.get(ref, timeout=PATIENCE_S)
    wait_until(lambda: are_gone(pids), 20)
    wait_until(lambda: not folders(), 20)


@pytest.mark.usefixtures("in_cluster")
def test_nothing_is_left_of_a_worker_that_was_killed(gate: Callable[[str], Gate]) -> None:
    log = gate("log")
    ref = waiting(log, max_retries=0)
    pids = started(log)
    os.kill(worker_of(pids), signal.SIGKILL)
    with pytest.raises(WorkerCrashed):
        loom.get(ref, timeout=PATIENCE_S)
    wait_until(lambda: are_gone(pids), 20)
    wait_until(lambda: not folders(), 20)


def worker_of(pids: list[int]) -> int:
    """The parent that is no program."""
    parents = {
        pid: int(Path(f"/proc/{pid}/status").read_text().split("PPid:\t")[1].split()[0])
        for pid in pids
    }
    return next(parent for parent in parents.values() if not _is_marked(parent))


def _is_marked(pid: int) -> bool:
    return scratch.MARK.encode() in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.usefixtures("in_cluster")
def test_what_it_left_running_ends_with_it(gate: Callable[[str], Gate]) -> None:
    log = gate("log")
    assert get(tasks.run(sh(f"sleep 60 & echo $! >> {log.path}"))) == [b""]
    wait_until(lambda: are_gone([int(log.notes()[0])]), 20)
    assert not folders()
