"""What identifies a value and a function: the same in every process, different for what differs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import os
import subprocess
import sys
import textwrap
import threading
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path
from pickle import dumps, loads
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from hyperloom import data
from hyperloom.serialization import pack_function, unpack_function
from hyperloom.serialization.identity import Identities, Unidentified

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.frozensets(SCALARS, max_size=4),
    ),
    max_leaves=12,
)


def of(value: Any) -> bytes:
    return Identities().of(value)


def function(text: str, **names: Any) -> Any:
    """The function `f` of a module of somebody's."""
    names["__name__"] = "somebodys"
    exec(textwrap.dedent(text), names)
    return names["f"]


def told(value: object) -> str:
    """What two values have in common when nothing tells them apart."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{told(k)}:{told(v)}" for k, v in value.items()) + "}"
    if isinstance(value, frozenset):
        return f"set({sorted(map(told, value))})"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({[*map(told, value)]})"
    return f"{type(value).__name__} {value!r}"


@given(VALUES, VALUES)
def test_values_have_the_same_identity_exactly_when_they_are_alike(a: object, b: object) -> None:
    assert (of(a) == of(b)) == (told(a) == told(b))


@given(VALUES)
def test_a_copy_that_travelled_has_the_same_identity(value: object) -> None:
    """Whatever objects are shared in the one and not in the other."""
    assert of(unpack_function(pack_function(lambda: value))()) == of(value)
    assert of([value, value]) == of([value, unpack_function(pack_function(lambda: value))()])


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0

    def far(self) -> bool:
        return self.x > 10


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a: int) -> None:
        self.a = a


DIFFERENT: list[Any] = [
    1, True, 1.0, 1 + 0j, "1", b"1", bytearray(b"1"), None, ..., 2**70, -(2**70), 0.0, -0.0,
    float("nan"), float("inf"), (), [], {}, set(), frozenset(), (1,), [1], [[1]], [(1,)],
    {1: 2}, {2: 1}, {1: 2, 3: 4}, {3: 4, 1: 2}, {1, 2}, {"a", "b"}, "ab", ("a", "b"),
    np.ones(2), np.ones(2, "f4"), np.ones((1, 2)), np.ones((2, 1)), np.zeros(2), np.float64(1),
    np.array(["a"]), np.array([None, 1]), np.array(["2020-01-01"], "M8[D]"), np.array(1.0),
    dt.date(2020, 1, 1), dt.timedelta(1), Decimal("1.0"), Decimal("1.00"),
    Path("a"), Path("b"), Colour.RED, Colour.BLUE, Point(1), Point(2), Slotted(1), Slotted(2),
    len, "".join, print, partial(Point, 1), partial(Point, y=1), Point, Slotted, Colour, int,
    Point(1).far, range(3), range(4), slice(1, 2), os, os.path, type(None), list[int], int | str,
]  # fmt: skip


def test_what_differs_in_type_or_content_has_another_identity() -> None:
    found: dict[bytes, object] = {}
    for value in DIFFERENT:
        other = found.setdefault(of(value), value)
        assert other is value, f"{value!r} is taken for {other!r}"


def test_a_data_object_is_what_is_in_it(tmp_path: Path) -> None:
    made = {
        "plain": data.Plain, "array": lambda x: data.array([x, 1]),
        "object": lambda x: data.PyObj({x, b"c"}), "index": lambda x: data.split(data.Plain(x)),
    }  # fmt: skip
    for name, make in made.items():
        assert of(make(b"a\nb")) == of(make(b"a\nb")) != of(make(b"a\nc")), name
        travelled = loads(dumps(make(b"a\nb")))
        assert travelled.size, "asking for it changes nothing"
        assert of(travelled) == of(make(b"a\nb")), name
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = of(data.File(path))
    assert of(data.File(path)) == before
    os.utime(path, (1, 1))
    assert of(data.File(path)) != before


def test_an_array_is_its_elements_however_they_lie() -> None:
    array = np.arange(12).reshape(3, 4)
    assert of(array) == of(np.asfortranarray(array)) == of(np.arange(24)[::2].reshape(3, 4) // 2)


def test_circles_have_an_identity() -> None:
    def circle(value: int) -> Any:
        a: list[Any] = [value]
        a.append(a)
        return a

    assert of(circle(1)) == of(circle(1)) != of(circle(2))


def test_what_is_shared_many_times_is_looked_at_once() -> None:
    value: Any = [[1], {}]
    for _ in range(200):
        value = [value, value]
    assert len(of(value)) == 16


def test_what_cannot_be_told_from_others_is_refused() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    for value in (threading.Lock(), [threading.Lock()], nested, (x for x in ())):
        with pytest.raises(Unidentified):
            of(value)


def test_a_value_may_say_itself_what_identifies_it() -> None:
    class Named:
        def __init__(self, name: str) -> None:
            self.name, self.lock = name, threading.Lock()

        def __loom_identity__(self) -> object:
            return self.name

    assert of(Named("a")) == of(Named("a")) != of(Named("b"))


# -- Code ------------------------------------------------------------------------------------

BASE = """
    LIMIT = 3
    def helper(x): return x + 1
    def f(x, y=2):
        '''What it is for.'''
        inner = lambda z: z in {"a", "b", "c"}
        return [helper(i) for i in range(LIMIT) if inner(x)] + [y]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("What it is for", "Said in other words"),
        ("    def helper", "\n\n    # a comment\n    def helper"),
        ("def f(x, y=2)", "def f(x: int, y: int = 2) -> list"),
        ("LIMIT = 3", "LIMIT = 3\n    UNUSED = 4"),
        ('{"a", "b", "c"}', '{"c", "b", "a"}'),
    ],
    ids=["docstring", "comment", "annotations", "unused", "order of a set"],
)
def test_what_does_not_change_a_result_does_not_change_the_identity(old: str, new: str) -> None:
    assert old in BASE
    assert of(function(BASE)) == of(function(BASE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[y]", "[y, y]"),
        ("y=2", "y=3"),
        ("x + 1", "x + 2"),
        ("LIMIT = 3", "LIMIT = 4"),
        ('"c"', '"d"'),
        ("z in", "z not in"),
        ("def f(x, y=2)", "def f(x, *, y=2)"),
    ],
    ids=["body", "default", "helper", "global", "constant", "lambda", "signature"],
)
def test_what_changes_a_result_changes_the_identity(old: str, new: str) -> None:
    assert old in BASE
    assert of(function(BASE)) != of(function(BASE.replace(old, new)))


def test_what_a_function_captured_is_part_of_it() -> None:
    def make(n: Any) -> Any:
        return lambda x: x + n

    assert of(make(1)) == of(make(1)) != of(make(2))
    assert of(make({"a", "b", "c"})) == of(make({"c", "b", "a"}))
    with pytest.raises(Unidentified):
        of(make(threading.Lock()))


def test_the_code_of_a_class_is_part_of_its_instances() -> None:
    text = """
        class Model:
            rate = 2
            def run(self): return self.rate
            @staticmethod
            def more(): return 1
            @property
            def size(self): return 3
        def f(): return Model()
    """
    made = function(text)()
    assert of(made) == of(function(text)())
    for old, new in (("rate = 2", "rate = 3"), ("return 1", "return 2"), ("return 3", "return 4")):
        assert of(made) != of(function(text.replace(old, new))()), old


def test_functions_that_call_each_other_have_an_identity() -> None:
    text = """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        def f(n): return even(n)
    """
    assert of(function(text)) == of(function(text))
    assert of(function(text)) != of(function(text.replace("n != 0", "n > 0")))


def test_a_global_that_nothing_identifies_is_its_type() -> None:
    assert of(function("def f(): return lock", lock=threading.Lock())) == of(
        function("def f(): return lock", lock=threading.Lock())
    )


def test_what_wraps_a_function_is_looked_through() -> None:
    def one() -> int:
        return 1

    def two() -> int:
        return 2

    two.__qualname__ = one.__qualname__
    assert of(lru_cache(one)) != of(lru_cache(two))
    assert of(lru_cache(one)) == of(lru_cache(one)) != of(one)


SCRIPT = """
    import sys
    sys.path.insert(0, sys.argv[1])
    import dataclasses, enum, json, re
    import numpy as np
    import steps
    from steps import scale
    from hyperloom.serialization import pack_function, unpack_function
    from hyperloom.serialization.identity import Identities

    WORDS = {"ant", "bee", "cat", "dog", "emu"}
    PATTERN = re.compile("a+")

    class Kind(enum.Enum):
        GOOD = "good"
        BAD = "bad"

    @dataclasses.dataclass(frozen=True)
    class Setting:
        rate: float
        words: frozenset = frozenset(WORDS)

        def good(self):
            return self.rate > 1 and Kind.GOOD

    def local(n):
        def f(x, y=Setting(1.5)):
            '''About f.'''
            if x in {"a", "b", "c", "d"}:
                return scale(n) + steps.shift(n)
            return [w for w in WORDS if PATTERN.match(w)] + [y, Kind.BAD, json.dumps(n)]
        return f

    class Counter:
        def __init__(self): self.n = 0
        def step(self): self.n += 1; return super().__init__()

    values = [
        WORDS, Setting(2.0), Kind.GOOD, local(3), local, Counter(), Counter().step, lambda: WORDS,
        {"a": [1, {2, 3}], "b": np.arange(5)}, steps.scale, (Setting, Kind),
    ]
    for value in values:
        print(Identities().of(value).hex())
    print(Identities().of(unpack_function(pack_function(local(3)))).hex())
"""
STEPS = """
    FACTOR = 2
    def scale(x): return x * FACTOR
    def shift(x): return x + 1
"""


def identities(folder: Path, script: str, seed: int) -> list[str]:
    (folder / "script.py").write_text(textwrap.dedent(script))
    ran = subprocess.run(
        [sys.executable, folder / "script.py", folder],
        env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE, text=True, timeout=50, check=True,
    )  # fmt: skip
    return ran.stdout.split()


@pytest.mark.slow
def test_identities_are_the_same_in_every_process(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(textwrap.dedent(STEPS))
    first = identities(tmp_path, SCRIPT, 1)
    moved = SCRIPT.replace("    import sys\n", "    # moved down\n\n\n    import sys\n", 1)
    assert identities(tmp_path, moved, 2) == first
    assert first[3] == first[-1], "as code that travelled it is the same"
    (tmp_path / "steps.py").write_text(textwrap.dedent(STEPS.replace("x + 1", "x + 2")))
    changed = identities(tmp_path, SCRIPT, 3)
    differ = [at for at, (old, new) in enumerate(zip(first, changed, strict=True)) if old != new]
    assert differ == [3, 4, 11], "what calls the function that changed, and nothing else"
