"""Every row of the benchmarks runs, and notices a wrong answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom
from benchmarks import page, ray_rows, report
from benchmarks.harness import US, Bench, Figure, WrongResult, expect
from benchmarks.machine import Machine
from benchmarks.rows import ROWS, start
from benchmarks.running import rows_of

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_OUR_ANSWERS = {
    "import",
    "server-direct",
    "lineage",
    "scale",
    "transfer",
}  # they ask nothing of `get`
SLOW = {"idle", "dashboard"}  # their shortest forms take seconds


@pytest.mark.slow
@pytest.mark.timeout(300)  # each row in turn
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_each_row_has_figures_and_notices_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for bench, run in rows_of([name for name in ROWS if name not in SLOW], "tiny"):
        run(bench)
        assert bench.figures, bench.row
        assert all(figure.row == bench.row for figure in bench.figures)
        assert all(figure.value > 0 for figure in bench.figures if US in figure.what)
        if bench.row in WITHOUT_OUR_ANSWERS:
            continue
        with monkeypatch.context() as patch:
            spoil(patch)
            with pytest.raises(WrongResult):
                run(bench)


def spoil(patch: pytest.MonkeyPatch) -> None:
    """Let `get` do its work and hand over something else."""
    real_get, real_fresh = hyperloom.get, start.fresh

    def get(*args: Any, **kwargs: Any) -> Any:
        real_get(*args, **kwargs)
        return Spoilt()

    patch.setattr(hyperloom, "get", get)
    patch.setattr(start, "fresh", lambda *args: {**real_fresh(*args), "value": 0})


class Spoilt(list[int]):
    """Looks like an array or a list, but not like the right one."""

    nbytes = 1

    def sum(self) -> int:
        return -1


@pytest.mark.slow
def test_the_rows_of_ray_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTS_TO_SKIP", "gigabytes")
    measured = ray_rows.run("tiny", None, None)
    assert "single client tasks sync" in measured
    assert "single client put gigabytes" not in measured
    assert all(rate > 0 for rates in measured.values() for rate in rates)


def test_a_promise_is_about_the_ratio_or_the_value() -> None:
    figure = Figure(row="r", what="w", value=6, unit="x", others={"P": 2}, against="P", target=3)
    assert (figure.measured, figure.passed) == (3, True)
    figure = Figure(row="r", what="w", value=6, unit="x", target=5, at_most=True)
    assert (figure.measured, figure.passed) == (6, False)
    assert Figure(row="r", what="w", value=6, unit="x").passed is None


def test_a_wrong_answer_is_told_from_a_right_one() -> None:
    expect([1], [1], "this")
    with pytest.raises(WrongResult, match="this: got 1, not 2"):
        expect(1, 2, "this")


def test_figures_are_saved_and_become_a_page(tmp_path: Path) -> None:
    bench = Bench("tiny", None, row="batch")
    bench.figure("no-ops", 50_000.0, "tasks/s", others={"P": 10_000.0}, against="P", target=5)
    bench.figure("memory", 700.0, "B", target=600, at_most=True)
    file = tmp_path / "figures.json"
    report.save(file, Machine.here(), "tiny", bench.figures)
    assert json.loads(file.read_text())["figures"][0]["passed"] is True
    page.write([file], tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "| no-ops | 50,000 tasks/s | P 10,000 | 5.00 | ≥ 5 x P | ✓ |" in text
    assert "| memory | 700 B |  |  | ≤ 600 | **missed** |" in text
