"""Why an object is not there yet, in a sentence, asked of the control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.ids import short, task_of
from hyperloom.specs import decode_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.session import Session


def explain(session: Session, oids: Sequence[bytes]) -> list[str]:
    """A line for each object."""
    if not oids:
        return []
    tasks = [task_of(oid) for oid in oids]  # type: ignore[arg-type]
    answers = session.outbox.call("task_where", *tasks)
    lines = []
    for at, oid in enumerate(oids):
        state, detail, body = answers[3 * at : 3 * at + 3]
        name = decode_template(body).name if body else ""
        what = f"ObjectRef({short(oid)}) of task {name or '?'}"
        lines.append(f"{what} {_SENTENCES[state.decode()].format(detail.decode())}")
    return lines


_SENTENCES = {
    "WAITING": "waits for {} of its inputs",
    "READY": "is ready and waits for a node with room: {}",
    "HELD": "was taken by node {}",
    "OVER": "is over; its result is on its way",
    "UNKNOWN": "is not known to the control plane",
}
