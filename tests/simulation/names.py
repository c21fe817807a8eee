"""A driver's actors with names that the whole cluster knows, and visits in the jobs of others.

What it says, and in which order, is what `hyperloom.core.actors.claims` and `naming` say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.gcs import codes, keys
from hyperloom.ids import JOB_BYTES, object_id

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.simulation.driver import Driver

    Steps = Generator[tuple[Driver, str, str, *tuple[Any, ...]], Any, Any]

NAMES = (b"shared\0one", b"shared\0two")
_KIND = b"actor-en"  # starts again without end: only who wants that ends it


class Named:
    """See the module.  `visitor` makes a process of a job, and `born` is told of it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._rng = driver.rng
        self._visits: dict[bytes, Driver] = {}
        self.busy = False

    def makes(self, detached: bool, visitor: Callable[..., Driver]) -> None:  # noqa: FBT001
        """An actor of a name, or the one that has it."""
        self._begins(self._make(self._rng.choice(NAMES), detached, visitor))

    def finds(self, visitor: Callable[..., Driver]) -> None:
        """Who has a name, wherever."""
        self._begins(self._find(self._rng.choice(NAMES), visitor))

    def _begins(self, steps: Steps) -> None:
        self.busy = True
        self._goes_on(steps, None)

    def _goes_on(self, steps: Steps, answer: Any) -> None:
        try:
            who, function, ns, *args = steps.send(answer)
        except StopIteration:
            self.busy = False
            return
        who.tells(function, *args, ns=ns, then=lambda answer: self._goes_on(steps, answer))

    # -- one after the other -------------------------------------------------------------------

    def _make(self, name: bytes, detached: bool, visitor: Callable[..., Driver]) -> Steps:  # noqa: FBT001
        driver, known = self._driver, b""
        while True:
            row = yield driver, "actor_claim", keys.CLUSTER, name, driver.job, known
            if row[:JOB_BYTES] == driver.job:
                if (yield from self._create(name, detached, row[JOB_BYTES:])):
                    return
                known = row
                continue
            if (yield from self._there(row, name, visitor)):
                return
            ns = keys.job_namespace(row[:JOB_BYTES])
            said = yield driver, "actor_cede", ns, name, row[JOB_BYTES:]
            known = row if said == b"CEDED" else b""

    def _create(self, name: bytes, detached: bool, claim: bytes) -> Steps:  # noqa: FBT001
        """Whether somebody of this job has the name now."""
        driver, actor = self._driver, self._driver.ids.next()
        driver.books.submitted(actor, -1, [], b"make")
        if detached:
            driver.books.detached.add(actor)
        record = specs.record(_KIND, (), (), b"make")  # type: ignore[arg-type]
        words = _KIND, actor, record, name, 0, int(detached), claim, 0
        driver.says_of_tasks("actor_create", actor, *words, new=[])
        found = yield from self._asks(driver, name)
        if found is None:
            watched = driver.process, object_id(actor, 0)
            (value,) = yield driver, "object_watch", driver.ns, *watched
            if value == codes.LOST:
                return False  # the name was taken, and is free again; or it was ceded
            driver.actors.held.append(actor)  # it has ended already
        return True

    def _find(self, name: bytes, visitor: Callable[..., Driver]) -> Steps:
        driver = self._driver
        if (yield from self._asks(driver, name)):
            return
        row = yield driver, "actor_claim", keys.CLUSTER, name, b"", b""
        if row and row[:JOB_BYTES] != driver.job:
            yield from self._there(row, name, visitor)

    def _there(self, row: bytes, name: bytes, visitor: Callable[..., Driver]) -> Steps:
        """Whether somebody of another job has the name."""
        driver, job = self._driver, row[:JOB_BYTES]
        visit, new = self._visits.get(job), False
        if visit is None:
            before = driver.books.named.get(name, b"")
            jobs = yield driver, "job_list", keys.CLUSTER
            if job not in jobs[::2]:
                driver.books.asked_for(name, job, before, b"")
                return False
            if driver.home is None or not driver.home.is_able:
                return True  # it cannot go there now, and makes nothing
            visit, new = visitor(job), True
            driver.visits(visit.process, begins=True)
            driver.unborn.append(visit)
            about = codes.VISITOR + driver.home.node
            said = yield visit, "owner_add", visit.ns, visit.process, about, b"", b""
            if isinstance(said, errors.LoomError):
                driver.unborn.remove(visit)
                return False
        found = yield from self._asks(visit, name)
        if new:
            driver.unborn.remove(visit)
            if found is None:
                driver.visits(visit.process, begins=False)
                visit.line.close()
            else:
                self._visits[job] = visit
                driver.born(visit)
        return found is not None

    def _asks(self, who: Driver, name: bytes) -> Steps:
        """Who has the name in the job of that process, which holds it from now on."""
        before = who.books.named.get(name, b"")
        found = yield who, "actor_find", who.ns, who.process, name
        actor = b"" if found is None else found[0]
        who.books.asked_for(name, who.job, before, actor)
        if actor:
            who.actors.comes_by(actor)
        return found

    @property
    def visiting(self) -> list[Driver]:
        return list(self._visits.values())
