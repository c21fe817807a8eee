"""Text in a pickle is found without unpickling, and nothing else is taken for it."""

from __future__ import annotations

import pickle
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hyperloom.serialization.text import text_in


@given(st.text())
def test_text_is_found(text: str) -> None:
    for protocol in (4, 5):
        found = text_in(pickle.dumps(text, protocol))
        assert found is not None
        assert bytes(found) == text.encode()


@pytest.mark.parametrize("length", [0, 1, 255, 256, 70_000])
def test_of_any_length(length: int) -> None:
    found = text_in(memoryview(pickle.dumps("x" * length, 5)))
    assert found is not None
    assert bytes(found) == b"x" * length


@given(
    st.recursive(
        st.none() | st.integers() | st.binary() | st.floats(),
        lambda inner: st.lists(inner | st.text()) | st.dictionaries(st.text(), inner),
    )
)
def test_nothing_else_is(value: Any) -> None:
    assert text_in(pickle.dumps(value, 5)) is None


@given(st.binary(max_size=30))
def test_not_even_rubbish_harms(rubbish: bytes) -> None:
    text_in(rubbish)
    text_in(b"\x80\x05" + rubbish)
