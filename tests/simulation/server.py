"""The real server with the real library, as the played network reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from hyperloom import errors
from hyperloom.gcs import keys
from hyperloom.gcs.wire import Wire
from hyperloom.ids import JOB_BYTES
from tests.unit.gcs.plane import Plane

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulation.network import Inbox


class Server:
    """Commands are executed one by one; what they publish reaches the inboxes at once."""

    def __init__(self, socket: Path) -> None:
        self.plane = Plane(socket)
        self._ear = Wire(self.plane.address)
        self._inboxes: dict[bytes, list[Inbox]] = {}
        self._heard: set[bytes] = set()
        self.trail: list[Any] = []  # what was executed, for who reads a failure
        self.did = 0  # grows with all that may have changed something

    def execute(self, args: tuple[Any, ...]) -> Any:
        try:
            answer = self.plane.wire.call(*args)
        except errors.LibraryBug:
            raise
        except errors.LoomError as refusal:
            answer = refusal
        self.trail.append((args, answer))
        self.hear()
        return answer

    def subscribe(self, name: bytes, inbox: Inbox) -> None:
        if name not in self._heard:
            self._heard.add(name)
            self._ear.call("SSUBSCRIBE", name)
        if inbox not in (listeners := self._inboxes.setdefault(name, [])):
            listeners.append(inbox)

    def unsubscribe(self, name: bytes, inbox: Inbox) -> None:
        if inbox in self._inboxes.get(name, ()):
            self._inboxes[name].remove(inbox)

    def hear(self) -> None:
        """Something was done: what was published reaches the inboxes."""
        self.did += 1
        # What was published before this is answered has come: the server keeps the order.
        self._ear.send("PING")
        while (message := self._ear.receive())[0] != b"pong":
            told = msgpack.decode(message[2])
            for inbox in list(self._inboxes.get(message[1], ())):
                inbox.publish(told)
            self.trail.append((message[1], told))

    def story(self, lines: int) -> str:
        """The last of what happened."""
        return "\n".join(map(_told, self.trail[-lines:]))

    def heard(self, ns: str, process: bytes) -> int:
        """The number of the process's last call that it remembers."""
        return int(self.plane.call("process_heard", process, ns=ns))

    def value_now(self, oid: bytes) -> bytes | None:
        name = keys.OBJECT.name(keys.job_namespace(oid[:JOB_BYTES]))
        value: bytes | None = self.plane.wire.call("HGET", name, oid)
        return value

    def objects(self, ns: str) -> dict[bytes, bytes]:
        table = self.plane.wire.call("HGETALL", keys.OBJECT.name(ns))
        return dict(zip(table[::2], table[1::2], strict=True))

    def value(self, ns: str, oids: list[bytes]) -> list[bytes | None]:
        if not oids:
            return []
        values: list[bytes | None] = self.plane.wire.call("HMGET", keys.OBJECT.name(ns), *oids)
        return values

    def close(self) -> None:
        self.plane.wire.call("FLUSHALL")
        self._ear.close()
        self.plane.close()


def _told(event: Any) -> str:
    match event:
        case (tuple(args), answer):
            return f"    {_shown(args)} -> {answer!r:.3000}"
        case (bytes(channel), message):
            return f"        publishes to {channel!r}: {message!r:.3000}"
    return str(event)


def _shown(args: tuple[Any, ...]) -> str:
    if args[0] == "FCALL":
        return f"{args[3]} {args[1]}({', '.join(f'{arg!r:.400}' for arg in args[4:])})"
    return " ".join(f"{arg!r:.400}" for arg in args)
