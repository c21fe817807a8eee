"""Where a node can be asked for its objects: ``unix:/path`` or ``tcp:host:port``.

The rule: a node listens where the control plane does.  If that has a unix socket only, all nodes
are this user's on this machine, and so is the endpoint; nothing is open to the network then.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import Final

_UNIX_BUFFER: Final = 4 << 20  # TCP finds its own size, unix sockets do not
_WAITING: Final = 64  # connections that nobody has taken yet


class Tls:
    """TLS for the channels over a network: the contexts of both sides.

    Each side shows the node's certificate, and accepts what the authority signed.  Names in it are
    not compared: nodes are found by address, and prove by the cluster's key that they belong to it.
    """

    def __init__(self, certificate: str, key: str, authority: str) -> None:
        """From files in PEM.  Raises OSError (`ssl.SSLError` is one) when they will not do."""
        self.asks = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.asks.check_hostname = False
        self.has = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for context in (self.asks, self.has):
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(certificate, key)
            context.load_verify_locations(authority)


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


def listen_tcp(host: str, port: int, advertised: str) -> tuple[socket.socket, str]:
    """Listen on an address of this machine; others reach it as `advertised`.

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
    return listener, f"tcp:{advertised}:{listener.getsockname()[1]}"


def connect(endpoint: str, timeout_s: float, tls: Tls | None = None) -> socket.socket:
    """A connection to it; nothing on it may take longer than the timeout.

    Raises:
        OSError: there is none.
    """
    kind, _, where = endpoint.partition(":")
    if kind == "tcp":
        host, _, port = where.rpartition(":")
        plain = socket.create_connection((host.strip("[]"), int(port)), timeout_s)
        return _wrapped(plain, tls.asks) if tls else plain
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
    return _wrapped(sock, tls.has, server_side=True) if tls else sock


def _wrapped(
    sock: socket.socket, context: ssl.SSLContext, *, server_side: bool = False
) -> socket.socket:
    try:
        return context.wrap_socket(sock, server_side=server_side)
    except BaseException:
        sock.close()
        raise
