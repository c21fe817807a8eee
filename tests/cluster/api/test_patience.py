"""A get that waits for long says why, once for each reason; bars show how far it is."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current, patience
from hyperloom.watch.progress import Bars, draw
from tests.cluster.gated import waits
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _impatient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOM_SAY_WHY_S", "0.05")
        loom.init("local", num_cpus=1)
    yield
    loom.shutdown()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@loom.task
def lingers(gate: Gate) -> int:
    gate.pass_through()
    return 7


def test_it_says_so_once(gate: Callable[[str], Gate], caplog: pytest.LogCaptureFixture) -> None:
    patience._said.clear()
    for name in ("one", "two"):
        log, go_on = gate(f"log {name}"), gate(name)
        ref = waits.remote(go_on, log)
        wait_until(log.notes)
        with (
            caplog.at_level(logging.WARNING, "hyperloom"),
            pytest.raises(loom.errors.GetTimeout),
        ):
            loom.get(ref, timeout=0.3)
        go_on.open()
        assert loom.get(ref)
    held = [text for text in caplog.messages if "was taken by node" in text]
    assert len(held) == 1, caplog.messages
    assert "get() has waited for 0.05 s, and goes on; 1 of 1 objects" in held[0]
    assert "LOOM_SAY_WHY_S=0" in held[0]


def test_bars_show_how_far_it_is(gate: Callable[[str], Gate]) -> None:
    session, out, go_on = current.session(), Terminal(), gate("go_on")
    bars = Bars(session.address, session.job, stream=out)
    refs = [lingers.remote(go_on) for _ in range(3)]
    session.settle()
    end = bars.begin()
    wait_until(lambda: "lingers" in out.getvalue() and "/3" in out.getvalue())
    go_on.open()
    loom.get(refs)
    end()
    bars.close()


class Shown:
    """Bars as `draw` asks for them: what each was told last."""

    def __init__(self) -> None:
        self.bars: dict[str, dict[str, Any]] = {}

    def add_task(self, name: str, **told: Any) -> str:
        self.bars[name] = told
        return name

    def update(self, name: str, **told: Any) -> None:
        self.bars[name] |= told


def test_bars_tell_how_fast_it_is_since_they_are_there_and_how_long_the_rest_takes() -> None:
    shown = Shown()
    bars: dict[str, Any] = {}
    row: dict[str, Any] = {"name": "f", "chunk": 0, "items": 100, "items_over": 50}
    row |= {"items_failed": 0, "items_cancelled": 0, "left": 50, "items_left": 50}
    draw(shown, bars, [row])
    nothing = dict.fromkeys(("failed", "cancelled", "rate", "left"), "")
    assert shown.bars["f"] == {"total": 100, "completed": 50, **nothing}
    over = {"items_over": 60, "items_failed": 1, "items_cancelled": 2}
    draw(shown, bars, [row | over | {"left": 40, "items_left": 40}])
    now = shown.bars["f"]
    assert (now["completed"], now["failed"], now["cancelled"]) == (60, "1 failed", "2 cancelled")
    rate = float(shown.bars["f"]["rate"].removesuffix("/s").replace(",", ""))
    assert rate > 0
    bars["f"] = bars["f"]._replace(since=bars["f"].since - 100)
    draw(shown, bars, [row | {"items_over": 60, "left": 40, "items_left": 40}])
    assert shown.bars["f"]["rate"] == "0.1/s"
    minutes, seconds = shown.bars["f"]["left"].removesuffix(" left").split(":")[1:]
    assert 400 <= 60 * int(minutes) + int(seconds) < 480
    draw(shown, bars, [row | {"items_over": 100, "left": 0, "items_left": 0}])
    assert shown.bars["f"]["left"] == "", "there is nothing left to wait for"
