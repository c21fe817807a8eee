"""How its user gets a link to a page that runs: from a socket in the session's folder.

Nobody else can enter that folder, so whoever connects is let in.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SOCKET = "page.sock"
_ANSWER_S = 5.0
_PAUSE_S = 0.02


@asynccontextmanager
async def given(folder: Path, link: Callable[[], str]) -> AsyncIterator[None]:
    """Give everybody who comes a new `link`, for as long as this is entered."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(link().encode())
        await writer.drain()
        writer.close()

    (folder / SOCKET).unlink(missing_ok=True)  # of one that was killed
    server = await asyncio.start_unix_server(answer, folder / SOCKET)
    try:
        yield
    finally:
        server.close()
        (folder / SOCKET).unlink(missing_ok=True)


def ask(folder: Path, patience_s: float = 0.0) -> str | None:
    """A new link to the page of a session, which may be about to start; None: it has none."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _asked(folder)
        except OSError:
            if time.monotonic() >= deadline:
                return None
        time.sleep(_PAUSE_S)  # a socket that is not there yet cannot be waited on


def process(folder: Path) -> int | None:
    """Which process gives links there; None: nobody does."""
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(str(folder / SOCKET))
        except OSError:
            return None
        told = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        door.recv(4096)  # the link, which nobody wanted
    return int(struct.unpack("3i", told)[0])


def _asked(folder: Path) -> str:
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(_ANSWER_S)
        door.connect(str(folder / SOCKET))
        link = door.recv(4096).decode()  # so short a text comes in one piece
    if not link:
        raise ConnectionAbortedError
    return link
