"""`loom start --head`: what dies is started again, and nothing that was accepted is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.api.gate import Gate
from tests.cluster.node.somebodys import one_more
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow

MANY = 20_000
QUICK = {"LOOM_LEASE_S": "1", "LOOM_BEAT_S": "0.3"}


@loom.task(num_cpus=0.1)
def when_there(path: str, x: int) -> int:
    """Runs until the file is there."""
    while not Path(path).exists():
        time.sleep(0.01)  # the task takes its time
    return x


@loom.task(max_retries=0, num_cpus=0.1)
def once(begun: str, path: str) -> None:
    Path(begun).touch()
    while not Path(path).exists():
        time.sleep(0.01)  # the task takes its time


@loom.task(max_retries=0, num_cpus=0.1)
def speaks(go: Gate, speaking: Gate) -> int:
    speaking.note("runs")
    go.pass_through()
    speaking.note("speaks")
    return loom.context().attempt


def works() -> None:
    assert loom.get(one_more.remote(1), timeout=20) == 2


def test_a_head_serves_until_it_is_stopped_and_leaves_its_logs(home: Home) -> None:
    folder = home.start_head()
    loom.init()
    works()
    loom.shutdown()
    assert "Stopped" in home.loom("stop").stdout
    assert home.left() == []
    assert sorted(p.name for p in folder.iterdir() if p.is_file()) == [
        "head.json", "lock", "node.json", "raylet.log", "recorder.log", "stopping", "supervisor",
        "supervisor.log",
    ]  # fmt: skip
    assert "No node" in home.loom("stop").stdout


def test_a_server_killed_under_load_loses_nothing(head: Home) -> None:
    loom.init()
    refs = [one_more.remote(i) for i in range(MANY)]
    large = loom.put(b"x" * 1_000_000)
    killed = head.kill("server")
    at = time.monotonic()
    refs += [one_more.remote(i) for i in range(MANY, 2 * MANY)]
    works()
    back_s = time.monotonic() - at
    assert loom.get(refs, timeout=50) == list(range(1, 2 * MANY + 1))
    assert len(loom.get(large)) == 1_000_000
    assert head.pid("server") != killed
    assert back_s < 5 + 2 * MANY / 5_000  # what was submitted before it had to run too


def test_a_driver_that_begins_while_there_is_no_server_waits_for_it(head: Home) -> None:
    """A raylet that opens a job must outlive a server that does not answer."""
    supervisor, raylet = head.pid("supervisor"), head.pid("raylet")
    os.kill(supervisor, signal.SIGSTOP)
    head.kill("server")
    began = threading.Thread(target=loom.init)
    began.start()
    # It has been let in, as far as the raylet can: a status is answered after it.
    wait_until(lambda: head.status()["node"], what="the raylet answers")
    os.kill(supervisor, signal.SIGCONT)
    began.join(30)
    works()
    assert head.pid("raylet") == raylet


def test_a_task_that_speaks_for_the_first_time_while_there_is_no_server_waits_for_it(
    head: Home, tmp_path: Path
) -> None:
    """A worker has no connection until a task of it needs one; and that may be just now."""
    loom.init()
    go, speaking = Gate(tmp_path / "go"), Gate(tmp_path / "speaking")
    ref = speaks.remote(go, speaking)
    wait_until(speaking.notes, what="it runs")
    os.kill(head.pid("supervisor"), signal.SIGSTOP)
    head.kill("server")
    go.open()
    wait_until(lambda: len(speaking.notes()) == 2, what="it begins to speak")
    os.kill(head.pid("supervisor"), signal.SIGCONT)
    assert loom.get(ref, timeout=30) == 1


def test_a_raylet_killed_under_load_is_replaced_and_the_driver_goes_on(
    head: Home, tmp_path: Path
) -> None:
    loom.init()
    go = tmp_path / "go"
    large = loom.put(b"x" * 1_000_000)
    slow = [when_there.remote(str(go), i) for i in range(4)]
    lost = once.remote(str(tmp_path / "begun"), str(tmp_path / "never"))
    refs = [one_more.remote(i) for i in range(MANY)]
    wait_until((tmp_path / "begun").exists, 30)
    (job,) = head.jobs()
    node = head.status()["node"]["node"]
    killed = head.kill("raylet")
    wait_until(lambda: head.pid("raylet") != killed)
    go.touch()
    assert loom.get(slow, timeout=40) == [0, 1, 2, 3]
    assert loom.get(refs, timeout=40) == list(range(1, MANY + 1))
    with pytest.raises(loom.errors.NodeLost):
        loom.get(lost, timeout=20)
    assert len(loom.get(large)) == 1_000_000
    assert [each["job"] for each in head.jobs()] == [job["job"]]
    assert head.status()["node"]["node"] == node
    works()


def test_without_its_supervisor_a_node_works_on_and_gets_a_new_one(head: Home) -> None:
    loom.init()
    pids = {name: head.pid(name) for name in ("server", "raylet")}
    head.kill("supervisor")
    wait_until(lambda: head.status()["problems"], what="status tells")
    assert "supervisor is gone" in head.status()["problems"][0]
    works()
    head.start_head()
    assert {name: head.pid(name) for name in ("server", "raylet")} == pids
    assert head.status()["problems"] == []
    head.kill("server")
    wait_until(lambda: head.pid("server") != pids["server"])
    head.kill("raylet")
    wait_until(lambda: head.pid("raylet") != pids["raylet"])
    works()


def nobody_wrote_down(head: Home, *names: str) -> None:
    """As if its supervisor had been killed between starting these and writing that down."""
    head.kill("supervisor")
    record = head.current / "processes.json"
    marks = json.loads(record.read_text())
    record.write_text(json.dumps({k: v for k, v in marks.items() if k not in names}))


def test_whom_a_killed_supervisor_did_not_write_down_is_found_and_not_begun_twice(
    head: Home,
) -> None:
    loom.init()
    pids = {name: head.pid(name) for name in ("server", "raylet", "recorder")}
    nobody_wrote_down(head, *pids)
    works()
    head.start_head()
    assert {name: head.pid(name) for name in pids} == pids
    works()


@pytest.mark.parametrize("how", [[], ["--force"]])
def test_stop_ends_a_node_without_a_supervisor(head: Home, how: list[str]) -> None:
    loom.init()
    works()
    nobody_wrote_down(head, "raylet", "recorder")
    head.loom("stop", *how)
    head.wait_empty()
    with pytest.raises(loom.errors.LoomError):
        works()


def test_a_raylet_that_is_killed_just_before_its_supervisor_leaves_no_shared_memory(
    head: Home,
) -> None:
    """
    1. The raylet is killed.  2. What is left of it sees a supervisor, and leaves the store to the
    next one.  3. The supervisor is killed before it has begun that.
    """
    os.kill(head.pid("supervisor"), signal.SIGSTOP)
    head.kill("raylet")

    def running(what: str) -> bool:
        return any(what in command for command in head.processes().values())

    wait_until(lambda: not running("raylet.main"), 20)
    assert running("reaper.py"), "whoever starts next on this machine would sweep; this one waits"
    assert head.shared_memory()
    head.kill("supervisor")
    wait_until(lambda: not head.shared_memory() and not running("reaper.py"), 20)


def test_a_stopped_node_fails_its_drivers_at_once(head: Home, tmp_path: Path) -> None:
    """It is not a raylet that died and comes back: nobody waits for the time of an outage."""
    loom.init()
    works()
    waits = when_there.remote(str(tmp_path / "never"), 1)
    head.loom("stop")
    at = time.monotonic()
    with pytest.raises(loom.errors.LocalRayletDied, match="was stopped"):
        loom.get(waits)
    assert time.monotonic() - at < 5


def test_a_head_goes_on_in_its_folder(home: Home, tmp_path: Path) -> None:
    home.variables |= QUICK
    data = home.path / "data"
    home.start_head("--dir", data)
    address, node = home.status()["address"], home.status()["node"]["node"]
    assert home.status()["kept"]
    assert f"{data}, where loom start --head --dir goes on" in home.loom("status").stdout
    secrets = [(data / name).read_text() for name in ("password", "admin-password")]
    driver = home.python("-c", _DRIVER, str(tmp_path / "begun"))
    wait_until((tmp_path / "begun").exists, 30)
    home.lose_power()
    driver.communicate()
    wait_until(lambda: not home.processes())

    home.loom("start", "--head", "--dir", data)
    status = home.status()
    assert (status["address"], status["node"]["node"]) == (address, node)
    assert [(data / name).read_text() for name in ("password", "admin-password")] == secrets
    # What it had accepted was there, until its driver did not come back.
    wait_until(lambda: home.jobs() == [], 20)
    loom.init()
    works()


_DRIVER = """
import sys, time
from pathlib import Path
import hyperloom as loom

@loom.task
def begin(path):
    Path(path).touch()
    time.sleep(100)  # the task outlives everybody

loom.init("auto")
loom.get(begin.remote(sys.argv[1]))
"""


def test_a_killed_drivers_job_ends(head: Home, tmp_path: Path) -> None:
    driver = head.python("-c", _DRIVER, str(tmp_path / "begun"))
    wait_until((tmp_path / "begun").exists, 30)
    assert len(head.jobs()) == 1
    driver.kill()
    driver.communicate()
    wait_until(lambda: head.jobs() == [], 20)
    wait_until(lambda: head.status()["node"]["workers"] == [], 20)
    assert head.status()["node"]["store"]["used"] == 0


def test_a_driver_that_is_stopped_for_longer_than_a_lease_goes_on(home: Home) -> None:
    """Its raylet renews the lease; a job does not end because its driver says nothing."""
    home.variables |= QUICK
    home.start_head()
    driver = home.python("-c", _STOPPED, stdin=subprocess.PIPE)
    assert driver.stdout is not None
    assert driver.stdout.readline() == "begun\n"
    os.kill(driver.pid, signal.SIGSTOP)
    until = time.monotonic() + 3 * float(QUICK["LOOM_LEASE_S"])
    wait_until(lambda: time.monotonic() > until)
    assert len(home.jobs()) == 1
    os.kill(driver.pid, signal.SIGCONT)
    out, err = driver.communicate("\n", timeout=30)
    assert (out, err) == ("[1, 2, 3]\n", "")


_STOPPED = """
import hyperloom as loom

with loom.init("auto"):
    refs = [loom.task(lambda x: x + 1).remote(i) for i in range(3)]
    print("begun", flush=True)
    input()
    print(loom.get(refs))
"""


def test_two_drivers_share_a_head_and_nothing_else(head: Home) -> None:
    loom.init()
    works()
    other = head.python("-c", _OTHER)
    out, err = other.communicate(timeout=40)
    assert other.returncode == 0, err
    told = json.loads(out)
    assert told["answer"] == 42
    assert told["jobs"] == 2
    wait_until(lambda: len(head.jobs()) == 1, 20)
    works()


_OTHER = """
import json
import hyperloom as loom
from hyperloom.config import Config
from hyperloom.node import survey

@loom.task
def add(a, b):
    return a + b

with loom.init():
    answer = loom.get(add.remote(20, 22))
    jobs = survey.sessions(Config.load())[0]["cluster"]["jobs"]
print(json.dumps({"answer": answer, "jobs": len(jobs)}))
"""


def test_status_says_of_a_node_the_same_twice(home: Home) -> None:
    """The cluster's table is as old as the node's last beat; the node itself was just asked."""
    home.variables["LOOM_BEAT_S"] = "5"  # longer than the test
    home.start_head()
    loom.init()
    begun, go_on = home.path / "begun", home.path / "go-on"
    ref = once.remote(str(begun), str(go_on))
    wait_until(begun.exists)
    status = home.status()
    (member,) = status["cluster"]["nodes"]
    assert member["free"] == status["node"]["free"]
    assert member["free"]["CPU"] == 1.9
    go_on.touch()
    loom.get(ref)


def test_a_second_head_needs_a_folder_of_its_own(head: Home) -> None:
    refused = head.loom("start", "--head", exits=1)
    assert "runs already" in refused.stderr
    first = head.current
    head.start_head("--dir", head.path / "other")
    assert head.current != first
    again = head.loom("start", "--head", "--dir", head.path / "other", exits=1)
    assert "runs already" in again.stderr
    assert "1 more" in head.loom("stop").stdout
    assert head.status()["folder"] == str(first)  # the one that is left is found
    head.loom("stop", "--all")
    assert head.left() == []


def test_a_start_that_fails_says_why_and_leaves_nothing(home: Home) -> None:
    home.variables["LOOM_SERVER_BINARY"] = "/bin/false"
    failed = home.loom("start", "--head", "--port", "0", exits=1)
    assert "did not start" in failed.stderr
    home.wait_empty()
    home.variables["LOOM_SERVER_BINARY"] = "/nowhere/redis-server"
    assert "LOOM_SERVER_BINARY" in home.loom("start", "--head", exits=1).stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--host", "8.8.8.8"],
            "--host 8.8.8.8 is no address of this machine; nothing was started",
        ),
        (["--dir", "/proc/foo"], "the folder /proc/foo cannot be made (No such file or directory)"),
    ],
)
def test_what_no_head_can_have_is_named(home: Home, arguments: list[str], says: str) -> None:
    assert says in home.loom("start", "--head", *arguments, exits=1).stderr
    assert home.sessions() == home.left() == []


def test_a_port_that_is_taken_is_named(head: Home) -> None:
    port = head.status()["address"].rpartition(":")[2]
    told = head.loom("start", "--head", "--port", port, "--dir", head.path / "other", exits=1)
    assert f"port {port} on 127.0.0.1 is taken by another program" in told.stderr


def test_logs_of_the_last_few_heads_are_kept(home: Home) -> None:
    for number in range(8):
        old = home.runtime / f"session-2001010{number}-000000-aaaaaa"
        old.mkdir(parents=True, mode=0o700)
        (old / "supervisor").touch()
    stale = home.runtime / "session-20010109-000000-bbbbbb"
    stale.mkdir()
    (stale / "embedded").touch()
    home.runtime.chmod(0o700)
    with loom.init("local", num_cpus=1):
        kept = [folder.name[8:16] for folder in home.sessions()][:-1]
    assert kept == ["20010103", "20010104", "20010105", "20010106", "20010107"]
