"""Functions travel by name where that leads back to them, and by code where not."""

from __future__ import annotations

import functools
import importlib.util
import json
import sys

import cloudpickle
import pytest

from hyperloom.errors import TooLarge, Undeserializable
from hyperloom.serialization import (
    from_inline,
    noting_refs,
    pack,
    pack_function,
    to_inline,
    unpack_function,
)
from hyperloom.serialization import functions as functions_module

from .refs import Ref


class Task:
    """As a task decorator does it: another object takes the function's name."""

    def __init__(self, function):
        functools.update_wrapper(self, function)


def logged(function):
    @functools.wraps(function)
    def wrapper(*args):
        return ("logged", function(*args))

    return wrapper


def plain(x):
    return x + 1


@Task
def decorated(x):
    return x + 2


@Task
@logged
def decorated_twice(x):
    return x + 3


class Namespace:
    @staticmethod
    def method(x):
        return x + 4


def round_trip(function):
    return unpack_function(pack_function(function))


@pytest.mark.parametrize(
    "function",
    [plain, decorated.__wrapped__, decorated_twice.__wrapped__, Namespace.method, json.dumps],
)
def test_a_function_of_a_module_travels_by_name(function):
    data = pack_function(function)
    assert len(data) < 200
    assert unpack_function(data) is function


def test_a_lambda_and_a_local_function_travel_by_code():
    step = 5

    def local(x):
        return x + step

    assert round_trip(local)(1) == 6
    assert round_trip(lambda x: x + step)(1) == 6
    assert round_trip(functools.partial(local, 2))() == 7


def test_code_that_travels_keeps_the_name_of_its_file():
    def local():
        return lambda: None

    class Local:
        def method(self):
            pass

    inner = round_trip(local)()
    assert inner.__code__.co_filename == __file__
    assert inner.__code__.co_firstlineno == local().__code__.co_firstlineno
    kind = from_inline(to_inline(pack(Local)))
    assert kind.method.__code__.co_filename == __file__


def test_a_function_that_was_redefined_is_the_newest_and_the_old_one_itself():
    def version(number):
        def local():
            return number

        return local

    assert [round_trip(version(number))() for number in range(3)] == [0, 1, 2]
    old = functions_module.pack_function
    replaced = functools.wraps(old)(lambda: "other")  # same name, not what the name leads to
    assert round_trip(replaced)() == "other"


def test_a_recursive_local_function_round_trips():
    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    assert round_trip(factorial)(5) == 120


def test_what_a_function_captures_may_be_a_ref():
    ref = Ref(b"1")
    with noting_refs() as refs:
        data = pack_function(lambda: ref.oid)
    assert refs == [b"1"]
    assert unpack_function(data)() == b"1"


@pytest.fixture
def lonely(tmp_path):
    """A module that this process has loaded by path, and no other can import."""
    path = tmp_path / "lonely_module.py"
    path.write_text(
        "class Result:\n    value = 7\n"
        "def make():\n    return Result()\n"
        "def number():\n    return helper()\n"
        "def helper():\n    return 8\n"
    )
    spec = importlib.util.spec_from_file_location("lonely_module", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["lonely_module"] = module
    spec.loader.exec_module(module)
    functions_module._importable.cache_clear()
    yield module
    cloudpickle.unregister_pickle_by_value(module)
    del sys.modules["lonely_module"]
    functions_module._importable.cache_clear()


def test_a_module_that_only_this_process_has_travels_with_its_functions(lonely):
    function = pack_function(lonely.make)
    number = pack_function(lonely.number)
    value = to_inline(pack(lonely.Result()))
    sys.modules["lonely_module"] = None  # as in another process
    try:
        assert unpack_function(function)().value == 7
        assert unpack_function(number)() == 8
        assert from_inline(value).value == 7
    finally:
        sys.modules["lonely_module"] = lonely


def test_a_module_that_is_missing_here_is_named():
    data = pack_function(plain).replace(b"test_functions", b"text_functions")
    with pytest.raises(Undeserializable, match="text_functions"):
        unpack_function(data)


def test_a_large_function_is_warned_about_and_a_huge_one_refused(monkeypatch):
    small = list(range(10))
    table = "x" * 30_000

    def heavy():
        return table, small

    monkeypatch.setattr(functions_module, "WARN_BYTES", 10_000)
    with pytest.warns(UserWarning, match=r"heavy is 0 MB .*largest part is __closure__\['table'\]"):
        pack_function(heavy)
    monkeypatch.setattr(functions_module, "MAX_BYTES", 20_000)
    with pytest.raises(TooLarge, match=r"__closure__\['table'\].*\n.*loom\.put\(\)"):
        pack_function(heavy)
