"""The commands as a person types them, in a home of their own."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from hyperloom import __version__
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
import hyperloom as loom

@loom.task
def double(x: int = 1) -> int:
    "A task."
    return 2 * x

def shout(word, times=1):
    return word.upper() * times

if __name__ == "__main__":
    print(loom.get(double.remote(21)), sys.argv[1:])
    print("told to stderr", file=sys.stderr)
    sys.exit(7)
"""


CACHED = """
import hyperloom as loom

@loom.task(cache=True)
def double(x):
    return [2 * x] * 100

@loom.task(cache=True)
def half(x):
    return x / 2

loom.init(mode="inline")
print(len(loom.get([double.remote(1), double.remote(2), half.remote(3)])))
"""


def test_the_cache_is_shown_and_cleared(home: Home) -> None:
    assert ": 0 results, 0 B of 4.0 GiB" in home.loom("cache").stdout
    out, err = home.python("-c", CACHED).communicate(timeout=40)
    assert (out, err) == ("3\n", "")
    shown = home.loom("cache").stdout.splitlines()
    assert shown[0].startswith(f"{home.runtime}/cache: 3 results, ")
    assert [line.split(",")[0] for line in shown[1:]] == ["  double: 2 results", "  half: 1 result"]
    assert shown[2].endswith("used just now")
    told = json.loads(home.loom("cache", "--json").stdout)
    assert (told["results"], told["cleared"], told["most_bytes"]) == (3, False, 4 << 30)
    assert [(task["name"], task["results"]) for task in told["tasks"]] == [
        ("double", 2),
        ("half", 1),
    ]
    assert home.loom("cache", "--clear").stdout.startswith("Removed 3 results, ")
    assert json.loads(home.loom("cache", "--json").stdout)["results"] == 0


def test_start_status_run_stop(home: Home) -> None:
    script = home.path / "script.py"
    script.write_text(SCRIPT)

    nothing = home.loom("status", exits=3)
    assert "loom start --head" in nothing.stdout
    assert json.loads(home.loom("status", "--json", exits=3).stdout) == {
        "version": __version__,
        "sessions": [],
    }
    assert "no node of yours" in home.loom("run", "script.py", exits=3).stderr

    started = home.loom("start", "--head", "--port", "0", "--num-cpus", "2", "--memory", "1GiB",
                        "--object-store-memory", "64MiB", "--resources", '{"printer": 1}',
                        "--durability", "everysec").stdout  # fmt: skip
    status = home.status()
    folder, url = status["folder"], status["address"]
    assert url.startswith("redis://127.0.0.1:")
    assert "listens on this machine only" in started
    assert "its data last as long as it does; --dir DIR keeps them" in started
    assert "Join it from another machine" not in started
    assert f"{folder}/password" in started
    assert status["kind"] == "head"
    assert status["node"]["resources"] == {"CPU": 2, "memory": 1 << 30, "printer": 1}
    assert status["node"]["store"]["capacity"] == 64 << 20
    assert status["cluster"]["server"]["durability"] == "everysec"
    assert status["problems"] == status["cluster"]["jobs"] == []
    text = home.loom("status").stdout
    assert "a later loom start --head begins anew, without --dir DIR" in text
    assert "all of it is lost when all of the head ends, as by a reboot: it has no --dir" in text
    assert "everysec: nothing is lost by a crash of any process of HyperLoom; a crash of" in text
    assert "\033" not in text

    run = home.loom("run", "script.py", "--json", "-x", exits=7)
    assert (run.stdout, run.stderr) == ("42 ['--json', '-x']\n", "told to stderr\n")
    assert home.loom("run", "script.py::double", "--x", "4").stdout == "8\n"
    assert home.loom("run", "script.py::shout", "--word=hi", "--times", "2").stdout == "HIHI\n"
    assert "its arguments are" in home.loom("run", "script.py::shout", exits=2).stderr
    assert "no function" in home.loom("run", "script.py::whisper", exits=2).stderr

    assert "Stopped" in home.loom("stop").stdout
    assert home.left() == []


def test_a_node_in_the_foreground_ends_with_its_command(home: Home) -> None:
    block = home.python("-m", "hyperloom", "start", "--head", "--port", "0", "--block")
    assert block.stdout is not None
    assert block.stdout.readline().startswith("Node ")
    assert home.status()["problems"] == []
    block.send_signal(signal.SIGINT)
    out, err = block.communicate(timeout=30)
    assert "Traceback" not in out + err
    assert block.returncode == 0
    home.wait_empty()


def test_embedded_nodes_are_shown_and_not_stopped(home: Home) -> None:
    source = "import hyperloom as loom, signal; loom.init(); print(1, flush=True); signal.pause()"
    program = home.python("-c", source)
    assert program.stdout is not None
    assert program.stdout.readline() == "1\n"
    assert home.status()["kind"] == "embedded"
    assert "No node" in home.loom("stop", "--all").stdout
    assert home.status()["cluster"]["jobs"][0]["pid"] == program.pid
    program.terminate()
    program.communicate()
    home.wait_empty()


def test_a_node_whose_raylet_hangs_is_told_of_and_stopped_by_force(home: Home) -> None:
    home.start_head()
    os.kill(home.pid("raylet"), signal.SIGSTOP)
    (problem,) = home.status()["problems"]
    assert "raylet does not answer" in problem
    home.loom("stop", "--force")
    home.wait_empty()


@pytest.mark.parametrize("json_", [False, True])
def test_doctor_looks_at_everything(home: Home, *, json_: bool) -> None:
    home.variables["LOOM_LEASE"] = "3"
    told = home.loom("doctor", *(["--json"] if json_ else []), exits=None)
    names = ["python", "packages", "server", "runtime dir", "spill dir", "open files"]
    names += ["shared memory", "vm.overcommit_memory", "huge pages", "sync to disk", "variables"]
    if json_:
        findings = json.loads(told.stdout)
        assert [finding["what"] for finding in findings] == names
        assert {finding["level"] for finding in findings} <= {"ok", "warn", "fail"}
        assert all(finding["advice"] for finding in findings if finding["level"] != "ok")
        assert "Did you mean 'LOOM_LEASE_S'" in findings[-1]["found"]
        failed = any(finding["level"] == "fail" for finding in findings)
        assert told.returncode == (1 if failed else 0)
    else:
        assert [name for name in names if name not in told.stdout] == []


def test_doctor_warns_where_disk_is_memory(home: Home) -> None:
    home.variables |= {"LOOM_SPILL_DIR": "/dev/shm", "LOOM_RUNTIME_DIR": "/dev/shm"}
    told = json.loads(home.loom("doctor", "--json", exits=None).stdout)
    found = {finding["what"]: finding for finding in told}
    assert "in memory" in found["spill dir"]["found"]
    assert "LOOM_SPILL_DIR" in found["spill dir"]["advice"]
    assert found["sync to disk"]["advice"] == "use --dir"


def test_doctor_fails_where_a_start_would(home: Home) -> None:
    home.variables["LOOM_SERVER_BINARY"] = "/nowhere/redis-server"
    told = home.loom("doctor", exits=1)
    assert "fail server" in told.stdout


def test_output_may_be_cut_off(home: Home) -> None:
    """`loom doctor | head -1` is no accident."""
    program = home.python("-P", "-m", "hyperloom", "doctor")
    assert program.stdout is not None
    program.stdout.close()
    wait_until(lambda: program.poll() is not None, 20)
    assert program.stderr is not None
    assert program.stderr.read() == ""
    program.stderr.close()
