"""A driver joins a node: its job begins here, and ends when this connection does."""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from hyperloom import errors, frames
from hyperloom.core.objects import Objects
from hyperloom.core.pump import Pump
from hyperloom.core.session import Session
from hyperloom.ids import new_job_id
from hyperloom.objectstore.client import StoreClient

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.config import Config
    from hyperloom.gcs.address import Address
    from hyperloom.node.start import StartedNode


class Driver:
    """A session together with what keeps it: the raylet's connection, the embedded node."""

    def __init__(
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
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(folder / "raylet.sock"))
        except OSError as error:
            raise errors.NotConnected(
                f"no raylet answers in {folder} ({error.strerror}); start one: loom start --head"
            ) from error
        self._reader = frames.FrameReader(self._socket)
        self._socket.sendall(frames.encode(["driver", self._job, _about(namespace)]))
        welcome = self._receive("welcome")
        objects = Objects(welcome["node"], StoreClient(welcome["store"]), config.inline_max_bytes)
        self.session = Session(self._job, address, config, objects)
        self.session.node = welcome["node"]
        self.session.user_namespace = namespace or welcome["namespace"]
        self._pump = Pump(self.session)
        self._show = log_to_driver
        self._closing = False
        self._listener = threading.Thread(target=self._listen, name="loom-logs", daemon=True)
        self._listener.start()

    def _receive(self, what: str) -> Any:  # noqa: ANN401 - a message's content
        message = self._reader.receive()
        if message is None or message[0] != what:
            raise errors.LocalRayletDied(f"the raylet in {self.folder} hung up: {message}")
        return message[1]

    def _listen(self) -> None:
        while (message := self._reader.receive()) is not None:
            if message[0] == "log" and self._show:
                _, stream, name, pid, lines = message
                out = sys.stderr if stream == "stderr" else sys.stdout
                out.write("".join([f"({name} pid={pid}) {line}\n" for line in lines]))
                out.flush()
        if not self._closing:
            self.session.lost(
                errors.LocalRayletDied(
                    f"this machine's raylet (session {self.folder}) died; the tasks of this job "
                    "are lost with it. Its log says why: raylet.log in that folder. "
                    "Call loom.shutdown() and loom.init() to begin anew"
                )
            )

    def close(self) -> None:
        """End the job, and the node if it is embedded."""
        self._closing = True
        self._pump.close()
        self.session.close()
        self.session.store.close()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._listener.join()
        self._socket.close()
        if self._node is not None:
            os.close(self._node.alive)
            self._node.process.wait()


def _about(namespace: str) -> dict[str, Any]:
    paths = [path or os.getcwd() for path in sys.path]
    return {
        "pid": os.getpid(),
        "argv": sys.argv[:1],
        "cwd": os.getcwd(),
        "sys_path": paths,
        "namespace": namespace,
    }
