"""What the control plane tells one process or node: a list on which it waits.

The rule: a message is a hint.  It may be lost, when a connection dies between the server's
pop and our read; so after every reconnection the owner must look at the state itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs.wire import Wire, raised

if TYPE_CHECKING:
    from hyperloom.gcs.address import Address

_MOST = 2000  # entries in one pop; a multiple of every message's length


class Inbox:
    """One list of the server.  For one thread at a time."""

    def __init__(self, address: Address, name: bytes) -> None:
        self._address = address
        self._name = name
        self._wire: Wire | None = Wire(address)
        self._ask()

    def fileno(self) -> int:
        """For select() and poll(); changes with each reconnection."""
        assert self._wire is not None, "the inbox lost its connection: call reconnect()"
        return self._wire.fileno()

    def poll(self, timeout_s: float | None) -> list[bytes]:
        """The entries of the next batch; none when nothing came in time.

        Raises:
            errors.ControlPlaneLost: the connection broke; messages may be lost with it.
        """
        if self._wire is None:
            raise errors.ControlPlaneLost("the inbox is not connected")
        if timeout_s == 0:
            reply: Any = self._wire.receive_now()
            if reply is False:
                return []
        else:
            try:
                reply = self._wire.receive(timeout_s)
            except TimeoutError:
                return []
        if raised(reply) is None:
            self._ask()
            return []
        self._ask()
        entries: list[bytes] = reply[1]
        return entries

    def reconnect(self) -> None:
        """Connect again.  Raises ControlPlaneLost while there is no server."""
        self.close()
        self._wire = Wire(self._address)
        self._ask()

    def interrupt(self) -> None:
        """Wake the thread that reads here: it finds the connection broken."""
        if self._wire is not None:
            self._wire.interrupt()

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _ask(self) -> None:
        assert self._wire is not None
        self._wire.send("BLMPOP", 0, 1, self._name, "LEFT", "COUNT", _MOST)
