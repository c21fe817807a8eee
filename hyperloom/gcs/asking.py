"""Questions to a node, through the control plane: from anywhere, to any node of the cluster.

A question is a message to the node's inbox (`codes.ASK`): the channel on which the asker listens,
and the question, msgpack: a list whose first item says what.  The answer is one message there.

The rule: nothing is kept and nobody waits without end.  A node that does not answer in time has
not answered; the asker goes on without it.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from msgspec import msgpack

from hyperloom import errors
from hyperloom.gcs import codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.ids import NODE_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.gcs.wire import Wire

ANSWER_S = 2.0


def question(reply_to: bytes, asked: Sequence[object]) -> bytes:
    """The message that asks."""
    return msgpack.encode([codes.ASK, reply_to, msgpack.encode(asked)])


def answer(node: bytes, told: object) -> bytes:
    """The message that answers."""
    return msgpack.encode([node, msgpack.encode(told)])


def asked_of(message: Sequence[bytes]) -> list[Any]:
    """What a message of `question` asks, without its first two parts."""
    asked: list[Any] = msgpack.decode(message[0])
    return asked


def ask(
    wire: Wire, nodes: Sequence[bytes], asked: Sequence[object], timeout_s: float = ANSWER_S
) -> dict[bytes, Any]:
    """What these nodes answer, by node; who does not in time, or does not listen, is missing."""
    if not nodes:
        return {}
    name = os.urandom(NODE_BYTES)
    inbox = Inbox(wire.address, keys.INBOX.name(keys.CLUSTER, name))
    try:
        hear = {node for node in nodes if _put(wire, node, question(name, asked))}
        return _gather(inbox, hear, timeout_s)
    finally:
        inbox.close()


def _put(wire: Wire, node: bytes, message: bytes) -> bool:
    """Ask one; whether anybody listens there now."""
    return bool(wire.call("SPUBLISH", keys.INBOX.name(keys.CLUSTER, node), message))


def _gather(inbox: Inbox, missing: set[bytes], timeout_s: float) -> dict[bytes, Any]:
    answers: dict[bytes, Any] = {}
    deadline = time.monotonic() + timeout_s
    while missing and (left := deadline - time.monotonic()) > 0:
        try:
            messages = inbox.poll(left)
        except errors.ControlPlaneLost:
            break
        for node, told in messages:
            answers[node] = msgpack.decode(told)
            missing.discard(node)
    return answers
