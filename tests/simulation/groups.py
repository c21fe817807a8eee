"""Placement groups of a driver, and tasks that run in them."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from hyperloom import bundles, specs
from hyperloom.gcs import keys
from hyperloom.gcs.wire import fcall
from hyperloom.ids import object_id
from hyperloom.specs import Template, encode_template

if TYPE_CHECKING:
    from tests.simulation.books import Books
    from tests.simulation.driver import Driver
    from tests.simulation.server import Server

_STRATEGIES = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")
_RETRIES = 2
_AT_ONCE = 2  # tasks of an eviction
_CPU = 10_000
_REMOVED = b"4removed"


class Group:
    """One, in a job."""

    def __init__(self, number: int, driver: Driver) -> None:
        self.id = b"group%03d" % number
        self.process = driver.process
        self.tasks: list[bytes] = []
        shape = bundles.asked({"CPU": _CPU}, self.id.hex(), None)
        self.template = Template(
            b"function----", "in a group", 1, _RETRIES, 0,  # type: ignore[arg-type]
            ",".join(f"{name}:{amount}" for name, amount in sorted(shape.items())),
        )  # fmt: skip


class Groups:
    """Those of all drivers of a world; nobody but it knows when they are removed."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._there: list[Group] = []

    def creates(self, driver: Driver) -> None:
        """A group of one bundle or two, and some tasks for it."""
        group, rng = Group(next(self._numbers), driver), driver.rng
        self._there.append(group)
        parts = [f"CPU:{_CPU * rng.randint(1, 2)}" for _ in range(rng.randint(1, 2))]
        words = group.id, driver.job, b"", rng.choice(_STRATEGIES), *parts
        driver.tells("group_create", *words, ns=keys.CLUSTER)
        body = encode_template(group.template)
        terms = group.id, 1, _RETRIES, group.template.queue, body, b"function----", b"code"
        driver.tells("template_declare", *terms)
        self._submits(driver, group)

    def uses(self, driver: Driver) -> None:
        """Some more tasks for one."""
        own = [group for group in self._there if group.process == driver.process]
        if own:
            self._submits(driver, driver.rng.choice(own))

    def _submits(self, driver: Driver, group: Group) -> None:
        args: list[bytes] = []
        new = [driver.ids.next() for _ in range(driver.rng.randint(1, 4))]
        for task in new:
            inputs = driver.some(1)
            driver.books.submitted(task, _RETRIES, inputs, b"call")
            args += (task, specs.record(group.id, inputs, (), b"call"))  # type: ignore[arg-type]
        driver.says_of_tasks("task_submit", new[-1], b"", group.id, *args, new=new)
        driver.held += [object_id(task, 0) for task in new]
        group.tasks += new

    def removes(self, driver: Driver) -> None:
        """One: what runs in it ends, and so does what waits for it."""
        own = [group for group in self._there if group.process == driver.process]
        if not own:
            return
        group = driver.rng.choice(own)
        self._gone(group, driver.books)
        driver.tells("group_remove", group.id, ns=keys.CLUSTER)
        mark = bundles.mark_of(group.id.hex())

        def evicted(found: Any = 1) -> None:
            if isinstance(found, int) and found:
                driver.tells("task_evict", mark, _REMOVED, _AT_ONCE, then=evicted)

        evicted()

    def end(self, server: Server, books: Books) -> None:
        """There is none any more, also of those who are dead: nothing waits for room.

        Said again now and then, since words that make one may arrive late.
        """
        for group in list(self._there):
            self._gone(group, books)
        for there in server.plane.wire.call("HKEYS", keys.GROUPS.name(keys.CLUSTER)):
            server.execute(fcall("group_remove", keys.CLUSTER, there))

    def _gone(self, group: Group, books: Books) -> None:
        self._there.remove(group)
        for task in group.tasks:
            books.may_end(task)
