"""`loom start` and `loom stop`: nodes that outlive the program that starts them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.gcs.reach import reach
from hyperloom.node import folder as folders
from hyperloom.node import processes, submissions
from hyperloom.node.description import NodePlan, describe
from hyperloom.node.start import child_environment, last_words
from hyperloom.node.supervisor import Supervisor, clear
from hyperloom.raylet.node import NodeSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.config import Config

_END_S = 90.0
_PAUSE_S = 0.02


def prepare(plan: NodePlan, config: Config) -> Path:
    """The session folder of a node that is about to be started, or one that lost its supervisor.

    Raises:
        errors.LoomError: there is such a node, or it cannot be; nothing was started.
    """
    if plan.address is not None:
        reach(plan.address)
    else:
        if plan.data is not None:
            plan = dataclasses.replace(plan, data=folders.private_folder(plan.data))
        running = _head_in(plan.data, config)
        if running is not None:
            if folders.is_supervised(running):
                raise errors.LoomError(
                    f"a head of yours runs already (session {running}); nothing was started. "
                    "Use it, or end it with loom stop, or start another one with another --dir"
                )
            return running
        if plan.data is not None:
            folders.check_stays(config, plan.data)
    folders.sweep(config)
    folder = folders.new_session(config)
    try:
        describe(plan, config, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder


def _head_in(data: Path | None, config: Config) -> Path | None:
    """The head that runs on these data; any head of ours if none are named."""
    for folder in folders.started_sessions(config):
        with contextlib.suppress(OSError, ValueError, KeyError):  # it is just being made or removed
            about = NodeSettings.read(folder).server
            here = about is not None and data in {None, Path(about["folder"]).parent}
            if here and folders.runs(folder):
                return folder
    return None


def start_daemon(folder: Path, config: Config) -> None:
    """Start the node's supervisor and wait until the node serves.

    Raises:
        errors.LoomError: it did not come up; nothing is left but its logs.
    """
    ready, ready_end = os.pipe()
    with (folder / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hyperloom.node.supervisor", str(folder), str(ready_end)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[ready_end],
            start_new_session=True,
            cwd="/",  # or it would keep a disk busy that somebody wants to unmount
            env=child_environment(),
        )
    os.close(ready_end)
    try:
        _wait_served(ready, process, folder)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    finally:
        os.close(ready)
    process.returncode = 0  # it is nobody's child from now on: no warning about that
    folders.make_current(config, folder)


def _wait_served(ready: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    # However long it takes: a server may have much to read from its disk.
    select.select([ready], [], [])
    if os.read(ready, 16):
        return
    process.wait()
    server = NodeSettings.read(folder).server
    log = Path(server["folder"], "server.log") if server else None
    raise errors.LoomError(
        f"the node did not start; nothing of it is left but its logs, in {folder}."
        f"{last_words(folder, log)}"
    )


def run_in_foreground(folder: Path, config: Config, serving: Callable[[], None]) -> int:
    """Be the node's supervisor, until told to stop; the exit code."""
    lock = folders.supervise(folder)
    if lock is None:
        raise errors.LoomError(f"the session {folder} has a supervisor already")

    def served() -> None:
        folders.make_current(config, folder)
        serving()

    code = Supervisor(folder, served).run()
    os.close(lock)
    return code


def stop(folder: Path, *, force: bool) -> None:
    """End a session's processes and wait for their end; its logs stay.

    Raises:
        errors.LoomError: something of it still runs.
    """
    (folder / folders.STOPPING).touch()
    submissions.stop_all(folder)
    found = processes.living(NodeSettings.read(folder))
    if force:
        # The supervisor first, or it would start the others again.
        for name in ("supervisor", "page", "recorder", "raylet", "server"):
            if name in found:
                found[name].signal(signal.SIGKILL)
                found[name].wait_end(_END_S)
    elif "supervisor" in found:
        found["supervisor"].signal(signal.SIGTERM)
    else:
        for name in ("raylet", "page", "recorder", "server"):
            if name in found:
                found[name].signal(signal.SIGTERM)
                found[name].wait_end(_END_S)
    deadline = time.monotonic() + _END_S
    while folders.runs(folder):
        if time.monotonic() > deadline:
            left = ", ".join(f"{name} (pid {mark.pid})" for name, mark in found.items()
                             if mark.alive)  # fmt: skip
            raise errors.LoomError(
                f"the session {folder} did not end within {_END_S:.0f} s; still there: "
                f"{left or 'workers'}. End it with loom stop --force"
            )
        time.sleep(_PAUSE_S)  # a lock on which one may wait with a limit there is not
    clear(folder, NodeSettings.read(folder))
