"""Who an actor is: by name, by id, by class; and what it knows of itself."""

from __future__ import annotations

from typing import Any

import psutil
import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.watch import actors, reasons
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.live import Live
from tests.cluster.api.counters import Counter, add_through
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@loom.actor
class Knows:
    """What it is, and that it can pass on."""

    def __init__(self) -> None:
        self.at_first = loom.context().actor_id

    def who(self) -> tuple[str | None, str | None]:
        return self.at_first, loom.context().actor_id

    def me(self) -> Any:
        return loom.context().actor

    def add(self, n: int) -> int:
        return n

    def asks_for_itself(self, n: int) -> Any:
        return [add_through.remote(loom.context().actor, n)]


def ids_of(cls: str) -> list[str]:
    live = Live(current.session().address)
    try:
        job = bytes(current.session().job)
        return [row["id"] for row in actors.actors(Cluster(live), [job]) if row["class"] == cls]
    finally:
        live.close()


def test_an_actor_knows_itself_and_may_pass_itself_on() -> None:
    knows = Knows.remote()
    assert loom.get(knows.who.remote()) == (ids_of("Knows")[0],) * 2
    me = loom.get(knows.me.remote())
    assert me == knows
    (result,) = loom.get(knows.asks_for_itself.remote(5))
    assert loom.get(result) == 5
    assert (loom.context().actor, loom.context().actor_id) == (None, None)

    @loom.task
    def task() -> Any:
        return loom.context().actor, loom.context().actor_id

    assert loom.get(task.remote()) == (None, None)


def test_one_of_another_class_is_not_taken_for_this() -> None:
    mine = Counter.options(name="mine").remote()
    with pytest.raises(errors.ActorNameTaken, match=r"'mine' is taken by .*Counter.* no Knows"):
        Knows.options(name="mine", get_if_exists=True).remote()
    assert loom.get_actor("mine", Counter) == mine
    assert loom.get_actor("mine", Counter.cls) == mine
    with pytest.raises(errors.ActorNotFound, match=r"'mine' is Actor\(Counter.* no Knows"):
        loom.get_actor("mine", Knows)
    with pytest.raises(TypeError, match="takes an actor's class, or a namespace, not 3"):
        loom.get_actor("mine", 3)  # type: ignore[call-overload]
    with pytest.raises(errors.ActorNotFound, match="in namespace 'other'"):
        loom.get_actor("mine", Counter, "other")


def test_an_actor_without_name_and_handle_is_killed_by_its_id() -> None:
    counter = Counter.options(lifetime="detached").remote()
    pid = loom.get(counter.pid.remote())
    del counter
    (id_,) = ids_of("Counter")
    loom.kill(id_)
    wait_until(lambda: not psutil.pid_exists(pid))
    for gone in (id_, "ffffffff" + id_[8:]):
        with pytest.raises(errors.ActorNotFound, match=f"no actor {gone}"):
            loom.kill(gone)
    with pytest.raises(ValueError, match="'9a2e41-3' is no actor's id: that is 32 hexadecimal"):
        loom.kill("9a2e41-3")


def test_why_an_actor_is_not_over_or_of_what_it_died() -> None:
    counter, other = Counter.remote(), Counter.remote()
    loom.get([counter.add.remote(), other.add.remote()])
    cluster = Cluster(Live(current.session().address))
    here = bytes.fromhex(counter_id := ids_of("Counter")[0])
    try:
        (line,) = reasons.explain(cluster, here)
        assert (line["why"], line["name"]) == ("alive", "Counter")
        assert line["says"].endswith("and has answered all its calls")
        loom.kill(counter_id)
        (line,) = reasons.explain(cluster, here)
        assert (line["why"], line["name"]) == ("dead", "Counter")
        assert line["says"].endswith("is dead: it was killed by loom.kill")
        del other
        wait_until(lambda: ids_of("Counter") == [])
        (line,) = reasons.explain(cluster, here)
    finally:
        cluster.close()


@pytest.mark.parametrize("what", [Counter, Counter.cls])
def test_what_is_no_function_is_no_task(what: Any) -> None:
    with pytest.raises(TypeError, match=r"@loom.actor|called by \.remote\(\) as it is"):
        loom.task(what)
