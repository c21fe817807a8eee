"""``loom doctor``: what of this machine will get in the way."""

from __future__ import annotations

import dataclasses
import json

import click

from hyperloom.cli.main import FAILED

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="The findings, for programs.")
def command(*, as_json: bool) -> int:
    """Look at this machine's limits, disks and versions, and say what to change.

    Exits with 1 when something fails; warnings are no failure.
    """
    from hyperloom.cli.checks import all_findings  # noqa: PLC0415
    from hyperloom.config import Config  # noqa: PLC0415

    findings = list(all_findings(Config.load()))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        from rich.console import Console  # noqa: PLC0415

        console = Console(highlight=False, soft_wrap=True)  # it heeds NO_COLOR and pipes itself
        for finding in findings:
            colour = _COLOURS[finding.level]
            console.print(f"[{colour}]{finding.level:<5}[/]{finding.what:<21}", end="")
            console.print(finding.found, markup=False)
            if finding.advice:
                console.print(f"{'':<26}{finding.advice}", markup=False)
    return FAILED if any(finding.level == "fail" for finding in findings) else 0
