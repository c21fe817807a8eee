"""Options are checked where they are written, and the message says what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

import hyperloom as loom
from hyperloom.core.options import TaskOptions
from hyperloom.errors import InvalidOption

HERE = "0011223344556677"


def with_(**changes: Any) -> TaskOptions:
    return TaskOptions().with_(changes)


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"num_cpus": 0},
        {"num_cpus": 0.0001},
        {"num_cpus": 12.5},
        {"num_gpus": 0.5},
        {"num_gpus": 3},
        {"memory": 2**40},
        {"resources": {"paint": 0.7, "licence-x": 2}},
        {"resources": None},
        {"num_returns": 0},
        {"num_returns": 1000},
        {"num_returns": "streaming"},
        {"max_retries": -1},
        {"retry_exceptions": True},
        {"retry_exceptions": [OSError, ValueError]},
        {"retry_exceptions": OSError},
        {"priority": -1_000_000},
        {"timeout_s": 0.001},
        {"name": "a name"},
        {"max_calls": 5},
        {"scheduling": "spread"},
        {"scheduling": loom.NodeAffinity(HERE)},
        {"stream_ahead": 3},
    ],
    ids=str,
)
def test_what_may_be_is_taken(good: dict[str, Any]) -> None:
    options = with_(**good)
    assert options.with_({}) == options


@pytest.mark.parametrize(
    "bad",
    [
        {"num_cpus": -1},
        {"num_cpus": "1"},
        {"num_cpus": True},
        {"num_cpus": None},
        {"num_cpus": float("nan")},
        {"num_cpus": float("inf")},
        {"num_cpus": 0.00001},
        {"num_gpus": 1.5},
        {"memory": -1},
        {"resources": {"CPU": 1}},
        {"resources": {"GPU": 1}},
        {"resources": {"memory": 1}},
        {"resources": {"a": -1}},
        {"resources": {1: 1}},
        {"resources": ["a"]},
        {"num_returns": -1},
        {"num_returns": 1.0},
        {"num_returns": True},
        {"num_returns": "dynamic"},
        {"num_returns": 10**7},
        {"max_retries": -2},
        {"max_retries": 1.5},
        {"max_retries": None},
        {"retry_exceptions": [1]},
        {"retry_exceptions": "OSError"},
        {"retry_exceptions": None},
        {"priority": 0.5},
        {"priority": 10**9},
        {"timeout_s": 0},
        {"timeout_s": -1},
        {"timeout_s": "5"},
        {"timeout_s": float("nan")},
        {"name": ""},
        {"name": 5},
        {"max_calls": -1},
        {"scheduling": "everywhere"},
        {"scheduling": None},
        {"scheduling": loom.NodeAffinity("nonsense")},
        {"scheduling": loom.NodeAffinity(5)},  # type: ignore[arg-type]
        {"stream_ahead": -1},
        {"stream_ahead": 1.5},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name(bad: dict[str, Any]) -> None:
    (name,) = bad
    with pytest.raises(InvalidOption) as info:
        loom.task(**bad)
    assert isinstance(info.value, ValueError)  # for who does not know our classes
    assert name in str(info.value) or name == "resources"  # which names the one at fault


def test_an_unknown_option_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InvalidOption, match=r"no option 'num_cpu'\. Did you mean 'num_cpus'\?"):
        loom.task(num_cpu=2)  # type: ignore[call-overload]
    with pytest.raises(InvalidOption, match=r"no option 'xyz'\. There are: num_cpus, "):
        loom.task(xyz=2)  # type: ignore[call-overload]
    where = r"no option 'policy'\. Where it runs is said by 'scheduling': 'default', 'spread'"
    with pytest.raises(InvalidOption, match=where):
        loom.task(policy="spread")  # type: ignore[call-overload]
    with pytest.raises(InvalidOption, match=where):
        loom.task(len).options(policy="spread")  # type: ignore[call-overload]


def test_max_calls_belongs_to_the_decorator() -> None:
    function = loom.task(len)
    with pytest.raises(TypeError, match="write it at the decorator"):
        function.options(max_calls=3)
    with pytest.raises(InvalidOption, match="Did you mean 'priority'"):
        function.options(prioriti=3)  # type: ignore[call-overload]


def test_options_add_up() -> None:
    options = with_(num_cpus=2).with_({"num_gpus": 1}).with_({"num_cpus": 3, "memory": 5})
    assert str(options.shape()) == "CPU:30000,GPU:10000,memory:5"
