"""Actors that outlive their program: found from another, until somebody kills them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from tests.cluster.plans.residents import Keeper, add_to, made_by
from tests.home import Home
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture
def own(head: Home) -> Iterator[Home]:
    """Where a program finds no node, but the way into the cluster."""
    password = str(head.current / "password")
    home = Home(variables={**head.variables, "LOOM_PASSWORD_FILE": password})
    yield home
    home.close()


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_an_actor_outlives_its_driver_until_it_is_killed(head: Home, how: str) -> None:
    pid = made_by(head, "stays", how)
    loom.init("auto")
    keeper = loom.get_actor("stays")
    assert loom.get([keeper.add.remote(1), keeper.pid.remote()]) == [101, pid]
    assert "stays" in loom.list_named_actors()
    assert loom.get(add_to.remote(keeper, 2)) == 103, "handles travel"
    again = Keeper.options(name="stays", lifetime="detached", get_if_exists=True).remote(0)
    assert again == keeper
    with pytest.raises(errors.ActorNameTaken, match="'stays' is taken"):
        Keeper.options(name="stays", lifetime="detached").remote(0)
    with pytest.raises(errors.ActorNameTaken, match="'stays' is taken"):
        Keeper.options(name="stays").remote(0)
    kept = loom.get(keeper.put.remote())
    loom.kill(keeper)
    with pytest.raises(errors.ActorNotFound):
        loom.get_actor("stays")
    assert loom.list_named_actors() == []
    mine = Keeper.options(name="stays", lifetime="detached").remote(7)
    assert loom.get(mine.add.remote(1)) == 8, "its name is free, for another job"
    assert len(loom.get(kept)) == 400_000, "what it made outlives it"
    loom.kill(mine)
    wait_until(lambda: not psutil.pid_exists(pid))


def test_a_name_in_a_namespace_is_known_to_other_programs(head: Home) -> None:
    """As long as somebody holds the actor, its program or another."""
    program = head.python("-m", "tests.cluster.plans.residents", "kept", "kept", "auto", stdin=-1)
    assert program.stdout is not None
    assert int(program.stdout.readline())
    loom.init("auto")
    with pytest.raises(errors.ActorNotFound, match="not detached"):
        loom.get_actor("kept")
    keeper = loom.get_actor("kept", namespace="shop")
    assert loom.get(keeper.add.remote(1)) == 101
    through = add_to.remote(keeper, 1)
    assert (loom.get(through), through.job_id()) == (102, loom.context().job_id)
    program.communicate("\n", timeout=20)
    assert program.returncode == 0
    assert loom.get(keeper.add.remote(1)) == 103, "it is held here"
    assert loom.list_named_actors(all_namespaces=True) == [{"namespace": "shop", "name": "kept"}]
    del keeper
    wait_until(lambda: loom.list_named_actors(all_namespaces=True) == [])


def test_an_actor_finds_one_of_another_program(head: Home) -> None:
    made_by(head, "there")
    loom.init("auto")
    mine = Keeper.remote(0)
    assert loom.get(mine.ask.remote("there", 5)) == 105
    loom.kill(loom.get_actor("there"))


def test_what_belongs_to_one_program_is_not_passed_to_an_actor_of_another(head: Home) -> None:
    made_by(head, "there")
    loom.init("auto")
    keeper = loom.get_actor("there")
    with pytest.raises(errors.OtherJob, match="Get the values of the one job's refs"):
        keeper.add.remote(loom.put(1))
    loom.kill(keeper)


def test_a_handle_of_another_program_goes_wherever_values_go(head: Home) -> None:
    """And what takes it stays in its own job."""
    made_by(head, "there")
    made_by(head, "too")
    loom.init("auto")
    keeper, other = loom.get_actor("there"), loom.get_actor("too")
    here = loom.context().job_id
    task = add_to.remote(keeper, 1)
    assert (loom.get(task), task.job_id()) == (101, here)
    with_ref = add_to.remote(keeper, loom.put(1))
    assert (loom.get(with_ref), with_ref.job_id()) == (102, here)
    box = loom.put({"keepers": [keeper]})
    assert box.job_id() == here
    assert loom.get(loom.get(box)["keepers"][0].add.remote(1)) == 103
    assert loom.get(add_to.remote(loom.get(box)["keepers"][0], 1)) == 104

    @loom.task
    def captures(n: int) -> Any:
        return keeper, loom.get(keeper.add.remote(n))

    found, total = loom.get(captures.remote(1))
    assert (found == keeper, total) == (True, 105)
    assert loom.submit(add_to.bind(keeper, 1)).gather() == [106]
    mine = Keeper.remote(0)
    assert loom.get(mine.tell.remote([keeper], 1)) == 107
    assert loom.get(other.tell.remote([keeper], 1)) == 108, "to an actor of a third program"
    loom.kill(keeper)
    loom.kill(other)


def test_a_handle_of_an_unnamed_one_goes_with_a_call_of_another_program(head: Home) -> None:
    """1. it is made, in our job  2. a call in another job takes its handle along, and calls it."""
    made_by(head, "there")
    loom.init("auto")
    keeper = loom.get_actor("there")
    for n in range(5):
        mine = Keeper.options(lifetime="detached").remote(n)
        assert loom.get(keeper.tell.remote([mine], 1)) == n + 1
        loom.kill(mine)
    loom.kill(keeper)


def test_what_is_called_by_a_handle_that_was_kept_too_long_says_so(head: Home) -> None:
    """Its actor is dead; its job may be over, too."""
    made_by(head, "there")
    loom.init("auto")
    box = loom.put([loom.get_actor("there")])
    assert loom.get(loom.get(box)[0].add.remote(1)) == 101
    loom.kill(loom.get(box)[0])
    (guest,) = current.session().guests.values()
    guest.settle()  # here nobody has it any more
    with pytest.raises(errors.ActorDied, match="nobody kept of what it died"):
        loom.get(loom.get(box)[0].add.remote(1))
    current.session().guests.clear()
    guest.depart()
    wait_until(lambda: [job["job"] for job in head.jobs()] == [loom.context().job_id])
    late = loom.get(box)[0]
    assert repr(late).startswith("Actor(Keeper, ")
    with pytest.raises(errors.ActorDied, match=r"actor Keeper \(.*\) is dead, and its job is over"):
        late.add.remote(1)


def test_one_without_a_name_is_ended_by_its_id_from_a_shell(head: Home) -> None:
    made_by(head, "", "ends")
    (row,) = json.loads(head.loom("ls", "actors", "--json").stdout)["actors"]
    assert (row["class"], row["name"], row["detached"]) == ("Keeper", "", True)
    shown = head.loom("ls", "actors").stdout.split("\n")
    assert {"namespace", "detached"} <= set(shown[0].split())
    assert row["short"] in shown[1]
    assert "is alive on node" in head.loom("why", row["short"]).stdout
    refused = head.loom("cancel", row["id"], exits=1)
    assert f"is an actor, and was not ended; loom kill {row['id']} does" in refused.stderr
    assert head.loom("kill", row["short"]).stdout == f"actor Keeper ({row['short']}) was killed\n"
    assert "is no actor that lives" in head.loom("kill", row["id"], exits=1).stderr


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_its_job_ends_with_it_also_without_the_node_of_its_program(
    head: Home, how: str, own: Home
) -> None:
    """The program had joined the cluster with a node of its own, which went with it."""
    made_by(own, "moves", how, address=str(head.status()["address"]))
    loom.init("auto")
    keeper = loom.get_actor("moves")
    assert loom.get(keeper.add.remote(1), timeout=40) == 101, "it is made anew, on another node"
    loom.kill(keeper)
    loom.shutdown()
    wait_until(lambda: head.jobs() == [], 20)


def test_racing_programs_get_one_actor(head: Home) -> None:
    """Each of them makes it if it is not there."""
    programs = [head.python("-c", _RACE, stdin=subprocess.PIPE) for _ in range(2)]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    ends = []
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()
    for program in programs:
        out, err = program.communicate(timeout=40)
        assert program.returncode == 0, err
        ends.append(out.strip())
    assert len(set(ends)) == 1
    loom.init("auto")
    loom.kill(loom.get_actor("raced"))


_RACE = """
import sys
import hyperloom as loom
from tests.cluster.plans.residents import Keeper
loom.init("auto")
print("ready", flush=True)
sys.stdin.readline()
shared = Keeper.options(name="raced", lifetime="detached", get_if_exists=True)
pids = {loom.get(shared.remote(0).pid.remote()) for _ in range(20)}
(pid,) = pids
print(pid)
"""


def test_it_lives_through_the_end_of_its_server_and_starts_again_after_its_raylets(
    head: Home,
) -> None:
    pid = made_by(head, "tough", "killed")
    server = head.kill("server")
    wait_until(lambda: head.pid("server") != server)
    loom.init("auto")
    keeper = loom.get_actor("tough")
    assert loom.get([keeper.pid.remote(), keeper.add.remote(1)], timeout=40) == [pid, 101]
    raylet = head.kill("raylet")
    wait_until(lambda: head.pid("raylet") != raylet)
    assert loom.get(keeper.add.remote(1), timeout=40) == 101
    assert loom.get(loom.get_actor("tough").pid.remote()) != pid
    loom.kill(keeper)
