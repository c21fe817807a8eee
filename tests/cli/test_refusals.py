"""With ``--json`` every command that takes it tells in JSON also what goes wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
import pytest

from hyperloom.cli.main import COMMANDS, NOTHING_RUNS, cli, main

if TYPE_CHECKING:
    from collections.abc import Iterator


def _with_json(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The commands that take it, those of groups too."""
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        if isinstance(found, click.Group):
            yield from _with_json(found, (*before, name))
        elif found is not None and any("--json" in each.opts for each in found.params):
            yield (*before, name)


ALL = list(_with_json(cli))
# What each needs to get so far that it looks for a cluster.
NEEDS = {
    "show": ["x"], "cancel": ["x"], "kill": ["x"], "retry": ["x", "--failed"],
    "node drain": ["abcdef"], "ls": ["tasks"], "submit": ["--", "true"],
}  # fmt: skip
NEED_NO_NODE = {"status", "cache", "clean", "doctor"}


def _refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> dict[str, Any]:
    code = main(arguments)
    out, err = capsys.readouterr()
    assert out == ""
    told: dict[str, Any] = json.loads(err)
    assert told.keys() == {"error", "kind", "hint", "exit_code"}
    assert told["exit_code"] == code != 0
    return told


def test_most_commands_take_json() -> None:
    assert {("ls",), ("node", "drain"), ("submit",), ("report",), ("status",)} <= set(ALL)
    assert len(ALL) >= len(COMMANDS) - 8


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_a_wrong_command_line_is_told_in_json(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = ["--dir"] if command == ("submit",) else ["--no-such-option"]
    told = _refused(capsys, [*command, "--json", *wrong])
    assert (told["exit_code"], wrong[0] in told["error"]) == (2, True)
    assert told["hint"] == f"loom {' '.join(command)} --help"


@pytest.mark.parametrize(
    "command", [each for each in ALL if each[0] not in NEED_NO_NODE], ids=" ".join
)
def test_where_nothing_runs_that_is_told_in_json(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    told = _refused(capsys, [*command, "--json", *NEEDS.get(" ".join(command), [])])
    assert (told["exit_code"], told["kind"]) == (NOTHING_RUNS, "NothingRuns")
    assert "no node of yours runs here" in told["error"]
    assert told["hint"] == "loom start --head"


@pytest.mark.parametrize("command", sorted(NEED_NO_NODE))
def test_an_option_that_cannot_be_is_told_in_json(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOM_LEASE_S", "soon")
    told = _refused(capsys, [command, "--json"])
    assert (told["exit_code"], told["kind"]) == (1, "InvalidOption")
    assert "LOOM_LEASE_S" in told["error"]


def test_what_is_no_option_of_ours_asks_for_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "--", "true", "--json"]) == NOTHING_RUNS
    assert capsys.readouterr().err.startswith("Error: no node of yours runs here")
    assert main(["stop", "--json"]) == 2
    assert "No such option" in capsys.readouterr().err
