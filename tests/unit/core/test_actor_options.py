"""What an actor, and a method of one, may ask for."""

from __future__ import annotations

from abc import ABC
from typing import Any, Generic, Self, TypeVar

import pytest

import hyperloom as loom
from hyperloom.core.actors.options import ActorOptions, MethodOptions
from hyperloom.errors import InvalidOption

T = TypeVar("T")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": ""}, "name=''"),
        ({"name": "a\0b"}, "name="),
        ({"namespace": 3}, "namespace=3"),
        ({"get_if_exists": True}, "for actors with a name="),
        ({"namespace": "shop"}, "namespace='shop'.* for actors with a name="),
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


class Silent:
    """It says nothing of its constructor."""


class Abstract(ABC):  # noqa: B024 - its metaclass is what matters
    """Nor does this, of another metaclass."""


class Inherits(Silent, Generic[T]):
    """Nor this."""


@pytest.mark.parametrize("cls", [Silent, Abstract, Inherits])
def test_a_class_that_says_nothing_of_its_constructor_takes_nothing(cls: type) -> None:
    arity = loom.actor(cls).loom_arity
    arity.check((), {})
    with pytest.raises(TypeError, match=rf"^{cls.__name__}\(\): too many positional"):
        arity.check((1,), {})


class Makes:
    """It says something, elsewhere."""

    def __new__(cls, number: int) -> Self:
        """One of a number."""
        del number
        return super().__new__(cls)


class Called(type):
    """Says what its classes take."""

    def __call__(cls, number: int) -> Any:
        del number
        return super().__call__()


class OfThese(metaclass=Called):
    """It says nothing itself."""


@pytest.mark.parametrize("cls", [Makes, OfThese])
def test_a_constructor_may_be_said_in_other_places(cls: type) -> None:
    arity = loom.actor(cls).loom_arity
    arity.check((1,), {})
    with pytest.raises(TypeError, match=r"missing a required argument: 'number'"):
        arity.check((), {})
