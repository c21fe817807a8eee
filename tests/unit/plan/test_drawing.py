"""Pictures of plans."""

from __future__ import annotations

import itertools
import re
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hyperloom as loom
from hyperloom.plan.drawing import drawing as drawings
from hyperloom.plan.drawing.layered import BOX_HEIGHT, lay_out
from hyperloom.plan.drawing.outline import Arrow, outline_of
from hyperloom.plan.drawing.svg import to_svg
from hyperloom.plan.graph import in_order

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("igraph")

SVG = "{http://www.w3.org/2000/svg}"


@loom.task
def load(x: object) -> object:
    return x


@loom.task
def merge(*parts: object) -> object:
    return parts


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "_graphviz", lambda: None)


def diamond() -> loom.Plan:
    top = load.bind(1)
    return loom.Plan([merge.bind(load.bind(top), load.bind(top), top)])


def outline(plan: loom.Plan, most: int = 200):
    return outline_of(in_order(plan.wanted), {id(task) for task in plan.wanted}, most)


def test_a_small_plan_has_a_box_for_each_task() -> None:
    picture = outline(diamond())
    assert [(box.name, box.level, box.wanted) for box in picture.boxes] == [
        ("load", 0, False), ("load", 1, False), ("load", 1, False), ("merge", 2, True),
    ]  # fmt: skip
    assert set(picture.arrows) == {
        Arrow(0, 1, 1), Arrow(0, 2, 1), Arrow(1, 3, 1), Arrow(2, 3, 1), Arrow(0, 3, 1),
    }  # fmt: skip
    assert not picture.collapsed


def test_the_same_input_twice_is_one_arrow_with_a_number() -> None:
    part = load.bind(1)
    assert outline(loom.Plan([merge.bind(part, part)])).arrows == (Arrow(0, 1, 2),)


def test_a_large_plan_has_a_box_for_each_label() -> None:
    parts = [load.bind(i).named("even" if i % 2 == 0 else "odd") for i in range(500)]
    picture = outline(loom.Plan([merge.bind(*parts)]))
    assert [(box.name, box.tasks) for box in picture.boxes] == [
        ("even", 250), ("odd", 250), ("merge", 1),
    ]  # fmt: skip
    assert picture.arrows == (Arrow(0, 2, 250), Arrow(1, 2, 250))
    assert picture.collapsed


def test_a_large_plan_of_many_labels_has_a_box_for_each_function() -> None:
    parts = [load.bind(i).named(f"part {i}") for i in range(500)]
    picture = outline(loom.Plan([merge.bind(*parts)]))
    assert [(box.name, box.tasks) for box in picture.boxes] == [("load", 500), ("merge", 1)]


@pytest.mark.usefixtures("no_graphviz")
def test_a_long_chain_is_one_box_that_feeds_itself() -> None:
    task = load.bind(0)
    for _ in range(10_000):
        task = load.bind(task)
    picture = loom.Plan([task]).draw()
    assert repr(picture) == "<drawing of 10,001 tasks: 1 boxes (one for each name)>"
    assert "10,000" in picture.svg


@pytest.mark.usefixtures("no_graphviz")
def test_what_users_name_is_text_and_no_markup(tmp_path: Path) -> None:
    evil = '<script>"&\\'
    plan = loom.Plan([load.bind(1).named(evil)])
    plan.draw(tmp_path / "plan.svg")
    root = ET.parse(tmp_path / "plan.svg").getroot()
    assert root.tag == f"{SVG}svg"
    assert [text.text for text in root.iter(f"{SVG}text")] == [evil]
    plan.draw(tmp_path / "plan.dot")
    assert r'label="<script>\"&\\"' in (tmp_path / "plan.dot").read_text()


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=30),
    st.sampled_from([5, 100]),
)
@example([[], [], [0, 1], [0, 2], [0, 1, 3], [1], [1, 26, 27], [1]], 100)
@settings(max_examples=50, deadline=None)
def test_no_two_boxes_overlap_and_all_lie_in_the_picture(graph: list[list[int]], most: int) -> None:
    tasks: list[loom.BoundTask[object]] = []
    for inputs in graph:
        taken = [tasks[i % len(tasks)] for i in inputs] if tasks else []
        name = "odd" if len(taken) % 2 else "even"
        tasks.append(merge.options(name=name).bind(*taken))
    picture = outline(loom.Plan(tasks), most)
    widths = [60.0 + len(box.name) for box in picture.boxes]
    layout = lay_out(picture, widths)
    places = list(zip(layout.centres, widths, strict=True))
    for (x, y), width in places:
        assert width / 2 <= x <= layout.width - width / 2
        assert BOX_HEIGHT / 2 <= y <= layout.height - BOX_HEIGHT / 2
    for ((x, y), width), ((u, v), other) in itertools.combinations(places, 2):
        assert abs(y - v) >= BOX_HEIGHT or abs(x - u) >= (width + other) / 2
    ET.fromstring(to_svg(picture))


@pytest.mark.usefixtures("no_graphviz")
def test_an_empty_plan_is_an_empty_picture() -> None:
    ET.fromstring(loom.Plan().draw().svg)


def test_a_form_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a \.svg, \.dot"):
        diamond().draw(tmp_path / "plan.xls")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_and_igraph_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "igraph", None)
    with pytest.raises(RuntimeError, match=r"pip install 'hyperloom\[draw\]'"):
        _ = diamond().draw().svg
    assert diamond()._repr_html_().startswith("<pre>4 tasks")  # in words


@pytest.mark.skipif(drawings._graphviz() is None, reason="Graphviz is not installed")
def test_with_graphviz_it_draws(tmp_path: Path) -> None:
    plan = diamond()
    assert len(re.findall("<polygon|<path", plan.draw().svg)) >= 9
    plan.draw(tmp_path / "plan.png")
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")


def test_a_notebook_shows_the_plan_with_its_shape() -> None:
    shown = diamond()._repr_html_()
    assert "4 tasks (3 load, 1 merge), 5 edges" in shown
    assert "<svg" in shown


def test_a_map_is_one_box() -> None:
    mapped = load.bind_map(range(1000))
    drawn = outline(loom.Plan([merge.bind(mapped, mapped[3])]))
    assert [(box.tasks, box.level) for box in drawn.boxes] == [(1000, 0), (1, 1)]
    assert drawn.arrows == (Arrow(0, 1, 1001),)
    assert (drawn.tasks, drawn.collapsed) == (1001, False)
