"""A driver joins a node: its job begins here, and ends when this connection does.

An embedded raylet and its driver live and die together.  The raylet of a node that `loom start`
made may die and be started again, while the job's truth stays in the control plane; then the
driver connects to the next raylet, says which job it is, and goes on.  What its threads wait
for, they go on to wait for.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import sys
import threading
import time
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom import errors, frames
from hyperloom.core import visiting, words
from hyperloom.core.bringing import Bringer
from hyperloom.core.objects import Objects
from hyperloom.core.pump import Pump
from hyperloom.core.session import Session
from hyperloom.ids import new_job_id, new_process_id
from hyperloom.node.folder import STOPPING, is_supervised, runs
from hyperloom.objectstore.client import StoreClient

if TYPE_CHECKING:
    from hyperloom.config import Config
    from hyperloom.gcs.address import Address
    from hyperloom.ids import JobID
    from hyperloom.node.start import StartedNode
    from hyperloom.watch.progress import Bars

_KNOCK_EVERY_S = 0.05
_ENDS_S = 1.0  # beyond the time that its actors have, a program waits so long for word of their end
_LAST_WORDS_S = 5.0  # the raylet may be stopped, or what shows its words be slow


class Driver:
    """A session together with what keeps it: the raylet's connection, the embedded node."""

    _ended = False  # the job, without us

    def __init__(  # noqa: PLR0913 - what a driver stands between
        self,
        folder: Path,
        address: Address,
        config: Config,
        namespace: str,
        node: StartedNode | None,
        *,
        log_to_driver: bool,
    ) -> None:
        self.folder = folder
        self._node = node
        self._job = new_job_id()
        process = new_process_id(self._job)
        self._about = {**_about(namespace, config.submission), "process": process.hex()}
        self._visits: list[bytes] = []  # this process's names in other jobs
        self._outage_s = config.outage_s
        self._closing, self._parted = threading.Event(), threading.Event()
        self._switching = threading.Lock()  # of the socket
        try:
            self._socket, self._reader, self._welcome = self._connect_patiently()
        except OSError as error:
            raise errors.NotConnected(
                f"no raylet answers in {folder} ({error.strerror}). If its node runs, which "
                "loom status says, try again; else start one: loom start --head"
            ) from error
        welcome = self._welcome
        try:
            objects = Objects(
                welcome["node"],
                StoreClient(welcome["store"]),
                config.inline_max_bytes,
                Bringer(str(folder / "raylet.sock"), lambda: not self.session.closed),
            )
            self.session = Session(self._job, address, config, objects, process)
        except BaseException:
            self._socket.close()
            raise
        self.session.node = welcome["node"]
        self.session.enter, self.session.announce = self._enter, self._announce
        self.session.ends_with_driver = node is not None
        self.session.user_namespace = namespace or welcome["namespace"]
        self._pump = Pump(self.session)
        self._bars = self._show_progress(config.progress)
        self._show = log_to_driver
        self._pid = os.getpid()
        self._listener = threading.Thread(target=self._listen, name="loom-logs", daemon=True)
        self._listener.start()
        atexit.register(self.close)
        _drivers.add(self)

    def _show_progress(self, option: str) -> Bars | None:
        """Bars while the program waits, if they are wanted: see `Config.progress`."""
        is_terminal = getattr(sys.stderr, "isatty", None)  # it may be anything of the user's
        seen = (is_terminal and is_terminal()) or "ipykernel" in sys.modules
        if option == "off" or (option == "auto" and not seen):
            return None
        from hyperloom.watch.progress import Bars  # noqa: PLC0415 - mostly nobody looks

        bars = Bars(self.session.address, self._job)
        self.session.blocked = lambda _: bars.begin()
        return bars

    def _connect_patiently(self) -> tuple[socket.socket, frames.FrameReader, dict[str, Any]]:
        """Be let in; the raylet of a node that is supervised may be dead for a moment."""
        deadline = time.monotonic() + self._outage_s
        while True:
            try:
                return self._connect()
            except OSError:
                # Without a supervisor, somebody may start the head again while its server lives.
                comes_back = is_supervised(self.folder) or runs(self.folder)
                if not comes_back or (self.folder / STOPPING).exists():
                    raise
                if self._closing.wait(_KNOCK_EVERY_S) or time.monotonic() > deadline:
                    raise

    def _connect(self) -> tuple[socket.socket, frames.FrameReader, dict[str, Any]]:
        """Be let in by the raylet.  Raises OSError when there is none.

        It answers when the control plane has the job, so not before there is a server.  Hanging
        up meanwhile would end the job; so there is no limit of time, but `close` ends the wait.
        """
        sock = self._knocking = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(self.folder / "raylet.sock"))
            reader = frames.FrameReader(sock)
            sock.sendall(frames.encode(["driver", self._job, self._about]))
            for process in self._visits:
                sock.sendall(frames.encode(["visits", process, words.BEGINS]))
            message = reader.receive()
        except BaseException:
            sock.close()
            raise
        if message is not None and message[0] == "over":
            sock.close()
            raise errors.JobEnded(message[1])
        if message is None or message[0] != "welcome":
            sock.close()
            raise ConnectionResetError(0, "it hung up")
        return sock, reader, message[1]

    def _listen(self) -> None:
        try:
            self._listen_on()
        finally:
            self._parted.set()

    def _listen_on(self) -> None:
        # Whoever needs the raylet (`Bringer`) waits for the next one until the session is lost.
        while True:
            self._hear()
            if self._closing.is_set():
                return
            if self._node is not None or not self._come_back():
                break
        if not self._closing.is_set() and not self._ended:
            self.session.lost(self._why_lost())

    def _hear(self) -> None:
        while (message := self._reader.receive()) is not None:
            if message[0] == "log" and self._show:
                _, stream, name, pid, lines, node = message
                out = sys.stderr if stream == "stderr" else sys.stdout
                place = f"pid={pid}, node={node[:8]}" if node else f"pid={pid}"
                out.write("".join([f"({name} {place}) {line}\n" for line in lines]))
                out.flush()
            elif message[0] == "warning":
                sys.stderr.write(f"hyperloom: {message[1]}\n")
                sys.stderr.flush()
            elif message[0] == "look":
                self._look()
            elif message[0] == "over":
                self._end(errors.JobEnded(message[1]))
            elif message[0] == "parted":
                self._parted.set()

    def _end(self, why: errors.JobEnded) -> None:
        """The job was ended without us: who waits for something of it is told."""
        self._ended = True
        self.session.lost(why)

    def _look(self) -> None:
        """The raylet had to join anew: the control plane's data may be another."""
        for session in (self.session, *self.session.guests.values()):
            with contextlib.suppress(errors.LoomError):  # then who waits is told why
                session.reading.look_at_all()

    def _come_back(self) -> bool:
        """The raylet died: wait for the next one of the node, and go on with it."""
        try:
            sock, reader, welcome = self._connect_patiently()
        except OSError:
            return False
        except errors.JobEnded as why:
            self._end(why)
            return False
        with self._switching:
            self._socket.close()
            self._socket, self._reader = sock, reader
            if self._closing.is_set():
                sock.shutdown(socket.SHUT_RDWR)
        return welcome == self._welcome

    def _enter(self, job: JobID) -> Session:
        guest = visiting.begin(self.session, job, self._announce)
        guest.depart = partial(self._depart, guest, Pump(guest))
        return guest

    def _announce(self, process: bytes, how: int) -> None:
        with self._switching:
            if how == words.BEGINS:
                self._visits.append(process)
            elif process in self._visits:
                self._visits.remove(process)
            self._say(["visits", process, how])

    def _depart(self, guest: Session, pump: Pump) -> None:
        pump.close()
        guest.close()
        self._announce(guest.process, words.ENDS)

    def _say(self, message: list[Any]) -> None:
        with contextlib.suppress(OSError):  # the next raylet is told
            self._socket.sendall(frames.encode(message))

    def _why_lost(self) -> errors.LocalRayletDied:
        if (self.folder / STOPPING).exists():
            return errors.LocalRayletDied(
                f"this machine's node (session {self.folder}) was stopped, and the tasks of this "
                "job with it. Call loom.shutdown(), start a node, and loom.init() to begin anew"
            )
        return errors.LocalRayletDied(
            f"this machine's raylet (session {self.folder}) died; the tasks of this job "
            "are lost with it. Its log says why: raylet.log in that folder. "
            "Call loom.shutdown() and loom.init() to begin anew"
        )

    def close(self) -> None:
        """End the job, and the node if it is embedded.  Harmless when done twice."""
        if self._closing.is_set() or os.getpid() != self._pid:
            return
        self._closing.set()
        atexit.unregister(self.close)
        _drivers.discard(self)
        if self._bars is not None:
            self._bars.close()
        unsent = self._last_words()
        for guest in list(self.session.guests.values()):
            guest.depart()
        self._pump.close()
        self.session.close()
        self.session.store.close()
        self._hang_up(unsent)
        self._socket.close()
        if self._node is not None:
            self._node.hang_up()
            self._node.process.wait()

    def _last_words(self) -> int:
        """Calls that were made a moment ago are sent, too; how many could not be."""
        unsent = 0
        for session in (*self.session.guests.values(), self.session):
            if session.outbox.has_calls:
                with contextlib.suppress(errors.LoomError):
                    session.settle()
            unsent += session.outbox.calls_unsent
        return unsent

    def _hang_up(self, unsent: int) -> None:
        """Let the actors end (`hyperloom.raylet.parting`), show what is printed, and hang up.

        The raylet does so, too, when all that was printed is said.
        """
        with self._switching:
            self._say(["farewell", unsent])
        self._parted.wait(self.session.config.kill_grace_s + _ENDS_S)
        with self._switching:
            for sock in {self._socket, self._knocking}:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_WR if sock is self._socket else socket.SHUT_RDWR)
        self._listener.join(_LAST_WORDS_S)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._listener.join()

    def after_fork(self) -> None:
        """In a child: let go, or our end would not be seen as long as the child lives."""
        self._socket.close()
        if self._node is not None:
            self._node.hang_up()
            self._node.process.returncode = 0  # not this process's child


_drivers: weakref.WeakSet[Driver] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for driver in list(_drivers):
        driver.after_fork()
    _drivers.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)


def _about(namespace: str, submission: str) -> dict[str, Any]:
    paths = [path or str(Path.cwd()) for path in sys.path]
    return {
        "pid": os.getpid(),
        "argv": sys.argv[:1],
        "cwd": str(Path.cwd()),
        "sys_path": paths,
        "namespace": namespace,
        "submission": submission,
    }
