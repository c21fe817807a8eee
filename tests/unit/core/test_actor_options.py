"""What an actor, and a method of one, may ask for."""

from __future__ import annotations

from typing import Any

import pytest

import hyperloom as loom
from hyperloom.core.actors.options import ActorOptions, MethodOptions
from hyperloom.errors import InvalidOption


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": ""}, "name=''"),
        ({"name": "a\0b"}, "name="),
        ({"namespace": 3}, "namespace=3"),
        ({"get_if_exists": True}, "for actors with a name="),
        ({"lifetime": "forever"}, "'detached' or None"),
        ({"max_restarts": -2}, "-1 without end"),
        ({"max_task_retries": 1.5}, "-1 without end"),
        ({"max_concurrency": 0}, "at least 1"),
        ({"max_pending_calls": 0}, "-1 for any number"),
        ({"concurrency_groups": {"io": 0}}, "name of a group"),
        ({"concurrency_groups": ["io"]}, "name of a group"),
        ({"checkpoint_every": -1}, "0 for never"),
        ({"allow_out_of_order": 1}, "True or False"),
        ({"num_cpus": -1}, "num_cpus"),
        ({"max_restart": 1}, "Did you mean 'max_restarts'"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        ActorOptions().with_(options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"num_returns": -1}, "num_returns"),
        ({"max_task_retries": -2}, "-1 without end"),
        ({"concurrency_group": 1}, "the name of a group"),
        ({"retry_exceptions": [int]}, "retry_exceptions"),
        ({"num_cpus": 1}, "a method has no option 'num_cpus'"),
    ],
)
def test_what_cannot_be_of_a_method_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        MethodOptions().with_(options)


def test_a_group_that_there_is_not_is_refused_at_the_class() -> None:
    class Reads:
        @loom.method(concurrency_group="io")
        def read(self) -> None:
            """Nothing."""

    with pytest.raises(InvalidOption, match=r"concurrency_group='io' of .*Reads.read cannot be"):
        loom.actor(Reads)
