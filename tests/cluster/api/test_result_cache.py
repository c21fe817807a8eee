"""The cache: a call is computed once, for eager calls and plans alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom.core import current

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def plain(log: Gate, *values: Any) -> list[Any]:
    log.note("plain")
    return [*values]


@loom.task
def fails(log: Gate) -> int:
    log.note("fails")
    raise ValueError("on purpose")


@loom.task(cache=True)
def cached(log: Gate, x: Any) -> list[Any]:
    log.note(f"cached {x}")
    return [x]


@loom.task(cache=True)
def cached_ones(log: Gate, size: int) -> np.ndarray:
    log.note(f"ones {size}")
    return np.ones(size)


@loom.task(cache=True)
def more(log: Gate, array: np.ndarray) -> float:
    log.note("more")
    return float(array.sum() + 1)


@pytest.mark.usefixtures("configured")
def test_a_call_is_computed_once(log: Gate) -> None:
    assert loom.get(cached.remote(log, 1)) == [1]
    assert loom.get(cached.remote(log, 1)) == [1]
    assert loom.submit(cached.bind(log, 1)).gather() == [[1]]
    assert loom.get(cached.remote(log, x=1)) == [1]
    assert loom.get(cached.remote(log, 2)) == [2]
    assert log.notes() == ["cached 1", "cached 1", "cached 2"], "x=1 is written as another call"


@pytest.mark.usefixtures("configured")
def test_what_takes_cached_results_is_cached_too(log: Gate) -> None:
    for _ in range(2):
        array = cached_ones.remote(log, 100_000)
        assert loom.get(more.remote(log, array), timeout=20) == 100_001
        assert loom.get(array, timeout=20).sum() == 100_000
    assert log.notes() == ["ones 100000", "more"]
    plan = loom.Plan([more.bind(log, cached_ones.bind(log, 100_000))])
    assert plan.submit().gather(20) == [100_001]
    assert plan.submit().gather(20) == [100_001]
    assert log.notes() == ["ones 100000", "more"], "however the calls came about"


@pytest.mark.usefixtures("configured")
def test_a_hit_of_a_small_result_is_no_task(log: Gate) -> None:
    loom.get(cached.remote(log, 1))
    ref = cached.remote(log, 1)
    assert ref.binary() in current.session().was_put
    handle = loom.submit(plain.bind(log, plain.bind(log, "a"), cached.bind(log, 1)))
    assert handle.gather() == [[["a"], [1]]]
    assert handle.progress().tasks == 2


@pytest.mark.usefixtures("configured")
def test_map_keeps_each_item_for_itself(log: Gate) -> None:
    @loom.task(cache=True)
    def square(x: int) -> int:
        log.note(f"{x}")
        return x * x

    assert loom.get(square.map(range(3))) == [0, 1, 4]
    assert loom.get(square.map(range(5))) == [0, 1, 4, 9, 16]
    assert sorted(log.notes()) == ["0", "1", "2", "3", "4"]
    with pytest.raises(ValueError, match="has cache or checkpoint"):
        square.map(range(3), chunk=2)


def test_what_is_over_the_limit_goes(log: Gate, configured: Callable[..., None]) -> None:
    configured(cache_bytes=5_000, cache_dir=current.session().config.cache_dir)
    for i in range(100):
        loom.get(cached.remote(log, i))
    assert loom.get(cached.remote(log, 99)) == [99]
    assert loom.get(cached.remote(log, 0)) == [0]
    assert log.notes() == [f"cached {i}" for i in (*range(100), 0)]
    configured(cache_bytes=0)
    loom.get(cached.remote(log, 99))
    assert log.notes()[-1] == "cached 99", "0 keeps nothing"


@pytest.mark.usefixtures("configured")
def test_failures_and_what_has_no_key_are_not_cached(log: Gate) -> None:
    bad = fails.options(cache=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="on purpose"):
            loom.get(bad.remote(log))
    ref = plain.remote(log, "a")
    for _ in range(2):
        assert loom.get(cached.remote(log, ref)) == [["a"]]
    assert log.notes() == ["fails", "fails", "plain", "cached ['a']", "cached ['a']"]


def test_a_cache_that_cannot_be_written_costs_no_result(
    log: Gate, tmp_path: Path, configured: Callable[..., None], anywhere: str
) -> None:
    (tmp_path / "file").touch()
    configured(cache_dir=str(tmp_path / "file"))
    if anywhere == "inline":
        with pytest.warns(UserWarning, match="cached was not kept in the cache"):
            assert loom.get(cached.remote(log, 1)) == [1]
    else:
        assert loom.get(cached.remote(log, 1)) == [1]
