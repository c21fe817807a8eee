"""The dashboard for Grafana is one that Grafana loads: its own rules for the file, in short."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

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
