"""The page of a head, told to programs."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hyperloom.cli.main import main
from hyperloom.dashboard import links
from hyperloom.node import found
from hyperloom.raylet.node import NodeSettings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_head_is_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To look for it takes commands over the network; and it may be another one the next time."""
    looked: list[tuple[str, str]] = []

    def find(_: Any, address: str, session: str) -> Any:
        looked.append((address, session))
        return SimpleNamespace(head=SimpleNamespace(folder=tmp_path))

    page = SimpleNamespace(page={"actions": True})
    monkeypatch.setattr(found, "find", find)
    monkeypatch.setattr(links, "ask", lambda folder: f"http://{folder.name}")
    monkeypatch.setattr(links, "process", lambda _: 4711)
    monkeypatch.setattr(NodeSettings, "read", staticmethod(lambda _: page))
    assert main(["dashboard", "--json", "--address", "redis://head"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"url": f"http://{tmp_path.name}", "pid": 4711, "allow_actions": True}
    assert looked == [("redis://head", "")]
