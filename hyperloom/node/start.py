"""Starting a raylet, and with it an embedded node."""

from __future__ import annotations

import os
import select
import shutil
import site
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hyperloom import errors
from hyperloom.core import threads
from hyperloom.node import folder as folders
from hyperloom.node.description import NodePlan, describe
from hyperloom.raylet import log_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.config import Config
    from hyperloom.gcs.address import Address

_READY_S = 30
_NONE = -1
_LOG = "raylet.log"

# What a child must not inherit: it may carry a password, and a child is told its address.
_NOT_INHERITED = ("LOOM_ADDRESS",)


@dataclass(slots=True)
class StartedNode:
    """An embedded node, from the moment in which its raylet's process exists."""

    folder: Path
    process: subprocess.Popen[bytes]
    alive: int  # its raylet ends when this is closed
    address: Address
    ready: int = _NONE
    log: BinaryIO | None = None  # its raylet's, until it serves

    def wait_ready(self) -> None:
        """Wait until it serves.

        Raises:
            errors.LoomError: it did not come up; the message has its last words.
        """
        try:
            _wait_ready(self)
        except BaseException:
            self.process.kill()
            self.hang_up()
            self.process.wait()
            raise
        os.close(self.ready)
        self.ready = _NONE
        self._close_log()

    def _close_log(self) -> None:
        if self.log is not None:
            self.log.close()
            self.log = None

    def hang_up(self) -> None:
        """Let go of it, and so have it end.  Harmless when done twice."""
        self._close_log()
        for descriptor in (self.alive, self.ready):
            if descriptor != _NONE:
                os.close(descriptor)
        self.alive = self.ready = _NONE


def start_embedded(plan: NodePlan, config: Config) -> StartedNode:
    """Start a node that ends with this process, and a control plane if the plan names none.

    Raises:
        errors.LoomError: it did not come up; the message has its last words.
    """
    node = begin_embedded(plan, config)
    node.wait_ready()
    return node


def begin_embedded(plan: NodePlan, config: Config, through: Sequence[str] = ()) -> StartedNode:
    """The same without waiting; `through` is a command that runs what follows it."""
    folder, lock = new_embedded_session(config)
    if plan.is_open:
        (folder / folders.OPEN).touch()
    try:
        address = describe(plan, config, folder)
    except BaseException:
        shutil.rmtree(folder)
        os.close(lock)
        raise
    ready, ready_end = os.pipe()
    alive_end, alive = os.pipe()
    process = start_raylet(folder, ready_end, lock, alive_end, through)
    for descriptor in (ready_end, alive_end, lock):
        os.close(descriptor)
    log = (folder / _LOG).open("rb")
    return StartedNode(folder, process, alive, address, ready, log)


def new_embedded_session(config: Config) -> tuple[Path, int]:
    """A fresh folder of a session that ends with this process, and the lock that holds it."""
    folder = folders.new_session(config)
    lock = folders.hold(folder)
    (folder / folders.EMBEDDED).touch()  # after it is held, or somebody would sweep it away
    folders.sweep(config)
    return folder, lock


def start_raylet(
    folder: Path, ready: int, lock: int, alive: int = _NONE, through: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start the raylet process of a session, `through` a command if there is one.

    It writes a line to `ready` when it serves, and ends when `alive` closes, if there is one.
    """
    inherited = [fd for fd in (ready, lock, alive) if fd != _NONE]
    with (folder / _LOG).open("ab") as log:
        return subprocess.Popen(
            # -P: a file of the user's in this directory must not pass for one of our modules.
            [
                *through, sys.executable, "-P", "-m", "hyperloom.raylet.main",
                str(folder), str(ready), str(lock), str(alive),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=inherited,
            start_new_session=True,  # Ctrl-C is for the program; it ends us when it ends
            env=child_environment(),
        )  # fmt: skip


def start_beside(folder: Path, lock: int, name: str, module: str) -> subprocess.Popen[bytes]:
    """Start what goes along with a head and is told its folder: its recorder, its page."""
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,
            env=child_environment(),
        )


def child_environment() -> dict[str, str]:
    """The environment of a process of ours."""
    environment = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
    threads.of_worker(environment)
    # The package must be found even if it is not installed but on the driver's path.  When it
    # is installed, PYTHONPATH is left alone: tasks may start other Pythons.
    root = str(Path(__file__).parents[2])
    if root not in site.getsitepackages():
        paths = [root, *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _wait_ready(node: StartedNode) -> None:
    poll = select.poll()
    poll.register(node.ready, select.POLLIN)
    came = poll.poll(_READY_S * 1000)
    if came and os.read(node.ready, 16):
        return
    if came:
        node.process.wait()  # the pipe closed: it is ending
    code = node.process.poll()
    how = f"ended with code {code}" if code is not None else f"was not ready within {_READY_S} s"
    # Its template removes the folder of a raylet that ended, so that what it said is read from
    # what we have open.
    raylet = node.log.read().decode(errors="replace") if node.log else ""
    words = last_words(node.folder, raylet=raylet)
    raise errors.LoomError(f"the raylet {how}; nothing was submitted.{words}")


def last_words(folder: Path, server_log: Path | None = None, *, raylet: str = "") -> str:
    """What the processes of a session said before they ended, for a message.

    That of a raylet which says itself why it does not start is enough.
    `raylet`: its words, if they are known.
    """
    if why := _refusal(raylet or _text(folder / _LOG)):
        return f" {why}"
    parts = []
    logs = (folder / "supervisor.log", folder / _LOG, server_log or folder / "gcs/server.log")
    for log in logs:
        text = (raylet if log.name == _LOG else "") or _text(log)
        said = "\n".join(map(log_lines.words, text.strip().splitlines()[-12:]))
        if lines := said.splitlines():
            parts += [f"{log}:", *(f"  {line}" for line in lines[-12:])]
    return "\n  ".join([" Last words:", *parts]) if parts else " It said nothing."


def _text(log: Path) -> str:
    with suppress(FileNotFoundError):  # it had nothing to say, or is gone
        return log.read_text(errors="replace")
    return ""


def _refusal(log: str) -> str:
    """The sentence with which the process ended, if it says all; "" if others have more to say."""
    last = log_lines.words(log.strip().rpartition("\n")[2])
    kind, _, sentence = last.partition(": ")
    error = getattr(errors, kind, errors.ControlPlaneLost)
    if not issubclass(error, errors.LoomError) or issubclass(error, errors.ControlPlaneLost):
        return ""  # the server knows why
    return sentence
