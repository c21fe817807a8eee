"""The dashboard for Grafana is one that Grafana loads.

Its expressions are parsed as Prometheus does, and the file is read by the model of dashboards that
Grafana publishes, which leaves out what it does not know.  Some rules are of neither.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

if TYPE_CHECKING:
    from collections.abc import Iterator

BOARD: dict[str, Any] = json.loads(
    files("hyperloom.watch").joinpath("grafana.json").read_text("utf-8")
)
PANELS = BOARD["panels"]
LABELS = {"name", "job", "what", "state", "node", "host", "resource", "le"}


def test_it_names_no_data_source_of_anybody() -> None:
    (variable,) = BOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    for panel in PANELS:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert BOARD.get("id") is None, "Grafana gives it one"


def test_each_panel_has_a_place_of_its_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_asks_for_something_by_labels_that_there_are(panel: dict[str, Any]) -> None:
    """That there are the metrics themselves, a running cluster shows (`tests.cluster.watch`)."""
    for target in panel["targets"]:
        assert target["refId"]
        assert re.findall(r"loom_\w+", target["expr"])
        for labels in re.findall(r"by \(([^)]*)\)", target["expr"]):
            assert {label.strip() for label in labels.split(",")} <= LABELS
        assert set(re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))) <= LABELS


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_expression_is_one_that_prometheus_understands(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert str(promql_parser.parse(target["expr"]))
    with pytest.raises(ValueError, match="unexpected"):
        promql_parser.parse(panel["targets"][0]["expr"] + ")")


def test_grafanas_own_model_of_a_dashboard_has_all_of_it() -> None:
    assert left_out(BOARD) == []
    first, *others = PANELS
    odd = {**BOARD, "colour": "red", "panels": [{**first, "gridpos": {}}, *others]}
    assert left_out(odd) == ["/panels/0/gridpos", "/colour"]


def left_out(board: dict[str, Any]) -> list[str]:
    """What the model does not know, or has otherwise."""
    model = Dashboard.from_json(board)
    return list(differences(board, json.loads(JSONEncoder().encode(model)), ""))


def differences(ours: Any, theirs: Any, at: str) -> Iterator[str]:
    """What it adds is its own affair."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, value in ours.items():
            yield from differences(value, theirs.get(name), f"{at}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{at}/{number}")
    elif ours != theirs:
        yield at
