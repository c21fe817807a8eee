"""Serving the page: uvicorn on this machine's loopback address, and a link to log in."""

from __future__ import annotations

import socket
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import uvicorn

from hyperloom import errors
from hyperloom.dashboard import links
from hyperloom.dashboard.access import Access
from hyperloom.dashboard.app import make_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hyperloom.watch.cluster import Cluster

USUAL_PORT = 6391
_LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def listen(host: str, port: int | None) -> socket.socket:
    """A socket of the page; without a port, the usual one or any that is free.

    Raises:
        errors.LoomError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (port,) if port is not None else (USUAL_PORT, 0):
        # asyncio sends at once only what says that it is TCP; else each answer waits for 40 ms.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, wanted))
            sock.listen()  # who is told the address may come at once
        except OSError as error:
            sock.close()
            if port is not None:
                raise errors.LoomError(
                    f"the page cannot listen on {host} port {port} ({error.strerror}); nothing "
                    "was started. Choose another one with --port, or leave it out"
                ) from error
        else:
            return sock
    raise errors.LoomError(f"the page cannot listen on {host}; nothing was started")


def names_of(host: str) -> set[str]:
    """For which names of this machine the page answers, when it listens there."""
    if host not in _EVERYWHERE:
        return {*_LOOPBACK, host}
    addresses = [each.address for some in psutil.net_if_addrs().values() for each in some]
    return {*_LOOPBACK, socket.gethostname().lower(), socket.getfqdn().lower(), *addresses}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a page is served."""

    ready: Callable[[str], None] | None = None  # is told a link, when somebody may use it
    folder: Path | None = None  # of a session: links are given away there
    actions: bool = False  # whether viewers may cancel and kill


def serve(sock: socket.socket, connect: Callable[[], Cluster], terms: Terms) -> None:
    """Until somebody ends this process."""
    host, port = sock.getsockname()[:2]
    access = Access(names_of(host), actions=terms.actions)
    name = socket.gethostname() if host in _EVERYWHERE else host
    shown = f"[{name}]" if ":" in name else name

    def link() -> str:
        return f"http://{shown}:{port}{access.new_link()}"

    def door() -> AbstractAsyncContextManager[None]:
        return nullcontext() if terms.folder is None else links.given(terms.folder, link)

    if terms.ready is not None:
        terms.ready(link())
    app = make_app(connect, access, door, lambda: not server.should_exit)
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, lifespan="on",
        server_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.run(sockets=[sock])
