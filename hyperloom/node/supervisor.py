"""The supervisor of a node that `loom start` made: ``python -m hyperloom.node.supervisor FOLDER``.

It starts the server (on a head) and the raylet, starts again whichever ends, and ends both
when told to.  It speaks with neither and so is small and hard to kill by accident.

- The server dies: it is started on its files; raylets and drivers connect again and go on.  If the
  disk is full, room that was kept for this is freed first (`hyperloom.node.ballast`).
- The raylet dies: its workers die with it.  The next one has the same node id and finds the
  objects where they were; what its predecessor held goes back into the queues
  (`hyperloom.raylet.handover`), and drivers connect again and go on.
- The recorder dies (`hyperloom.watch.recorder`; on a head): nobody but the history misses it.
- The page dies (`hyperloom.dashboard`; on a head): who looks at it logs in again.
- The supervisor dies: server and raylet live on, but nobody watches over them.  `loom status`
  says so, and `loom start --head` in the same place gives them a new supervisor, which takes
  over what lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom import failpoints
from hyperloom.gcs import server
from hyperloom.node import folder as folders
from hyperloom.node import own_logs, processes
from hyperloom.node.ballast import Ballast
from hyperloom.node.processes import Mark
from hyperloom.node.start import start_beside, start_raylet
from hyperloom.objectstore.reaper import remove_store
from hyperloom.raylet import log_lines
from hyperloom.raylet.draining import DRAINED
from hyperloom.raylet.node import NodeSettings

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

_PAUSES_S = (0.0, 0.1, 0.3, 1.0, 2.0, 5.0)  # before the first, second, … start in a row
_STEADY_S = 30.0  # who lived that long died of something new
_ADOPTED_LOOK_S = 0.5
_ROOM_LOOK_S = 2.0
_LOGS_LOOK_S = 30.0  # of a node without a server: else nothing wakes its supervisor
_SERVER_END_S = 30.0
_RAYLET_END_S = 15.0


@dataclass(slots=True)
class Ward:
    """A process that is watched over, over all its lives."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] | None = None  # None: not our child, or not alive
    mark: Mark | None = None
    since: float = 0.0
    deaths: int = 0
    due: float = 0.0  # when to start it
    needed: bool = True  # the node serves nobody without it

    def begin(self) -> None:
        """Give it its next life."""
        self.process = self.start()
        self.mark = Mark.of(self.process.pid)
        self.since = time.monotonic()

    def look(self) -> bool:
        """Whether it has died since the last look."""
        if self.mark is None:
            return False
        ended = not self.mark.alive if self.process is None else self.process.poll() is not None
        if ended:
            now = time.monotonic()
            self.deaths = 1 if now - self.since > _STEADY_S else self.deaths + 1
            self.due = now + _PAUSES_S[min(self.deaths, len(_PAUSES_S)) - 1]
            self.process = self.mark = None
        return ended

    def end(self, patience_s: float) -> None:
        """Have it end, by force if it takes too long."""
        for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, patience_s)):
            if self.mark is not None:
                self.mark.signal(number)
                self.mark.wait_end(wait_s)
                self.look()


class Supervisor:
    """Of one session.  `serving` is called once, when the raylet is ready for drivers."""

    def __init__(self, folder: Path, serving: Callable[[], None]) -> None:
        self._folder = folder
        self._settings = NodeSettings.read(folder)
        self._format = log_lines.formatter(self._settings, "supervisor").format
        failpoints.arm(self._settings.config.failpoints, "supervisor")
        self._serving = serving
        self._served = False
        self._stopping = False
        self._lock = folders.hold(folder)
        self._ready, self._ready_end = os.pipe()
        os.set_blocking(self._ready, False)
        self._raylet = Ward("raylet", self._start_raylet)
        self._wards = [self._raylet]
        self._ballast: Ballast | None = None
        self._room_look = 0.0
        if self._settings.server is not None:
            if self._settings.server["durability"] != "off":
                self._ballast = Ballast(Path(self._settings.server["folder"]), self._warn)
            self._wards.insert(0, Ward("server", self._start_server))
            if self._settings.config.events and self._settings.config.history_bytes:
                self._wards.append(self._beside("recorder", "hyperloom.node.record"))
            if self._settings.page is not None:
                self._wards.append(self._beside("page", "hyperloom.dashboard.resident"))
        self._store = -1

    def run(self) -> int:
        """Until told to stop; the exit code."""
        woken = self._catch_signals()
        self._take_over()
        try:
            while not self._stopping and self._keep_alive():
                self._wait(woken)
        finally:
            self._end()
        return 0 if self._served else 1

    def _catch_signals(self) -> int:
        woken, waker = os.pipe()
        for end in (woken, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "_stopping", True))
        return woken

    def _take_over(self) -> None:
        alive = processes.living(self._settings)
        for ward in self._wards:
            ward.mark = alive.get(ward.name)
            if ward.mark is not None:
                self._say(f"took over the {ward.name}, pid {ward.mark.pid}")
        self._record()

    def _keep_alive(self) -> bool:
        """Start what is to be started.  False: the first start came to nothing."""
        for ward in self._wards:
            if ward.look():
                if (self._folder / DRAINED).exists():
                    self._say("the node was drained and has left")
                    self._stopping = True
                    return True
                self._died(ward)
                if not self._served and ward.needed:
                    return False
            if ward.mark is None and time.monotonic() >= ward.due:
                self._begin(ward)
        if not self._served and self._raylet.mark is not None and self._raylet.process is None:
            self._begin_to_serve()  # taken over: it has been ready for long
        if self._served and time.monotonic() >= self._room_look:
            pause_s = _LOGS_LOOK_S if self._settings.server is None else _ROOM_LOOK_S
            self._room_look = time.monotonic() + pause_s
            self._look_at_disk()
        return True

    def _look_at_disk(self) -> None:
        server = self._settings.server
        data = Path(server["folder"]) if server is not None else None
        with contextlib.suppress(OSError):  # the disk is gone; the server will say so
            if self._ballast is not None:
                self._ballast.look()
        with contextlib.suppress(OSError):  # the disk is full: the logs stay until it is not
            own_logs.shorten(own_logs.of_node(self._folder, data), self._settings.config.log_bytes)

    def _died(self, ward: Ward) -> None:
        self._warn(f"the {ward.name} died; deaths in a row: {ward.deaths}")
        if failpoints.ON:
            failpoints.hit("supervisor.noticed")
        if ward.name == "server" and self._ballast is not None:
            self._ballast.server_died()

    def _begin(self, ward: Ward) -> None:
        ward.begin()
        if failpoints.ON:
            failpoints.hit("supervisor.began")
        self._record()

    def _wait(self, woken: int) -> None:
        now = time.monotonic()
        waits = [ward.due - now for ward in self._wards if ward.mark is None]
        if self._served:
            waits.append(self._room_look - now)
        waits += [_ADOPTED_LOOK_S for ward in self._wards if ward.mark and not ward.process]
        poll = select.poll()
        poll.register(woken, select.POLLIN)
        if not self._served:
            poll.register(self._ready, select.POLLIN)
        for fd, _ in poll.poll(max(0.0, min(waits)) * 1000 if waits else None):
            with contextlib.suppress(BlockingIOError):
                if os.read(fd, 4096) and fd == self._ready and not self._served:
                    self._begin_to_serve()

    def _begin_to_serve(self) -> None:
        self._served = True
        # While no raylet holds the store, we do: or a sweep would take it for a dead one's.
        with contextlib.suppress(FileNotFoundError):
            self._store = os.open(self._settings.store / "alive", os.O_RDONLY)
            fcntl.flock(self._store, fcntl.LOCK_SH)
        self._serving()

    def _start_server(self) -> subprocess.Popen[bytes]:
        return server.start(self._settings.server_settings(keeps=(self._lock,)))

    def _start_raylet(self) -> subprocess.Popen[bytes]:
        return start_raylet(self._folder, self._ready_end, self._lock)

    def _beside(self, name: str, module: str) -> Ward:
        """What goes along, and without which the node serves all the same."""
        return Ward(
            name, lambda: start_beside(self._folder, self._lock, name, module), needed=False
        )

    def _record(self) -> None:
        marks = {ward.name: ward.mark for ward in self._wards if ward.mark is not None}
        if marks:
            each = ", ".join(f"{name} (pid {mark.pid})" for name, mark in marks.items())
            self._say(f"watching over {each}")
        mine = Mark.of(os.getpid())
        processes.record(self._folder, marks | ({"supervisor": mine} if mine else {}))

    def _end(self) -> None:
        """All of it, in the order in which nobody misses anybody."""
        (self._folder / folders.STOPPING).touch()  # drivers need not wait for the next raylet
        self._raylet.end(_RAYLET_END_S)
        for ward in reversed(self._wards):  # the server last: the recorder reads to the end
            ward.end(_SERVER_END_S)
        clear(self._folder, self._settings)

    def _warn(self, words: str) -> None:
        self._say(words, logging.WARNING)

    def _say(self, words: str, level: int = logging.INFO) -> None:
        # To the file: the stderr of one that runs in the foreground is its user's.
        said = {
            "name": "hyperloom.supervisor",
            "levelname": logging.getLevelName(level),
            "msg": words,
        }
        with (self._folder / "supervisor.log").open("a") as log:
            log.write(f"{self._format(logging.makeLogRecord(said))}\n")


def clear(folder: Path, settings: NodeSettings) -> None:
    """Remove what a session that ended has no use for: all but its logs, and a head's data."""
    remove_store(str(settings.store))
    shutil.rmtree(settings.spill, ignore_errors=True)
    for name in ("gcs.sock", "raylet.sock", DRAINED, "page.sock", "processes.json"):
        (folder / name).unlink(missing_ok=True)
    if settings.server is not None:
        Ballast(Path(settings.server["folder"]), lambda _: None).remove()
    if settings.server is not None and Path(settings.server["folder"]).parent == folder:
        # Nobody said that it shall be continued.  A head that was killed keeps all this.
        for data in (folder / "gcs").glob("appendonly*"):
            shutil.rmtree(data)
    if settings.server is None or Path(settings.server["folder"]).parent == folder:
        for secret in ("password", "admin-password"):
            (folder / secret).unlink(missing_ok=True)


def main(folder: Path, ready: int) -> int:
    """Supervise the session in `folder`; a line on `ready` says that it serves."""
    log_lines.begin(NodeSettings.read(folder), "supervisor")
    lock = folders.supervise(folder)
    if lock is None:
        print(f"the session {folder} has a supervisor already", file=sys.stderr)  # noqa: T201
        return 1

    def serving() -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever started us waits no more
            os.write(ready, b"ready\n")
        os.close(ready)

    return Supervisor(folder, serving).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
