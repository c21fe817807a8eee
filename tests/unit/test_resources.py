"""Amounts are exact, texts canonical, and wrong numbers are told what to be instead."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperloom import bundles
from hyperloom.resources import (
    NOTHING,
    ResourceSet,
    at_node,
    of_node,
    offered,
    requested,
    why_infeasible,
)

NAMES = st.sampled_from(["CPU", "GPU", "memory", "licence", "node_10.0.0.7"])
SETS = st.dictionaries(NAMES, st.integers(0, 10**7)).map(ResourceSet)


@given(SETS, SETS)
def test_what_is_added_can_be_taken_away_again(one, other):
    both = one + other
    assert both - other == one
    assert one.fits_in(both)
    assert not one.missing_from(both)


@given(SETS)
def test_the_text_is_the_set(one):
    assert ResourceSet.parse(str(one)) == one == pickle.loads(pickle.dumps(one))
    assert hash(ResourceSet.parse(str(one))) == hash(one)


@given(SETS, SETS)
def test_it_fits_when_nothing_is_missing(one, other):
    assert one.fits_in(other) == (not one.missing_from(other))
    assert one.fits_in(other + one.missing_from(other))


def test_the_text_is_sorted_and_leaves_out_zero():
    assert str(ResourceSet.of({"GPU": 1, "CPU": 0.5, "licence": 0})) == "CPU:5000,GPU:10000"
    assert str(NOTHING) == ""
    assert not ResourceSet.parse("")


def test_ten_thousand_tenths_are_exactly_a_thousand():
    tenth = ResourceSet.of({"CPU": 0.1})
    left = ResourceSet.of({"CPU": 1000})
    for _ in range(10_000):
        left -= tenth
    assert left == NOTHING


def test_a_float_that_means_three_tenths_is_three_tenths():
    assert requested(num_cpus=0.1 + 0.2) == ResourceSet({"CPU": 3000})


def test_memory_is_in_whole_bytes():
    asked = requested(num_cpus=0, memory=2**40)
    assert str(asked) == f"memory:{2**40}"
    assert asked.as_dict() == {"memory": 2**40}
    assert asked.describe() == "1024.0 GiB memory"


def test_taking_more_than_there_is_is_refused():
    with pytest.raises(ValueError, match="CPU would fall below zero"):
        ResourceSet.of({"CPU": 1}) - ResourceSet.of({"CPU": 2})


def test_being_a_node_is_a_resource_that_only_that_node_has():
    here, elsewhere = (offered(num_cpus=1) + of_node(node) for node in ("aa" * 8, "bb" * 8))
    asked = requested() + at_node("aa" * 8)
    assert asked.fits_in(here)
    assert not asked.fits_in(elsewhere)
    assert here.as_dict() == {"CPU": 1}
    assert f"there is no node {'aa' * 8} at all" in why_infeasible(asked, [elsewhere])
    assert ResourceSet.parse(str(asked)) == asked


def test_what_is_missing_is_named():
    asked = requested(num_cpus=2, resources={"licence": 1})
    missing = asked.missing_from(offered(num_cpus=1.5))
    assert missing.describe() == "0.5 CPU, 1 licence"
    assert NOTHING.describe() == "nothing"


@pytest.mark.parametrize(
    ("options", "kind", "advice"),
    [
        ({"resources": {"CPU": 1}}, ValueError, r"write num_cpus=1 instead"),
        ({"resources": {"GPU": 0.5}}, ValueError, r"write num_gpus=0.5 instead"),
        ({"resources": {"memory": 9}}, ValueError, r"write memory=9 instead"),
        ({"resources": {"a,b": 1}}, ValueError, "cannot name a resource"),
        ({"resources": {"": 1}}, ValueError, "cannot name a resource"),
        ({"resources": {"@" + "12" * 8: 1}}, ValueError, "cannot name a resource"),
        ({"resources": {7: 1}}, TypeError, "write a str"),
        ({"resources": ["licence"]}, TypeError, r"write a dict"),
        ({"resources": {"licence": -1}}, ValueError, r"resources\['licence'\]=-1 is no amount"),
        ({"resources": {"licence": "1"}}, TypeError, "write a number"),
        ({"num_cpus": True}, TypeError, "write a number"),
        ({"num_cpus": None}, TypeError, "num_cpus=None is of type NoneType"),
        ({"num_cpus": float("nan")}, ValueError, "0 or more, and finite"),
        ({"num_cpus": float("inf")}, ValueError, "0 or more, and finite"),
        ({"num_cpus": 0.12345}, ValueError, "more than 4 decimals; write 0.1235"),
        ({"num_cpus": 1e30}, ValueError, "more than can be counted"),
        ({"num_gpus": 1.5}, ValueError, "write num_gpus=2"),
        ({"memory": 0.5}, ValueError, "more than 0 decimals"),
    ],
)
def test_a_wrong_request_is_told_what_to_be(options, kind, advice):
    with pytest.raises(kind, match=advice):
        requested(**options)


def test_a_node_has_whole_gpus():
    with pytest.raises(ValueError, match="whole GPUs"):
        offered(num_cpus=1, num_gpus=0.5)
    assert offered(num_cpus=0.5, num_gpus=2).units("GPU") == 20_000


def test_part_of_one_gpu_and_numbers_of_numpy_are_fine():
    numpy = pytest.importorskip("numpy")
    assert requested(num_cpus=numpy.float64(0.5), num_gpus=0.25) == ResourceSet(
        {"CPU": 5000, "GPU": 2500}
    )


def test_what_asks_for_nothing_in_a_group_asks_for_a_place_there():
    grouped = bundles.asked({"CPU": 10000}, "ab12", 0)
    assert ResourceSet(grouped).describe() == "1 CPU in bundle 0 of placement group ab12"
    nothing = bundles.asked({}, "ab12", None)
    assert ResourceSet(nothing).describe() == "a place in a bundle of placement group ab12"
