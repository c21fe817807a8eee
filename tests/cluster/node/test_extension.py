"""An installed package gives its symbols to the nodes that have it, and to no other."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors, tasks
from tests.home import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.home import Home

pytestmark = pytest.mark.slow

EXTENSION = ROOT / "examples" / "extension"


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """A place from which the example is installed, as pip would leave it: its PYTHONPATH."""
    project = tomllib.loads((EXTENSION / "pyproject.toml").read_text())["project"]
    about = tmp_path / "loom_lab-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: loom-lab\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "\n".join(
            f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in points.items())
            for group, points in project["entry-points"].items()
        )
    )
    (tmp_path / "loom_lab").symlink_to(EXTENSION / "loom_lab")
    return f"{ROOT}:{tmp_path}"


def test_tasks_run_where_their_symbol_is(head: Home, installed: str) -> None:
    url, password = head.status()["address"], head.current / "password"
    head.variables |= {"PYTHONPATH": installed, "LAB_SCOPES": "3"}
    head.loom("start", "--address", url, "--password-file", password, "--num-cpus", "2")
    loom.init(url, password_file=str(password))
    (lab,) = [node for node in loom.nodes() if node["symbols"]]
    assert lab["symbols"] == ["lab/first_rows", "lab/gc_content", "lab/reverse", "lab/table"]
    assert loom.cluster_resources()["lab/scope"] == 3

    # This process does not have the package.
    gc_content, reverse = loom.symbol("lab/gc_content"), loom.symbol("lab/reverse")
    plan = [gc_content.bind(reverse.bind("GATTACA" * n)) for n in range(1, 30)]
    assert loom.submit(plan).gather(timeout=30) == [pytest.approx(2 / 7)] * 29

    # A data object of the package's own, made and used where it is known.
    @loom.task(needs="lab/table")
    def table() -> object:
        from loom_lab.tables import Table  # noqa: PLC0415

        return Table([b"a", b"bb", b"ccc"])

    @loom.task(needs="lab/table")
    def total(table: object) -> list[object]:
        return [type(table).__name__, len(table), table.size]  # type: ignore[arg-type, attr-defined]

    rows = loom.symbol("lab/first_rows").bind(table.bind(), 2)
    assert loom.submit([total.bind(rows)]).gather(timeout=30) == [["Table", 2, 3]]
    lengths = [tasks.length(table.bind()).options(needs="lab/table") for _ in range(10)]
    assert loom.submit(lengths).gather(timeout=30) == [3] * 10
    with pytest.raises(errors.Undeserializable, match="'lab/table' arrived, which this process"):
        loom.get(table.remote(), timeout=30)

    @loom.task(needs="lab/reverse")
    def where() -> str:
        return loom.context().node_id

    assert set(loom.get([where.remote() for _ in range(30)], timeout=30)) == {lab["node"]}

    with pytest.raises(errors.UnknownSymbol, match="Did you mean 'lab/reverse'"):
        loom.symbol("lab/revers").remote("A")
    loom.shutdown()
    head.loom("stop", "--all")
