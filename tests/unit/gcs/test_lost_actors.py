"""An actor that is lost with its node, as stories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.gcs.cast import ROOM, Node, Process, declare, left
from tests.unit.gcs.plane import output, record

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane


def test_an_actor_that_only_its_lost_calls_held_leaves_nothing(plane: Plane) -> None:
    """1. An actor is called, and nobody has a handle of it any more: the call holds it.  2. Its
    node is lost, and the call with it: so the actor is over by that.  3. Had its loss gone on, it
    would be said to live there, and the loss of that node, should it come back, be a bug."""
    maker, host = declare(plane, b"actor---", retries=0, queue="0|"), Node(plane)
    kind, driver = declare(plane, b"call----", retries=0, queue="@"), Process(plane)
    actor, call = driver.ids(2)
    driver.says("actor_create", 1, maker, actor, record(maker), b"", 0, 0, b"", 0)
    assert [one.id for one in host.claim(ROOM)] == [actor]
    plane.call("actor_open", host.id, actor, 1, 10, b"4gone", b"4dead")
    driver.says("actor_call", 2, 1, b"", actor, call, record(kind, [], [output(actor)]))
    driver.release(output(actor), output(call))
    for _ in range(2):
        assert host.lost() == 0
        assert left(plane) == {}
