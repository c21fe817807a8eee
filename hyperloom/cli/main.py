"""``loom``: the commands, their errors and exit codes.

The rule: what goes wrong is told in a sentence, on stderr, with what to do about it; a traceback
is a bug of ours.  What a program might read goes to stdout as JSON with ``--json``, and then what
goes wrong is an object on stderr.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from hyperloom import __version__, config
from hyperloom.cli import refusing
from hyperloom.errors import LoomError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Imported when used: `loom --version` need not know Redis.
COMMANDS = (
    "start", "stop", "node", "status", "run", "submit", "ls", "show", "why", "top", "logs",
    "memory", "timeline", "report", "stack", "profile", "metrics", "dashboard", "cancel", "kill",
    "retry",
    "cache", "clean", "demo", "doctor",
)  # fmt: skip

FAILED = 1
NOTHING_RUNS = 3

EXIT_CODES = """\b
Exit codes:
  0    done
  1    failed; a sentence on stderr (with --json an object) says why and what to do
  2    the command line is wrong
  3    no node of yours runs here
  130  interrupted
"""


class Commands(click.Group):
    """Finds each command in the file of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002, D102 - click's own
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002, D102
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"hyperloom.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401, D102 - click's own
        for complaint in config.unknown_variables(os.environ):
            click.echo(f"loom: warning: {complaint}", err=True)
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (LoomError, OSError) as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            if type(error).__module__ != "msgspec":
                raise
            raise click.ClickException(
                f"what there is to look at was written by another version of HyperLoom than this, "
                f"{__version__}, and cannot be read ({error}). Look with that version, or, if it "
                "is only a history, let it go: loom clean --all"
            ) from error


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="loom")
def cli() -> None:
    """Very many small tasks, with a database for a control plane."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = cli.main(args=given, prog_name="loom", standalone_mode=False)
    except click.ClickException as error:
        refusing.say(error, refusing.asked_for_json(cli, given))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        refusing.say(refusing.Interrupted(), refusing.asked_for_json(cli, given))
        return refusing.Interrupted.exit_code
    except BrokenPipeError:
        # The reader of our output has gone: `loom status | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0
