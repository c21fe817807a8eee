"""What the calls of an actor that was lost are told besides what it died of.

A failure ends with whether its call may have run, and with the call's name; until the control
plane knows both, with nil and no text.
"""

from __future__ import annotations

from msgspec import msgpack

from hyperloom.gcs import codes
from hyperloom.ids import FUNCTION_BYTES

UNSAID = msgpack.encode(None) + msgpack.encode("")


def told(failure: bytes, body: bytes, *, ran: bool) -> bytes:
    """`body`: of the call's template."""
    if not failure.endswith(UNSAID):
        return failure
    _, name, *_ = msgpack.decode(body[FUNCTION_BYTES:])
    return failure.removesuffix(UNSAID) + msgpack.encode(ran) + msgpack.encode(name)


def lost_with_actor(failure: bytes, calls: dict[bytes, bool], records: dict[bytes, bytes]) -> bytes:
    """The event that tells of calls which failed so; each may have run, or did not."""
    rows = [
        call + records[call][: codes.TEMPLATE_ID] + (b"1" if ran else b"0")
        for call, ran in calls.items()
    ]
    return b"%d;" % len(failure) + failure + b"".join(rows)
