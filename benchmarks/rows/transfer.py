"""From node to node: an object through the channel, beside a bare pair of sockets."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from benchmarks.harness import US, expect
from hyperloom.objectstore.client import StoreClient
from hyperloom.objectstore.keeper import StoreKeeper
from hyperloom.transfer import endpoint
from hyperloom.transfer.giver import Giver
from hyperloom.transfer.machine import Event, Moved
from hyperloom.transfer.taker import Taker

if TYPE_CHECKING:
    from benchmarks.harness import Bench

_MIB = 1 << 20
_KEY = bytes(32)
_OID, _NODE = b"o" * 20, b"n" * 8


def transfer(bench: Bench) -> None:
    """Over loopback, into memory that is not there yet, and that is."""
    mebibytes = bench.n(256, tiny=4)
    with tempfile.TemporaryDirectory(prefix="loom-bench-", dir="/dev/shm") as folder:
        stores = [_Store(Path(folder, name), 2 * mebibytes * _MIB) for name in ("gives", "takes")]
        source, target = stores
        data = os.urandom(_MIB) * mebibytes
        source.client.put(_OID, 0, b"", [memoryview(data)])
        events: SimpleQueue[Event] = SimpleQueue()
        listener, where = endpoint.listen_tcp("127.0.0.1", 0, "127.0.0.1")
        giver = Giver(listener, source.client, lambda: _KEY)
        taker = Taker(target.client, lambda: _KEY, events.put)

        def fetch() -> None:
            target.client.free(_OID)
            taker.fetch(_OID, _NODE, where, 1)
            expect(events.get(), Moved(_OID, _NODE), "transfer")

        pair = "sendfile, recv_into"
        memory = memoryview(bytearray(len(data)))
        bench.rates(
            f"{mebibytes} MiB from node to node, loopback", "GB/s", {US: len(data) / 1e9},
            {US: fetch, pair: lambda: _bare(source, memory)}, against=pair, target=0.5,
        )  # fmt: skip
        giver.close()
        taker.close()
        for store in stores:
            store.close()


class _Store:
    def __init__(self, folder: Path, capacity: int) -> None:
        self.keeper = StoreKeeper(folder, Path(f"{folder}-spill"), capacity)
        self.keeper.start(with_reaper=False)
        self.client = StoreClient(folder)

    def close(self) -> None:
        self.client.close()
        self.keeper.close(remove=True)


def _bare(source: _Store, memory: memoryview) -> None:
    """What there is without us: the file into a socket, the socket into memory that is warm."""
    size = len(memory)
    departure = source.client.depart(_OID)
    assert departure is not None
    with closing(departure), socket.create_server(("127.0.0.1", 0)) as listener:
        sends = socket.create_connection(listener.getsockname())
        takes, _ = listener.accept()
        thread = threading.Thread(target=_send, args=(sends, departure.fd, size))
        thread.start()
        done = 0
        while done < size:
            done += takes.recv_into(memory[done : done + _MIB])
        thread.join()
        sends.close()
        takes.close()


def _send(sock: socket.socket, fd: int, size: int) -> None:
    done = 0
    while done < size:
        done += os.sendfile(sock.fileno(), fd, done, size - done)
