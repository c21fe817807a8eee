"""The control plane of a `Cluster`.

``python -m hyperloom.testing.control_plane FOLDER READY LOCK ALIVE``

A process of its own keeps the server, so that every node of the cluster may come and go, and so
that all of it ends with the program that made the cluster, however that ends: when the pipe ALIVE
closes, the server is ended and the folder and the networks of the cluster are removed.  A server
that dies is started again on its files.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.gcs import install, server
from hyperloom.gcs.address import Address
from hyperloom.gcs.server import ADMIN, ServerSettings
from hyperloom.node import folder as folders
from hyperloom.node.start import child_environment, last_words, new_embedded_session
from hyperloom.testing import network

if TYPE_CHECKING:
    from hyperloom.config import Config
    from hyperloom.gcs.server import Durability
    from hyperloom.testing.network import Network

PID = "server.pid"
_DESCRIPTION = "control-plane.json"
_NETWORK = "network"  # file with its name; it is removed with all else
_LOOK_MS = 100  # how often it looks whether the server lives
_WAIT_S = 30
_LIBRARY_LOOK_S = 1.0
_PORT = 6379  # all are free in a network of one's own


class ControlPlane:
    """The process, as the program that starts it sees it."""

    def __init__(self, config: Config, durability: Durability, net: Network | None = None) -> None:
        """Start it and wait until it serves; on TCP too, in a place of its own, with a network.

        Raises:
            errors.LoomError: it did not come up; the message has its last words.
        """
        self.folder, lock = new_embedded_session(config)
        self.place = net.add() if net else None
        host, port = (self.place.host, _PORT) if self.place else ("", 0)
        password_file = folders.secret_file(self.folder, "password")
        about = {
            "binary": server.find_binary(config.server_binary),
            "socket": str(self.folder / "gcs.sock"),
            "durability": durability,
            "host": host,
            "port": port,
            "through": self.place.through if self.place else (),
        }
        if net is not None:
            (self.folder / _NETWORK).write_text(net.name)
        (self.folder / _DESCRIPTION).write_text(json.dumps(about))
        url = f"redis://{host}:{port}" if host else f"unix://{about['socket']}"
        self.address = Address(url, password_file)
        ready, ready_end = os.pipe()
        alive_end, self.alive = os.pipe()
        inherited = [ready_end, lock, alive_end]
        with (self.folder / "supervisor.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-P", "-m", __name__,
                    str(self.folder), *map(str, inherited),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=inherited,
                start_new_session=True,
                env=child_environment(),
            )  # fmt: skip
        for descriptor in inherited:
            os.close(descriptor)
        came = os.read(ready, 16)  # or its end
        os.close(ready)
        if not came:
            words = last_words(self.folder)
            self.close()
            raise errors.LoomError(f"the control plane did not start; nothing is left.{words}")

    @property
    def server_pid(self) -> int:
        """Of the server that serves now."""
        return int((self.folder / PID).read_text())

    def close(self) -> None:
        """End it, and wait for its end.  Harmless when done twice."""
        if self.alive >= 0:
            os.close(self.alive)
            self.alive = -1
        self.process.wait()

    def forget(self) -> None:
        """In a child of the program that started it: hold nothing of it."""
        if self.alive >= 0:
            os.close(self.alive)
            self.alive = -1
        self.process.returncode = 0  # not this process's child


def main(folder: Path, ready: int, lock: int, alive: int) -> int:
    """Keep the control plane described in `folder` until `alive` closes."""
    os.set_inheritable(lock, False)  # noqa: FBT003 - the server needs none of it
    about = json.loads((folder / _DESCRIPTION).read_text())
    settings = ServerSettings(
        **about | {"socket": Path(about["socket"]), "through": tuple(about["through"])},
        folder=folder / "gcs",
        password=(folder / "password").read_text(),
        admin_password=folders.secret_file(folder, "admin-password").read_text(),
        with_parent=True,
    )
    process = _start(settings, folder)
    try:
        admin = Address(f"unix://{ADMIN}@{settings.socket}", folder / "admin-password")
        wire = install.wait(admin, _WAIT_S, lambda: process.poll() is None)
        install.install(wire, replace=True, durability=settings.durability)
        wire.close()
        os.write(ready, b"ready\n")
        os.close(ready)
        looked = time.monotonic()
        poll = select.poll()
        poll.register(alive, select.POLLIN)
        while not poll.poll(_LOOK_MS):
            if process.poll() is not None:
                process = _start(settings, folder)
            elif time.monotonic() - looked > _LIBRARY_LOOK_S:
                looked = time.monotonic()  # somebody may have emptied it
                install.again(admin, replace=True, durability=settings.durability)
    finally:
        process.terminate()
        process.wait()
        with contextlib.suppress(FileNotFoundError):
            network.remove((folder / _NETWORK).read_text())
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _start(settings: ServerSettings, folder: Path) -> subprocess.Popen[bytes]:
    process = server.start(settings)
    (folder / PID).write_text(str(process.pid))
    return process


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
