"""The page that a head brings along."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING

import click
import httpx
import psutil
import pytest

from hyperloom.cli import dashboard, start
from hyperloom.dashboard import links
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.home import Home


def link_in(text: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+/login\?token=\S+", text)
    assert found, text
    return found.group()


@pytest.mark.slow
def test_a_head_has_a_page_until_it_ends(home: Home) -> None:
    told = home.loom(
        "start", "--head", "--port", "0", "--num-cpus", "1", "--dashboard-port", "0"
    ).stdout
    first = link_in(told)
    with httpx.Client(follow_redirects=True) as visitor:
        assert visitor.get(first).status_code == 200
        assert visitor.get(first).status_code == 403
    # There is one page, of which a link can be had again and again.
    again = link_in(home.loom("dashboard").stdout)
    told = json.loads(home.loom("dashboard", "--json").stdout)
    assert told["url"].partition("=")[0] == again.partition("=")[0]
    assert "hyperloom.dashboard.resident" in psutil.Process(told["pid"]).cmdline()
    assert told["allow_actions"] is False
    assert again.partition("/login")[0] == first.partition("/login")[0]
    assert again != first
    assert httpx.get(again).status_code == 303
    listens = [each.laddr.ip for each in psutil.Process(home.pid("page")).net_connections("tcp")]
    assert set(listens) == {"127.0.0.1"}, "nobody else's machine reaches it"
    killed = home.kill("page")
    wait_until(lambda: _is_new(home, killed), 20)
    assert links.ask(home.current, 20) is not None
    home.loom("stop")
    home.wait_empty()


@pytest.mark.slow
def test_a_node_that_joined_has_its_heads_page(home: Home) -> None:
    """It is the session that programs find then; there is one page all the same."""
    told = home.loom(
        "start", "--head", "--port", "0", "--num-cpus", "1", "--dashboard-port", "0"
    ).stdout
    page = link_in(told).partition("/login")[0]
    head = home.current
    server = json.loads((head / "node.json").read_text())["server"]
    password = ("--password-file", server["password_file"])
    home.loom("start", "--address", server["url"], *password, "--num-cpus", "1")
    assert home.current != head
    assert link_in(home.loom("dashboard").stdout).startswith(page)
    home.variables["LOOM_PASSWORD_FILE"] = server["password_file"]
    assert link_in(home.loom("dashboard", "--address", server["url"]).stdout).startswith(page)
    home.loom("stop", "--all")
    home.wait_empty()


def _is_new(home: Home, killed: int) -> bool:
    recorded = json.loads((home.current / "processes.json").read_text())
    return "page" in recorded and recorded["page"][0] != killed


GIVEN = {"dashboard": True, "dashboard_port": None, "allow_actions": False}


def test_without_its_packages_there_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "_PACKAGES", ("there_is_no_such_package",))
    assert start._page(GIVEN) is None


def test_who_wants_none_has_none() -> None:
    assert start._page({**GIVEN, "dashboard": False}) is None
    assert start._page(GIVEN) == {"port": None, "actions": False}


def test_a_port_of_the_page_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(click.UsageError, match=f"port {port} .* taken"):
            start._page({**GIVEN, "dashboard_port": port})


def test_who_has_no_page_gives_no_link(tmp_path: Path) -> None:
    assert links.ask(tmp_path) is None
