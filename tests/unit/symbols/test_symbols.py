"""Names of what nodes can do."""

from __future__ import annotations

from pickle import dumps, loads
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import data, errors, symbols
from hyperloom.data import dataobject
from hyperloom.resources import ResourceSet, of_symbols, requested, why_infeasible, with_symbols
from hyperloom.symbols import registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _nothing_stays_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tasks", {})
    monkeypatch.setattr(registry, "_resources", {})
    monkeypatch.setattr(dataobject, "types", dict(dataobject.types))


@pytest.fixture
def inline() -> Iterator[None]:
    with loom.init(mode="inline"):
        yield


@pytest.mark.parametrize(
    "symbol",
    ["lab", "", "/lab", "lab/", "lab//align", "lab/al ign", "1ab/align", "a/" * 50, 7, None],
)
def test_what_is_no_symbol_is_refused_at_the_call(symbol: object) -> None:
    with pytest.raises(errors.InvalidOption, match="cannot be a symbol"):
        loom.register(symbol, task=len)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidOption, match="cannot be a symbol"):
        loom.symbol(symbol)  # type: ignore[arg-type]


def test_names_of_ours_are_reserved() -> None:
    with pytest.raises(errors.InvalidOption, match=r"'loom/' is for what comes with HyperLoom"):
        loom.register("loom/data/merge", task=len)


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(errors.InvalidOption, match="give task=, data= or resource="):
        loom.register("lab/align")
    with pytest.raises(TypeError, match="'len' is no function"):
        loom.register("lab/align", task="len")  # type: ignore[arg-type]


@pytest.mark.usefixtures("inline")
def test_what_this_process_registered_runs_by_its_name() -> None:
    loom.register("lab/letters", task=len)
    letters = loom.symbol("lab/letters")
    assert letters.name == "lab/letters"
    assert loom.get(letters.remote("GATTACA")) == 7
    assert loom.submit([letters.bind("ACGT")]).gather() == [4]


def test_a_symbol_means_one_thing() -> None:
    """Only that thing again, or one defined anew in its place, may be registered."""

    def made() -> Any:
        def align(x: str) -> str:
            return x

        return align

    loom.register("lab/letters", task=len)
    loom.register("lab/letters", task=len)
    with pytest.raises(errors.InvalidOption, match=r"already, as <built-in function len>.*nothing"):
        loom.register("lab/letters", task=sorted)
    assert symbols.task_of("lab/letters") is len
    loom.register("lab/align", task=made())
    again = made()
    loom.register("lab/align", task=again)
    assert symbols.task_of("lab/align") is again
    loom.register("lab/scope", resource=lambda: 2)
    with pytest.raises(errors.InvalidOption, match="'lab/scope' is registered here already"):
        loom.register("lab/scope", resource=lambda: 3)
    type("One", (data.Data,), {}, symbol="lab/rows")
    with pytest.raises(errors.InvalidOption, match="'lab/rows' is registered here already"):
        type("Other", (data.Data,), {}, symbol="lab/rows")


@pytest.mark.usefixtures("inline")
def test_what_nobody_has_is_refused_before_anything_is_sent() -> None:
    nobodys = loom.symbol("lab/nobodys")
    with pytest.raises(errors.UnknownSymbol, match="no node has 'lab/nobodys', which lab/nobodys"):
        nobodys.remote(1)
    with pytest.raises(errors.UnknownSymbol, match="Nothing was submitted"):
        loom.submit([nobodys.bind(1)])


@pytest.mark.usefixtures("inline")
def test_what_comes_with_hyperloom_is_called_by_its_builder() -> None:
    with pytest.raises(errors.UnknownSymbol, match=r"'loom/data/merge' .* hyperloom\.tasks"):
        loom.symbol("loom/data/merge").remote("a")


def test_a_symbol_travels_as_its_name() -> None:
    with pytest.raises(errors.UnknownSymbol, match="is no type of tasks here"):
        loads(dumps(symbols.Symbol("lab/elsewhere")))()


def test_only_a_node_that_has_a_symbol_fits() -> None:
    has = requested(num_cpus=4) + of_symbols(["lab/align", "lab/sort"])
    asked = requested() + with_symbols(["lab/align"])
    assert asked.fits_in(has)
    assert not asked.fits_in(requested(num_cpus=4))
    assert has.symbols() == ["lab/align", "lab/sort"]
    assert has.as_dict() == {"CPU": 4.0}
    assert ResourceSet.parse(str(asked)) == asked
    assert "no symbol lab/align at all" in why_infeasible(asked, [requested(num_cpus=4)])


def test_a_resource_is_counted_when_a_node_starts(capsys: pytest.CaptureFixture[str]) -> None:
    loom.register("lab/scope", resource=lambda: 2)
    loom.register("lab/broken", resource=lambda: 1 / 0)
    loom.register("lab/negative", resource=lambda: -1)
    with loom.init(mode="inline", resources={"licence": 1}):
        assert loom.cluster_resources()["lab/scope"] == 2
        assert loom.cluster_resources()["licence"] == 1
        assert "lab/broken" not in loom.cluster_resources()
    told = capsys.readouterr().err
    assert "lab/broken could not be counted, so this node has none of it: ZeroDivision" in told
    assert "lab/negative could not be counted" in told


def test_what_is_said_of_a_node_counts_more_than_what_is_counted() -> None:
    loom.register("lab/scope", resource=lambda: 2)
    with loom.init(mode="inline", resources={"lab/scope": 5}):
        assert loom.cluster_resources()["lab/scope"] == 5


@pytest.mark.usefixtures("inline")
def test_a_type_of_data_of_ones_own_goes_through_tasks() -> None:
    class Table(data.Extension, data.DObject, symbol="lab/rows"):
        def __init__(self, rows: list[bytes]) -> None:
            super().__init__(length=len(rows))
            self.rows = rows

        def parts(self) -> list[bytes]:
            return self.rows

        def restore(self, parts: list[memoryview]) -> None:
            self.rows = [bytes(part) for part in parts]

        @property
        def view(self) -> memoryview:
            return memoryview(b"".join(self.contents.rows))

        def gathered(self) -> list[bytes]:
            return self.contents.rows

        def __getitem__(self, index: int) -> data.Plain:
            return data.Plain(self.contents.rows[index])

    @loom.task
    def turn(table: Table) -> Table:
        assert (table.size, table.length, len(table)) == (10_007, 3, 3)
        assert table[1].read() == b"bb"
        assert bytes(table.view).count(b"c") == 10_004
        return Table(table.contents.rows[::-1])

    rows = [b"a", b"bb", b"c" * 10_004]
    assert loom.get(turn.remote(turn.remote(Table(rows)))) == rows
    assert loom.get(loom.put(data.array([Table(rows), b"x"]))) == [rows, b"x"]


def test_what_is_no_type_of_data_is_refused() -> None:
    with pytest.raises(TypeError, match="no class of data objects"):
        loom.register("lab/table", data=dict)  # type: ignore[type-var]
