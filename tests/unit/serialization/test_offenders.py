"""The part of a value that cannot travel is found and named."""

from __future__ import annotations

import functools
import threading

import pytest

from hyperloom.errors import NotSerializable
from hyperloom.serialization import inspect_serializability, pack, pack_function

LOCK = threading.Lock()


class Node:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def method(self):
        return self


class Slotted:
    __slots__ = ("lock",)


class Choosy:
    """Has a lock, but does not send it; and sends something worse."""

    def __init__(self):
        self.lock = LOCK

    def __getstate__(self):
        return {"stream": (number for number in ())}


def slotted():
    made = Slotted()
    made.lock = LOCK
    return made


def closing_over(lock):
    def inner():
        return lock

    return inner


def defaulting(lock=LOCK, *, other=LOCK):
    return lock, other


def using_a_global():
    return LOCK


defaulting.__module__ = using_a_global.__module__ = "__main__"  # so that they go by value


def circular():
    one = Node()
    one.other = Node(back=one, lock=LOCK)
    return one


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (LOCK, "value"),
        ([1, LOCK], "value[1]"),
        ({"k": (1, LOCK)}, "value['k'][1]"),
        ({(1, closing_over(LOCK)): 1}, None),
        (Node(callbacks=[1, 2, Node(lock=LOCK)]), "value.callbacks[2].lock"),
        (slotted(), "value.lock"),
        (Choosy(), "value.stream"),
        (closing_over(LOCK), "value.__closure__['lock']"),
        (using_a_global, "value.__globals__['LOCK']"),
        (defaulting, "value.__defaults__[0]"),
        (functools.partial(print, end=LOCK), "value.keywords['end']"),
        (Node(lock=LOCK).method, "value.__self__.lock"),
        (circular(), "value.other.lock"),
        (type("Local", (), {"lock": LOCK}), "value.lock"),
    ],
)
def test_the_path_leads_to_the_offender(value, path):
    found = inspect_serializability(value, "value")
    assert found
    assert path is None or found[0].path == path


def test_a_value_that_can_be_sent_has_no_offenders():
    assert inspect_serializability({"a": [1, closing_over(2)]}) == []


def test_a_function_is_called_by_its_name():
    assert inspect_serializability(closing_over(LOCK))[0].path == "inner.__closure__['lock']"


def test_all_offenders_are_named_up_to_a_few():
    found = inspect_serializability([threading.Lock() for _ in range(100)])
    assert [one.path for one in found] == [f"value[{number}]" for number in range(5)]


def test_the_message_says_what_where_why_and_what_to_do():
    with pytest.raises(NotSerializable) as caught:
        pack(Node(stream=(number for number in ()), lock=LOCK), what="result of train")
    assert str(caught.value) == (
        "result of train: value.stream is a generator, which cannot be pickled "
        "(TypeError: cannot pickle 'generator' object)\n"
        "  also: value.lock is a _thread.lock, which cannot be pickled "
        "(TypeError: cannot pickle '_thread.lock' object)\n"
        "  Send a list, or the function that makes it."
    )
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_function_that_captures_the_unsendable_is_told_apart():
    with pytest.raises(NotSerializable, match=r"inner: inner\.__closure__\['lock'\] is a"):
        pack_function(closing_over(LOCK))


def test_an_object_whose_repr_and_reduce_are_broken_is_still_named():
    class Broken:
        def __repr__(self):
            raise RuntimeError

        def __hash__(self):
            return 1

        def __reduce__(self):
            raise ZeroDivisionError("in reduce")

    found = inspect_serializability([{Broken(): 1}])
    assert found[0].type_name.endswith("Broken")
    assert found[0].reason == "ZeroDivisionError: in reduce"


def test_the_search_is_bounded():
    endless = Node()
    endless.many = [Node(lock=LOCK if number == 9_999 else None) for number in range(10_000)]
    found = inspect_serializability(endless)
    # Not reached: but what holds it is named.
    assert found[0].path.startswith("value.many")
