"""One connection: refusals, broken lines, and that nothing is sent twice in silence."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs import wire
from hyperloom.gcs.address import Address, parse_address
from hyperloom.gcs.wire import Wire, fcall, first_refusal, pack, raised
from tests import servers
from tests.unit.gcs.plane import NS, Plane
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Proxy:
    """Stands between a client and the server.  `swallow`: replies from now on vanish, and then
    the line breaks; `sent` is all that the client said."""

    def __init__(self, server: Path, here: Path) -> None:
        self.server, self.path = server, here
        self.sent = b""
        self.connections = 0
        self.swallow = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(here))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                self._listener.close()
                return
            self.connections += 1
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.server))
            for pump in (self._up, self._down):
                self._threads.append(
                    threading.Thread(target=pump, args=(client, server), daemon=True)
                )
                self._threads[-1].start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(client):
            self.sent += data
            server.sendall(data)
        _shut(server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        while data := _received(server):
            if self.swallow:
                break
            client.sendall(data)
        for end in (client, server):
            _shut(end)
        client.close()
        server.close()

    def close(self) -> None:
        _shut(self._listener)
        for thread in self._threads:
            thread.join(timeout=5)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # the other side was faster
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(plane: Plane, socket_path: Path) -> Iterator[Wire]:
    assert plane.wire.call("PING") == b"PONG"
    line = Wire(Address(f"unix://{socket_path}"))
    yield line
    line.close()


@pytest.fixture
def proxy(plane: Plane, socket_path: Path) -> Iterator[Proxy]:
    assert plane.wire.call("PING") == b"PONG"
    proxy = Proxy(socket_path, socket_path.parent / "proxy")
    yield proxy
    proxy.close()
    proxy.path.unlink()


# -- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("LOOM_STALE task 0a attempt 1 is not held", errors.Stale),
        ("LOOM_NOT_FOUND this job is over", errors.NotFound),
        ("LOOM_GAP 3 is the last call heard, not 5", errors.Gap),
        ("OOM command not allowed when used memory > 'maxmemory'.", errors.Backpressure),
        ("LOOM_STALE raised script: loom_x, on @user_function:12.", errors.LibraryBug),
        ("LOOM_UNHEARD_OF of", errors.LibraryBug),
    ],
)
def test_a_refusal_becomes_the_class_of_its_code(message: str, expected: type[Exception]) -> None:
    refusal = wire._refusal(message)
    assert type(refusal) is expected
    if expected is not errors.LibraryBug and message.startswith("LOOM"):
        assert str(refusal) == message.partition(" ")[2]


def test_the_servers_own_refusals_are_not_ours(line: Wire) -> None:
    """They are told as they are, and are not called bugs of the library."""
    with pytest.raises(errors.LoomError, match="unknown command") as caught:
        line.call("NONSENSE")
    assert not isinstance(caught.value, (errors.LibraryBug, errors.Stale, errors.NotFound))


def test_a_refusal_is_raised_by_call_and_handed_out_by_receive(line: Wire) -> None:
    with pytest.raises(errors.NotFound, match="no template 6162"):
        line.call(*fcall("task_submit", NS, b"p", 1, 1, b"", b"ab"))
    line.send(*fcall("task_submit", NS, b"p", 1, 1, b"", b"ab"))
    reply = line.receive()
    assert isinstance(reply, errors.NotFound)
    with pytest.raises(errors.NotFound):
        raised(reply)
    assert line.call("ECHO", "still there") == b"still there"


def test_replies_come_in_order_and_a_refusal_is_only_its_own(line: Wire) -> None:
    words = [("ECHO", "a"), ("NONSENSE",), ("ECHO", 2), ("ECHO", b"\x00\xff")]
    line.send_packed(b"".join(pack(args) for args in words))
    replies = [line.receive() for _ in words]
    assert [replies[0], *replies[2:]] == [b"a", b"2", b"\x00\xff"]
    assert first_refusal(replies) is replies[1]
    assert first_refusal(replies[2:]) is None
    assert raised(None) is None


def test_a_large_reply_comes_whole(line: Wire) -> None:
    large = bytes(range(256)) * 20_000
    line.call("SET", "large", large)
    assert line.call("GET", "large") == large


# -- time and broken lines ----------------------------------------------------------------------


def test_a_timeout_loses_nothing(line: Wire, plane: Plane) -> None:
    """The reply that came too late is the next one."""
    line.send("BLPOP", "box", 0)
    assert line.receive_now() is False
    assert line.readable(0) is False
    with pytest.raises(TimeoutError):
        line.receive(timeout_s=0.01)
    with pytest.raises(TimeoutError):
        line.receive(timeout_s=0)
    plane.wire.call("RPUSH", "box", "late")
    assert line.readable(5)
    assert line.receive(timeout_s=5) == [b"box", b"late"]


def test_receive_now_takes_what_is_there(line: Wire) -> None:
    line.send_packed(pack(("ECHO", "a")) + pack(("ECHO", "b")))
    assert wait_until(line.receive_now) == b"a"
    assert wait_until(line.receive_now) == b"b"
    assert line.receive_now() is False


def test_a_broken_connection_is_said_so(line: Wire, plane: Plane) -> None:
    """Whatever is asked of it, from the first question on."""
    number = line.call("CLIENT", "ID")
    plane.wire.call("CLIENT", "KILL", "ID", number)
    with pytest.raises(errors.ControlPlaneLost, match=r"control plane at unix://.* broke: "):
        line.call("PING")
    with pytest.raises(errors.ControlPlaneLost):
        line.receive(timeout_s=5)
    with pytest.raises(errors.ControlPlaneLost):  # the kernel may take the first words still
        [line.send("PING") for _ in range(1000)]
    with pytest.raises(errors.ControlPlaneLost):
        line.receive_now()


def test_what_came_before_the_break_is_handed_out_first(line: Wire) -> None:
    line.send_packed(pack(("ECHO", "a")) + pack(("QUIT",)) + pack(("ECHO", "b")))
    assert line.receive() == b"a"
    assert line.receive() == b"OK"
    with pytest.raises(errors.ControlPlaneLost):
        line.receive()


def test_garbage_is_a_lost_control_plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some other service answers on that socket, or the stream is cut."""
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(wire, "dial", lambda _: ours)
    theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(errors.ControlPlaneLost, match=f"unix://{tmp_path} speaks another protocol"):
        Wire(Address(f"unix://{tmp_path}")).call("PING")
    theirs.close()
    ours.close()


def test_nothing_is_sent_again_in_silence(proxy: Proxy, plane: Plane) -> None:
    """1. A command arrives and is done.  2. Its reply is swallowed, and the line breaks.
    3. The caller hears of it; the server heard the command once."""
    line = Wire(Address(f"unix://{proxy.path}"))
    assert line.call("ECHO", "all is well") == b"all is well"
    connections = proxy.connections
    proxy.swallow = True
    with pytest.raises(errors.ControlPlaneLost):
        line.call("INCR", "counted")
    assert plane.wire.call("GET", "counted") == b"1"
    assert proxy.sent.count(b"counted") == 1
    assert proxy.connections == connections, "nor is a new connection made behind one's back"
    with pytest.raises(errors.ControlPlaneLost):
        line.call("INCR", "counted")
    line.close()
    line.close()
    assert plane.wire.call("GET", "counted") == b"1"


def test_no_server_is_said_with_its_address(tmp_path: Path) -> None:
    path = tmp_path / "nobody"
    with pytest.raises(errors.ControlPlaneLost, match=f"no connection .* at unix://{path}"):
        Wire(Address(f"unix://{path}"))


# -- passwords ----------------------------------------------------------------------------------

PASSWORD = "only-we-know-this"


@pytest.fixture(scope="module")
def locked(server: servers.Server) -> Iterator[servers.Server]:
    """A server that wants a password, given in a file: a command line is for everybody."""
    # It cannot be asked without its password, so it is locked once it is up.
    own = servers.start(server.kind)
    line = Wire(Address(f"unix://{own.socket}"))
    line.call("CONFIG", "SET", "requirepass", PASSWORD)
    line.close()
    yield own
    own.stop()


def test_the_password_of_a_file_or_of_the_address_opens(
    locked: servers.Server, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    for address in (
        parse_address(f"unix://{locked.socket}", secret),
        parse_address(f"unix://:{PASSWORD}@{locked.socket}"),
        parse_address(f"unix://{locked.socket}?password={PASSWORD}"),
    ):
        line = Wire(address)
        assert line.call("PING") == b"PONG"
        line.close()


@pytest.mark.parametrize("given", [f"not-{PASSWORD}", None])
def test_a_wrong_password_is_an_error_that_does_not_tell_it(
    locked: servers.Server, given: str | None
) -> None:
    user = f":{given}@" if given else ""
    with pytest.raises(errors.LoomError) as caught:
        Wire(parse_address(f"unix://{user}{locked.socket}")).call("PING")
    assert PASSWORD not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
