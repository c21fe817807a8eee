"""Messages over a stream socket: four bytes of length, then msgpack.

The rule: what comes in is data, decoded without running any code, and bounded in size.
Between a raylet and its workers, and between a raylet and the drivers of its machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import msgpack

if TYPE_CHECKING:
    import socket

_LENGTH = 4
_MOST = 1 << 30
_RECEIVE_BYTES = 1 << 18

_encoder = msgpack.Encoder()
_decoder = msgpack.Decoder()


def encode(message: object) -> bytes:
    """The frame of one message."""
    body = _encoder.encode(message)
    return len(body).to_bytes(_LENGTH, "big") + body


class FrameReader:
    """Cuts what a socket receives into messages."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = bytearray()

    def receive(self) -> Any | None:  # noqa: ANN401 - a message
        """The next message; waits for it.  None: the other side is gone."""
        while True:
            message = self._cut()
            if message is not None:
                return message
            if not self._fill():
                return None

    def receive_some(self, flags: int = 0) -> list[Any] | None:
        """All messages that are here, after one read.  None: the other side is gone."""
        if not self._fill(flags):
            return None
        messages = []
        while (message := self._cut()) is not None:
            messages.append(message)
        return messages

    def _fill(self, flags: int = 0) -> bool:
        try:
            data = self._socket.recv(_RECEIVE_BYTES, flags)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._buffer += data
        return bool(data)

    def _cut(self) -> Any | None:  # noqa: ANN401 - a message
        buffer = self._buffer
        if len(buffer) < _LENGTH:
            return None
        end = _LENGTH + int.from_bytes(buffer[:_LENGTH], "big")
        if end > _MOST:
            raise ValueError(f"a frame of {end} bytes is too large; the other side is not ours")
        if len(buffer) < end:
            return None
        message = _decoder.decode(memoryview(buffer)[_LENGTH:end])
        del buffer[:end]
        return message


class FrameWriter:
    """Sends messages on a non-blocking socket, and keeps what the kernel does not take yet."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._left = b""

    def send(self, frame: bytes) -> bool:
        """Send an encoded frame.  True: all is sent; else call `flush` when writable.

        Raises:
            OSError: the other side is gone.
        """
        if self._left:
            self._left += frame
            return False
        return self._push(frame)

    def flush(self) -> bool:
        """Send what was left over.  True: all is sent."""
        return self._push(self._left)

    def _push(self, data: bytes) -> bool:
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        self._left = data[sent:]
        return not self._left
