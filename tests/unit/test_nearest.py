"""Which name is suggested to who wrote one that does not exist."""

from __future__ import annotations

import pytest

from hyperloom.config import OPTIONS
from hyperloom.nearest import did_you_mean

KNOWN = ["history_bytes", "object_store_bytes", "max_retries", "num_cpus"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("store_bytes", "object_store_bytes"),  # spelled more like history_bytes
        ("Store-Bytes", "object_store_bytes"),
        ("retries", "max_retries"),
        ("num_cpu", "num_cpus"),
        ("max_retires", "max_retries"),
    ],
)
def test_a_name_that_contains_the_words_comes_before_one_that_is_spelled_alike(
    written: str, meant: str
) -> None:
    assert did_you_mean(written, KNOWN) == f" Did you mean {meant!r}?"


@pytest.mark.parametrize("written", ["xyz", "", "_", "bytes_of_nothing_at_all"])
def test_nothing_is_suggested_when_nothing_comes_near(written: str) -> None:
    assert did_you_mean(written, KNOWN) == ""


def test_of_several_that_contain_the_words_the_one_most_alike_is_meant() -> None:
    assert did_you_mean("store_bytes", [option.name for option in OPTIONS]) == (
        " Did you mean 'object_store_bytes'?"
    )
    assert did_you_mean("a_b", ["x_a_b_long", "a_b_c"]) == " Did you mean 'a_b_c'?"
