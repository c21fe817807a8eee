"""Frames arrive whole and in order, however the kernel cuts the bytes."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperloom import frames

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = st.lists(
    st.lists(st.integers(-5, 2**40) | st.binary(max_size=40) | st.text(max_size=10), max_size=4),
    max_size=6,
)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, there


@settings(max_examples=40)
@given(messages=MESSAGES, cuts=st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_messages_come_whole_however_they_are_cut(messages: list[Any], cuts: list[int]) -> None:
    here, there = socket.socketpair()
    with here, there:
        data = b"".join(map(frames.encode, messages))
        reader = frames.FrameReader(there)
        came: list[Any] = []
        at = turn = 0
        while at < len(data):
            size = cuts[turn % len(cuts)]
            turn += 1
            here.sendall(data[at : at + size])
            at += size
            came += reader.receive_some() or []
        assert came == messages
        here.close()
        assert reader.receive_some() is None


def test_a_reader_waits_for_the_rest_of_a_message(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    here, there = pair
    first, second = frames.encode(["one"]), frames.encode(["two"])
    here.sendall(first + second)
    reader = frames.FrameReader(there)
    assert reader.receive() == ["one"]
    assert reader.receive() == ["two"]
    here.close()
    assert reader.receive() is None


def test_a_message_that_was_cut_off_is_none(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    here.sendall(frames.encode(["one"])[:-1])
    here.close()
    assert frames.FrameReader(there).receive() is None


def test_an_impossible_length_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    here.sendall(b"GET / HTTP/1.1\r\n")
    with pytest.raises(ValueError, match="the other side is not ours"):
        frames.FrameReader(there).receive()


def test_a_writer_keeps_what_the_kernel_does_not_take(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    here, there = pair
    here.settimeout(0)
    writer = frames.FrameWriter(here)
    messages = [[number, b"x" * 300_000] for number in range(8)]
    took = [writer.send(frames.encode(message)) for message in messages]
    assert not all(took)
    reader = frames.FrameReader(there)
    came: list[Any] = []
    while len(came) < len(messages):
        writer.flush()
        came += reader.receive_some() or []
    assert came == messages
