"""The text of a pickle that is nothing but one `str`, without unpickling it."""

from __future__ import annotations

_PROTOCOL, _FRAME, _STOP, _MEMOIZE = 0x80, 0x95, b".", b"\x94"
_FRAME_BYTES = 9
# The three ways in which pickle writes a str: opcode -> bytes of its size.
_SIZES = {0x8C: 1, ord("X"): 4, 0x8D: 8}


def text_in(pickled: bytes | memoryview) -> memoryview | None:
    """Its UTF-8 bytes, not copied; None when it is anything else."""
    view = memoryview(pickled)
    if len(view) < 5 or view[0] != _PROTOCOL:  # noqa: PLR2004 - protocol, opcode, size, stop
        return None
    at = 2
    if view[at] == _FRAME:
        at += _FRAME_BYTES
    width = _SIZES.get(view[at], 0) if at < len(view) else 0
    if not width:
        return None
    start = at + 1 + width
    end = start + int.from_bytes(view[at + 1 : start], "little")
    return view[start:end] if view[end:] in (_MEMOIZE + _STOP, _STOP) else None
