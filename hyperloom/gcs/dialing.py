"""A connection to the server: a socket, encrypted if the address says so, and who we are.

Ours, and not redis-py's: of that we would need this file's few lines, and importing it takes a
quarter of a second and 36 MB in each process, which a worker then has to be forked with.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from hyperloom.gcs.address import options_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hyperloom.gcs.address import Address

PORT = 6379
_WITHIN_S = 10.0
# After half a minute of silence, whether the other machine is still there; three times in 15 s.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


def dial(address: Address) -> socket.socket:
    """A connection on which nothing was said yet; its operations wait without limit.

    Raises:
        OSError: there is none; of TLS, an `ssl.SSLError`.
    """
    parts = urlsplit(address.url)
    if parts.scheme == "unix":
        sock = _dial_here(unquote(parts.path))
    else:
        sock = _dial_there(parts.hostname or "localhost", parts.port or PORT)
        if parts.scheme == "rediss":
            sock = _encrypted(sock, parts.hostname or "localhost", options_of(address.url))
    sock.settimeout(None)
    return sock


def greeting(address: Address) -> Iterator[tuple[str, ...]]:
    """What is to be said first: who we are, and of which database we speak."""
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


def _dial_there(host: str, port: int) -> socket.socket:
    sock = socket.create_connection((host, port), _WITHIN_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):  # not everywhere by this name
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


def _encrypted(sock: socket.socket, host: str, options: Mapping[str, str]) -> socket.socket:
    import ssl  # noqa: PLC0415 - few connections are

    try:
        context = ssl.create_default_context()
        if options.get("ssl_check_hostname", "true").lower() in {"false", "no", "0"}:
            context.check_hostname = False
        if options.get("ssl_cert_reqs", "required") == "none":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if "ssl_ca_certs" in options:
            context.load_verify_locations(options["ssl_ca_certs"])
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
        return context.wrap_socket(sock, server_hostname=host)
    except FileNotFoundError:
        sock.close()
        names = [value for name, value in options.items() if name.endswith(("certs", "file"))]
        raise FileNotFoundError(f"no such file: {' or '.join(names)}") from None
    except BaseException:
        sock.close()
        raise
