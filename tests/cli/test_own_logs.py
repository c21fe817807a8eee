"""The logs of a node that `loom start` made do not grow without end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.home import ROOT
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.home import Home

pytestmark = pytest.mark.slow


def test_logs_of_a_head_are_kept_short_and_clean_removes_them(home: Home) -> None:
    home.variables["LOOM_LOG_BYTES"] = "128KiB"
    folder = home.start_head()
    logs = [folder / "raylet.log", folder / "supervisor.log", folder / "gcs" / "server.log"]
    for log in logs:
        with log.open("ab") as file:
            file.write(b"a line\n" * 20_000)
    wait_until(lambda: all(log.with_name(f"{log.name}.1").exists() for log in logs), 30)
    assert all(log.stat().st_size < 64 << 10 for log in logs)
    assert all(log.with_name(f"{log.name}.1").stat().st_size <= 64 << 10 for log in logs)
    home.kill("raylet")
    wait_until(lambda: "the raylet died" in logs[1].read_text(), 20)
    home.loom("stop")
    assert str(folder) in home.loom("clean", "--all").stdout
    assert not folder.exists()


PROGRAM = """
import logging
import hyperloom as loom

@loom.task
def speaks():
    logging.getLogger("mine").warning("in my own words")

loom.init("auto")
loom.get(speaks.remote())
"""


def test_logs_of_a_head_are_objects_if_asked_for(home: Home) -> None:
    """All that its processes say; what a task says stays as its program wants it."""
    without_counter(home.path / "package")
    home.variables |= {
        "LOOM_LOG_FORMAT": "json",
        "PYTHONPATH": f"{ROOT}:{home.path / 'package'}",
    }
    folder = home.start_head()
    (home.path / "program.py").write_text(PROGRAM)
    ran = home.loom("run", "program.py")
    node = json.loads((folder / "node.json").read_text())["node"]
    first = home.kill("raylet")
    wait_until(lambda: home.pid("raylet") != first, 20)
    home.loom("stop")

    raylet, supervisor = lines(folder / "raylet.log"), lines(folder / "supervisor.log")
    assert {(line["process"], line["node"]) for line in raylet} == {("raylet", node)}
    assert any("lab/scope could not be counted" in line["message"] for line in raylet)
    assert {(line["process"], line["node"]) for line in supervisor} == {("supervisor", node)}
    said = [(line["level"], line["message"]) for line in supervisor]
    assert ("warning", "the raylet died; deaths in a row: 1") in said
    assert [line.endswith("in my own words") for line in ran.stderr.splitlines()] == [True]
    assert "{" not in ran.stderr


def test_those_of_the_recorder_and_the_page_are_objects_too(home: Home) -> None:
    """Each is started again where it cannot do its work, and says so."""
    home.variables["LOOM_LOG_FORMAT"] = "json"
    folder = home.start_head("--dashboard")
    wait_until((folder / "page.sock").exists, 30)
    history = folder / "gcs" / "history.sqlite"
    wait_until(history.exists, 30)
    for file in folder.glob("gcs/history.sqlite*"):
        file.unlink()
    history.mkdir()
    home.kill("recorder")
    home.kill("page")
    (folder / "page.sock").unlink()
    (folder / "page.sock").mkdir()
    node = json.loads((folder / "node.json").read_text())["node"]
    try:
        for process in ("recorder", "page"):
            log = folder / f"{process}.log"
            wait_until(lambda: log.stat().st_size > 0, 30, what=process)  # noqa: B023
            wait_until(lambda: log.read_bytes().endswith(b"\n"), 10, what=process)  # noqa: B023
            told = lines(log)
            assert {(line["process"], line["node"]) for line in told} == {(process, node)}
            assert {line["level"] for line in told} <= {"critical", "error", "warning"}
        (first, *_) = lines(folder / "recorder.log")
        assert first["message"] == "it ends after an error that nobody caught"
        assert f"OSError: the history {history} cannot be opened" in first["exception"]
        assert any("page.sock" in str(line) for line in lines(folder / "page.log"))
    finally:
        (folder / "page.sock").rmdir()
        home.loom("stop")


def without_counter(package: Path) -> None:
    """Something installed that a raylet complains of at its start."""
    about = package / "loom_lab-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: loom-lab\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[hyperloom.resources]\nlab/scope = no_such:one\n")


def lines(log: Path) -> list[dict[str, str]]:
    whole, _, _ = log.read_text().rpartition("\n")  # it may be written just now
    return [json.loads(line) for line in whole.splitlines()]
