"""Objects that lie here, and of which this node may have missed that it was to free them.

A message to free an object is said once, and to who listens.  A raylet that was given up, whose
inbox broke, or that was dead for a moment, may have missed some; what they named would lie here
until its job ends.  So then it lists what it has of the job, and asks the control plane which of
that it need not keep (``lua/object/missed.lua``), some at a time.

The rule: asked twice.  What a process put a moment ago, and did not get to say, looks the same.  So
what need not be kept is asked for again when any word that was on its way must have come, or
failed; only what is named both times is freed.

What may be made yet is asked for until that is decided: a server that forgot that it was made here
has it made elsewhere, and this is then nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import keys
from hyperloom.ids import JOB_BYTES, OBJECT_BYTES, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.objectstore.keeper import StoreKeeper
    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.node import NodeSettings

_AT_ONCE = 500  # objects that are asked for in one call
_TOGETHER_S = 0.2  # a server that restarts breaks the inboxes of all jobs


@dataclass(slots=True)
class _Answer:
    """What the control plane says of some objects."""

    missed: list[bytes] = field(default_factory=list)  # need not be kept
    open: list[bytes] = field(default_factory=list)  # may be made yet


class Doubts:
    """See the module."""

    def __init__(self, settings: NodeSettings, gcs: Conversation, keeper: StoreKeeper) -> None:
        self._settings = settings
        self._gcs = gcs
        self._keeper = keeper
        self._again_s = settings.config.outage_s + settings.config.lease_s
        self._doubted: set[bytes] = set()  # jobs of which nothing was listed yet
        self._begun: dict[bytes, int] = {}  # job -> its latest round: an earlier one is given up
        self._rounds = 0
        # What lies here at the start was left by another raylet, which was dead for a moment.
        for job, oids in self._by_job(b"").items():
            self._begin(job, oids)

    def missed(self, job: bytes) -> None:
        """Messages of this job may be lost."""
        if not self._doubted:
            self._gcs.later(_TOGETHER_S, self._list)
        self._doubted.add(job)

    def _list(self) -> None:
        """Of all jobs at once: the whole store is looked through."""
        doubted, self._doubted = self._doubted, set()
        for job, oids in self._by_job(*doubted).items():
            self._begin(job, oids)

    def _by_job(self, *owners: bytes) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = {}
        for oid in self._settings.objects_of(*owners):
            found.setdefault(oid[:JOB_BYTES], []).append(oid)
        return found

    def _begin(self, job: bytes, oids: list[bytes]) -> None:
        self._rounds += 1
        self._begun[job] = number = self._rounds
        first, second = _Answer(), _Answer()

        def ask_again() -> None:
            if self._begun.get(job) == number:
                self._ask(job, number, first.missed + first.open, second, decide)

        def decide() -> None:
            self._keeper.free(set(first.missed).intersection(second.missed))
            if undecided := second.open + list(set(second.missed).difference(first.missed)):
                self._begin(job, undecided)

        def later() -> None:
            if first.missed or first.open:
                self._gcs.later(self._again_s, ask_again)

        self._ask(job, number, oids, first, later)

    def _ask(
        self, job: bytes, number: int, oids: list[bytes], answer: _Answer, then: Callable[[], None]
    ) -> None:
        """Some at a time; `then` the answer has all."""
        part, rest = oids[:_AT_ONCE], oids[_AT_ONCE:]

        def told(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(reply, list) and self._begun.get(job) == number:
                answer.missed += cut(reply[0], OBJECT_BYTES)
                answer.open += cut(reply[1], OBJECT_BYTES)
                self._ask(job, number, rest, answer, then)

        if part:
            namespace = keys.job_namespace(job)
            self._gcs.apply("object_missed", namespace, self._settings.node, *part, then=told)
        else:
            then()

    def end(self, job: bytes) -> None:
        """The job is over, and all that it had here."""
        self._doubted.discard(job)
        self._begun.pop(job, None)
