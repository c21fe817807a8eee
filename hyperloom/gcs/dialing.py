"""A connection to the server, and who says first who we are.

A server is reached by a plain socket in a few lines of our own: to import redis-py takes a quarter
of a second and 34 MB in each process.  Where the address wants TLS, redis-py connects and
introduces us; after that its socket is ours.

A path that carries nothing, which is neither answered nor refused, is found out by the kernels:
theirs answers even if the server hangs, and after `_SILENCE_S` without an answer the connection is
broken.  Then who has it dials until there is a path again.  Left to themselves the kernels would
try again ever more rarely, and a path that was away for a minute would be found after another one;
and who only listens would never learn that it was away.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hyperloom.gcs.address import options_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from hyperloom.gcs.address import Address

_PORT = 6379  # if an address names none
_WITHIN_S = 10.0
_THERE_WITHIN_S = 3.0  # a path may take a second each way
_SILENCE_S = 5
_OPTIONS = {
    # When nothing is said, ask after 2 s, and each second from then on.
    "TCP_KEEPIDLE": 2,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": _SILENCE_S - 2,
    "TCP_USER_TIMEOUT": _SILENCE_S * 1000,
}
_TCP_RTO_MAX_MS = 44  # of Linux 6.15 and later: what is said is said again after so long at most
_AGAIN_MS = 1000


def dial(address: Address) -> socket.socket:
    """A connection on which `greeting` is still to be said; its operations wait without limit.

    Raises:
        OSError: there is none, or the server does not know us.
    """
    parts = urlsplit(address.url)
    if parts.scheme == "unix":
        sock = _dial_here(unquote(parts.path))
    else:
        sock = _dial_secure(address) if _is_secure(address) else _dial_there(parts)
        _watch_silence(sock)
    sock.settimeout(None)
    return sock


def _is_secure(address: Address) -> bool:
    return urlsplit(address.url).scheme == "rediss"


def prepare(address: Address) -> None:
    """Import what `dial` needs: before forks, each of which would import it for itself."""
    if _is_secure(address):
        import redis.connection  # noqa: F401, PLC0415 - see the module


def greeting(address: Address) -> Iterator[tuple[str, ...]]:
    """What is left to be said first: who we are, and of which database we speak."""
    if _is_secure(address):  # redis-py said it
        return
    parts, options = urlsplit(address.url), options_of(address.url)
    password, user = address.password(), unquote(parts.username or "")
    if password is not None:
        yield ("AUTH", user, password) if user else ("AUTH", password)
    database = options.get("db", "" if parts.scheme == "unix" else parts.path.strip("/"))
    if database not in {"", "0"}:
        yield ("SELECT", database)


def _dial_here(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(_WITHIN_S)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def _dial_there(parts: SplitResult) -> socket.socket:
    sock = socket.create_connection((parts.hostname, parts.port or _PORT), _THERE_WITHIN_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _watch_silence(sock: socket.socket) -> None:
    """Have the kernels find out that the path carries nothing."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):  # not everywhere by this name
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if sys.platform == "linux":
        with suppress(OSError):  # an older kernel gives the connection up, and we dial anew
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, _AGAIN_MS)


def _dial_secure(address: Address) -> socket.socket:
    import redis  # noqa: PLC0415 - see the module
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.connection import ConnectionPool, parse_url  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    options = parse_url(address.url)  # type: ignore[no-untyped-call]
    options.update(
        password=address.password() or options.get("password"),
        retry=Retry(NoBackoff(), 0),  # it would send again what may have been done
        socket_timeout=None,
        socket_connect_timeout=_THERE_WITHIN_S,
        protocol=2,
        driver_info=None,
    )
    connection: Any = ConnectionPool(**options).make_connection()
    try:
        connection.connect()
    except redis.RedisError as error:
        raise ConnectionError(str(error)) from error
    # It has no door; and what it no longer has it does not close.
    sock: socket.socket = connection._sock  # noqa: SLF001
    connection._sock = None  # noqa: SLF001
    return sock
