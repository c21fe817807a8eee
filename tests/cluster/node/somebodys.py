"""Servers that somebody else runs, on a port and a socket."""

from __future__ import annotations

import re
import shutil
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import redis

import hyperloom as loom
from tests import servers

if TYPE_CHECKING:
    from collections.abc import Iterator


PASSWORD = "correct/horse@battery:staple"
IN_URL = "correct%2Fhorse%40battery%3Astaple"


@loom.task
def one_more(x: int) -> int:
    return x + 1


@contextmanager
def somebodys_server(
    *options: str, kind: str = "embedded", password: str = ""
) -> Iterator[servers.Server]:
    server = servers.start(kind, options=["--port", str(free_port()), *options])
    try:
        if password:
            with redis.Redis(unix_socket_path=str(server.socket)) as client:
                client.config_set("requirepass", password)
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_of(server: servers.Server) -> int:
    arguments = Path(f"/proc/{server.process.pid}/cmdline").read_bytes().decode()
    found = re.search(r":(\d+)", arguments.split("\0")[0])
    if found:  # Valkey and Redis write where they listen into their title
        return int(found[1])
    words = arguments.split("\0")
    return int(words[len(words) - 1 - words[::-1].index("--port") + 1])
