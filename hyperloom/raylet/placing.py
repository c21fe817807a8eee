"""Who gets the node's resources next, and how many tasks the node asks for.

Order: higher priority first; among equals the queue that was served longest ago.  So queues
(shapes, and jobs) take turns.

A queue whose first task does not fit is not passed over for ever: when it has waited for
`HOLD_AFTER_S`, what it lacks is *held back*: no other queue gets it, and workers whose seats
have it are given nothing more.  But it may lack what only those others will free, in the end,
by finishing first (a parent holds a GPU and waits for a child that needs one); so holding
back pauses now and then, after ever longer times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.raylet import ahead, hunger, resting, sharing
from hyperloom.raylet.messages import EndWorker, GiveBack, Run, StartWorker, WarnStuck
from hyperloom.raylet.sharing import GIVE_BACK_S, stands_still
from hyperloom.raylet.state import WorkerState
from hyperloom.resources import needs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperloom.raylet.messages import Effect, Kind
    from hyperloom.raylet.state import NodeState, Queue

IDLE_S = 2.0  # an idle worker beyond one for each CPU ends after this
STEAL_AFTER_S = 0.02  # a worker that made no progress for so long is asked for what it waits on
UNBOUNDED_AFTER_S = 1.0  # tasks that ask for nothing get more workers after so long
HOLD_AFTER_S = 0.02  # a queue that has waited for so long starves
HOLD_S = 5.0  # the first time that something is held back; each time twice as long
PAUSE_S = 1.0  # between two such times
SOUGHT_S = 10.0  # a queue that was not seen for so long is not asked for any more
SOUGHT_MOST = 16  # queues that are asked for although they do not fit now
WARN_AGAIN_S = 60.0


def place(s: NodeState) -> list[Effect]:
    """Give seats and tasks as far as they go."""
    effects: list[Effect] = []
    s.held_back.clear()
    if not s.queues:
        return effects
    short: dict[bytes, int] = {}  # job -> workers that it is to have on their way, at least
    for queue in _in_order(s):
        held = s.held_back and not s.held_back.keys().isdisjoint(queue.tasks[0].kind.needs)
        while not held and queue.tasks and (effect := _place_first(s, queue)):
            effects.append(effect)
        job = queue.name[0]
        if not queue.tasks:
            del s.queues[queue.name]
        elif not held and not _lacks(s, queue):
            short.setdefault(job, 0)
        elif _starves(s, queue) and not _has_worker(s, job):
            short[job] = 1  # it will need one in the moment in which what it lacks is free
    # Not before all idle workers that are of use have got something.
    for job, least in short.items():
        while effect := _start_worker(s, job, least):
            effects.append(effect)
    if s.busy:
        effects += _top_up(s)
    return effects


def hand_back(s: NodeState) -> list[Effect]:
    """The node leaves: what waits here is for others."""
    effects: list[Effect] = [GiveBack(list(queue.tasks)) for queue in s.queues.values()]
    s.queues.clear()
    return effects


def _in_order(s: NodeState) -> list[Queue]:
    queues = list(s.queues.values())
    if len(queues) > 1:
        queues.sort(key=lambda queue: (-queue.priority, queue.since))
    return queues


def _place_first(s: NodeState, queue: Queue) -> Effect | None:
    """Give the queue's first task a seat; None: not now."""
    kind = queue.tasks[0].kind
    idle = s.idle.get(kind.job)
    if not idle or s.seats(kind.needs, s.free) == 0 or (s.busy and s.now < s.calm_until):
        return None
    if kind.light and s.light_seats() >= keep(s):
        return None
    worker = s.workers[idle[-1]]
    if not s.take_seat(worker, kind):
        return None
    s.turn(worker, "busy")
    worker.since = s.now
    return _send(s, worker, queue)


def _starves(s: NodeState, queue: Queue) -> bool:
    """Whether the queue waits for too long; then what it lacks is held back."""
    since = queue.since + HOLD_AFTER_S
    if s.now < since:
        s.at(since)
        return False
    if not s.seats(queue.tasks[0].kind.needs, s.total):
        return False  # it cannot be helped even when all is free
    held, until = _holds(s.now - since)
    s.at(s.now + max(until, HOLD_AFTER_S))
    if held:
        for name in _lacks(s, queue):
            s.held_back.setdefault(name, queue.priority)
    return True


def _lacks(s: NodeState, queue: Queue) -> list[str]:
    """Of what there is not enough free for the queue's first task."""
    kind = queue.tasks[0].kind
    lacking = [name for name, amount in kind.needs.items() if s.free.get(name, 0) < amount]
    gpu = kind.needs.get(kind.gpu)
    if not lacking and gpu and not s.gpus_of(kind.group).fits(gpu):
        return [kind.gpu]  # the sum would do, but it is in pieces
    return lacking


def _holds(waited_s: float) -> tuple[bool, float]:
    """Whether a queue that starves for so long holds back now, and when that changes."""
    hold_s = HOLD_S
    while waited_s >= hold_s + PAUSE_S:
        waited_s -= hold_s + PAUSE_S
        hold_s *= 2
    return (True, hold_s - waited_s) if waited_s < hold_s else (False, hold_s + PAUSE_S - waited_s)


# -- workers ----------------------------------------------------------------------------------


def _start_worker(s: NodeState, job: bytes, least: int) -> Effect | None:
    """A worker more, or the end of one that serves another job; None: there are enough."""
    startable = max(least, _startable(s, job))
    if not startable:
        return None
    if s.now < s.start_after:
        s.at(s.start_after)
        return None
    starting = [worker for worker in s.workers.values() if worker.state == "starting"]
    if len(starting) >= 2 * keep(s):
        return None
    if sum(worker.job == job for worker in starting) + len(s.idle.get(job, ())) >= startable:
        return None
    if s.ordinary() >= limit(s):
        return _make_room(s)
    s.born += 1
    s.workers[s.born] = WorkerState(s.born, job, since=s.now)
    return StartWorker(s.born, job)


def _has_worker(s: NodeState, job: bytes) -> bool:
    """Whether one serves the job that does not wait itself."""
    serving = {"starting", "idle", "busy"}
    return any(worker.job == job and worker.state in serving for worker in s.workers.values())


def keep(s: NodeState) -> int:
    """So many workers may be idle for long."""
    return max(1, s.cpus)


def limit(s: NodeState) -> int:
    """How many workers there may be now.

    When all of them wait in `get`, one more is what it takes to go on: what they wait for
    must run somewhere.
    """
    if s.busy or s.count("starting") or s.count("ending"):
        return s.most_workers
    return s.utmost_workers


def _startable(s: NodeState, job: bytes) -> int:
    """How many of the job's tasks that wait could have a seat at the same time."""
    if s.busy and s.now < s.calm_until:
        return 0
    free = {**s.free, **dict.fromkeys(s.held_back, 0)}
    number = 0
    for (of, _), queue in s.queues.items():
        if of == job:
            needs = queue.tasks[0].kind.needs
            seats = min(len(queue.tasks), s.seats(needs, free))
            if _is_unbounded(queue.tasks[0].kind):
                seats = min(seats, _unbounded(s, queue))
            number += seats
            _subtract(free, needs, seats)
    return number


def _unbounded(s: NodeState, queue: Queue) -> int:
    """How many workers more are worth having for tasks that ask for nothing, so all fit at once.

    As many as there are CPUs, and more in place of those that sleep, twice as many each time.
    Or when none was begun for long: who knows what they wait for without sleeping.
    """
    if queue.tasks[0].kind.light:  # they are over soon
        return max(0, keep(s) - s.light_seats())
    running = [number for number, w in s.busy.items() if w.sent[0].kind.takes_nothing]
    more = keep(s) + 2 * len(s.asleep.intersection(running)) - len(running)
    if more > 0:
        return more
    if s.now < queue.since + UNBOUNDED_AFTER_S:
        s.at(queue.since + UNBOUNDED_AFTER_S)
        return 0
    return len(running)


def _is_unbounded(kind: Kind) -> bool:
    return kind.takes_nothing and kind.role != "actor"  # each actor has a worker for itself


def may_sleep(s: NodeState) -> list[int]:
    """Workers of which it matters whether they sleep: others wait that ask for nothing.

    Between two short tasks they sleep, too: so only those that made no progress for a while.
    """
    kinds = [queue.tasks[0].kind for queue in s.queues.values()]
    if not any(_is_unbounded(kind) and not kind.light for kind in kinds):
        return []
    long_at_it = [w for w in s.busy.values() if s.now >= w.since + STEAL_AFTER_S]
    return [w.number for w in long_at_it if w.sent[0].kind.takes_nothing]


def _subtract(free: dict[str, int], needs: Mapping[str, int], times: int) -> None:
    if times:
        for name, amount in needs.items():
            free[name] -= times * amount


def _make_room(s: NodeState) -> Effect | None:
    """Too many workers, but some may serve jobs that have nothing to do."""
    if s.count("ending"):
        return None  # room is being made
    for numbers in s.idle.values():
        if numbers:
            return end(s, s.workers[numbers[0]])
    stuck = s.ordinary() >= s.utmost_workers and not s.busy
    if stuck and s.now - s.warned_at >= WARN_AGAIN_S:
        s.warned_at = s.now
        return WarnStuck(len(s.workers))
    return None


def end(s: NodeState, worker: WorkerState) -> Effect:
    """Tell an idle worker to end."""
    s.turn_to_end(worker)
    return EndWorker(worker.number)


# -- batches ----------------------------------------------------------------------------------


def _send(s: NodeState, worker: WorkerState, queue: Queue) -> Effect:
    tasks = queue.tasks
    first = tasks[0].kind
    most = 1 if first.single else s.pace.batch(first.template)
    if most > 1:
        # Leave their share to the others that could run these.
        others = keep(s) if first.light else s.seats(first.needs, s.free) + 1
        most = max(1, min(most, -(-len(tasks) // others)))
    sent = [tasks.popleft()]
    while len(sent) < most and tasks and tasks[0].kind is first:
        sent.append(tasks.popleft())
    if not worker.sent and first.timeout_s is not None:
        worker.deadline = s.now + first.timeout_s
        s.at(worker.deadline)
    worker.sent += sent
    queue.since = s.now
    if len(worker.sent) > 1:
        s.at(s.now + STEAL_AFTER_S)
    return Run(worker.number, sent, worker.gpus)


def _top_up(s: NodeState) -> list[Effect]:
    """Send more to busy workers before they run out, if their tasks are short (also this one)."""
    effects: list[Effect] = []
    if s.queues:
        s.at(s.now + GIVE_BACK_S)  # see `sharing`
    for worker in s.busy.values():
        seat = worker.seat
        assert seat is not None
        queue = s.queues.get((seat.job, seat.queue))
        if queue is None or worker.stopping or worker.killed or _must_leave(s, seat):
            continue
        if queue.tasks[0].kind.single or worker.sent[0].kind.single:
            continue
        batch = s.pace.batch(queue.tasks[0].kind.template)
        if batch > 1 and len(worker.sent) <= batch and s.now < worker.since + STEAL_AFTER_S:
            effects.append(_send(s, worker, queue))
            if not queue.tasks:
                del s.queues[queue.name]
    return effects


def _must_leave(s: NodeState, seat: Kind) -> bool:
    """Whether somebody else should have this seat as soon as its tasks are done."""
    if not s.held_back and len(s.queues) <= 1:
        return False
    mine = seat.priority
    return any(s.held_back.get(name, mine - 1) >= mine for name in seat.needs) or any(
        queue.priority > mine and not seat.needs.keys().isdisjoint(_lacks(s, queue))
        for queue in s.queues.values()
    )


# -- offers -----------------------------------------------------------------------------------


def offer(s: NodeState, job: bytes) -> str:
    """What the node has room for, in the form of ``lua/task/_offer.lua``; "" is nothing at all."""
    if s.draining:
        return ""
    free = dict(s.free)
    # Of tasks whose inputs are on their way a CPU may have one, while another runs on it.
    surplus = [held.kind.needs for held in s.fetching.values()][keep(s) :]
    for needs in surplus:
        _subtract(free, needs, min(1, s.seats(needs, free)))
    over = _waiting(s, job, free)
    for held in s.held_back:
        free[held] = 0
    for worker in s.busy.values():
        seat = worker.seat
        if seat is not None and seat.job == job and not _must_leave(s, seat):
            still = stands_still(s, worker)
            more = 0 if still else s.pace.ahead(seat.template) + 1 - len(worker.sent)
            over[seat.queue] = over.get(seat.queue, 0) + more
    ahead.ask(s, job, over)
    for name in _sought(s, job, free, over):
        over[name] = 1
    room = limit(s) - s.ordinary() + s.count("idle") + s.count("starting") - s.waiting()
    room -= len(surplus)
    if s.hungry:
        free[hunger.MARK] = 1
    amounts = ",".join([f"{name}:{max(0, amount)}" for name, amount in free.items()])
    extra = ";".join([f"{queue}={n}" for queue, n in over.items() if n > 0])
    return f"{max(0, room)};{amounts};{extra}"


def _waiting(s: NodeState, job: bytes, free: dict[str, int]) -> dict[str, int]:
    """What waits here has its share of what is free; of the job, as numbers less than none."""
    over: dict[str, int] = {}
    for (of, name), queue in s.queues.items():
        needs = queue.tasks[0].kind.needs
        seats = min(len(queue.tasks), s.seats(needs, free))
        _subtract(free, needs, seats)
        if of == job:
            over[name] = seats - len(queue.tasks)
    for task in resting.fetched(s):  # these are at hand too
        kind = s.fetching[task].kind
        if kind.job == job:
            over[kind.queue] = over.get(kind.queue, 0) - 1
    return over


def _sought(
    s: NodeState, job: bytes, free: Mapping[str, int], over: Mapping[str, int]
) -> list[str]:
    """Queues that would starve: of each a task is claimed all the same, to wait its turn here.

    What they ask for is never free, or another node has the first choice of them for too long.
    """
    names = [name for of, name in s.sought if of == job and name not in over]
    starving = [
        name
        for name in names
        if (hunger.first(s, name) and not s.seats(needs_of(name), free))
        or hunger.has_waited(s, job, name)
    ]
    may = [name for name in starving if s.seats(needs_of(name), s.total)]
    return [name for name in may if sharing.may_come(s, (job, name))][:SOUGHT_MOST]


def forget_sought(s: NodeState) -> None:
    """Queues that were not seen for long are not asked for any more."""
    for name in [name for name, seen in s.sought.items() if s.now - seen > SOUGHT_S]:
        del s.sought[name]
        s.passed_by.pop(name, None)
    for name in [name for name in s.turns if name not in s.sought]:
        del s.turns[name]
