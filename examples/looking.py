"""What the command line tells of a program that runs: counts, failures, and why a task waits."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import hyperloom as loom


def loom_command(*arguments: str) -> Any:  # noqa: ANN401 - whatever it prints
    """What a ``loom`` command answers, as a program reads it."""
    command = [sys.executable, "-m", "hyperloom", *arguments, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


@loom.task
def square(x: int) -> int:
    return x * x


@loom.task(max_retries=1, retry_exceptions=True)
def parse(text: str) -> int:
    return int(text)


with loom.init("local", num_cpus=2, log_to_driver=False):
    loom.get([square.remote(i) for i in range(100)])
    failed = parse.remote("seven")
    loom.wait([failed])
    huge = square.options(num_cpus=1000).remote(3)  # no machine has so many
    after = square.remote(huge)

    # Of several nodes that may run here, this program's own.
    session = ("--session", Path(loom.nodes()[0]["folder"]).name)
    for row in loom_command("ls", "names", *session)["names"]:
        print(f"{row['name']}: {row['done']} done, {row['failed']} failed, {row['left']} to do")

    shown = loom_command("show", failed.hex(), *session)["made_by"]
    print([step["what"] for step in shown["steps"]])
    print([line["why"] for line in loom_command("why", after.hex(), *session)])

# Output:
# square: 100 done, 0 failed, 2 to do
# parse: 0 done, 1 failed, 0 to do
# ['submitted', 'began', 'came to nothing', 'began', 'failed']
# ['inputs', 'too-large']
