"""The raylet process: ``python -m hyperloom.raylet.main FOLDER READY LOCK ALIVE``.

Order of the start, and why: an embedded node's server first, since it starts while we import;
then the template, forked while this process has neither threads nor connections; then
everything else.  Whoever started us waits for one line on the pipe READY; as long as we, the
template or a worker live, LOCK says that the session runs.

An embedded raylet has the control plane for a child and ends when the pipe ALIVE from its
driver closes.  One that `loom start` made has a supervisor, who has the server, and who starts
the next raylet should this one die; it ends when told to.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom import errors, failpoints
from hyperloom.gcs import server
from hyperloom.raylet import locks, log_lines
from hyperloom.raylet.node import NodeSettings
from hyperloom.resources import ResourceSet, of_symbols

if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Callable

    from hyperloom.raylet import template
    from hyperloom.raylet.agent import Agent

_log = logging.getLogger("hyperloom.raylet")

_SERVER_WAIT_S = 10
_SERVER_LOADS_S = 600  # a head's has to read all that it had accepted
_NONE = -1
_OF_PROGRAMS = "hyperloom.api"  # by name: it stands on us, and so do the modules of users


def main(folder: Path, ready: int, lock: int, alive: int) -> int:
    """Serve this node until it is told to stop.  The exit code."""
    settings = NodeSettings.read(folder)
    log_lines.begin(settings, "raylet")
    # For our forks, not for programs that tasks start: those may outlive the session.
    os.set_inheritable(lock, False)  # noqa: FBT003
    own_server = OwnServer(settings) if settings.embedded and settings.server else None
    # What is imported by now or here, we share with the template.
    from hyperloom.objectstore.keeper import StoreKeeper  # noqa: PLC0415
    from hyperloom.raylet import agent, handover  # noqa: PLC0415
    from hyperloom.tasks import operations  # noqa: F401, PLC0415

    furnish(settings)
    forked = _fork_template(settings, [ready, alive])
    settings = with_symbols(settings)  # while the server starts
    strays = enter(settings, lambda: own_server is None or own_server.runs)
    keeper = StoreKeeper(settings.store, settings.spill, settings.store_bytes)
    # The template does a reaper's work as long as it lives.
    keeper.start(with_reaper=False)
    keeper.free(strays)
    raylet = agent.Agent(settings, keeper, forked, time.monotonic)
    end_when_told(raylet, alive)
    if own_server is not None:
        raylet.conversation.revive = own_server.keep_alive
    with contextlib.suppress(BrokenPipeError):  # its supervisor died; without one it lives on
        os.write(ready, b"ready\n")
    os.close(ready)
    try:
        raylet.run()
    finally:
        heard = raylet.close()
        if own_server is not None:
            own_server.stop()
        elif heard:
            handover.leave(settings)
        keeper.close(remove=True)
        forked[1].close()
        os.waitpid(forked[0], 0)
        if settings.embedded:
            shutil.rmtree(settings.folder, ignore_errors=True)
    return 0


def enter(settings: NodeSettings, server_lives: Callable[[], bool]) -> list[bytes]:
    """Make the server ours, and take over what the node had; objects that nobody wants.

    Raises `errors.LoomError` when the node cannot be one of this cluster.

    A connection that breaks meanwhile is no reason to end: all of it may be said again.
    """
    from hyperloom.gcs import install, pauses  # noqa: PLC0415
    from hyperloom.raylet import handover, secrecy  # noqa: PLC0415

    patience_s = _SERVER_WAIT_S if settings.embedded else _SERVER_LOADS_S
    durability = (settings.server or {}).get("durability", "")
    buried: dict[bytes, list[bytes]] = {}

    def once() -> list[bytes]:
        wire = install.wait(settings.admin_address, patience_s, server_lives)
        try:
            install.install(wire, replace=settings.server is not None, durability=durability)
            strays = [] if settings.embedded else handover.take_over(wire, settings, buried)
            secrecy.greet(wire, settings.node, settings.config)
            return strays
        finally:
            wire.close()

    return pauses.persist(once, patience_s, server_lives)


def _fork_template(settings: NodeSettings, close: list[int]) -> tuple[int, socket.socket]:
    """It shares with us what we have imported, and imports itself what only its workers need."""
    from hyperloom.raylet import template  # noqa: PLC0415

    mine = settings.scratch
    return template.fork_template(
        lambda: load_worker(settings), close, lambda: clean_up(settings, mine)
    )


def load_worker(settings: NodeSettings) -> template.Main:
    """What a worker runs, and all imported that it needs."""
    from hyperloom.core.start import run_worker  # noqa: PLC0415
    from hyperloom.gcs import dialing  # noqa: PLC0415
    from hyperloom.plan import redirection  # noqa: PLC0415

    dialing.prepare(settings.address)
    redirection.install()
    import_module(_OF_PROGRAMS)
    return partial(run_worker, settings.config)


def furnish(settings: NodeSettings) -> None:
    """Make the session's folder what the node needs, and this process its raylet."""
    failpoints.arm(settings.config.failpoints, "raylet")
    settings.logs.mkdir(mode=0o700, exist_ok=True)
    locks.protect(settings.folder.parent)  # it may be one where what is old is removed


def with_symbols(settings: NodeSettings) -> NodeSettings:
    """The node with what installed packages add to it.

    They may not change what was said at its start.
    """
    from hyperloom import symbols  # noqa: PLC0415

    said = settings.resources
    counted = symbols.installed_resources()
    more = ResourceSet({name: units for name, units in counted.items() if not said.units(name)})
    has = said + of_symbols(symbols.of_this_node()) + more
    return replace(settings, resources=has)


def end_when_told(raylet: Agent, alive: int) -> None:
    """By a signal, or by the end of who holds the other end of `alive`."""

    def end() -> None:
        raylet.loop.running = False

    # The loop sleeps until something is readable; a signal alone does not end that.
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    raylet.loop.on_readable(woken, end)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if alive != _NONE:
        raylet.loop.on_readable(alive, end)


class OwnServer:
    """The control plane of an embedded node."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings.server_settings()
        self._process: subprocess.Popen[bytes] = server.start(self._settings)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def keep_alive(self) -> None:
        """Start it again when it has died: what it had written is in its files."""
        if not self.runs:
            self._process = server.start(self._settings)

    def stop(self) -> None:
        """End it and wait for its end."""
        self._process.terminate()
        self._process.wait()


def clean_up(settings: NodeSettings, used: Path) -> None:
    """What is left to do, and what is when the raylet was killed: the template does it."""
    from hyperloom.core import scratch  # noqa: PLC0415
    from hyperloom.objectstore import reaper  # noqa: PLC0415

    scratch.clear(used)  # by workers, which are gone
    if not settings.embedded and settings.is_supervised:
        # The next raylet finds the objects where they are.  If the supervisor dies too before it
        # has begun one, this is still the last process that knows of them: so one stays behind.
        reaper.start(str(settings.store)).wait()
        return
    reaper.remove_store(str(settings.store))
    shutil.rmtree(settings.spill, ignore_errors=True)
    if settings.embedded:
        if settings.server is not None:
            # 1. The raylet is killed; we hear of it.  2. We remove the folder.  3. Only now does
            # the server hear of it, and opens its log to say that it ends: the folder is back.
            server.wait_until_ended(Path(settings.server["folder"]))
        shutil.rmtree(settings.folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
    except errors.LoomError as error:
        _log.critical("%s: %s", type(error).__name__, error)
        sys.exit(1)
