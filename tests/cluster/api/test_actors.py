"""Actors as users see them: state, order, handles, names, ends."""

from __future__ import annotations

import os
import re
import signal

import psutil
import pytest

import hyperloom as loom
from hyperloom import errors
from tests.cluster.api.counters import Counter, add_through, passed_on, slow
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


# -- calls ------------------------------------------------------------------------------------


def test_an_actor_keeps_its_state() -> None:
    counter = Counter.remote(10, step=2)
    assert loom.get([counter.add.remote() for _ in range(3)]) == [12, 14, 16]
    assert loom.get(counter.add.remote(n=-16)) == 0
    assert loom.get(counter.pair.remote()) == [0, 0]
    one = counter.pair.options(num_returns=1).remote()
    assert loom.get(one) == (0, 0)


def test_its_methods_may_be_static_or_of_the_class() -> None:
    counter = Counter.remote()
    assert loom.get([counter.double.remote(4), counter.what.remote()]) == [8, "counter"]


def test_a_generator_streams() -> None:
    counter = Counter.remote(5)
    assert [loom.get(ref) for ref in counter.items.remote(3)] == [6, 7, 8]
    assert loom.get(counter.add.remote()) == 9


def test_what_a_method_raises_is_its_calls_result() -> None:
    counter = Counter.remote()
    with pytest.raises(ValueError, match="not today") as caught:
        loom.get(counter.fail.remote("not today"))
    assert caught.value.details.task_name == "Counter.fail"
    assert "\n  in call Counter.fail (" in str(caught.value)
    assert loom.get(counter.add.remote()) == 1, "and not the actor's end"


def test_large_arguments_and_results_travel() -> None:
    @loom.actor
    class Keeper:
        def keep(self, value: bytes) -> int:
            self.value = value
            return len(value)

        def give(self) -> bytes:
            return self.value

    keeper = Keeper.remote()
    assert loom.get(keeper.keep.remote(b"x" * 3_000_000)) == 3_000_000
    assert loom.get(keeper.give.remote()) == b"x" * 3_000_000


def test_calls_of_one_caller_begin_in_their_order() -> None:
    @loom.actor
    class Log:
        def __init__(self) -> None:
            self.lines: list[int] = []

        def odd(self, n: int) -> None:
            self.lines.append(n)

        def even(self, n: int) -> None:
            self.lines.append(n)

        def all(self) -> list[int]:
            return self.lines

    log = Log.remote()
    for n in range(3000):
        (log.odd if n % 2 else log.even).remote(n)
    assert loom.get(log.all.remote()) == list(range(3000))


def test_a_call_that_waits_holds_back_its_own_callers_later_ones_only(gate) -> None:
    counter, door = Counter.remote(), gate()
    waits = counter.add.remote(slow.remote(door, 100))
    later = counter.add.remote(1000)
    assert loom.get(add_through.remote(counter, 1)) == 1, "another caller's goes before"
    door.open()
    assert loom.get([waits, later]) == [101, 1101]


def test_a_failed_argument_fails_the_call_and_no_other() -> None:
    counter = Counter.remote()
    failed = counter.add.remote(counter.fail.remote("the first"))
    with pytest.raises(ValueError, match="the first"):
        loom.get(failed)
    assert loom.get(counter.add.remote()) == 1


# -- handles ----------------------------------------------------------------------------------


def test_handles_travel() -> None:
    counter = Counter.remote()
    assert loom.get(add_through.remote(counter, 5)) == 5
    box = loom.put({"actors": [counter]})
    assert loom.get(loom.get(box)["actors"][0].add.remote(1)) == 6
    other = Counter.remote()
    assert loom.get(other.call.remote(counter, 10)) == 16
    assert loom.get(box)["actors"][0] == counter


def test_the_last_handle_ends_the_actor_after_its_calls(gate) -> None:
    counter, door = Counter.remote(), gate()
    pid = loom.get(counter.pid.remote())
    first, last = counter.wait.remote(door), counter.add.remote(3)
    del counter
    assert loom.wait([first], timeout=0.05)[0] == []
    assert psutil.pid_exists(pid)
    door.open()
    assert loom.get([first, last]) == [0, 3]
    wait_until(lambda: not psutil.pid_exists(pid))


def test_an_actor_that_nobody_kept_answers_still() -> None:
    assert loom.get(Counter.remote(4).add.remote()) == 5


def test_an_actor_says_farewell(gate) -> None:
    door = gate()

    @loom.actor
    class Polite:
        def ready(self) -> bool:
            return True

        def on_exit(self) -> None:
            door.note("farewell")

    polite = Polite.remote()
    assert loom.get(polite.ready.remote())
    del polite
    wait_until(lambda: door.notes() == ["farewell"])


# -- ends -------------------------------------------------------------------------------------


def test_a_constructor_that_raises_is_the_end() -> None:
    @loom.actor(max_restarts=3)
    class Broken:
        def __init__(self) -> None:
            raise KeyError("no such setting")

        def go(self) -> None:
            """Never."""

    broken = Broken.remote()
    for _ in range(2):
        with pytest.raises(errors.ActorDied, match="constructor raised KeyError") as caught:
            loom.get(broken.go.remote())
        assert isinstance(caught.value.__cause__, KeyError)
        assert re.search(r"\n  in actor \S*Broken \(", str(caught.value))


def test_kill_ends_it_at_once(gate) -> None:
    counter, door = Counter.options(name="victim").remote(), gate()
    pid = loom.get(counter.pid.remote())
    runs, waits = counter.wait.remote(door), counter.add.remote()
    loom.kill(counter)
    for ref in (runs, waits, counter.add.remote()):
        with pytest.raises(errors.ActorDied, match=r"killed by loom\.kill"):
            loom.get(ref)
    wait_until(lambda: not psutil.pid_exists(pid))
    again = Counter.options(name="victim").remote(7)
    assert loom.get(again.add.remote()) == 8, "its name was free"


def test_exit_actor_ends_it_after_what_it_answered() -> None:
    counter = Counter.remote()
    before, leaves, after = counter.add.remote(), counter.leave.remote(), counter.add.remote()
    assert loom.get(before) == 1
    for ref in (leaves, after):
        with pytest.raises(errors.ActorDied, match="exit_actor"):
            loom.get(ref)
    with pytest.raises(RuntimeError, match="methods of an actor"):
        loom.exit_actor()


def test_a_dead_worker_is_the_end_without_restarts() -> None:
    counter = Counter.remote()
    dies, waits = counter.die.remote(), counter.add.remote()
    with pytest.raises(errors.ActorDied, match=r"exit code 7[\s\S]*may have run"):
        loom.get(dies)
    with pytest.raises(errors.ActorDied, match="exit code 7") as caught:
        loom.get(waits)
    assert "may have run" not in str(caught.value)
    with pytest.raises(errors.ActorDied):
        loom.get(counter.add.remote())


# -- restarts ---------------------------------------------------------------------------------


def test_a_restart_begins_anew_and_keeps_what_had_not_begun() -> None:
    counter = Counter.options(max_restarts=1).remote(100)
    assert loom.get([counter.add.remote() for _ in range(3)]) == [101, 102, 103]
    dies = counter.die.remote()
    after = [counter.add.remote() for _ in range(3)]
    with pytest.raises(
        errors.ActorUnavailable, match=r"incarnation 1\) was lost[\s\S]*may have run"
    ):
        loom.get(dies)
    assert loom.get(after) == [101, 102, 103], "constructed again, in order"
    with pytest.raises(errors.ActorDied, match="its 1 restarts are used up"):
        loom.get([counter.die.remote(), counter.add.remote()][1])


def test_calls_with_retries_survive_a_kill() -> None:
    counter = Counter.options(max_restarts=1, max_task_retries=-1).remote()
    refs = [counter.add.remote() for _ in range(200)]
    pid = loom.get(counter.pid.remote())
    more = [counter.add.remote() for _ in range(200)]
    os.kill(pid, signal.SIGKILL)
    assert loom.get(refs) == list(range(1, 201))
    results = loom.get(more)
    # From one to the next it goes on, or begins anew.
    assert all(b in (a + 1, 1) for a, b in zip([200, *results], results, strict=False))


def test_kill_may_leave_it_its_restarts() -> None:
    counter = Counter.options(max_restarts=1).remote(5)
    pid = loom.get(counter.pid.remote())
    loom.kill(counter, no_restart=False)
    wait_until(lambda: not psutil.pid_exists(pid))
    assert loom.get(counter.add.remote()) == 6
    assert loom.get(counter.pid.remote()) != pid


def test_a_method_retries_what_its_options_say() -> None:
    @loom.actor
    class Flaky:
        def __init__(self) -> None:
            self.tries = 0

        @loom.method(max_task_retries=3, retry_exceptions=[OSError])
        def go(self) -> int:
            self.tries += 1
            if self.tries < 3:
                raise OSError("not yet")
            return self.tries

        def seen(self) -> int:
            return self.tries

    flaky = Flaky.remote()
    assert loom.get([flaky.go.remote(), flaky.seen.remote()]) == [3, 3]


# -- names ------------------------------------------------------------------------------------


def test_names() -> None:
    counter = Counter.options(name="one").remote(1)
    assert loom.get(loom.get_actor("one").add.remote()) == 2
    assert loom.list_named_actors() == ["one"]
    with pytest.raises(errors.ActorNotFound, match="Did you mean 'one'"):
        loom.get_actor("once")
    with pytest.raises(errors.ActorNameTaken, match="'one' is taken by Actor"):
        Counter.options(name="one").remote()
    elsewhere = Counter.options(name="one", namespace="other").remote(50)
    assert loom.get(loom.get_actor("one", namespace="other").add.remote()) == 51
    assert {"namespace": "other", "name": "one"} in loom.list_named_actors(all_namespaces=True)
    del counter
    wait_until(lambda: loom.list_named_actors() == [])
    with pytest.raises(ValueError, match="no actor has the name 'one'"):
        loom.get_actor("one")
    loom.kill(elsewhere)


def test_get_if_exists_gives_all_the_same_one() -> None:
    @loom.task
    def pid(_: int) -> int:
        shared = Counter.options(name="shared", get_if_exists=True).remote()
        return loom.get(shared.pid.remote())  # type: ignore[no-any-return]

    keeps = Counter.options(name="shared", get_if_exists=True).remote()
    assert len(set(loom.get([pid.remote(n) for n in range(30)]))) == 1
    assert loom.get(keeps.pid.remote()) == loom.get(pid.remote(0))


def test_a_detached_actor_needs_no_handle() -> None:
    counter = Counter.options(name="stays", lifetime="detached").remote(1)
    pid = loom.get(counter.pid.remote())
    del counter
    assert loom.get(loom.get_actor("stays").pid.remote()) == pid
    loom.kill(loom.get_actor("stays"))
    wait_until(lambda: not psutil.pid_exists(pid))


# -- resources --------------------------------------------------------------------------------


def test_it_has_what_it_asks_for_as_long_as_it_lives() -> None:
    first, second = (Counter.options(resources={"paint": 3}).remote(n) for n in (1, 2))
    assert loom.get(first.add.remote()) == 2
    waits = second.add.remote()
    assert loom.wait([waits], timeout=0.2)[0] == [], "five is not twice three"
    del first
    assert loom.get(waits) == 3


def test_many_fit_on_few_cpus() -> None:
    many = [Counter.remote(n) for n in range(20)]
    assert loom.get([counter.add.remote() for counter in many]) == list(range(1, 21))


def test_its_cpu_is_lent_while_it_waits() -> None:
    two = [Counter.options(num_cpus=1).remote() for _ in range(2)]
    other = Counter.remote()
    assert loom.get([counter.call.remote(other, 1) for counter in two]) in ([1, 2], [2, 1])
    through = [counter.call.remote(passed_on.remote(other), 1) for counter in two]
    del two
    assert len(loom.get(through)) == 2


@pytest.mark.keeps_refs  # of the actor that is killed while its call is explained
def test_an_actor_that_nobody_can_have_is_told_as_such_and_others_wait() -> None:
    never = Counter.options(num_cpus=100, resources={"unobtainium": 1}).remote()
    ref = never.add.remote()
    with pytest.raises(errors.GetTimeout, match=r"waits for its actor, which takes no") as told:
        loom.get(ref, timeout=0.2)
    (line,) = [line for line in str(told.value).splitlines() if "actor Counter (" in line]
    assert "no node has that much in all" in line
    assert "unobtainium missing" in line
    holds = Counter.options(resources={"paint": 4}).remote()
    assert loom.get(holds.add.remote()) == 1
    later = Counter.options(resources={"paint": 4}).remote()
    waits = later.add.remote()
    with pytest.raises(errors.GetTimeout, match="which takes no calls yet"):
        loom.get(waits, timeout=0.2)
    loom.kill(never)
    with pytest.raises(errors.ActorDied, match=r"loom\.kill"):
        loom.get(ref)
    del holds
    assert loom.get(waits) == 1


# -- what is refused --------------------------------------------------------------------------


def test_bad_input_is_refused_at_the_call() -> None:
    counter = Counter.remote()
    with pytest.raises(TypeError, match=r"Counter.add\(n=\.\.\.\): too many positional"):
        counter.add.remote(1, 2)
    with pytest.raises(AttributeError, match=r"no method 'ad'\. Did you mean 'add'"):
        counter.ad.remote()
    with pytest.raises(AttributeError, match="attributes is its own"):
        counter.total  # noqa: B018
    with pytest.raises(TypeError, match=r"add.remote\("):
        counter.add(1)
    with pytest.raises(TypeError, match=r"Counter.*unexpected keyword argument 'begin'"):
        Counter.remote(begin=1)
    with pytest.raises(TypeError, match=r"write Counter.remote\("):
        Counter(1)
    with pytest.raises(TypeError, match="takes an actor's handle, or its id"):
        loom.kill(counter.add.remote())  # type: ignore[arg-type]
    for wrong in (loom.cancel, loom.get, lambda handle: loom.wait([handle])):
        with pytest.raises(TypeError, match=r"are its calls; to end the actor: loom\.kill"):
            wrong(counter)
    with pytest.raises(ValueError, match="text that is not empty"):
        loom.get_actor("")
    with pytest.raises(TypeError, match="cannot be inherited from"):

        class Sub(Counter):
            """Never."""
