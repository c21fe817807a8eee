"""The channel with TLS: objects come as without it; plain peers and strangers get nothing."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import ExitStack, closing, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.objectstore.client import StoreClient
from hyperloom.objectstore.keeper import StoreKeeper
from hyperloom.transfer import endpoint, protocol
from hyperloom.transfer import machine as t
from hyperloom.transfer.giver import Giver
from hyperloom.transfer.taker import Taker
from hyperloom.transfer.tls import Tls, hang_up, wrapped
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.authority import Authority

KEY, OID, NODE = b"k" * protocol.KEY_BYTES, b"o" * 20, b"n" * 8
SIZE = (1 << 20) + 7


class Node:
    """A store that gives from a TCP port, and fetches."""

    def __init__(self, folder: Path, tls: Tls | None) -> None:
        folder.mkdir()
        self.keeper = StoreKeeper(folder / "store", folder / "spill", 64 << 20)
        self.keeper.start(with_reaper=False)
        self.store = StoreClient(folder / "store")
        self.events: SimpleQueue[Any] = SimpleQueue()
        listener, self.where = endpoint.listen_tcp("127.0.0.1", 0, "127.0.0.1", tls)
        self.giver = Giver(listener, self.store, lambda: KEY, tls)
        self.taker = Taker(self.store, lambda: KEY, self.events.put, tls)

    def fetch(self, source: Node) -> t.Event:
        self.taker.fetch(OID, NODE, source.where, 2)
        return self.events.get(timeout=30)

    def close(self) -> None:
        self.giver.close()
        self.taker.close()
        self.store.close()
        self.keeper.close(remove=True)


@pytest.fixture
def giver(tmp_path: Path, ours: Authority) -> Iterator[Node]:
    """A node that asks for TLS, with an object."""
    node = Node(tmp_path / "giver", Tls(*ours.sign()))
    node.store.put(OID, 3, b"meta", [memoryview(os.urandom(SIZE))])
    yield node
    node.close()
    wait_until(lambda: not [x for x in threading.enumerate() if x.name.startswith("loom-")])


def asks(tmp_path: Path, giver: Node, tls: Tls | None) -> tuple[t.Event, bool]:
    """What a node with these papers is answered, and whether it has the object then."""
    node = Node(tmp_path / "taker", tls)
    try:
        event = node.fetch(giver)
        return event, node.store.contains(OID)
    finally:
        node.close()


def test_an_object_comes_through_it(tmp_path: Path, ours: Authority, giver: Node) -> None:
    assert asks(tmp_path, giver, Tls(*ours.sign())) == (t.Moved(OID, NODE), True)
    assert giver.giver.objects == 1


def test_as_many_are_served_as_without_it(
    giver: Node, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyperloom.transfer.giver._GUESTS_MOST", 2)
    tls = Tls(*ours.sign())
    with ExitStack() as guests:
        for _ in range(2):
            sock = guests.enter_context(closing(endpoint.connect(giver.where, 5, tls)))
            protocol.knock(sock, KEY)
            assert protocol.ask(sock, b"?" * 20, 0) is protocol.Answer.ABSENT


@pytest.mark.parametrize("who", ["plain", "plain, and is told so", "of another authority"])
def test_who_is_not_of_the_cluster_gets_nothing(
    who: str, tmp_path: Path, theirs: Authority, giver: Node, caplog: pytest.LogCaptureFixture
) -> None:
    """Although it knows the cluster's key, and asks as if there were no TLS."""
    if who == "plain":
        giver.where = giver.where.replace("tls:", "tcp:")
    tls = Tls(*theirs.sign()) if who == "of another authority" else None
    event, there = asks(tmp_path, giver, tls)
    assert isinstance(event, t.Failed)
    assert event.why == "broken"
    assert not there
    assert giver.giver.objects == 0
    if who == "plain, and is told so":
        assert event.text == "that node has TLS, and this one has no certificate"
    else:
        turned_away = "an object's reader was turned away, from 127.0.0.1: [SSL"
        wait_until(lambda: turned_away in caplog.text)


@pytest.mark.parametrize("says", ["tls:", "tcp:"])
def test_a_node_with_tls_takes_nothing_from_one_without(
    says: str, tmp_path: Path, giver: Node
) -> None:
    plain = Node(tmp_path / "plain", None)
    plain.store.put(OID, 3, b"meta", [memoryview(b"forged")])
    plain.where = plain.where.replace("tcp:", says)
    try:
        giver.store.free(OID)  # or it would say that it has it already
        event = giver.fetch(plain)
        assert isinstance(event, t.Failed)
        assert not giver.store.contains(OID)
        assert plain.giver.objects == 0
    finally:
        plain.close()


def test_who_is_turned_away_for_its_certificate_is_told_so(
    tmp_path: Path, ours: Authority, theirs: Authority, giver: Node
) -> None:
    """It accepts the giver's; it has asked when the giver looks at its own."""
    papers = theirs.sign().with_authorities(tmp_path / "both.pem", ours, theirs)
    event, there = asks(tmp_path, giver, Tls(*papers))
    assert isinstance(event, t.Failed)
    assert "unknown ca" in event.text
    assert not there


def test_what_no_other_node_would_accept_is_refused_at_once(
    tmp_path: Path, ours: Authority, theirs: Authority
) -> None:
    mine, other = ours.sign(), theirs.sign()
    with pytest.raises(ssl.SSLError, match="verify failed"):
        Tls(mine.certificate, mine.key, other.authority)
    with pytest.raises(ssl.SSLError, match="mismatch"):
        Tls(mine.certificate, other.key, mine.authority)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.key"):
        Tls(mine.certificate, str(tmp_path / "nowhere.key"), mine.authority)


def test_to_hang_up_does_not_take_the_encryption_off(ours: Authority) -> None:
    """1. A thread sends.  2. Another one hangs up.  3. What is sent next is not in the clear."""
    tls = Tls(*ours.sign())
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asks = socket.create_connection(listener.getsockname())
        has, _ = listener.accept()
    thread = threading.Thread(
        target=lambda: accepted.append(wrapped(has, tls.has, server_side=True))
    )
    thread.start()
    sends = wrapped(asks, tls.asks)
    thread.join(20)
    hang_up(sends)
    assert isinstance(sends, ssl.SSLSocket)
    assert sends.version() == "TLSv1.3"
    with pytest.raises(OSError, match=r"(?i)eof|pipe|reset"):
        sends.sendall(b"secret")
    sends.close()
    accepted[0].close()


def test_the_bytes_on_the_wire_are_not_the_objects(
    tmp_path: Path, ours: Authority, giver: Node
) -> None:
    """A listener between the two sees neither the key's proof nor the value."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as between:
        port = between.getsockname()[1]
        thread = threading.Thread(target=_relay, args=(between, giver.where, seen))
        thread.start()
        node = Node(tmp_path / "taker", Tls(*ours.sign()))
        try:
            node.taker.fetch(OID, NODE, f"tls:127.0.0.1:{port}", 2)
            assert node.events.get(timeout=30) == t.Moved(OID, NODE)
            found = node.store.get(OID)
            assert found is not None
            secret = bytes(found[2][0][1000:1032])
            del found
        finally:
            node.close()
        thread.join(20)
    passed = b"".join(seen)
    assert len(passed) > SIZE
    assert secret not in passed
    assert protocol.MAGIC not in passed


def _relay(between: socket.socket, where: str, seen: list[bytes]) -> None:
    client, _ = between.accept()
    host, _, port = where.removeprefix("tls:").rpartition(":")
    server = socket.create_connection((host, int(port)))

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                seen.append(data)
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=pump, args=(server, client))
    back.start()
    pump(client, server)
    back.join()
    client.close()
    server.close()
