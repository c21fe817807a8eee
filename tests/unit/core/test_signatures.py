"""`Arity.check` refuses exactly what Python itself would refuse."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperloom.core.signatures import Arity

if TYPE_CHECKING:
    from collections.abc import Callable


def none() -> None: ...
def one(a: Any) -> None: ...
def defaults(a: Any, b: Any = 1) -> None: ...
def positional(a: Any, /, b: Any) -> None: ...
def keyword(a: Any, *, b: Any) -> None: ...
def keyword_default(a: Any, *, b: Any = 1) -> None: ...
def any_args(*args: Any) -> None: ...
def any_kwargs(a: Any = 1, **kwargs: Any) -> None: ...
def everything(a: Any, /, b: Any = 1, *args: Any, c: Any, d: Any = 2, **kwargs: Any) -> None: ...


FUNCTIONS: list[Callable[..., None]] = [
    none, one, defaults, positional, keyword, keyword_default, any_args, any_kwargs, everything,
    functools.partial(defaults, 1), functools.partial(everything, c=3),
]  # fmt: skip


@given(
    function=st.sampled_from(FUNCTIONS),
    args=st.lists(st.none(), max_size=4),
    kwargs=st.dictionaries(st.sampled_from("abcdx"), st.none(), max_size=4),
)
def test_a_call_is_refused_if_and_only_if_python_refuses_it(
    function: Callable[..., None], args: list[None], kwargs: dict[str, None]
) -> None:
    try:
        function(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeError, match=r"named\("):
            Arity(function, "named").check(tuple(args), kwargs)
    else:
        Arity(function, "named").check(tuple(args), kwargs)


def test_a_function_without_a_signature_takes_anything() -> None:
    arity = Arity(min, "min")
    arity.check((1, 2), {"key": None})
    assert arity.parameters == ()


def test_the_parameters_names_are_known() -> None:
    assert Arity(everything, "f").parameters == ("a", "b")


def test_a_method_that_lacks_its_object_is_told_how_to_have_it() -> None:
    class Scale:
        def times(self, x: int) -> None: ...

    with pytest.raises(TypeError, match=r"(?s)missing .*'x'.*defined in a class.*remote\(obj, …\)"):
        Arity(Scale.times, "Scale.times").check((3,), {})
    Arity(Scale.times, "Scale.times").check((Scale(), 3), {})
    with pytest.raises(TypeError) as plain:
        Arity(one, "one").check((), {})
    assert "class" not in str(plain.value)


def test_the_refusal_shows_the_signature_and_what_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"f\(a: 'Any', b: 'Any' = 1\) -> .*missing .*'a'"):
        Arity(defaults, "f").check((), {})
