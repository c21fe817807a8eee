"""What the control plane tells one process or node: a channel to which it listens.

The rule: a message is a hint.  It reaches whoever listens when it is published and is kept
nowhere, so after every reconnection the owner must look at the state itself.

Who lost the connection by which it speaks interrupts its inbox, too.  1. What is said here does not
arrive for a while, but what the server says does.  2. The server hears of none of it, and says it
again, ever more rarely; so the inbox does not seem broken.  3. All arrives again, and what comes
next waits until the server tries again, as long as the silence lasted.

A message is msgpack, an array of byte strings (``lua/object/_notify.lua``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from hyperloom import errors
from hyperloom.gcs.wire import Wire, raised

if TYPE_CHECKING:
    from hyperloom.gcs.address import Address

_MESSAGE = b"smessage"
_HEARD = b"1"
_decode = msgpack.Decoder(list[bytes]).decode


class Inbox:
    """One channel, or several.  For one thread at a time, but for `listen` and `interrupt`."""

    def __init__(self, address: Address, name: bytes) -> None:
        self._address = address
        self._names = [name]
        self._wire: Wire | None = None
        self.reconnect()

    def fileno(self) -> int:
        """For select() and poll(); changes with each reconnection."""
        file = self.fileno_now()
        assert file is not None, "the inbox lost its connection: call reconnect()"
        return file

    def fileno_now(self) -> int | None:
        """The same for who does not reconnect it; None: it is not connected now."""
        wire = self._wire
        return None if wire is None else wire.fileno()

    def poll(self, timeout_s: float | None) -> list[list[bytes]]:
        """All messages that are here; waits for the first one.  None came in time: empty.

        Raises:
            errors.ControlPlaneLost: the connection broke; messages may be lost with it.
        """
        wire = self._wire
        if wire is None:
            raise errors.ControlPlaneLost("the inbox is not connected")
        reply: Any
        if timeout_s == 0:
            reply = wire.receive_now()
        else:
            try:
                reply = wire.receive(timeout_s)
            except TimeoutError:
                return []
        messages = []
        while reply is not False:
            kind, channel, what = raised(reply)
            if kind == _MESSAGE:
                messages.append(_decode(what))
            else:  # we listen there from now on
                messages.append([channel, _HEARD])
            reply = wire.buffered()
        return messages

    def listen(self, name: bytes) -> None:
        """Listen to one channel more; when that is so, a message says it: the name, and a 1."""
        self._names.append(name)
        wire = self._wire
        if wire is not None and wire.secure:
            wire.interrupt()  # TLS bears no second thread; `reconnect` listens to all
        elif wire is not None:
            with contextlib.suppress(errors.ControlPlaneLost):  # likewise
                wire.send("SSUBSCRIBE", name)

    def reconnect(self) -> None:
        """Connect again, and listen.  Raises ControlPlaneLost while there is no server."""
        self.close()
        self._wire = Wire(self._address)
        self._wire.call("SSUBSCRIBE", *self._names)

    def interrupt(self) -> None:
        """Wake the thread that reads here: it finds the connection broken."""
        wire = self._wire
        if wire is not None:
            wire.interrupt()

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None
