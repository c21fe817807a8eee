"""A store of a test's own: keeper in this process, clients here and in peers."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest

from hyperloom.objectstore.client import StoreClient
from hyperloom.objectstore.keeper import StoreKeeper
from hyperloom.objectstore.reaper import remove_store
from tests.unit.objectstore import peer

MIB = 1 << 20
_numbers = itertools.count()


class Store:
    def __init__(self, root: Path, spill: Path, capacity: int) -> None:
        self.root = root
        self.spill = spill
        self.capacity = capacity
        self.keeper: StoreKeeper | None = None
        self._clients: list[StoreClient] = []
        self._peers: list[peer.Peer] = []

    def start(self) -> StoreKeeper:
        self.keeper = StoreKeeper(self.root, self.spill, self.capacity)
        self.keeper.start()
        return self.keeper

    def client(self) -> StoreClient:
        client = StoreClient(self.root)
        self._clients.append(client)
        return client

    def peer(self) -> peer.Peer:
        """A client in another process, by the name of `client` there."""
        return self._add(peer.CLIENT.format(root=str(self.root)))

    def keeper_peer(self) -> peer.Peer:
        """The keeper in another process."""
        return self._add(
            peer.KEEPER.format(root=str(self.root), spill=str(self.spill), capacity=self.capacity)
        )

    def _add(self, setup: str) -> peer.Peer:
        self._peers.append(peer.Peer(setup))
        return self._peers[-1]

    def files(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())

    def bytes_of_files(self) -> int:
        return sum(
            entry.stat().st_size for folder in "obnz" for entry in os.scandir(self.root / folder)
        )

    def end(self) -> None:
        for one in self._peers:
            one.end()
        for client in self._clients:
            client.close()
        if self.keeper is not None:
            self.keeper.close(remove=True)
        elif self.root.exists():
            remove_store(str(self.root))


@pytest.fixture
def make_store(tmp_path):
    made = []

    def make(capacity: int = 64 * MIB, *, started: bool = True) -> Store:
        number = next(_numbers)
        name = f"loom-{os.getuid()}-test{os.getpid()}-{number}-{time.time_ns():x}"
        made.append(Store(Path("/dev/shm") / name, tmp_path / name, capacity))
        if started:
            made[-1].start()
        return made[-1]

    yield make
    for store in made:
        store.end()
        left = [path for path in (store.root, store.spill) if path.exists()]
        assert left == []


@pytest.fixture
def store(make_store):
    return make_store()


@pytest.fixture
def client(store):
    return store.client()


def oid(number: int) -> bytes:
    return number.to_bytes(20, "big")


def fill(number: int, size: int) -> memoryview:
    return memoryview(bytes([number % 251]) * size)
