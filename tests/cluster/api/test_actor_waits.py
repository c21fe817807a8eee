"""Why a call of an actor is not answered yet: what a `get` that waits says, and `loom why`."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current, patience
from hyperloom.ids import short
from hyperloom.watch import reasons
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.live import Live
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@loom.actor
class Selfish:
    """May call itself."""

    def __init__(self, began: Any, go_on: Any) -> None:
        self.began, self.go_on = began, go_on
        self.me: list[Any] = []

    def know(self, me: list[Any]) -> None:
        self.me = me

    def work(self) -> int:
        self.began.note("work")
        self.go_on.pass_through()
        return 7

    def quick(self) -> int:
        return 1

    def ask_itself(self, timeout: float | None = None) -> int:
        self.began.note("asks")
        return loom.get(self.me[0].quick.remote(), timeout=timeout)  # type: ignore[no-any-return]


def timeout_of(ref: Any) -> str:
    with pytest.raises(errors.GetTimeout) as caught:
        loom.get(ref, timeout=0.1)
    return str(caught.value)


def why(ref: Any) -> list[dict[str, Any]]:
    """What ``loom why`` says."""
    current.session().settle()
    cluster = Cluster(Live(current.session().address))
    try:
        return reasons.explain(cluster, ref.binary()[:16])
    finally:
        cluster.close()


def test_whether_a_call_runs_or_waits_and_behind_which_is_told(gate: Any) -> None:
    """Also of one that waits in the control plane, since the actor was not dealt it."""
    began, go_on = gate("began"), gate("go_on")
    actor = Selfish.remote(began, go_on)
    refs = [actor.work.remote(), *(actor.quick.remote() for _ in range(600))]
    wait_until(began.notes)
    assert "of task Selfish.work has run at its actor for " in timeout_of(refs[0])
    assert why(refs[0])[-1]["why"] == "running"
    for at, before in ((1, "no calls are"), (2, "1 call is"), (600, "599 calls are")):
        says = f"waits for its turn at its actor: {before} before it, and Selfish.work ("
        assert f"of task Selfish.quick {says}" in timeout_of(refs[at])
        (line,) = why(refs[at])
        assert line["why"] == "behind"
        assert line["says"].startswith(says)
    go_on.open()
    assert loom.get(refs) == [7] + [1] * 600


def test_a_call_that_is_held_back_by_one_without_its_input_is_told(gate: Any) -> None:
    @loom.task
    def late(go_on: Any) -> int:
        go_on.pass_through()
        return 3

    @loom.actor
    class Adder:
        def add(self, n: int) -> int:
            return n

    go_on, adder = gate("go_on"), Adder.remote()
    assert loom.get(adder.add.remote(0)) == 0
    lacks, later = adder.add.remote(late.remote(go_on)), adder.add.remote(4)
    current.session().settle()
    lines = why(later)
    assert [line["why"] for line in lines[:2]] == ["behind", "inputs"]
    assert "of the same process is before it, and waits for an input" in lines[0]["says"]
    assert lines[1]["task"] == lacks.binary()[:16].hex()
    text = timeout_of(later)
    assert "waits for 1 of its inputs" in text.splitlines()[2]
    go_on.open()
    assert loom.get([lacks, later]) == [3, 4]


def test_of_concurrency_groups_only_a_calls_own_is_told(gate: Any) -> None:
    began, go_on = gate("began"), gate("go_on")

    @loom.actor(concurrency_groups={"io": 1})
    class Grouped:
        @loom.method(concurrency_group="io")
        def read(self) -> int:
            began.note("read")
            go_on.pass_through()
            return 1

        def work(self) -> int:
            began.note("work")
            go_on.pass_through()
            return 2

    actor = Grouped.remote()
    refs = [actor.read.remote(), actor.work.remote(), actor.work.remote(), actor.work.remote()]
    wait_until(lambda: len(began.notes()) == 2)
    (line,) = why(refs[3])
    assert "1 call is before it, and " in line["says"]
    assert "Grouped.work (" in line["says"]
    assert "read" not in line["says"]
    go_on.open()
    assert loom.get(refs) == [1, 2, 2, 2]


def test_an_actor_that_waits_for_itself_is_told(gate: Any, caplog: Any, configured: Any) -> None:
    patience._said.clear()
    began = gate("began")
    actor = Selfish.remote(began, gate("go_on"))
    loom.get(actor.know.remote([actor]))
    asks, waits = actor.ask_itself.remote(), actor.quick.remote()
    wait_until(lambda: why(asks)[-1]["why"] == "waits-for-itself")
    says = "has called its own actor: Selfish.quick ("
    assert says in timeout_of(asks)
    assert "self.method(...)" in timeout_of(asks)
    assert says in timeout_of(waits)
    assert "self.method(...)" in why(waits)[-1]["advice"]
    configured(say_why_s=0.05)
    with caplog.at_level(logging.WARNING, "hyperloom"), pytest.raises(errors.GetTimeout):
        loom.get(asks, timeout=0.3)
    (said,) = [text for text in caplog.messages if "get() has waited" in text]
    assert says in said
    loom.kill(actor)


def test_an_actor_that_waits_for_itself_with_a_timeout_is_told(gate: Any) -> None:
    actor = Selfish.remote(gate("began"), gate("go_on"))
    loom.get(actor.know.remote([actor]))
    with pytest.raises(errors.GetTimeout) as caught:
        loom.get(actor.ask_itself.remote(0.1))
    assert "Selfish.ask_itself (" in str(caught.value)
    assert "which made this call, has run there for" in str(caught.value)
    loom.kill(actor)


@loom.actor(max_concurrency=2)
class Crowded:
    """Two of its calls run at a time, and each needs a third one."""

    def know(self, me: list[Any]) -> None:
        self.me = me[0]

    def quick(self) -> int:
        return 1

    def ask_itself(self) -> int:
        return loom.get(self.me.quick.remote())  # type: ignore[no-any-return]


@loom.actor(max_concurrency=2)
class CrowdedAsync:
    async def know(self, me: list[Any]) -> None:
        self.me = me[0]

    async def quick(self) -> int:
        return 1

    async def ask_itself(self) -> int:
        return await self.me.quick.remote()  # type: ignore[no-any-return]


@pytest.mark.parametrize("cls", [Crowded, CrowdedAsync])
def test_calls_that_fill_an_actor_and_wait_for_more_of_its_calls_are_told(
    cls: Any, caplog: Any, configured: Any
) -> None:
    patience._said.clear()
    actor = cls.remote()
    loom.get(actor.know.remote([actor]))
    asks = [actor.ask_itself.remote() for _ in range(2)]
    behind = actor.quick.remote()
    wait_until(lambda: {why(ref)[-1]["why"] for ref in (*asks, behind)} == {"waits-for-itself"})
    for ref in (*asks, behind):
        text = timeout_of(ref)
        assert "One of those that run has called the actor itself: " in text
        assert f"{cls.__name__}.quick " in text
        assert "none ever ends. To do: " in text
        assert "max_concurrency=" in why(ref)[-1]["advice"]
    configured(say_why_s=0.05)
    with caplog.at_level(logging.WARNING, "hyperloom"), pytest.raises(errors.GetTimeout):
        loom.get(asks[0], timeout=0.3)
    (said,) = [text for text in caplog.messages if "get() has waited" in text]
    assert "One of those that run has called the actor itself: " in said
    loom.kill(actor)


@loom.actor(max_concurrency=3)
class Circle:
    """Two of its calls wait for each other's results."""

    def know(self, refs: list[Any]) -> None:
        self.refs = refs

    def waits_for(self, which: int, began: Any, go_on: Any) -> int:
        began.note("began")
        go_on.pass_through()
        return loom.get(self.refs[which])  # type: ignore[no-any-return]


def test_calls_of_an_actor_that_wait_for_each_other_are_told(gate: Any) -> None:
    began, go_on = gate("began"), gate("go_on")
    actor = Circle.remote()
    one, other = (actor.waits_for.remote(which, began, go_on) for which in (1, 0))
    loom.get(actor.know.remote([one, other]))
    wait_until(lambda: len(began.notes()) == 2)
    assert [line["why"] for line in why(one)] == ["running"]
    go_on.open()
    wait_until(lambda: [line["why"] for line in why(one)] == ["blocked", "waits-for-itself"])
    waits, circle = why(one)
    assert f"waits there in get() for {short(other.binary())}" in waits["says"]
    assert f"waits there in get() for {short(one.binary())}. That waits for this" in circle["says"]
    assert "none of them ever ends. To do: have one of them pass on the ref" in timeout_of(other)
    loom.kill(actor)


def test_actors_that_wait_for_each_other_are_told() -> None:
    """From the first call to the one that cannot begin, through what each has called."""

    @loom.actor
    class Peer:
        def know(self, other: list[Any]) -> None:
            self.other = other[0]

        def first(self) -> int:
            return loom.get(self.other.second.remote())  # type: ignore[no-any-return]

        def second(self) -> int:
            return loom.get(self.other.third.remote())  # type: ignore[no-any-return]

        def third(self) -> int:
            return 3

    one, other = Peer.remote(), Peer.remote()
    loom.get([one.know.remote([other]), other.know.remote([one])])
    ref = one.first.remote()
    wait_until(lambda: [line["why"] for line in why(ref)] == ["blocked"] * 2 + ["waits-for-itself"])
    text = timeout_of(ref)
    methods = [
        line.split(" of task ")[1].split()[0] for line in text.splitlines() if "task" in line
    ]
    assert [name.rpartition(".")[2] for name in methods] == ["first", "second", "third"]
    assert "That waits for this one, by what stands above: none of them ever ends" in text
    loom.kill(one)
    loom.kill(other)


def test_an_actor_that_dies_again_and_again_is_told(gate: Any) -> None:
    log = gate("log")

    @loom.actor(max_restarts=-1)
    class Crashes:
        def __init__(self) -> None:
            log.note("constructor")
            os._exit(3)

        def go(self) -> None:
            """Never."""

    actor = Crashes.remote()
    ref = actor.go.remote()
    wait_until(lambda: why(ref)[-1]["why"] == "rests")
    last = why(ref)[-1]
    if last["why"] == "rests":  # else it is being made just now
        assert "incarnations in a row died before they answered a call" in last["says"]
    loom.kill(actor)
    with pytest.raises(errors.ActorDied, match=r"killed by loom\.kill"):
        loom.get(ref)
