"""Stores on one machine, and the channel between them: who is let in, what comes, what resumes."""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.objectstore import layout
from hyperloom.objectstore.client import StoreClient
from hyperloom.objectstore.keeper import StoreKeeper
from hyperloom.transfer import endpoint, protocol
from hyperloom.transfer import machine as t
from hyperloom.transfer.giver import LARGE_BYTES, Giver
from hyperloom.transfer.taker import Taker
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hyperloom.objectstore.transit import Arrival

KEY = b"k" * protocol.KEY_BYTES
OID = b"o" * 20
NODE = b"n" * 8
MIB = 1 << 20


class Node:
    """A store, who gives from it, and who fetches into it."""

    def __init__(self, folder: Path, capacity: int = 64 * MIB) -> None:
        folder.mkdir()
        self.keeper = StoreKeeper(folder / "store", folder / "spill", capacity)
        self.keeper.start(with_reaper=False)
        self.store = StoreClient(folder / "store")
        self.key = KEY
        self.events: SimpleQueue[Any] = SimpleQueue()
        listener, self.where = endpoint.listen_unix(str(folder / "objects.sock"))
        self.giver = Giver(listener, self.store, lambda: self.key)
        self.taker = Taker(self.store, lambda: self.key, self.events.put)

    def fetch(self, source: Node, oid: bytes = OID) -> t.Event:
        self.taker.fetch(oid, NODE, source.where, 2)
        return self.events.get(timeout=20)

    def put(self, size: int, oid: bytes = OID) -> bytes:
        data = os.urandom(size)
        self.store.put(oid, 3, b"meta", [memoryview(data)])
        return data

    def value(self, oid: bytes = OID) -> bytes | None:
        found = self.store.get(oid)
        if found is None:
            return None
        kind, meta, (buffer,) = found
        assert (kind, bytes(meta)) == (3, b"meta")
        return bytes(buffer)

    def close(self) -> None:
        self.giver.close()
        self.taker.close()
        self.store.close()
        self.keeper.close(remove=True)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """Three of them; the third has very little memory."""
    made = [Node(tmp_path / str(i), 64 * MIB if i < 2 else MIB) for i in range(3)]
    yield made
    for node in made:
        node.close()
    wait_until(lambda: not [x for x in threading.enumerate() if x.name.startswith("loom-")])


@pytest.mark.parametrize("size", [1, 4096, 3 * MIB + 7])
def test_an_object_comes_as_it_is(nodes: list[Node], size: int) -> None:
    a, b, _ = nodes
    data = a.put(size)
    assert b.fetch(a) == t.Moved(OID, NODE)
    assert b.value() == data
    # The giver counts when it has sent all, which may be after we have it.
    wait_until(lambda: (a.giver.objects, b.taker.objects) == (1, 1))
    assert a.giver.bytes == b.taker.bytes
    assert b.fetch(a) == t.Moved(OID, NODE)  # it is here already
    assert a.giver.objects == 1
    b.store.free(OID)
    assert b.value() is None
    assert a.value() == data


def test_it_comes_from_disk_and_goes_to_disk(nodes: list[Node]) -> None:
    a, b, small = nodes
    data = a.put(5 * MIB)
    assert small.fetch(a) == t.Moved(OID, NODE)
    assert small.value() == data
    assert small.keeper.stats().spilled_objects == 1
    assert b.fetch(small) == t.Moved(OID, NODE)
    assert b.value() == data


def test_what_is_not_there_is_said_not_to_be(nodes: list[Node]) -> None:
    a, b, _ = nodes
    assert b.fetch(a) == t.Failed(OID, NODE, "absent")
    assert b.value() is None


def test_who_has_another_key_gets_nothing_and_gives_nothing(nodes: list[Node]) -> None:
    a, b, _ = nodes
    a.put(100)
    b.key = b"x" * protocol.KEY_BYTES
    event = b.fetch(a)
    assert isinstance(event, t.Failed)
    assert (event.why, event.text) == (
        "broken",
        "the node that answers does not have this cluster's key",
    )
    b.key = KEY
    assert b.fetch(a) == t.Moved(OID, NODE)


@pytest.mark.parametrize(
    "words",
    [b"GET / HTTP/1.1\r\n\r\n" + b"x" * 40, os.urandom(100), b"", protocol.MAGIC + b"n" * 16],
    ids=["http", "noise", "nothing", "no proof"],
)
def test_strangers_learn_nothing(nodes: list[Node], words: bytes) -> None:
    a, *_ = nodes
    a.put(100)
    with endpoint.connect(a.where, 20) as sock:
        answer = b""
        with suppress(ConnectionError):  # it hangs up on us
            sock.sendall(words + bytes(100))
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(4096):
                answer += part
    assert len(answer) in {0, 48}  # a nonce and a proof at most
    assert a.giver.objects == 0


def test_an_object_goes_on_from_another_copy(nodes: list[Node]) -> None:
    """Its source dies in the middle."""
    a, b, _ = nodes
    data = a.put(20 * MIB)
    listener = socket.socket(socket.AF_UNIX)
    path = a.where.removeprefix("unix:") + ".half"
    listener.bind(path)
    listener.listen()

    def half() -> None:
        sock, _ = listener.accept()
        with sock:
            protocol.admit(sock, KEY)
            protocol.question(sock)
            whole = a.store.depart(OID)
            assert whole is not None
            sock.sendall(bytes([protocol.Answer.HERE]) + os.pread(whole.fd, 7 * MIB, 0))
            whole.close()

    thread = threading.Thread(target=half)
    thread.start()
    b.taker.fetch(OID, NODE, f"unix:{path}", 1)
    event = b.events.get(timeout=20)
    thread.join()
    listener.close()
    assert event == t.Failed(OID, NODE, "broken", "the other side closed the connection")
    assert b.value() is None
    assert b.fetch(a) == t.Moved(OID, NODE)
    assert b.value() == data
    assert a.giver.bytes < 14 * MIB  # the rest


def test_another_value_of_the_same_name_is_not_mixed_in(nodes: list[Node]) -> None:
    """The task was run again elsewhere, and did not make the same bytes."""
    a, b, c = nodes
    a.put(3 * MIB)
    other = c.put(3 * MIB)
    departure = a.store.depart(OID)
    assert departure is not None
    part: Arrival = b.store.expect(OID, departure.head())
    part.write(memoryview(os.pread(departure.fd, MIB, layout.HEADER_BYTES)))
    departure.close()
    b.taker._keep(OID, part)
    event = b.fetch(c)
    assert event == t.Failed(OID, NODE, "broken", "another value of this object lies there")
    assert b.fetch(c) == t.Moved(OID, NODE)
    assert b.value() == other


def test_what_was_begun_and_is_not_wanted_takes_no_room(nodes: list[Node]) -> None:
    a, b, _ = nodes
    a.put(3 * MIB)
    departure = a.store.depart(OID)
    assert departure is not None
    b.taker._keep(OID, b.store.expect(OID, departure.head()))
    departure.close()
    b.taker.forget(OID)
    assert b.keeper.stats().objects == 0
    b.put(3 * MIB)  # into the same slot
    assert b.keeper.stats().used_bytes < 4 * MIB


def test_a_header_of_something_else_is_refused(nodes: list[Node]) -> None:
    a, *_ = nodes
    for head in (b"", bytes(layout.HEADER_BYTES), os.urandom(layout.HEADER_BYTES)):
        with pytest.raises(ValueError, match="is not its header"):
            a.store.expect(OID, head)


def test_a_large_object_goes_to_few_at_a_time(nodes: list[Node]) -> None:
    """Whoever comes next is sent to these; a small one goes to all."""
    a, *_ = nodes
    a.put(LARGE_BYTES)
    a.put(100, b"small" * 4)
    socks = []
    for _ in range(2):
        sock = endpoint.connect(a.where, 20)
        protocol.knock(sock, KEY)
        assert protocol.ask(sock, OID, 0) is protocol.Answer.HERE
        socks.append(sock)  # and reads no further
    third = endpoint.connect(a.where, 20)
    protocol.knock(third, KEY)
    assert protocol.ask(third, OID, 0) is protocol.Answer.BUSY
    assert protocol.ask(third, b"small" * 4, 0) is protocol.Answer.HERE
    for sock in (*socks, third):
        sock.close()


def test_a_freed_object_goes_out_whole(nodes: list[Node]) -> None:
    a, *_ = nodes
    data = a.put(MIB)
    departure = a.store.depart(OID)
    assert departure is not None
    a.store.free(OID)
    assert a.store.depart(OID) is None
    assert data in os.pread(departure.fd, departure.total, 0)
    departure.close()


def test_connections_to_nodes_that_have_left_are_closed(nodes: list[Node]) -> None:
    """A node lives for long, and others come and go."""
    a, b, c = nodes
    a.put(1)
    assert c.fetch(a) == t.Moved(OID, NODE)
    (left,) = [sock for socks in c.taker._idle.values() for sock in socks]
    a.giver.close()
    wait_until(lambda: select.select([left], [], [], 0)[0])
    b.put(1, b"p" * 20)
    assert c.fetch(b, b"p" * 20) == t.Moved(b"p" * 20, NODE)
    wait_until(lambda: left.fileno() == -1)
    assert list(c.taker._idle) == [b.where]


def test_a_connection_over_which_all_came_serves_again_though_the_object_cannot_be_kept(
    nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, _ = nodes
    a.put(1)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(StoreClient, "welcome", full)
        assert b.fetch(a) == t.Failed(OID, NODE, "full", "[Errno 28] No space left on device")
    (kept,) = b.taker._idle[a.where]
    assert b.taker._busy == set()
    assert b.fetch(a) == t.Moved(OID, NODE)
    assert b.taker._idle == {a.where: [kept]}


class Full(socket.socket):
    """It listens in a process that has too many files open, for a while."""

    tries = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.tries += 1
        if self.tries <= 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_a_node_without_a_file_to_spare_says_so_once_and_serves_later(
    nodes: list[Node], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a, b, _ = nodes
    listener = Full(socket.AF_UNIX)
    listener.bind(str(tmp_path / "full.sock"))
    listener.listen()
    giver = Giver(listener, a.store, lambda: KEY)
    data = a.put(MIB)
    b.taker.fetch(OID, NODE, f"unix:{tmp_path}/full.sock", 2)
    assert b.events.get(timeout=20) == t.Moved(OID, NODE)
    assert b.value() == data
    assert listener.tries == 5, "it waits for the next one"
    assert caplog.text.count("Too many open files") == 1
    giver.close()
