"""The lines of a node's own processes, for machines."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from hyperloom.config import Config
from hyperloom.errors import InvalidOption
from hyperloom.raylet import log_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.raylet.node import NodeSettings


def settings(form: str) -> NodeSettings:
    config = Config.load({"LOOM_LOG_FORMAT": form})
    return cast("NodeSettings", SimpleNamespace(config=config, node=b"\xab\xcd"))


def record(**said: Any) -> logging.LogRecord:
    usual = {"name": "hyperloom.x", "levelname": "WARNING", "created": 1700000000.5, "msecs": 42.9}
    return logging.makeLogRecord({**usual, **said})


def test_a_line_is_an_object_with_all_that_a_machine_asks_for() -> None:
    line = log_lines.formatter(settings("json"), "raylet").format(
        record(msg="two\nlines of %s, and %d", args=("a\udcff", 3))
    )
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.042Z",
        "level": "warning",
        "process": "raylet",
        "node": "abcd",
        "logger": "hyperloom.x",
        "message": "two\nlines of a\udcff, and 3",
    }


def test_an_error_goes_with_its_line_and_people_read_it_as_text() -> None:
    try:
        raise KeyError("x")  # noqa: TRY301 - it is to have a traceback
    except KeyError:
        made = record(msg="oh", exc_info=sys.exc_info())
    line = log_lines.formatter(settings("json"), "raylet").format(made)
    told = json.loads(line)["exception"].splitlines()
    assert (told[0], told[-1]) == ("Traceback (most recent call last):", "KeyError: 'x'")
    assert log_lines.words(line).splitlines() == ["oh", *told]


@pytest.mark.parametrize("line", ["no json", "12", '["a"]', '{"other": 1}', ""])
def test_any_other_line_is_read_as_it_is(line: str) -> None:
    assert log_lines.words(line) == line


def test_text_stays_short() -> None:
    line = log_lines.formatter(settings("text"), "supervisor").format(record(msg="the 100 % died"))
    assert line.partition(" ")[2].partition(" ")[2] == "the 100 % died"


def test_another_form_is_refused() -> None:
    with pytest.raises(InvalidOption, match=r"'xml' \(LOOM_LOG_FORMAT\) .* text or json\. Nothing"):
        settings("xml")


@contextmanager
def log() -> Iterator[io.StringIO]:
    """The stderr of a process that begins to write so."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((sys, "stdout"), (sys, "excepthook"), (threading, "excepthook")):
            patch.setattr(module, name, getattr(module, name))
        file = io.StringIO()
        patch.setattr(sys, "stderr", file)
        log_lines.begin(settings("json"), "page")
        try:
            yield file
        finally:
            log_lines.end()


def said(log: io.StringIO) -> list[tuple[str, str, str]]:
    lines = map(json.loads, log.getvalue().splitlines())
    return [(line["logger"], line["level"], line["message"]) for line in lines]


def test_whoever_says_it_each_line_is_an_object() -> None:
    with log() as file:
        print("a line\nand a", end="")  # noqa: T201 - as a package might that is imported
        print(" half", file=sys.stderr)  # noqa: T201
        print("nothing", end=" more", flush=True)  # noqa: T201
        logging.getLogger("somebody").error("bad %s", "request")
    assert said(file) == [
        ("stdout", "warning", "a line"),
        ("stderr", "warning", " half"),
        ("stdout", "warning", "and anothing more"),
        ("somebody", "error", "bad request"),
    ]


def test_what_nobody_caught_is_one_line() -> None:
    def fails() -> None:
        raise ValueError("in a thread")

    with log() as file:
        thread = threading.Thread(target=fails, name="loom-x")
        thread.start()
        thread.join()
        sys.excepthook(OSError, OSError("at last"), None)
    first, second = map(json.loads, file.getvalue().splitlines())
    assert first["message"] == "the thread loom-x ends after an error that nobody caught"
    assert first["exception"].endswith("ValueError: in a thread")
    assert (second["level"], second["exception"]) == ("critical", "OSError: at last")


def test_a_warning_is_a_line() -> None:
    with warnings.catch_warnings(), log() as file:
        warnings.simplefilter("always")
        warnings.warn("old", UserWarning, stacklevel=1)
    ((logger, level, message),) = said(file)
    assert (logger, level) == ("py.warnings", "warning")
    assert "UserWarning: old" in message


def test_a_worker_that_is_forked_from_such_a_process_is_as_any_other() -> None:
    handlers = list(logging.getLogger().handlers)
    with log() as file:
        assert len(logging.getLogger().handlers) == len(handlers) + 1
        log_lines.end()
        assert logging.getLogger().handlers == handlers
        assert (sys.stdout, sys.stderr) == (sys.__stdout__, sys.__stderr__)
        assert sys.excepthook is sys.__excepthook__
        assert threading.excepthook is threading.__excepthook__
    assert file.getvalue() == ""


def test_a_log_that_takes_nothing_is_no_error() -> None:
    """A full disk: to complain of it would be to write to the same log again, without end."""
    with log() as file:
        file.close()
        logging.getLogger("hyperloom").warning("not heard")
        assert isinstance(sys.stderr, io.TextIOBase)
        assert not sys.stderr.closed
