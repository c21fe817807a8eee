"""One job's desk at a node: which tasks it takes, of those that the control plane sends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hyperloom.gcs import codes
from hyperloom.ids import FunctionID
from hyperloom.raylet import desk
from hyperloom.raylet.desk import Desk
from hyperloom.raylet.held import Held
from hyperloom.specs import Template, encode_template, join_entry

NODE, JOB = b"this-one", b"JOB1"
ACTOR = b"actor-----------"


class Played:
    """A conversation and an inbox in one."""

    def __init__(self) -> None:
        self.connected = True
        self.said: list[tuple[str, tuple[Any, ...], Any]] = []
        self.messages: list[list[bytes]] = []
        self.events: list[Any] = []  # that the node's machine was told

    def apply(self, function: str, _: str, *args: Any, then: Any = None) -> None:
        self.said.append((function, args, then))

    def poll(self, _: float) -> list[list[bytes]]:
        messages, self.messages = self.messages, []
        return messages

    def asked(self, function: str) -> tuple[tuple[Any, ...], Any]:
        """The latest call of it, and who waits for the answer."""
        return next((args, then) for name, args, then in reversed(self.said) if name == function)

    def tells_template(self, role: Any = "") -> None:
        """The one that was asked for last is such a one."""
        template = Template(FunctionID(b"function----"), "f", 1, 0, 0, "", role=role)
        self.asked("template_fetch")[1]([encode_template(template), b"code"])


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def of_job(played: Played, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(desk, "Inbox", lambda *_: played)
    settings: Any = SimpleNamespace(node=NODE, address=None)
    return Desk(JOB, {}, settings, played, played.events.append)  # type: ignore[arg-type]


def task(number: int) -> tuple[bytes, bytes, bytes]:
    """As a message has it; its template is not known, so it is asked for."""
    return join_entry(b"%016d" % number, 1), b"template" + bytes(20), b""


def test_what_was_sent_before_the_node_was_given_up_is_passed_over(
    played: Played, of_job: Desk
) -> None:
    """1. The node takes part, and has been sent nothing.  2. It is cut off; the server sends it its
    first task, which is on its way, and gives the node up.  3. The path is back, and the node takes
    part again.  4. The old message arrives, and has the number 1.  5. The next task is sent: had
    counting begun anew, it would have that number too, be passed over, and wait for ever."""
    assert played.asked("node_attach")[0] == (NODE, 0)
    played.asked("node_attach")[1](0)
    of_job.detach(lambda _: set())
    (_, first), attached = played.asked("node_attach")
    assert first > 1
    attached(first)
    _, held = played.asked("task_held")
    held([b"0", b"%d" % first])
    played.messages = [[codes.TASK, b"1", *task(1)]]
    of_job.hear()
    assert "template_fetch" not in [name for name, *_ in played.said]
    played.messages = [[codes.TASK, b"%d" % (first + 1), *task(2)]]
    of_job.hear()
    assert played.asked("template_fetch")[0] == (b"template",)


def test_what_leaves_the_node_while_it_looks_at_what_it_holds_is_not_taken_up_again(
    played: Played, of_job: Desk
) -> None:
    """1. The node has two tasks, its connection breaks, and it asks what it holds.  2. The server
    lists both.  3. Before that is heard the node hands one on, which is said behind the question.
    4. The list arrives: had it taken that task up again, two nodes would run the same attempt."""
    played.asked("node_attach")[1](0)
    here = {task(1)[0], task(2)[0]}
    of_job.reconcile(lambda _: set(here))
    here.remove(task(2)[0])
    record = task(1)[1]
    listed = [part for n in (1, 2, 3) for part in (b"%016d" % n, b"1", record, b"")]
    played.asked("task_held")[1]([b"0", b"1", *listed])
    played.tells_template()
    [claimed] = played.events
    assert [held.entry for held in claimed.tasks] == [task(3)[0]]


def test_calls_that_the_node_finds_when_it_looks_begin_in_their_order(
    played: Played, of_job: Desk
) -> None:
    """1. A message with three calls of an actor is lost with the inbox.  2. The node asks what it
    holds, and has seen calls of the second one's kind before, but none of the others'.  3. It takes
    them up when it knows all kinds: else the second would begin first."""
    played.asked("node_attach")[1](0)
    of_job.learn(b"known...", lambda: None)
    played.tells_template("call")
    of_job.calls.opened(ACTOR, 1, 1)
    of_job.reconcile(lambda _: {ACTOR})
    played.asked("actor_open")[1](3)  # so many were dealt
    listed = [ACTOR, b"1", b"template" + bytes(6), b""]
    for number, kind in enumerate([b"unseen-1", b"known...", b"unseen-2"]):
        record = kind + bytes(5) + b"\1" + ACTOR + bytes(4)
        listed += [b"call-----------%d" % number, b"1", record, b""]
    played.asked("task_held")[1]([b"0", b"1", *listed])
    for role in ("actor", "call", "call"):
        assert played.events == []
        played.tells_template(role)
    found = [held.entry for dealt in played.events for held in dealt.calls]
    assert found == [b"call-----------%d" % number for number in range(3)]


def test_an_actor_that_opens_while_its_node_looks_takes_no_calls_before(
    played: Played, of_job: Desk
) -> None:
    """1. The node asks what it holds.  2. An actor opens, and gets a call, which runs and ends.
    3. The list arrives, without the call: its result would be taken for one that nobody wants."""
    played.asked("node_attach")[1](0)
    of_job.learn(b"template", lambda: None)
    played.tells_template("actor")
    of_job.reconcile(lambda _: {ACTOR})
    kind = of_job.kind(b"template")
    assert kind is not None
    of_job.open_actor(Held(ACTOR, b"template" + bytes(6), b"", kind), b"4gone", b"4dead")
    assert played.asked("actor_open")[0] == (NODE, ACTOR, 1, 0, b"4gone", b"4dead")
    played.asked("task_held")[1]([b"0", b"1", ACTOR, b"1", b"template" + bytes(6), b""])
    (*_, granted, gone, dead), _ = played.asked("actor_open")
    assert (granted > 0, gone, dead) == (True, b"", b"")


def test_the_state_of_an_actor_is_said_after_what_it_answered_before(
    played: Played, of_job: Desk
) -> None:
    """1. A call is answered without a state.  2. The next one is answered with one, which has both.
    3. Were that said first, and the node died then, the first would run again in that state."""
    played.asked("node_attach")[1](0)
    of_job.learn(b"template", lambda: None)
    played.tells_template("actor")
    kind = of_job.kind(b"template")
    assert kind is not None
    actor = Held(ACTOR, b"template" + bytes(6), b"", kind)
    calls = [[b"call-----------%d" % number, b"1", b"template", 1, b"0value"] for number in (1, 2)]
    of_job.finished(calls[0])
    of_job.saved(actor, calls[1], b"", b"the state")
    assert of_job._on_their_way() == {join_entry(b"call-----------2", 1)}
    of_job.step(lambda _: "")
    said = [(name, args[-5]) for name, args, _ in played.said[-2:]]
    assert said == [("task_step", b"call-----------1"), ("actor_save", b"call-----------2")]
    assert of_job._on_their_way() == set()
