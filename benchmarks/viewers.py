"""Browsers that look at the page, as cheap as can be.

``python -m benchmarks.viewers HOST PORT COOKIE N``: each of N connections follows the moments;
what comes is read and thrown away.  A line is printed when all of them have heard something.
"""

from __future__ import annotations

import http.client
import selectors
import socket
import sys
from urllib.parse import urlsplit

_READ = 1 << 16


def log_in(link: str) -> tuple[str, int, str]:
    """Host, port and cookie of a new viewer."""
    parts = urlsplit(link)
    assert parts.hostname is not None
    assert parts.port is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request("GET", f"{parts.path}?{parts.query}")
    cookie = connection.getresponse().headers["set-cookie"].partition(";")[0]
    connection.close()
    return parts.hostname, parts.port, cookie


def watch(host: str, port: int, cookie: str, number: int) -> None:
    """Until somebody ends this process."""
    request = f"GET /api/moments HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\n\r\n"
    selector = selectors.DefaultSelector()
    silent = set()
    for _ in range(number):
        sock = socket.create_connection((host, port), 30)
        sock.sendall(request.encode())
        selector.register(sock, selectors.EVENT_READ)
        silent.add(sock)
    if not silent:
        print("all of them look", flush=True)
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            part = sock.recv(_READ)
            if not part:
                sys.exit("the page hung up")
            if b"data: " in part and sock in silent:
                silent.remove(sock)
                if not silent:
                    print("all of them look", flush=True)


if __name__ == "__main__":
    watch(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
