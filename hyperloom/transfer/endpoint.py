"""Where a node can be asked for its objects: ``unix:/path``, ``tcp:host:port``, ``tls:host:port``.

The rule: a node listens where the control plane does.  If that has a unix socket only, all nodes
are this user's on this machine, and so is the endpoint; nothing is open to the network then.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final

from hyperloom.transfer.tls import wrapped

if TYPE_CHECKING:
    from hyperloom.transfer.tls import Tls

_UNIX_BUFFER: Final = 4 << 20  # TCP finds its own size, unix sockets do not
_WAITING: Final = 64  # connections that nobody has taken yet


def listen_unix(path: str) -> tuple[socket.socket, str]:
    """Listen in a private folder; the socket and its endpoint."""
    listener = socket.socket(socket.AF_UNIX)
    if os.path.exists(path):  # noqa: PTH110 - of the raylet before us
        os.unlink(path)  # noqa: PTH108
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    listener.listen(_WAITING)
    return listener, f"unix:{path}"


def listen_tcp(
    host: str, port: int, advertised: str, tls: Tls | None = None
) -> tuple[socket.socket, str]:
    """Listen on an address of this machine; others reach it as `advertised`, perhaps by TLS.

    Raises:
        OSError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(_WAITING)
    kind = "tls" if tls else "tcp"
    return listener, f"{kind}:{advertised}:{listener.getsockname()[1]}"


class Unlike(ConnectionError):
    """One of two nodes has TLS, and the other has not."""


def connect(endpoint: str, timeout_s: float, tls: Tls | None = None) -> socket.socket:
    """A connection to it; nothing on it may take longer than the timeout.

    Raises:
        Unlike: it is to be encrypted for one of the two only.
        OSError: there is none.
    """
    kind, _, where = endpoint.partition(":")
    if kind in {"tcp", "tls"}:
        host, _, port = where.rpartition(":")
        plain = socket.create_connection((host.strip("[]"), int(port)), timeout_s)
        if (kind == "tls") != (tls is not None):
            plain.close()
            raise Unlike("that node has no TLS, and this one has" if tls else
                         "that node has TLS, and this one has no certificate")  # fmt: skip
        return wrapped(plain, tls.asks) if tls else plain
    if kind != "unix":
        raise ConnectionError(f"{endpoint!r} is no endpoint of this version")
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout_s)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UNIX_BUFFER)
    try:
        sock.connect(where)
    except OSError:
        sock.close()
        raise
    return sock


def accepted(sock: socket.socket, timeout_s: float, tls: Tls | None = None) -> socket.socket:
    """A connection that somebody made: as fast, as impatient and as secret as one of ours.

    Raises:
        OSError: the other side does not speak TLS, or has no certificate that is accepted.
    """
    sock.settimeout(timeout_s)
    if sock.family == socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNIX_BUFFER)
        return sock
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wrapped(sock, tls.has, server_side=True) if tls else sock
