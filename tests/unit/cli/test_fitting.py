"""Tables where there is little room: what is shown is whole, what is not is chosen with care."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperloom.cli.fitting import fitting
from hyperloom.cli.ls import COLUMNS

TASKS = {
    "short": 10, "name": 12, "state": 7, "attempt": 7, "node": 8, "pid": 6, "seconds": 6,
    "bytes": 6, "error": 60,
}  # fmt: skip


def test_all_is_shown_as_it_is_where_there_is_room() -> None:
    assert fitting(TASKS, ["pid"], 138) == TASKS


def test_long_texts_are_cut_before_a_column_goes() -> None:
    assert fitting(TASKS, [], 137) == {**TASKS, "error": 59}
    assert fitting(TASKS, [], 94) == {**TASKS, "error": 16}


def test_of_eighty_characters_ids_and_states_have_what_they_need() -> None:
    shown = fitting(TASKS, [], 80)
    assert list(shown) == ["short", "name", "state", "node", "seconds", "bytes", "error"]
    assert {name: shown[name] for name in shown if name != "error"} == {
        name: TASKS[name] for name in shown if name != "error"
    }
    assert sum(shown.values()) + 2 * (len(shown) - 1) == 80


def test_what_says_nothing_goes_first() -> None:
    assert list(fitting(TASKS, ["error"], 93)) == list(TASKS)[:-1]
    assert list(fitting(TASKS, ["error"], 94)) == list(TASKS)


def test_what_a_row_is_about_stays_however_narrow_it_is() -> None:
    assert list(fitting({"pid": 6, "node": 8, "state": 8}, [], 5)) == ["pid", "state"]


@given(
    st.sampled_from(sorted(COLUMNS)), st.data(), st.integers(min_value=80, max_value=200)
)  # fmt: skip
def test_every_table_fits_into_eighty_characters(what: str, data: st.DataObject, room: int) -> None:
    names = COLUMNS[what].values()
    widths = {name: data.draw(st.integers(1, 20), label=name) for name in names}
    shown = fitting(widths, [], room)
    assert sum(shown.values()) + 2 * (len(shown) - 1) <= room
