"""A command line that is wrong is refused with what to write instead, and starts nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hyperloom import __version__
from hyperloom.cli.main import COMMANDS, cli, main

if TYPE_CHECKING:
    from pathlib import Path


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.output


def test_help_names_every_command_and_exit_code() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    assert [name for name in COMMANDS if f"  {name} " not in result.output] == []
    assert "3    no node of yours runs here" in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert "age" in result.output  # Usage or usage: the demo's is argparse's


def test_version() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert result.output == f"loom, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["strat"], "strat"),
        (["start"], "either --head"),
        (["start", "--head", "--address", "redis://h:1"], "either --head"),
        (["start", "--address", "http://h:1"], "redis://host:port"),
        (["start", "--address", "redis://h:port"], "port"),
        (["start", "--address", "redis://h:1", "--dir", "d"], "--dir is for --head"),
        (["start", "--address", "redis://h:1", "--port", "1"], "--port is for --head"),
        (["start", "--head", "--port", "70000"], "a whole number from 0 to 65535"),
        (["start", "--head", "--port", "http"], "'http' cannot be; write a whole number"),
        (["start", "--head", "--durability", "often"], "everysec"),
        (["start", "--head", "--memory", "much"], "8GiB"),
        (["start", "--head", "--resources", "licence=2"], "JSON"),
        (["start", "--head", "--resources", "[1]"], "names to numbers"),
        (["start", "--head", "--resources", '{"a": true}'], "names to numbers"),
        (["start", "--head", "--resources", '{"a": -1}'], "a"),
        (["start", "--head", "--num-cpus", "-1"], "'--num-cpus': '-1' cannot be; write 0,"),
        (["start", "--head", "--num-cpus", "inf"], "'--num-cpus': 'inf' cannot be"),
        (["start", "--head", "--num-gpus", "abc"], "'abc' cannot be; write 0, 0.5 or 8"),
        (["start", "--head", "--password-file", "/nowhere"], "does not exist"),
        (["start", "--password-file", "--port", "3"], "a file is to follow it, and --port does"),
        (["retry", "4f9465fb"], "loom retry 4f9465fb --failed"),
        (["run"], "SCRIPT"),
        (["run", "/nowhere.py"], "no script"),
        (["status", "--jason"], "--json"),
        (["stop", "everything"], "unexpected"),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], says: str) -> None:
    assert says in refused(*arguments)


def test_an_unknown_variable_is_complained_about(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOOM_RUNTIME_DRI", "x")
    main(["start"])
    assert "Did you mean 'LOOM_RUNTIME_DIR'" in capsys.readouterr().err


def test_an_option_out_of_bounds_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOOM_LEASE_S", "soon")
    assert main(["status"]) == 1
    assert "LOOM_LEASE_S" in capsys.readouterr().err


def test_help_needs_none_of_the_heavy_modules(tmp_path: Path) -> None:
    """It is what a shell's completion calls."""
    source = (
        "import sys\nfrom hyperloom.cli.main import main\nmain(['--version'])\n"
        "print(sorted({'redis', 'numpy', 'rich', 'psutil', 'cloudpickle'} & set(sys.modules)))"
    )
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    out = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=tmp_path,
        env=here,
    )  # fmt: skip
    assert out.stdout.splitlines()[-1] == "[]"
