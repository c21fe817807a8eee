"""What a worker prints: which lines are shown, and when; how much of it is kept."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hyperloom.raylet.printed import UNENDED_S, Logs, Printed, notes_of, spans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KIB = 1024


class Worker:
    """Both ends of a worker's stdout, and a clock that stands."""

    def __init__(self, logs: Logs, pid: int = 7) -> None:
        self._out, self._theirs = os.pipe()
        os.set_blocking(self._out, False)
        self._pid = pid
        self._timers: list[Callable[[], None]] = []
        self.shown: list[str] = []
        self.printed = Printed({self._out: "stdout"}, logs, self._later, self._show)

    def _show(self, stream: str, lines: list[str]) -> None:
        assert stream == "stdout"
        self.shown += lines

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == UNENDED_S
        self._timers.append(call)

    def prints(self, text: str) -> list[str]:
        """What is shown when it prints this."""
        os.write(self._theirs, text.encode())
        self.printed.read_all(self._pid)
        return self._new()

    def waits(self) -> list[str]:
        """What is shown when nothing comes for long."""
        timers, self._timers = self._timers, []
        for timer in timers:
            timer()
        return self._new()

    def ends(self) -> list[str]:
        """What is shown when it has nothing to do."""
        self.printed.show_unended()
        return self._new()

    def _new(self) -> list[str]:
        shown, self.shown = self.shown, []
        return shown

    def close(self) -> None:
        os.close(self._theirs)
        assert not self.printed.read(self._out, self._pid)
        os.close(self._out)
        self.printed.close()


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path, 8 * KIB)


@pytest.fixture
def worker(logs: Logs) -> Iterator[Worker]:
    worker = Worker(logs)
    yield worker
    worker.close()


def test_lines_are_shown_whole(worker: Worker) -> None:
    assert worker.prints("one\ntw") == ["one"]
    assert worker.prints("o\n\nthree\r\n") == ["two", "", "three"]
    assert worker.waits() == []
    assert worker.ends() == []


def test_a_line_without_end_is_shown_when_it_has_waited(worker: Worker) -> None:
    assert worker.prints("loading ...") == []
    assert worker.waits() == ["loading ..."]
    assert worker.prints(" done\n") == [" done"]


def test_a_line_that_ended_meanwhile_does_not_hurry_the_next_one(worker: Worker) -> None:
    worker.prints("a")
    worker.prints("b\nc")
    early, late = worker._timers
    early()
    assert worker._new() == []
    late()
    assert worker._new() == ["c"]


def test_a_line_without_end_is_shown_when_its_worker_has_nothing_to_do(worker: Worker) -> None:
    worker.prints("100 %")
    assert worker.ends() == ["100 %"]
    assert worker.waits() == []


def test_a_progress_bar_is_shown_as_it_is_now_and_then(worker: Worker) -> None:
    for percent in range(50):
        assert worker.prints(f"\r{percent} %") == []
    assert worker.waits() == ["49 %"]
    assert worker.prints("\r50 %\r") == []
    assert worker.waits() == ["50 %"]
    assert worker.prints("\nnext\n") == ["next"]


def test_an_endless_line_is_shown_in_pieces(worker: Worker) -> None:
    assert worker.prints("x" * 5000) == ["x" * 4000, "x" * 1000]
    assert worker.prints("y\n") == ["y"]
    assert "".join(worker.prints("ä" * 9000 + "end\n")) == "ä" * 9000 + "end"


def test_a_file_is_bounded_and_its_older_half_goes_first(tmp_path: Path, worker: Worker) -> None:
    for number in range(100):
        worker.prints(f"{number:03}" * KIB)
    names = ["worker-7.log", "worker-7.log.1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    kept = "".join((tmp_path / name).read_text() for name in reversed(names))
    assert len(kept) <= 8 * KIB + 3 * KIB  # what is written in one go stays together
    assert kept.endswith("099" * KIB)


def test_lines_of_two_streams_are_not_one_in_the_file(tmp_path: Path, logs: Logs) -> None:
    ends = {name: os.pipe() for name in ("stdout", "stderr")}
    pipes = {reading: name for name, (reading, _) in ends.items()}
    printed = Printed(pipes, logs, lambda *_: None, lambda *_: None)
    for name, text in [
        ("stdout", "one has "), ("stderr", "two\n"), ("stdout", "no end\n"), ("stderr", "10 %"),
        ("stderr", "\r20 %"), ("stdout", "three\n"),
    ]:  # fmt: skip
        reading, writing = ends[name]
        os.write(writing, text.encode())
        assert printed.read(reading, 7)
    assert (tmp_path / "worker-7.log").read_bytes() == (
        b"one has \ntwo\nno end\n10 %\r20 %\nthree\n"
    )
    printed.close()
    for end in ends.values():
        for file in end:
            os.close(file)


def test_files_of_workers_that_are_gone_are_bounded_together(tmp_path: Path) -> None:
    (tmp_path / "worker-1.log").write_text("of an earlier raylet")
    logs = Logs(tmp_path, 8 * KIB)
    for pid in range(2, 32):
        worker = Worker(logs, pid)
        worker.prints("x")
        worker.close()
    kept = sorted(int(path.stem.partition("-")[2]) for path in tmp_path.iterdir())
    assert kept == list(range(12, 32))  # a file takes a block of the disk at least


def test_a_pid_that_comes_again_goes_on_with_its_file(tmp_path: Path) -> None:
    logs = Logs(tmp_path, 8 * KIB)
    for text in ("first\n", "second\n"):
        worker = Worker(logs)
        worker.prints(text)
        worker.close()
    assert (tmp_path / "worker-7.log").read_text() == "first\nsecond\n"


A, B, NOBODY = "a" * 32, "b" * 32, ""


def _mark(task: str) -> str:
    return f"\x1b_loom:{task}\x1b\\"


def _of(path: Path, task: str) -> str:
    data = path.read_bytes()
    return b"".join(data[first:end] for first, end in spans_of(path, task, len(data))).decode()


def test_marks_are_not_shown_and_tell_whose_a_part_of_the_file_is(
    tmp_path: Path, worker: Worker
) -> None:
    assert worker.prints(f"before\n{_mark(A)}of a\n{_mark(NOBODY)}no") == ["before", "of a"]
    assert worker.prints(f"body\n{_mark(B)}of b\nagain\n") == ["nobody", "of b", "again"]
    assert worker.prints(f"{_mark(NOBODY)}") == []
    assert worker.prints(f"{_mark(A)}a") == []
    assert worker.prints("t last\n") == ["at last"]
    path = tmp_path / "worker-7.log"
    assert path.read_text() == "before\nof a\nnobody\nof b\nagain\nat last\n"
    assert _of(path, A) == "of a\nat last\n"
    assert _of(path, B) == "of b\nagain\n"
    assert _of(path, "c" * 32) == ""


def test_what_nobody_marked_has_no_notes(tmp_path: Path, worker: Worker) -> None:
    worker.prints(_mark(A) + _mark(NOBODY))
    assert list(tmp_path.iterdir()) == []
    worker.prints("from below\n")
    assert [path.name for path in tmp_path.iterdir()] == ["worker-7.log"]


def test_the_older_half_has_notes_of_its_own(tmp_path: Path, worker: Worker) -> None:
    path, older = tmp_path / "worker-7.log", tmp_path / "worker-7.log.1"
    for task in (A, B):
        worker.prints(f"{_mark(task)}{task[0]}" + "x" * 2 * KIB)
    assert (_of(older, A)[0], _of(older, B)[0]) == ("a", "b")
    worker.prints("y" * KIB)  # goes on with the last task's
    assert (_of(path, A), _of(path, B)) == ("", "y" * KIB)
    worker.prints(_mark(NOBODY) + "z" * 5 * KIB)
    assert (_of(older, A), _of(older, B)) == ("", "y" * KIB)
    worker.prints("z" * 5 * KIB)
    assert not notes_of(older).exists(), "those of an earlier half are gone with it"


def test_a_worker_with_the_pid_of_one_that_was_killed_does_not_go_on_with_its_task(
    tmp_path: Path,
) -> None:
    logs = Logs(tmp_path, 8 * KIB)
    for text in (f"{_mark(A)}first\n", f"second\n{_mark(B)}third\n"):
        worker = Worker(logs)
        worker.prints(text)
        worker.close()
    path = tmp_path / "worker-7.log"
    assert (_of(path, A), _of(path, B)) == ("first\n", "third\n")
