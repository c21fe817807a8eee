"""A get that waits for long says why, once for each reason; bars show how far it is."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.core import current, patience
from hyperloom.watch.progress import Bars
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
def waits(log: Gate, gate: Gate) -> int:
    log.note("runs")
    gate.pass_through()
    return 7


@loom.task
def lingers(gate: Gate) -> int:
    gate.pass_through()
    return 7


def test_it_says_so_once(gate: Callable[[str], Gate], caplog: pytest.LogCaptureFixture) -> None:
    patience._said.clear()
    for name in ("one", "two"):
        log, go_on = gate(f"log {name}"), gate(name)
        ref = waits.remote(log, go_on)
        wait_until(log.notes)
        with (
            caplog.at_level(logging.WARNING, "hyperloom"),
            pytest.raises(loom.errors.GetTimeout),
        ):
            loom.get(ref, timeout=0.3)
        go_on.open()
        assert loom.get(ref) == 7
    held = [text for text in caplog.messages if "was taken by node" in text]
    assert len(held) == 1
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
