"""A thin connection to the server: commands out, replies in, nothing between.

hiredis packs commands and parses replies.  A call through redis-py's command layer costs
57-70 microseconds here, one through this file 17-22, of which the kernel and the server are 17.

Nothing is ever sent twice by this layer: a call whose reply was lost may have been done.  Who
sends again is whoever knows that the call is idempotent (`hyperloom.gcs.outbox`, the raylet).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import hiredis

from hyperloom import errors, failpoints
from hyperloom.gcs.dialing import dial, greeting
from hyperloom.gcs.library import build
from hyperloom.gcs.replies import from_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperloom.gcs.address import Address

_RECEIVE_BYTES = 1 << 18

Argument = bytes | str | int | float
# hiredis' own type says a tuple of one.
pack: Callable[[tuple[Argument, ...]], bytes] = hiredis.pack_command  # type: ignore[assignment]


class Wire:
    """One connection.  Not for two threads at once.

    `patience_s`: a server that answers nothing for so long counts as lost; without it, none does.

    Raises:
        errors.ControlPlaneLost: from any method, when the connection breaks; what was sent
            may or may not have been done.
    """

    def __init__(self, address: Address, patience_s: float | None = None) -> None:
        self.address = address
        self._owner = os.getpid()
        self._reader = hiredis.Reader(replyError=_refusal)
        self._socket = _dial(address)
        self._socket.settimeout(patience_s)
        self.secure = address.url.startswith("rediss:")
        # Python waits before it reads where there is a time limit, and TLS knows no flags.
        self._is_plain = patience_s is None and not self.secure
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        try:
            self._greet()
            self._wait_loaded()
        except BaseException:
            self.close()
            raise

    def _greet(self) -> None:
        for words in greeting(self.address):
            self.send(*words)
            answer = self.receive()
            if isinstance(answer, Exception):
                raise _no_connection(self.address, answer) from answer

    def _wait_loaded(self) -> None:
        # A server that was started again takes connections before it has read its files.
        self.send("PING")
        answer = self.receive()
        if isinstance(answer, errors.ServerRefused) and str(answer).startswith("LOADING"):
            raise self._lost(answer)

    def fileno(self) -> int:
        """For select() and poll()."""
        return self._socket.fileno()

    def local_host(self) -> str:
        """This machine's address on the connection; "" on a unix socket."""
        name = self._socket.getsockname()
        return name[0] if isinstance(name, tuple) else ""

    def send(self, *args: Argument) -> None:
        """Send one command; its reply comes in order."""
        self.send_packed(pack(args))

    def send_packed(self, data: bytes) -> None:
        """Send commands that are packed already."""
        if failpoints.ON:
            failpoints.says("before", data)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost(error) from error
        if failpoints.ON:
            failpoints.says("after", data)

    def receive(self, timeout_s: float | None = None) -> Any:  # noqa: ANN401 - Redis' own reply
        """The next reply; a refusal is returned as an exception object, not raised.

        Raises:
            TimeoutError: no whole reply came in time; it may still come.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            reply = self._next()
            if reply is not False:
                return reply
            if deadline is not None and not self.readable(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            self._fill()

    def receive_now(self) -> Any:  # noqa: ANN401 - Redis' own reply
        """The next reply if it is here already, else False.  Reads at most once."""
        reply = self._next()
        if reply is False and (self._is_plain or self.readable(0)):
            self._fill(socket.MSG_DONTWAIT if self._is_plain else 0)
            reply = self._next()
        return reply

    def buffered(self) -> Any:  # noqa: ANN401 - Redis' own reply
        """The next reply if it was read already, else False."""
        return self._next()

    def call(self, *args: Argument) -> Any:  # noqa: ANN401 - Redis' own reply
        """Send one command and wait for its reply; raise what it refuses."""
        self.send_packed(pack(args))
        return raised(self.receive())

    def readable(self, timeout_s: float) -> bool:
        """Whether something came within `timeout_s`."""
        if self.secure and self._socket.pending():  # type: ignore[attr-defined]
            return True
        return bool(self._poll.poll(timeout_s * 1000))

    def interrupt(self) -> None:
        """Wake a thread that waits here: it finds the connection broken."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up.  Harmless when done twice; in a fork, its parent's connection stays."""
        if self._owner == os.getpid():
            self.interrupt()  # forks of this process may have it open, too
        self._socket.close()

    def __del__(self) -> None:
        """Who lets go of a connection hangs up."""
        with contextlib.suppress(AttributeError):  # there never was one
            self.close()

    def _fill(self, flags: int = 0) -> None:
        try:
            data = self._socket.recv(_RECEIVE_BYTES, flags)
        except BlockingIOError:  # nothing is here, and `flags` say not to wait
            return
        except OSError as error:
            raise self._lost(error) from error
        if not data:
            raise self._lost(ConnectionError("it closed the connection"))
        self._reader.feed(data)

    def _next(self) -> Any:  # noqa: ANN401 - Redis' own reply
        try:
            return self._reader.gets()
        except hiredis.ProtocolError as error:
            raise errors.ControlPlaneLost(
                f"what answers at {self.address} speaks another protocol than Redis' ({error})"
            ) from None

    def _lost(self, error: Exception) -> errors.ControlPlaneLost:
        text = f"the connection to the control plane at {self.address} broke: {error}"
        return errors.ControlPlaneLost(text)


def fcall(function: str, namespace: str, *args: Argument) -> tuple[Argument, ...]:
    """The command that applies a transition."""
    return ("FCALL", "loom_" + function, 1, namespace, *args)


class Arguments(NamedTuple):
    """Some last arguments of a command, packed ahead of the rest of it."""

    number: int
    data: bytes

    @classmethod
    def of(cls, args: tuple[Argument, ...]) -> Arguments:
        """These."""
        packed = pack(args)
        return cls(len(args), packed[packed.index(b"\n") + 1 :])

    def behind(self, first: tuple[Argument, ...]) -> bytes:
        """The whole command; `first` are its other arguments."""
        packed = pack(first)
        start = packed.index(b"\n") + 1
        return b"*%d\r\n%b%b" % (len(first) + self.number, packed[start:], self.data)


def raised(reply: Any) -> Any:  # noqa: ANN401 - Redis' own reply
    """The reply, or its refusal raised."""
    if isinstance(reply, Exception):
        raise reply
    return reply


def first_refusal(replies: Iterable[Any]) -> Exception | None:
    """The first of some replies that is a refusal."""
    return next((reply for reply in replies if isinstance(reply, Exception)), None)


def _refusal(message: str) -> errors.LoomError:
    error = from_reply(message)
    if isinstance(error, errors.LibraryBug):
        return errors.LibraryBug(build().locate(message))
    return error


def _dial(address: Address) -> socket.socket:
    try:
        return dial(address)
    except OSError as error:
        raise _no_connection(address, error) from error


def _no_connection(address: Address, error: Exception) -> errors.ControlPlaneLost:
    return errors.ControlPlaneLost(f"no connection to the control plane at {address}: {error}")
