"""Keeps what happens in a cluster: reads the events of its jobs into a history, as they come.

The rule: it only reads, and nobody waits for it but who asks what was recorded
(`hyperloom.watch.retold`).  The stream of a job is bounded; who records late finds a gap, and
counts it.  Of a job that ended the events stay for a minute, so a recorder that died has that long
to come back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import asking, codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.watch import bygone, counted, retold
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.live import Live
from hyperloom.watch.retold import RECORDER
from hyperloom.watch.samples import SAMPLE_S, of_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.gcs.address import Address
    from hyperloom.watch.history import History

LOOK_S = 0.25  # how often the events of open jobs are read
_COUNT_S = 2.0  # how often counts are kept of jobs that go on
_TRIM_S = 10.0
_LATER_MOST = 10_000  # entries that may come while we look
_PAUSE_S = 0.2  # until a control plane that is away is looked for again


class Recorder:
    """Of one cluster; `node` is any of its nodes, on whose channel it hears of jobs."""

    def __init__(self, address: Address, node: bytes, history: History, most_bytes: int) -> None:
        self._address = address
        self._channel = keys.INBOX.name(keys.CLUSTER, node)
        self._history = history
        self._most_bytes = most_bytes
        self._seen = history.seen()  # job -> its last entry that we have
        self._counted = self._sampled = self._trimmed = 0.0

    def run(self, goes_on: Callable[[], bool]) -> None:
        """As long as it `goes_on`; then once more, so that what has happened by then is kept."""
        while goes_on():
            try:
                self._follow(goes_on)
            except errors.LoomError:  # it is away, or loading: it comes back, or we are ended
                time.sleep(_PAUSE_S)

    def _follow(self, goes_on: Callable[[], bool]) -> None:
        inbox = Inbox(self._address, self._channel)  # first listen, then look
        inbox.listen(keys.INBOX.name(keys.CLUSTER, RECORDER))
        live = Live(self._address)
        try:
            self._find(live)
            while goes_on():
                self._hear(inbox, live)
                self.read(live)
            self.read(live)
        finally:
            live.close()
            inbox.close()

    def _find(self, live: Live) -> None:
        """Jobs that are open, and those that ended meanwhile and whose events are left."""
        for job in live.jobs():
            self._seen.setdefault(job, b"0-0")
        pattern = keys.EVENTS.name("{loom:*}").decode()
        cursor = b"0"
        while True:
            cursor, names = live.wire.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
            for name in names:
                job = bytes.fromhex(name.partition(b":")[2].partition(b"}")[0].decode())
                if job not in self._history.jobs():
                    self._seen.setdefault(job, b"0-0")
            if cursor == b"0":
                return

    def _hear(self, inbox: Inbox, live: Live) -> None:
        for kind, *parts in inbox.poll(LOOK_S):  # of all that nodes are told: GROUPS stands alone
            if kind == codes.JOB_OPENED:
                self._seen.setdefault(parts[0], b"0-0")
            elif kind == codes.ASK:
                self._answer(live, parts[0], asking.asked_of(parts[1:]))

    def _answer(self, live: Live, reply_to: bytes, asked: list[Any]) -> None:
        """Somebody wants to know what was recorded; or asks the node, on whose channel we are."""
        told = retold.answer(self._history, asked)
        if told is not None:
            message = asking.answer(RECORDER, told)
            live.wire.call("SPUBLISH", keys.INBOX.name(keys.CLUSTER, reply_to), message)

    # -- reading ----------------------------------------------------------------------------

    def read(self, live: Live) -> None:
        """Keep what came since the last time."""
        now = time.monotonic()
        if self._seen and now - self._sampled >= SAMPLE_S:
            self._sampled = now
            self._sample(live)
        counting = now - self._counted >= _COUNT_S
        for job, seen in list(self._seen.items()):
            entries = list(live.entries(job, seen))
            if entries:
                last = self._seen[job] = entries[-1][0]
                self._history.add(job, entries, self._gap(live, job, last, len(entries)))
            if any(event.kind == codes.ENDED for _, event in entries) or self._is_gone(live, job):
                del self._seen[job]
            elif counting:
                self._history.count(job, counted.payload_of(live.counts(job)))
        self._counted = now if counting else self._counted
        if now - self._trimmed >= _TRIM_S:
            self._trimmed = now
            self._history.trim(self._most_bytes, self._sum_up)

    def _sum_up(self, job: bytes) -> None:
        """What is told of its plans is to go."""
        for plan, summary in bygone.sum_up(Cluster(None, self._history), job):
            self._history.sum_up(plan, summary)

    def _sample(self, live: Live) -> None:
        """How busy nodes are, of those that answer."""
        at = time.time()
        answers = live.answers("status")
        self._history.sample([of_answer(node, told, at) for node, told in answers.items()])

    def _is_gone(self, live: Live, job: bytes) -> bool:
        """It was ended, and nothing of it is left to be read."""
        return not live.wire.call("EXISTS", _name(job))

    def _gap(self, live: Live, job: bytes, last: bytes, new: int) -> int:
        """How many entries went before we came: all that there ever were, without those we have.

        More may have come since we read: so we count up to the last that we have.
        """
        later = len(live.wire.call("XRANGE", _name(job), b"(" + last, "+", "COUNT", _LATER_MOST))
        return max(0, live.added(job) - later - self._history.recorded(job) - new)


def _name(job: bytes) -> bytes:
    return keys.EVENTS.name(keys.job_namespace(job))
