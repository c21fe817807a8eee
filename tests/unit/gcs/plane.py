"""The real control plane as tests speak to it: calls with plain arguments, and a look at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from hyperloom import errors
from hyperloom.gcs import codes, keys
from hyperloom.gcs.address import Address
from hyperloom.gcs.library import Library, build
from hyperloom.gcs.wire import Wire, fcall

if TYPE_CHECKING:
    from pathlib import Path

JOB = b"JOB1"
NS = keys.job_namespace(JOB)

# Everything in the server: name, type, contents.
_LOOK = """
local all = {}
local read = { hash = {'HGETALL'}, list = {'LRANGE', 0, -1}, set = {'SMEMBERS'}, string = {'GET'},
               zset = {'ZRANGE', 0, -1, 'WITHSCORES'}, stream = {'XRANGE', '-', '+'} }
for _, name in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', name).ok
  local how = read[kind]
  all[#all + 1] = { name, kind, redis.call(how[1], name, unpack(how, 2)) }
end
return all
"""


class Plane:
    """One server, emptied, with the library loaded."""

    def __init__(self, socket: Path, library: Library | None = None) -> None:
        self.address = Address(f"unix://{socket}")
        self.wire = Wire(self.address)
        self.ears: dict[bytes, Wire] = {}
        self.wire.call("FLUSHALL")
        self.load(library or build())

    def load(self, library: Library) -> None:
        self.wire.call("FUNCTION", "LOAD", "REPLACE", library.text)

    def call(self, name: str, *args: Any, ns: str = NS) -> Any:
        return self.wire.call(*fcall(name, ns, *args))

    def answer(self, name: str, *args: Any) -> Any:
        """What it answers; of a refusal, its code."""
        try:
            return self.call(name, *args)
        except errors.Refused as refusal:
            return refusal.code

    def world(self) -> dict[bytes, Any]:
        """All keys and what is in them, as `tests.models.stored` writes it."""
        return {name: _plain(kind, held) for name, kind, held in self.wire.call("EVAL", _LOOK, 0)}

    def table(self, key: keys.Key, *ids: bytes) -> Any:
        return self.world().get(key.name(NS, *ids))

    def inbox(self, who: bytes) -> list[bytes]:
        """Its messages in one piece; asked again, only what came since."""
        return [part for message in self.messages(who) for part in message]

    def messages(self, who: bytes) -> list[list[bytes]]:
        """The same, one by one."""
        ear = self.ears[who]
        # What was published before this is answered has come: the server keeps the order.
        ear.send("PING")
        messages: list[list[bytes]] = []
        while (message := ear.receive())[0] != b"pong":
            messages.append(msgpack.decode(message[2]))
        return messages

    def listen(self, who: bytes, ns: str = NS) -> None:
        """From now on its messages are kept for `inbox`."""
        if who not in self.ears:
            self.ears[who] = Wire(self.address)
            self.ears[who].call("SSUBSCRIBE", keys.INBOX.name(ns, who))

    def backup(self) -> dict[bytes, bytes]:
        """All that it has, for `restore`."""
        names = self.wire.call("KEYS", "*")
        return {name: self.wire.call("DUMP", name) for name in names}

    def restore(self, backup: dict[bytes, bytes]) -> None:
        """What it had then, and nothing else."""
        self.wire.call("FLUSHALL")
        for name, dumped in backup.items():
            self.wire.call("RESTORE", name, 0, dumped)

    def close(self) -> None:
        for wire in (self.wire, *self.ears.values()):
            wire.close()

    def info(self, section: str, field: str) -> float:
        lines = self.wire.call("INFO", section).decode().splitlines()
        return float(next(x for x in lines if x.startswith(field + ":")).partition(":")[2])

    def cpu_s(self) -> float:
        return self.info("cpu", "used_cpu_sys") + self.info("cpu", "used_cpu_user")

    def memory(self) -> int:
        return int(self.info("memory", "used_memory"))


def _plain(kind: bytes, held: Any) -> Any:
    if kind == b"hash":
        return dict(zip(held[0::2], held[1::2], strict=True))
    if kind == b"zset":
        return {name: float(score) for name, score in zip(held[0::2], held[1::2], strict=True)}
    if kind == b"stream":
        return [tuple(fields) for _, fields in held]
    return set(held) if kind == b"set" else held


# -- ids and records -------------------------------------------------------------------------


def process(name: str) -> bytes:
    assert len(name) <= codes.PROCESS_ID - codes.JOB_ID
    return JOB + name.encode().ljust(codes.PROCESS_ID - codes.JOB_ID, b".")


def node(name: str) -> bytes:
    return name.encode().ljust(codes.NODE_ID, b".")


def template(name: str) -> bytes:
    return name.encode().ljust(codes.TEMPLATE_ID, b".")


def task(maker: bytes, n: int) -> bytes:
    return maker + n.to_bytes(codes.TASK_ID - codes.PROCESS_ID, "big")


def output(of: bytes, index: int = 0) -> bytes:
    return of + index.to_bytes(codes.OBJECT_ID - codes.TASK_ID, "big")


def record(kind: bytes, inputs: list[bytes] = (), others: list[bytes] = ()) -> bytes:  # type: ignore[assignment]
    counts = len(inputs).to_bytes(3, "big") + len(others).to_bytes(3, "big")
    return kind + counts + b"".join([*inputs, *others]) + b"what else"


def heading_of(text: bytes) -> bytes:
    """A record's template and the refs that it holds, concatenated, as task_step wants them."""
    at = codes.TEMPLATE_ID
    n = int.from_bytes(text[at : at + 3], "big") + int.from_bytes(text[at + 3 : at + 6], "big")
    return text[:at] + text[at + 6 : at + 6 + n * codes.OBJECT_ID]


def shared(where: bytes, size: int = 1000, of: bytes = b"") -> bytes:
    """`of`: the template of the task that made it, as the control plane adds it."""
    return codes.SHARED + where + b"%d" % size + (b"," + of if of else b"")
