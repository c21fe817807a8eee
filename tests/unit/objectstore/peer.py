"""Another process for a test: runs lines of Python that the test sends, and answers.

A real process, not a fork of the test's: it can be stopped, killed and limited, and has threads
of its own.  Run as a program it is the other side.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
CLIENT = "from hyperloom.objectstore.client import StoreClient\nclient = StoreClient({root!r})"
KEEPER = """\
from pathlib import Path
from hyperloom.objectstore.keeper import StoreKeeper
keeper = StoreKeeper(Path({root!r}), Path({spill!r}), {capacity})
keeper.start()
"""


class Peer:
    """The test's side.  Killed at the end, whatever became of it."""

    def __init__(self, setup: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.objectstore.peer"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        self.run(setup)

    def send(self, code: str) -> None:
        """Start it; the answer is taken by `answer`."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(code) + "\n")
        self.process.stdin.flush()

    def answer(self):
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the peer ended: {self.process.wait()}"
        value, error = json.loads(line)
        if error:
            raise RuntimeError(error)
        return ast.literal_eval(value)

    def run(self, code: str):
        """Statements, or an expression whose value (a literal) comes back."""
        self.send(code)
        return self.answer()

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.pid, how)
        if how == signal.SIGKILL:
            self.process.wait()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()


def serve() -> None:
    names: dict[str, object] = {}
    for line in sys.stdin:
        value, error = "None", None
        code = json.loads(line)
        try:
            try:
                value = repr(eval(compile(code, "<test>", "eval"), names))
            except SyntaxError:
                exec(compile(code, "<test>", "exec"), names)
        except Exception:  # noqa: BLE001 - the test hears of all of them
            error = traceback.format_exc()
        sys.stdout.write(json.dumps([value, error]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
