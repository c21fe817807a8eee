"""An embedded node whose raylet is killed: whatever its program does next, it hears why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import connection, errors
from hyperloom.core import current
from hyperloom.gcs import delivery
from hyperloom.gcs.wire import Wire
from tests.waiting import wait_until

if TYPE_CHECKING:
    from hyperloom.gcs.address import Address
    from tests.home import Home

pytestmark = pytest.mark.slow


@loom.task
def same(value: Any) -> Any:
    return value


@loom.task
def other(value: Any) -> Any:
    return value


async def _awaited(ref: Any) -> Any:
    return await ref


@pytest.mark.usefixtures("home")
def test_a_future_of_a_session_that_is_closed_ends_with_it() -> None:
    loom.init("local", num_cpus=1)
    ref = same.options(resources={"never": 1}).remote(2)
    future = ref.future()
    loom.shutdown()
    with pytest.raises(errors.SessionClosed, match="belongs to a session that is closed"):
        future.result(20)


def test_everything_that_is_asked_of_a_dead_session_says_what_killed_it(home: Home) -> None:
    loom.init("local", num_cpus=1)
    ref = same.remote(1)
    assert loom.get(ref) == 1
    waits = same.remote(same.options(resources={"never": 1}).remote(2))
    asked_before = waits.future()
    connection._driver[0]._node.process.kill()
    with pytest.raises(errors.LocalRayletDied):
        loom.get(waits)
    with pytest.raises(errors.LocalRayletDied):
        asked_before.result(20)
    home.wait_empty()  # the folder too, with the password in it
    for use in (
        lambda: loom.get(same.remote(1)),
        lambda: loom.get(other.remote(1)),  # was not used before
        lambda: same.map([1, 2]),
        lambda: loom.put(1),
        lambda: loom.get(waits),
        lambda: loom.get(waits, timeout=0),
        lambda: loom.wait([waits]),
        lambda: waits.future().result(5),
        lambda: asyncio.run(_awaited(waits)),
        lambda: loom.cancel(waits),
        loom.nodes,
    ):
        with pytest.raises(errors.LocalRayletDied, match=r"loom\.init\(\) to begin anew"):
            use()
    assert loom.get(ref) == 1  # it is known here
    loom.shutdown()
    loom.init("local", num_cpus=1)
    assert loom.get(same.remote(2)) == 2


def test_what_is_said_before_anybody_noticed_is_not_answered_with_a_missing_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 1. the node dies, and its folder goes  2. the program speaks, and finds no server and no
    # password  3. only then it hears that the raylet is gone.
    loom.init("local", num_cpus=1)
    session = current.session()
    lost = session.lost
    heard: list[Exception] = []
    monkeypatch.setattr(session, "lost", heard.append)
    connection._driver[0]._node.process.kill()
    home.wait_empty()
    wait_until(lambda: heard)
    tries: list[Address] = []

    def connect(address: Address) -> Wire:
        tries.append(address)
        if len(tries) == 3:
            lost(heard[0])
        return Wire(address)

    monkeypatch.setattr(delivery, "Wire", connect)
    with pytest.raises(errors.LocalRayletDied):
        loom.nodes()
    assert len(tries) == 3
