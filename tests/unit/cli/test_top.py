"""How fast functions are, as ``loom top`` says it."""

from __future__ import annotations

from typing import Any

from hyperloom.cli.top import WINDOW_S, Rates, shown_rate


def row(name: str, over: int) -> dict[str, Any]:
    return {"job": "0a", "name": name, "items_over": over}


def test_a_slow_function_has_a_rate_although_most_looks_see_nothing_end() -> None:
    rates = Rates()
    told = {}
    for second in range(21):
        told = rates.of(float(second), [row("slow", second // 5), row("fast", 100 * second)])
    assert told == {("0a", "slow"): 0.2, ("0a", "fast"): 100.0}
    assert [shown_rate(rate) for rate in told.values()] == ["0.2/s", "100/s"]


def test_what_was_long_ago_does_not_count() -> None:
    rates = Rates()
    rates.of(0.0, [row("one", 0)])
    rates.of(1.0, [row("one", 5000)])
    for second in range(2, 3 + int(WINDOW_S)):
        told = rates.of(float(second), [row("one", 5000)])
    assert told == {("0a", "one"): 0.0}
    assert shown_rate(0.0) == "0/s"


def test_of_what_was_not_there_before_no_rate_is_known() -> None:
    """A job that is looked at for the first time may have done much already."""
    rates = Rates()
    assert rates.of(0.0, [row("one", 3)]) == {}
    assert rates.of(1.0, [row("one", 5), row("other", 70_000)]) == {("0a", "one"): 2.0}
    assert rates.of(2.0, [row("one", 5), row("other", 70_010)]) == {
        ("0a", "one"): 1.0, ("0a", "other"): 10.0,
    }  # fmt: skip
