"""Checkpoints: written with the result, gone on from, never believed when they are wrong."""

# ruff: noqa: PTH208 - names are compared as text

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.plan import resume
from tests.cluster.api.kept import hands_on, merge, rerun
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def ones(log: Gate, size: int) -> np.ndarray:
    log.note("ones")
    return np.ones(size)


@loom.task
def total(array: np.ndarray) -> float:
    return float(array.sum())


@loom.task(num_returns=2)
def pair(log: Gate, x: int) -> tuple[int, list[int]]:
    log.note("pair")
    return x, [x]


@loom.task(num_returns=0)
def effect(log: Gate) -> None:
    log.note("effect")


@loom.task
def fails(log: Gate) -> int:
    log.note("fails")
    raise ValueError("on purpose")


def test_a_result_is_in_its_file_when_it_is_there(log: Gate, tmp_path: Path) -> None:
    path = tmp_path / "new" / "a"
    path.parent.mkdir()
    task = merge.bind(log, "a", merge.bind(log, "b")).checkpoint(path)
    handle = loom.submit(task)
    assert handle.wait(20)
    assert loom.read_checkpoint(path) == "a[b]"
    assert os.listdir(path.parent) == ["a"], "no half of a file"
    assert handle.gather() == ["a[b]"]
    assert rerun(task, log) == (["a[b]"], [])


def test_a_plan_goes_on_from_what_is_there(log: Gate, tmp_path: Path) -> None:
    """What has a checkpoint is loaded, what only it needs is left out, what is missing computed."""

    def tree() -> Any:
        leaves = [merge.bind(log, f"{i}") for i in range(6)]
        left = merge.bind(log, "left", leaves[0], leaves[1], leaves[2]).checkpoint(tmp_path / "l")
        middle = merge.bind(log, "middle", leaves[2], leaves[3]).checkpoint(tmp_path / "m")
        right = merge.bind(log, "right", leaves[4], leaves[5]).checkpoint(tmp_path / "r")
        return merge.bind(log, "top", left, middle, right, left)

    (expected,) = loom.submit(tree()).gather()
    assert len(log.notes()) == 10
    assert rerun(tree(), log) == ([expected], ["top"])
    (tmp_path / "m").unlink()
    results, computed = rerun(tree(), log)
    assert (results, sorted(computed)) == ([expected], ["2", "3", "middle", "top"])
    assert rerun(tree(), log)[1] == ["top"], "it was written again"


def test_without_resume_all_is_computed_and_written_again(log: Gate, tmp_path: Path) -> None:
    task = merge.bind(log, "a").checkpoint(tmp_path / "a")
    loom.submit(task).gather()
    (tmp_path / "a").write_text("mine")
    assert loom.submit(task).gather() == ["a"]
    assert log.notes() == ["a", "a"]
    assert loom.read_checkpoint(tmp_path / "a") == "a"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[:-1], r"it has \d+ bytes instead of"),
        (
            lambda data: data[:50] + b"?" + data[51:],
            "it was made by other|checksum|head cannot|instead of",
        ),
        (lambda data: data[:-5] + b"?" + data[-4:], "its checksum is wrong"),
        (lambda _: b"", "no file of results"),
        (lambda _: b"somebody's own file", "no file of results"),
    ],
    ids=["cut", "head", "changed", "empty", "other"],
)
def test_a_damaged_checkpoint_is_told_and_computed_again(
    damage: Callable[[bytes], bytes], says: str, log: Gate, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    task = merge.bind(log, "a").checkpoint(path)
    loom.submit(task).gather()
    path.write_bytes(damage(path.read_bytes()))
    assert rerun(task, log, f"{path}: .*({says}).*; merge is computed again") == (["a"], ["a"])
    assert rerun(task, log) == (["a"], [])


def test_a_stale_checkpoint_is_told_and_computed_again(log: Gate, tmp_path: Path) -> None:
    path = tmp_path / "a"
    says = "it was made by other code, arguments or inputs; merge is computed again"

    def top(name: str, function: Any = merge) -> Any:
        return merge.bind(log, "top", function.bind(log, name)).checkpoint(path)

    loom.submit(top("a")).gather()
    assert rerun(top("b"), log, says)[0] == ["top[b]"], "an input's argument changed"
    assert rerun(top("b", merge.options(num_cpus=0.5)), log)[1] == [], "resources change nothing"
    assert rerun(top("b", merge.options(version="2")), log, says)[1] == ["b", "top"]
    assert rerun(top("b", merge.options(version="2")), log)[1] == []

    @loom.task
    def another(log: Gate, name: str) -> str:
        return merge(log, name)

    assert rerun(top("b", another), log, says)[1] == ["b", "top"], "an input's code changed"


def test_many_notes_are_counted(log: Gate, tmp_path: Path) -> None:
    several = [merge.bind(log, "a").checkpoint(tmp_path / f"{i}") for i in range(15)]
    for i in range(15):
        (tmp_path / f"{i}").touch()
    with pytest.warns(UserWarning, match="no file of results|5 more like these") as told:
        loom.submit(several, resume=True).gather()
    assert len(told) == 11
    assert str(told[-1].message) == "and 5 more like these"
    assert all(each.filename == __file__ for each in told), "they point at the user's line"


def test_large_results_are_loaded_on_a_node(
    log: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "READ_HERE_BYTES", 1000)  # checked there, too
    large = ones.bind(log, 100_000).checkpoint(tmp_path / "a")
    other = ones.bind(log, 100_001).checkpoint(tmp_path / "b")
    several = [total.bind(large), large, total.bind(other)]
    assert loom.submit(several[0:3:2]).gather() == [100_000, 100_001]
    results, computed = rerun(several, log)
    assert (results[0], results[1].sum(), results[2], computed) == (100_000, 100_000, 100_001, [])
    data = bytearray((tmp_path / "a").read_bytes())
    data[400_000] ^= 1
    (tmp_path / "a").write_bytes(data)
    results, computed = rerun(several, log, f"{tmp_path / 'a'}: its checksum is wrong")
    assert (results[0], results[2], computed) == (100_000, 100_001, ["ones"])


def test_all_results_of_a_task_are_in_one_file(log: Gate, tmp_path: Path) -> None:
    both = pair.bind(log, 7).checkpoint(tmp_path / "a")
    nothing = effect.bind(log).checkpoint(tmp_path / "b")
    assert loom.submit([both, nothing]).gather() == [[7, [7]], []]
    wait_until((tmp_path / "b").exists, 20)  # it has no result that could be waited for
    assert loom.read_checkpoint(tmp_path / "a") == [7, [7]]
    results, computed = rerun([both[1], both, nothing, hands_on.bind(both[1])], log)
    assert (results, computed) == ([[7], [7, [7]], [], [7]], [])


def test_a_failure_is_never_kept(log: Gate, tmp_path: Path) -> None:
    bad = fails.bind(log).checkpoint(tmp_path / "a")
    top = hands_on.bind(bad).checkpoint(tmp_path / "b")
    for _ in range(2):
        with pytest.raises(ValueError, match="on purpose"):
            loom.submit(top, resume=True).gather()
    assert log.notes() == ["fails", "fails"]
    assert sorted(os.listdir(tmp_path)) == ["log"]


@pytest.mark.usefixtures("configured")
def test_true_is_a_name_made_of_the_key(log: Gate, tmp_path: Path) -> None:
    kept = merge.options(checkpoint=True)
    several = [kept.bind(log, "a"), kept.bind(log, "b"), kept.bind(log, "a")]
    assert loom.submit(several).gather() == ["a", "b", "a"]
    names = sorted(os.listdir(tmp_path / "kept"))
    assert len(names) == 2
    assert all(name.startswith("merge-") and name.endswith(".loom") for name in names)
    assert rerun([*several, kept.bind(log, "c")], log)[1] == ["c"]


@pytest.mark.usefixtures("configured")
def test_a_relative_path_lies_in_the_folder_that_was_configured(log: Gate, tmp_path: Path) -> None:
    loom.submit(merge.bind(log, "a").checkpoint("sub/a")).gather()
    assert loom.read_checkpoint(tmp_path / "kept" / "sub" / "a") == "a"
    for path in ("../a", "sub/../../a", "."):
        with pytest.raises(errors.InvalidOption, match="leads out of the folder"):
            loom.submit(merge.bind(log, "b").checkpoint(path))
    assert log.notes() == ["a"]


@pytest.mark.parametrize("path", [True, "a"])
def test_without_a_folder_only_absolute_paths_will_do(path: Any, log: Gate) -> None:
    with pytest.raises(errors.InvalidOption, match=r"needs a folder: loom\.init\(checkpoint_dir"):
        loom.submit(merge.bind(log, "a").checkpoint(path))
    assert log.notes() == []


@pytest.mark.parametrize("path", ["", "a\0b", "/a/", 3, None, b"/a"])
def test_what_is_no_path_is_refused_at_the_call(path: Any, log: Gate) -> None:
    for call in (
        lambda: merge.options(checkpoint=path),
        lambda: merge.bind(log, "a").checkpoint(path),
        lambda: loom.task(checkpoint=path)(len),
    ):
        with pytest.raises(errors.InvalidOption, match=r"checkpoint=.* cannot be"):
            call()


def test_a_place_that_cannot_be_is_refused_before_anything_is_sent(
    log: Gate, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for path, says in (
        (tmp_path, "it is a folder"),
        (tmp_path / "file" / "a", "is not a folder"),
        (tmp_path / "no" / "a", "there is no folder .*/no; make it, if that is the right name"),
        (tmp_path / "no" / "such" / "a", "there is no folder .*/no/such; make it"),
    ):
        with pytest.raises(errors.InvalidOption, match=f"{says}.*. Nothing was submitted"):
            loom.submit(merge.bind(log, "top", merge.bind(log, "a").checkpoint(path)))
        with pytest.raises(errors.InvalidOption, match=says):
            merge.options(checkpoint=path).remote(log, "a")
    assert log.notes() == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file"]


def test_the_folder_of_checkpoints_is_made_but_none_above_it(
    log: Gate, tmp_path: Path, configured: Callable[..., None]
) -> None:
    configured(checkpoint_dir=str(tmp_path / "new"))
    loom.submit(merge.bind(log, "a").checkpoint("sub/folder/a")).gather()
    assert (tmp_path / "new" / "sub" / "folder" / "a").exists()
    configured(checkpoint_dir=str(tmp_path / "mistyped" / "new"))
    with pytest.raises(errors.InvalidOption, match=r"there is no folder .*/mistyped; make it"):
        loom.submit(merge.bind(log, "a").checkpoint("a"))
    assert not (tmp_path / "mistyped").exists()


def test_two_tasks_cannot_have_one_file(log: Gate, tmp_path: Path) -> None:
    kept = merge.options(checkpoint=tmp_path / "a")
    with pytest.raises(errors.InvalidOption, match=r"first and merge, have the checkpoint"):
        loom.submit([kept.bind(log, "a").named("first"), kept.bind(log, "b")])
    assert loom.submit([kept.bind(log, "a"), kept.bind(log, "a")]).gather() == ["a", "a"]


def test_a_stream_has_no_checkpoint() -> None:
    def items() -> Iterator[int]:
        yield 1

    for options in ({"cache": True}, {"checkpoint": True}):
        with pytest.raises(errors.InvalidOption, match="leave these options out"):
            loom.task(**options)(items)  # type: ignore[call-overload]
        with pytest.raises(errors.InvalidOption, match="leave these options out"):
            merge.options(num_returns="streaming", **options)  # type: ignore[call-overload]


def test_refs_go_by_what_made_them(log: Gate, tmp_path: Path) -> None:
    """An object of `put` by its value, a result by its call; of others nobody knows."""

    def top(part: Any) -> Any:
        return merge.bind(log, "top", part).checkpoint(tmp_path / "a")

    loom.submit(top(loom.put("x"))).gather()
    assert rerun(top(loom.put("x")), log) == (["top[x]"], [])
    assert rerun(top(loom.put("y")), log, "other code")[1] == ["top"]

    earlier = loom.submit(merge.bind(log, "e").checkpoint(tmp_path / "e"))
    loom.submit(top(earlier.results[0])).gather()
    again = loom.submit(merge.bind(log, "e").checkpoint(tmp_path / "e"), resume=True)
    assert rerun(top(again.results[0]), log) == (["top[e]"], [])

    unknown = merge.remote(log, "u")
    loom.get(unknown)
    says = r"cannot be known again in a later run.*its argument 2: ObjectRef\(.*without a key"
    for _ in range(2):
        assert rerun(top(unknown), log, says) == (["top[u]"], ["top"])


def test_a_result_that_holds_references_cannot_be_kept(tmp_path: Path) -> None:
    task = hands_on.bind([loom.put(1)]).checkpoint(tmp_path / "a")
    with pytest.raises(errors.CheckpointError, match="it holds references, which end with this"):
        loom.submit(task).gather()
    assert not (tmp_path / "a").exists()


def test_a_checkpoint_that_cannot_be_written_is_a_failure_and_told(
    log: Gate, tmp_path: Path
) -> None:
    task = merge.bind(log, "a").checkpoint("/proc/self/nothing/a")
    with pytest.raises((errors.CheckpointError, errors.InvalidOption)):
        loom.submit(task).gather()

    @loom.task
    def takes_the_place(path: Path) -> str:
        path.mkdir()
        return "done"

    path = tmp_path / "b"
    with pytest.raises(OSError, match=r"takes_the_place could not be written to .*/b: Is a dir"):
        loom.submit(takes_the_place.bind(path).checkpoint(path)).gather()


def test_resume_without_checkpoints_says_so(log: Gate) -> None:
    assert rerun(merge.bind(log, "a"), log, "no task of this plan has a checkpoint")[0] == ["a"]


def test_a_plan_in_a_task_has_checkpoints_too(log: Gate, tmp_path: Path) -> None:
    @loom.task
    def outer(path: Path) -> Any:
        task = merge.bind(log, "a").checkpoint(path)
        return loom.submit(task, resume=path.exists()).gather()[0]

    for _ in range(2):
        assert loom.get(outer.remote(tmp_path / "a"), timeout=20) == "a"
    assert log.notes() == ["a"]


@pytest.mark.usefixtures("configured")
def test_an_eager_call_writes_its_checkpoint(log: Gate, tmp_path: Path) -> None:
    kept = merge.options(checkpoint="a")
    assert loom.get(kept.remote(log, "a")) == "a"
    assert loom.read_checkpoint(tmp_path / "kept" / "a") == "a"
    assert rerun(kept.bind(log, "a"), log) == (["a"], [])
