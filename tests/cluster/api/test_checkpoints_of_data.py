"""Checkpoints of data objects and maps, and of what was made of files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import data, errors, tasks
from tests.cluster.api.kept import hands_on, merge, rerun

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def merge_one(i: int, log: Gate) -> str:
    log.note(f"{i}")
    return f"{i}"


@loom.task
def pieces(log: Gate, text: data.Plain, whole: data.Array) -> data.Array:
    """All of it lies in the inputs."""
    log.note("pieces")
    return data.array([text, whole, text, 5])


def test_data_objects_are_kept_by_value(log: Gate, tmp_path: Path) -> None:
    """What is referred to as long as a program runs is in the file itself."""
    file = tmp_path / "input"
    file.write_bytes(b"first")
    text, number = data.Plain(b"x" * 200_000), data.array([b"y" * 100_000])

    def plan() -> Any:
        made = pieces.bind(log, text, hands_on.bind(number)).checkpoint(tmp_path / "a")
        return [made, hands_on.bind(data.File(file)).checkpoint(tmp_path / "b")]

    expected = [text.read(), [b"y" * 100_000], text.read(), 5]
    made, opened = loom.submit(plan()).gather()
    assert (made, opened.read()) == (expected, b"first")
    results, computed = rerun(plan(), log)
    assert (results[0], results[1].read(), computed) == (expected, b"first", [])
    assert loom.read_checkpoint(tmp_path / "a").gathered() == expected
    file.write_bytes(b"other")
    os.utime(file, (1, 1))
    results, _ = rerun(plan(), log, r"b: it was made by other code, arguments or inputs")
    assert results[1].read() == b"other"


def test_maps_are_inputs_of_what_is_kept(log: Gate, tmp_path: Path) -> None:
    """Taken whole or by item; a result of an item is that of the call by itself."""

    def top(count: int, item: Any) -> Any:
        parts = merge_one.bind_map(range(count), log=log)
        whole = hands_on.bind(parts).checkpoint(tmp_path / "whole")
        return [whole, merge.bind(log, "top", item(parts)).checkpoint(tmp_path / "item")]

    def third(parts: Any) -> Any:
        return parts[3]

    expected = [[f"{i}" for i in range(40)], "top[3]"]
    assert loom.submit(top(40, third)).gather() == expected
    assert len(log.notes()) == 41
    assert rerun(top(40, third), log) == (expected, [])
    assert rerun(top(40, lambda _: merge_one.bind(3, log=log)), log) == (expected, [])
    results, computed = rerun(top(41, third), log, "whole: it was made by other code")
    assert (len(results[0]), results[1], len(computed)) == (41, "top[3]", 41)
    with pytest.raises(errors.InvalidOption, match="the results of a map are not kept"):
        merge_one.options(cache=True).bind_map(range(3), log=log)
    with pytest.raises(errors.InvalidOption, match=r"checkpoint\('x'\) of <bound map .*not kept"):
        merge_one.bind_map(range(3), log=log).checkpoint("x")


def test_a_built_in_task_has_checkpoint_and_cache(tmp_path: Path, configured: Any) -> None:
    """Even one that a raylet would run itself."""
    assert configured
    for _ in range(2):
        merged = tasks.merge(["a", tasks.const("b")], ",").checkpoint(tmp_path / "a")
        assert loom.submit([tasks.size(merged), merged], resume=True).gather() == [3, b"a,b"]
    assert loom.read_checkpoint(tmp_path / "a").gathered() == b"a,b"
    call = tasks.merge(["a", "c"])
    kept = call.function.options(cache=True)
    for _ in range(2):
        assert loom.submit(kept.bind(*call.args, **call.kwargs)).gather() == [b"ac"]
        assert loom.get(kept.remote(*call.args, **call.kwargs)) == b"ac"


def test_a_checkpoint_knows_the_file_that_it_was_made_of(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("a\nb")

    def plan() -> Any:
        return tasks.length(tasks.split(tasks.open(tmp_path / "in"))).checkpoint(tmp_path / "a")

    assert loom.submit(plan()).gather() == [2]
    assert loom.submit(plan(), resume=True).gather() == [2]
    (tmp_path / "in").write_text("a\nb\nc")
    with pytest.warns(UserWarning, match="other code, arguments or inputs"):
        assert loom.submit(plan(), resume=True).gather() == [3]


@loom.task
def names_files(log: Gate, path: Path) -> data.Array:
    log.note("made")
    path.write_bytes(b"made")
    return data.array([data.File(path), "text"])


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("cached", [False, True])
def test_what_names_a_file_is_as_good_as_the_file(
    log: Gate, tmp_path: Path, *, cached: bool
) -> None:
    file = tmp_path / "file"

    def plan() -> Any:
        kept: dict[str, Any] = {"cache": True} if cached else {"checkpoint": tmp_path / "a"}
        return tasks.merge([tasks.get(names_files.options(**kept).bind(log, file), 0), "!"])

    def computed(warning: str = "") -> list[str]:
        results, notes = rerun(plan(), log, None if cached else warning or None)
        assert results == [b"made!"]
        return notes

    loom.submit(plan()).gather()
    assert log.notes() == ["made"]
    assert computed() == []
    file.unlink()
    assert computed("that it names cannot be had: there is no such file") == ["made"]
    assert computed() == []
    file.write_bytes(b"by another")
    assert computed("that it names is not what it was; names_files is computed again") == ["made"]
