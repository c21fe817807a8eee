"""The raylet's heart: files and moments, in one thread."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from hyperloom.raylet.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def stop(loop: Loop) -> None:
    loop.running = False


def test_what_is_readable_is_read_and_then_the_round_ends(loop: Loop, pair) -> None:
    ours, theirs = pair
    said = []
    loop.on_readable(ours.fileno(), lambda: (said.append(ours.recv(10)), stop(loop)))
    theirs.send(b"hello")
    loop.run(lambda: said.append("round"))
    assert said == [b"hello", "round"]


def test_moments_come_in_their_order_and_again_if_asked(loop: Loop) -> None:
    said = []
    loop.later(0.002, lambda: said.append("later"))
    loop.later(0, lambda: said.append("now"))
    loop.every(0.003, lambda: said.append("again"))
    loop.run(lambda: stop(loop) if said.count("again") == 2 else None)
    assert said == ["now", "later", "again", "again"]


def test_who_asked_for_room_to_write_is_called_until_told_otherwise(loop: Loop, pair) -> None:
    ours, _ = pair
    said = []

    def write() -> None:
        said.append("room")
        if len(said) == 2:
            loop.on_writable(ours.fileno(), None)
            loop.later(0.001, lambda: stop(loop))

    loop.on_readable(ours.fileno(), lambda: None)
    loop.on_writable(ours.fileno(), write)
    loop.run(lambda: None)
    assert said == ["room", "room"]


def test_who_asks_twice_for_room_to_write_is_called_all_the_same(loop: Loop, pair) -> None:
    ours, _ = pair
    said = []

    def write() -> None:
        said.append("room")
        stop(loop)

    loop.on_readable(ours.fileno(), lambda: None)
    loop.on_writable(ours.fileno(), write)
    loop.on_writable(ours.fileno(), write)
    loop.later(1, lambda: stop(loop))
    loop.run(lambda: None)
    assert said == ["room"]


def test_who_wants_to_write_only_is_not_called_for_what_comes_in(loop: Loop, pair) -> None:
    ours, theirs = pair
    said = []
    theirs.close()  # its end is readable for ever
    loop.on_readable(ours.fileno(), lambda: said.append("read"))
    loop.only_writable(ours.fileno(), lambda: (said.append("room"), stop(loop)))
    loop.run(lambda: None)
    assert said == ["room"]


def test_a_file_that_a_neighbour_closed_in_the_same_round_is_not_called(loop: Loop) -> None:
    """1. both are readable  2. the first one's reader closes the second
    3. somebody opens another file, which gets the second one's number."""
    pipes = [os.pipe() for _ in range(2)]
    said = []

    def read(at: int) -> None:
        said.append(at)
        other = pipes[1 - at][0]
        loop.forget(other)
        os.close(other)
        again, _ = os.pipe()
        assert again == other
        loop.on_readable(again, lambda: said.append("nothing is there to read"))

    for at, (reader, writer) in enumerate(pipes):
        loop.on_readable(reader, lambda at=at: read(at))
        os.write(writer, b"x")
    loop.run(lambda: stop(loop))
    assert len(said) == 1


def test_to_forget_what_is_not_watched_is_harmless(loop: Loop) -> None:
    loop.forget(12345)
