"""How the logs of a node's own processes look: short text, or a JSON object a line for machines.

The rule: with ``LOOM_LOG_FORMAT=json`` all that a process of ours says is such a line, whoever says
it: a logger, a warning, an error that nobody caught, a package that prints.  Only what is not
Python's (the server, a crash in C code) writes past it.  With ``text`` nothing is changed.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from hyperloom.raylet.node import NodeSettings

_STDERR = 2
_UNCAUGHT = "it ends after an error that nobody caught"


class JsonLines(logging.Formatter):
    """One object a line; `exception` is there if there was one."""

    def __init__(self, process: str, node: str) -> None:
        super().__init__()
        self._about = {"process": process, "node": node}

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end.  In ASCII: a name of a file may be no text."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            **self._about,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def formatter(settings: NodeSettings, process: str) -> logging.Formatter:
    """Of the lines of this process of the node."""
    if settings.config.log_format == "json":
        return JsonLines(process, settings.node.hex())
    return logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S")


def begin(settings: NodeSettings, process: str) -> None:
    """From here on this process writes so to its stderr, which is its log."""
    if settings.config.log_format != "json":
        return
    handler = _Handler(sys.stderr)
    handler.setFormatter(formatter(settings, process))
    _ours.append(handler)
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.stdout, sys.stderr = _Printed("stdout"), _Printed("stderr")


def end() -> None:
    """Undo all of it in a process that is forked from ours and is the user's: a worker."""
    while _ours:
        logging.getLogger().removeHandler(_ours.pop())
        logging.captureWarnings(capture=False)
        sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def words(line: str) -> str:
    """What a line of a log says to people."""
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(line)
        return "\n".join([said["message"], *said.get("exception", "").splitlines()])
    return line


_ours: list[logging.Handler] = []


class _Handler(logging.StreamHandler[Any]):
    """To the process's own stderr."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The disk is full, say: to tell it on stderr would come here again."""


class _Printed(io.TextIOBase):
    """In the place of stdout or stderr: what is printed becomes a warning, line by line."""

    def __init__(self, name: str) -> None:
        self._log = logging.getLogger(name)
        self._begun = ""

    def write(self, text: str) -> int:
        """As any file does."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            self._log.warning("%s", line)
        return len(text)

    def flush(self) -> None:
        """A line that has no end yet has one now: the process may be about to end."""
        if self._begun:
            self.write("\n")

    def fileno(self) -> int:
        """Where programs write that are told to use this file."""
        return _STDERR


def _uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logging.getLogger("hyperloom").critical(_UNCAUGHT, exc_info=(kind, error, traceback))


def _uncaught_in_thread(about: threading.ExceptHookArgs) -> None:
    if about.exc_value is not None and about.exc_type is not SystemExit:
        of = about.thread.name if about.thread else "?"
        logging.getLogger("hyperloom").critical(
            "the thread %s ends after an error that nobody caught", of,
            exc_info=(about.exc_type, about.exc_value, about.exc_traceback),
        )  # fmt: skip
