"""Actors that outlive their program: found from another, until somebody kills them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

import hyperloom as loom
from hyperloom import errors
from tests.cluster.plans.residents import Keeper, add_to, made_by
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow


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
    program = head.python("-m", "tests.cluster.plans.residents", "kept", "kept", stdin=-1)
    assert program.stdout is not None
    assert int(program.stdout.readline())
    loom.init("auto")
    with pytest.raises(errors.ActorNotFound, match="not detached"):
        loom.get_actor("kept")
    keeper = loom.get_actor("kept", namespace="shop")
    assert loom.get(keeper.add.remote(1)) == 101
    program.communicate("\n", timeout=20)
    assert program.returncode == 0
    assert loom.get(keeper.add.remote(1)) == 102, "it is held here"
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
