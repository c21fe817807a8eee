"""Row 7: a machine died, and of the server's file there is what was on its disk: up to some byte.

What is asked is known outside of the server.  After each answer it is written down how large the
file was, and what had been answered by then.  A server that starts on the file, cut somewhere, must
have all that was answered when the file was no larger than that; and what it has comes to an end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hyperloom.gcs import keys
from hyperloom.gcs.address import Address
from hyperloom.gcs.library import build
from hyperloom.gcs.wire import Wire
from tests import servers
from tests.chaos.oracle import Account
from tests.unit.gcs.cast import Node, Process, declare, left
from tests.unit.gcs.plane import Plane, output

if TYPE_CHECKING:
    from random import Random

KINDS = ("always", "everysec")
ROUNDS = 30


class Answered(NamedTuple):
    """What had been answered when the file had this size: so many of the lists of a `Story`."""

    size: int
    submitted: int = 0
    finished: int = 0


class Story:
    """A driver and a node, at a server of their own that is killed in the end."""

    def __init__(self, choose: Random, folder: Path, durability: str, kind: str) -> None:
        self.submitted: list[bytes] = []
        self.finished: list[bytes] = []
        self.answered = [Answered(0)]
        self.durability, self.kind = durability, kind
        server = self._server(folder)
        self._plane, self._file = Plane(server.socket), _file(folder)
        declare(self._plane)
        self.begins_at = self._file.stat().st_size
        self._play(choose)
        self._plane.close()
        server.process.kill()
        server.stop()
        self.size = self._file.stat().st_size

    def _server(self, folder: Path) -> servers.Server:
        keeps = ("--appendonly", "yes", "--appendfsync", self.durability)
        return servers.start(self.kind, folder, keeps)

    def _play(self, choose: Random) -> None:
        driver, node = Process(self._plane, "driver"), Node(self._plane)
        held = []
        for _ in range(ROUNDS):
            first = driver.submit(choose.randint(1, 4))
            self._submitted(*first)
            self._submitted(*driver.submit(inputs=[output(first[0])]))
            if choose.random() < 0.5:
                held += node.claim("3;CPU:30000;")
            while held and choose.random() < 0.6:
                one = held.pop(0)
                reply = node.step("1;CPU:10000;", one, value=_value(one.id))
                assert not reply.stale
                held += [*reply.given, *node.read()]
                self.finished.append(one.id)
                self._write_down()

    def _submitted(self, *tasks: bytes) -> None:
        self.submitted += tasks
        self._write_down()

    def _write_down(self) -> None:
        # With a sync on its way a server that syncs once a second answers before it writes.
        if not self._plane.info("persistence", "aof_buffer_length"):
            size = self._file.stat().st_size
            self.answered.append(Answered(size, len(self.submitted), len(self.finished)))

    def cut(self, folder: Path, size: int) -> Account:
        """What came of it, when a server starts on so much of the file."""
        copy = Path(tempfile.mkdtemp(prefix="loom-chaos-"))
        try:
            shutil.copytree(folder / "appendonlydir", copy / "appendonlydir")
            os.truncate(_file(copy), size)
            server = self._server(copy)
            try:
                return self._look(server, self._had(size))
            finally:
                server.stop()
        finally:
            shutil.rmtree(copy)

    def _had(self, size: int) -> Answered:
        return self.answered[bisect_right(self.answered, size, key=lambda each: each.size) - 1]

    def _look(self, server: servers.Server, had: Answered) -> Account:
        submitted, finished = self.submitted[: had.submitted], self.finished[: had.finished]
        account = Account(rounds=1, accepted=len(submitted))
        plane = _as_it_is(server)
        values, tasks = plane.table(keys.OBJECT) or {}, set(plane.table(keys.TASK) or ())
        account.wrong += sum(values.get(output(task)) != _value(task) for task in finished)
        account.wrong += len(tasks - set(self.submitted))
        account.twice += len(tasks & set(finished))
        account.twice += _end_all(plane, set(finished))
        values = plane.table(keys.OBJECT) or {}
        account.committed = sum(values.get(output(task)) == _value(task) for task in submitted)
        account.left += [f"{n} tasks do not end" for n in [len(plane.table(keys.TASK) or ())] if n]
        driver, at = Process(plane, "driver"), 1
        while at:
            at = plane.call("process_bury", driver.id, at, 500)
        kept = left(plane)
        account.left += [f"{kept!r:.200}"] if kept else []
        plane.close()
        return account


def _value(task: bytes) -> bytes:
    return b"0" + task


def _file(folder: Path) -> Path:
    (file,) = (folder / "appendonlydir").glob("*.incr.aof")
    return file


def _as_it_is(server: servers.Server) -> Plane:
    plane = Plane.__new__(Plane)  # not emptied
    plane.address = Address(f"unix://{server.socket}")
    plane.wire, plane.ears = Wire(plane.address), {}
    if not plane.wire.call("FUNCTION", "LIST"):
        plane.load(build())  # it was cut off: `hyperloom.raylet.healing`
    return plane


def _end_all(plane: Plane, over: set[bytes]) -> int:
    """Another node runs what there is to run; how many that were over were given to it."""
    Node(plane).lost()
    other, again = Node(plane, "n2"), 0
    while given := other.claim() + other.read():
        for one in given:
            again += one.id in over
            other.step("", one, value=_value(one.id))
    other.step()  # it stands in no line any more
    return again


def row_7(durability: str, choose: Random) -> Account:
    """the file is cut at a random byte: a server starts on it, and has what was answered by then"""
    folder = Path(tempfile.mkdtemp(prefix="loom-chaos-"))
    try:
        story = Story(choose, folder, durability, "embedded")
        # The greater part of the file is our library.
        begins_at = choose.choice([0, *[story.begins_at] * 9])
        return story.cut(folder, choose.randint(begins_at, story.size))
    finally:
        shutil.rmtree(folder)
