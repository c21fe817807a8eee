"""Names of actors, asked for by many at once: over connections of their own, of two jobs."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.core.actors import claims
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import Wire, fcall
from tests.unit.gcs.plane import JOB, record, task, template

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.gcs.plane import Plane

NAME = b"shop\0till"
CLASS = template("class")
JOBS = (JOB, b"JOB2")
CREATORS = 1000
AT_ONCE = 8


@dataclass
class Session:
    """As much of one as names need; it is its own outbox."""

    job: bytes
    wire: Wire
    process: bytes
    seq: int = 0
    outbox: Session = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = self

    def call(self, function: str, *args: Any, namespace: str | None = None) -> Any:
        return self.wire.call(*fcall(function, namespace or keys.job_namespace(self.job), *args))

    def create(self, name: bytes, claim: bytes) -> Any:
        self.seq += 1
        actor = task(self.process, self.seq)
        rest = (self.seq, CLASS, actor, record(CLASS), name, 1, 1, claim, 0)
        return self.call("actor_create", self.process, self.seq, *rest)

    def find(self, name: bytes) -> bytes | None:
        found = self.call("actor_find", self.process, name)
        return found and found[0]  # type: ignore[no-any-return]

    def get_or_create(self) -> bytes | None:
        """The actor of the name; None if it was over before we could look."""
        number = claims.claim(self, NAME)  # type: ignore[arg-type]
        while isinstance(number, bytes):
            answer = self.create(NAME, number)[0]
            if answer != b"CEDED":
                return self.find(NAME)
            number = claims.claim_again(self, NAME, number)  # type: ignore[arg-type]
        return number[1][0]


@pytest.fixture
def sessions(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Session]:
    """The session of creator n; those of odd number are of another job."""
    for job in JOBS:
        plane.call("template_declare", CLASS, 1, 0, "0|", b"body", b"F" * 12, b"",
                   ns=keys.job_namespace(job))  # fmt: skip
    wires = [Wire(plane.address) for _ in range(AT_ONCE)]

    def session(n: int, job: bytes | None = None) -> Session:
        job = job or JOBS[n % 2]
        return Session(job, wires[n % AT_ONCE], job + n.to_bytes(6, "big"))

    def there(job: bytes) -> Session:
        return Session(job, Wire(plane.address), job + b"visits")

    monkeypatch.setattr(claims, "session_in", there)
    monkeypatch.setattr(claims, "leave", lambda session: session.wire.close())
    return session


def in_lanes(each: Callable[[int], Any], number: int) -> list[Any]:
    """What `each` gives, of so many numbers; as many at the same time as there are connections."""

    def lane(first: int) -> list[Any]:
        return [each(n) for n in range(first, number, AT_ONCE)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [one for found in pool.map(lane, range(AT_ONCE)) for one in found]


def test_a_thousand_racing_creators_of_one_job_get_one_actor(
    sessions: Callable[..., Session],
) -> None:
    def create(n: int) -> bytes | None:
        session = sessions(n, JOB)
        session.create(NAME, b"")
        return session.find(NAME)

    found = in_lanes(create, CREATORS)
    assert len(found) == CREATORS
    assert len(set(found)) == 1


def test_creators_of_two_jobs_get_one_actor(sessions: Callable[..., Session]) -> None:
    found = in_lanes(lambda n: sessions(n).get_or_create(), 200)
    assert len(set(found)) == 1


def test_a_name_that_goes_from_job_to_job_is_never_had_twice(
    sessions: Callable[..., Session],
) -> None:
    """Its actors are killed all the time; a look at both jobs at once never finds two."""
    choices = random.Random(4)
    tables = [keys.NAME.name(keys.job_namespace(job)) for job in JOBS]
    both = "return redis.call('EXISTS', KEYS[1]) + redis.call('EXISTS', KEYS[2])"
    killed = [choices.random() < 0.5 for _ in range(400)]

    def create(n: int) -> tuple[int, bytes | None]:
        session = sessions(n)
        actor = session.get_or_create()
        had = session.wire.call("EVAL", both, 2, *tables)
        if actor is not None and killed[n]:
            there = keys.job_namespace(actor[: codes.JOB_ID])
            session.call("actor_kill", actor, 0, 0, b"4killed", namespace=there)
        return had, actor

    found = in_lanes(create, len(killed))
    assert max(had for had, _ in found) == 1
    jobs = {actor[: codes.JOB_ID] for _, actor in found if actor is not None}
    assert jobs == set(JOBS), "it went from the one to the other"


def test_a_name_is_free_in_the_transition_that_ends_its_actor(
    plane: Plane, sessions: Callable[..., Session]
) -> None:
    """1. An actor is killed.  2. Before anybody else says anything, the name is another's."""
    first, second = sessions(0), sessions(2)
    for n in range(1, 20):
        first.create(NAME, b"")
        actor = task(first.process, n)
        assert second.create(NAME, b"")[0] == b"FOUND"
        pipeline = [
            fcall("actor_kill", keys.job_namespace(JOB), actor, 0, 0, b"4killed"),
            fcall("actor_create", keys.job_namespace(JOB), second.process, second.seq + 1,
                  second.seq + 1, CLASS, task(second.process, second.seq + 1), record(CLASS),
                  NAME, 0, 0, b"", 0),
        ]  # fmt: skip
        assert [plane.wire.call(*words) for words in pipeline] == [b"DEAD", [b"CREATED"]]
        second.seq += 1
        plane.call("actor_kill", task(second.process, second.seq), 0, 0, b"4killed")
        assert plane.table(keys.OWNERS) is None, "the killed one does not keep the job"


def test_the_names_of_a_job_that_is_over_are_anybodys(
    plane: Plane, sessions: Callable[..., Session]
) -> None:
    one, other = sessions(0), sessions(1)
    one.get_or_create()
    plane.call("actor_kill", one.find(NAME), 0, 0, b"4killed")
    assert plane.call("job_close", 60) > 0
    plane.call("job_forget", JOB, ns=keys.CLUSTER)
    assert plane.call("actor_claims", ns=keys.CLUSTER) == []
    assert other.get_or_create() == task(other.process, 1)
    assert plane.call("actor_claims", ns=keys.CLUSTER) == [NAME, b"JOB2" + b"2"]


def test_a_name_whose_job_ended_while_it_was_ceded_is_whose_who_asked(
    sessions: Callable[..., Session],
) -> None:
    """
    1. A name is claimed for JOB, where no actor has it.  2. Somebody has it ceded there.  3. JOB is
    over, and its claims are forgotten.  4. He claims the name instead of that claim.
    """
    one, other = sessions(0), sessions(1)

    def claim(who: Session, job: bytes, known: bytes) -> bytes:
        row: bytes = who.call("actor_claim", NAME, job, known, namespace=keys.CLUSTER)
        return row

    row = claim(one, JOB, b"")
    there = keys.job_namespace(JOB)
    assert other.call("actor_cede", NAME, row[codes.JOB_ID :], namespace=there) == b"CEDED"
    one.call("job_close", 60)
    one.call("job_forget", JOB, namespace=keys.CLUSTER)
    assert claim(other, JOBS[1], row) == JOBS[1] + b"2"
