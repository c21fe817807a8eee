"""Programs that are handed to a node: they run in a copy, outlive the terminal, and tell."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow

SCRIPT = """
import os, sys
import hyperloom as loom
from beside import word

@loom.task
def double(x):
    return 2 * x

print(word, loom.get(double.remote(21)), os.environ["COLOUR"], sys.argv[1:])
sys.exit(int(sys.argv[1]))
"""


def test_a_program_is_submitted_watched_and_stopped(home: Home) -> None:
    assert "no node of yours runs here" in home.loom("submit", "--list", exits=3).stderr
    head = home.start_head()
    (home.path / "script.py").write_text(SCRIPT)
    (home.path / "beside.py").write_text("word = 'hello'\n")
    (home.path / ".git").mkdir()
    (home.path / ".git" / "large").write_bytes(bytes(1 << 20))

    here = ("--dir", home.path / "program")
    program = home.path / "program"
    program.mkdir()
    for name in ("script.py", "beside.py", ".git"):
        (home.path / name).rename(program / name)
    told = home.loom(
        "submit", *here, "-e", "COLOUR=red", "--wait", "--", "python", "script.py", "3", "--x",
        exits=3,
    )  # fmt: skip
    assert told.stdout == "hello 42 red ['3', '--x']\n"

    new = json.loads(home.loom("submit", *here, "--json", "--", "sleep", "1000").stdout)
    folder = head / "submitted" / new["id"]
    assert not (folder / "work" / ".git").exists()
    home.loom("submit", *here, "--", "no-such-program")

    def listed() -> list[tuple[str, int | None]]:
        known = json.loads(home.loom("submit", "--list", "--json").stdout)
        return [(each["state"], each["exit_code"]) for each in known]

    wait_until(lambda: sorted(listed()) == [("FAILED", 3), ("FAILED", 127), ("RUNNING", None)])
    assert "cannot be started" in home.loom("submit", "--logs", "last").stdout
    assert "sleep 1000" in home.loom("submit", "--list").stdout
    wait_until(lambda: json.loads((folder / "about.json").read_text())["pid"])
    assert home.loom("submit", "--stop", new["id"]).stdout == f"{new['id']} was ended\n"
    wait_until(lambda: ("STOPPED", -15) in listed())
    assert "was over already: STOPPED" in home.loom("submit", "--stop", new["id"]).stdout
    assert json.loads(home.loom("submit", "--stop", new["id"], "--json").stdout)["exit_code"] == -15
    echo = ("--wait", "--json", "--", "sh", "-c", "echo one; exit 4")
    told = json.loads(home.loom("submit", *here, *echo, exits=4).stdout)
    assert [told[key] for key in ("state", "exit_code", "text")] == ["FAILED", 4, "one\n"]
    assert json.loads(home.loom("submit", "--logs", "last", "--json").stdout) == told

    home.loom("submit", *here, "--", "sleep", "1000")
    home.loom("stop")
    home.wait_empty()


def test_what_cannot_be_submitted_is_told(home: Home) -> None:
    home.start_head("--durability", "everysec")
    large = home.path / "large"
    large.mkdir()
    with (large / "data.bin").open("wb") as file:
        os.truncate(file.fileno(), 200 << 20)
    told = home.loom("submit", "--dir", large, "--", "true", exits=1).stderr
    assert "has 200 MiB, and at most 100 MiB are copied" in told
    assert "data.bin (200 MiB)" in told
    assert "there is no command" in home.loom("submit", exits=2).stderr
    assert "write NAME=VALUE" in home.loom("submit", "-e", "x", "--", "true", exits=2).stderr
    assert "there is no submission" in home.loom("submit", "--logs", "last", exits=1).stderr
    home.loom("stop")


SPEAKS = """
import os, time
number = 0
while not os.path.exists("enough"):
    print("".join(f"line {number + n}\\n" for n in range(2000)), end="")
    number += 2000
    time.sleep(0.005)  # the task does not fill the disk meanwhile
print("the last")
"""


def test_what_a_program_prints_is_kept_up_to_a_size_and_followed_all_the_same(home: Home) -> None:
    home.variables["LOOM_LOG_BYTES"] = "256KiB"
    head = home.start_head()
    program = home.path / "program"
    program.mkdir()
    (program / "speaks.py").write_text(SPEAKS)
    follower = home.python(
        "-m", "hyperloom", "submit", "--dir", str(program), "--wait", "--", "python", "speaks.py"
    )
    wait_until(lambda: list((head / "submitted").glob("*/output.begins")), 30)
    (folder,) = (head / "submitted").iterdir()
    (folder / "work" / "enough").touch()
    followed, _ = follower.communicate(timeout=40)
    assert follower.returncode == 0
    log = folder / "output.log"
    wait_until(lambda: log.stat().st_blocks * 512 <= 300 << 10)
    assert followed.endswith("the last\n")
    told = home.loom("submit", "--logs", "last")
    kept = told.stdout.splitlines()
    numbers = [int(line.removeprefix("line ")) for line in kept[:-1]]
    assert kept[-1] == "the last"
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "whole lines, and none is missing"
    assert "that it printed are gone (LOOM_LOG_BYTES)" in told.stderr
    assert followed.endswith(told.stdout[-100_000:])


FAILS_ONCE = """
import pathlib, sys
import hyperloom as loom

@loom.task
def begun(x):
    return x + 1

before = pathlib.Path("before")
print("went before:", before.exists(), loom.get(begun.remote(1)))
if not before.exists():
    before.touch()
    sys.exit(3)
"""


def test_what_failed_is_run_again_under_its_id_with_what_it_wrote(home: Home) -> None:
    home.start_head("--durability", "everysec")
    program = home.path / "program"
    program.mkdir()
    (program / "script.py").write_text(FAILS_ONCE)
    here = ("--dir", program, "--json")
    slow = json.loads(home.loom("submit", *here, "--", "sleep", "1000").stdout)["id"]
    assert f"{slow} runs; nothing was started" in home.loom(
        "retry", slow, "--failed", exits=1
    ).stderr  # fmt: skip

    first = home.loom("submit", *here, "--wait", "--", "python", "script.py", exits=3)
    failed = json.loads(first.stdout)["id"]
    told = home.loom("retry", "last", "--failed").stdout
    assert told.startswith(f"{failed} runs again, attempt 2; see its output: ")
    home.loom("submit", "--logs", failed, "-f")
    known = json.loads(home.loom("submit", "--logs", failed, "--json").stdout)
    assert (known["state"], known["exit_code"], known["attempt"]) == ("DONE", 0, 2)
    assert known["text"].splitlines() == [
        "went before: False 2", "loom: attempt 2 begins", "went before: True 2"
    ]  # fmt: skip
    assert "nothing of" in home.loom("retry", failed, "--failed", exits=1).stderr

    home.loom("submit", "--stop", slow)
    again = json.loads(home.loom("retry", slow, "--failed", "--json").stdout)
    assert (again["id"], again["state"], again["attempt"]) == (slow, "RUNNING", 2)
    assert "there is no submission" in home.loom("submit", "--stop", "000000", exits=1).stderr
    assert "nothing detached" in home.loom("retry", "000000", "--failed", exits=1).stderr
    home.loom("stop")


def test_the_job_of_a_submitted_program_names_it_to_be_run_again(home: Home) -> None:
    home.start_head("--durability", "everysec")
    program = home.path / "program"
    program.mkdir()
    (program / "script.py").write_text(FAILS_ONCE)
    run = ("submit", "--dir", program, "--wait", "--json", "--", "python", "script.py")
    failed = json.loads(home.loom(*run, exits=3).stdout)["id"]

    def ended() -> list[str]:
        known = json.loads(home.loom("ls", "jobs", "--json").stdout)["jobs"]
        return [row["job"] for row in known if row["submission"] == failed and row["program_ended"]]

    wait_until(lambda: len(ended()) == 1)
    assert f"{failed} runs again" in home.loom("retry", ended()[0], "--failed").stdout
    home.loom("submit", "--logs", failed, "-f")
    wait_until(lambda: len(ended()) == 2)  # each attempt is a job of its own
    home.loom("stop")
