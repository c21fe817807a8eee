"""Words on their way to the control plane: said in order, and again until they are answered.

Whatever happens on the way (an answer is lost, the server restarts, it refuses for lack of memory),
the same words are said again, and nothing overtakes them.  The server applies each once
(`hyperloom.gcs.outbox`).

A server may come back in an older state, or empty.  So after every silence it is asked for the
number of the last call that it remembers: what it has forgotten since is said again as well, as far
as it is known here (`hyperloom.gcs.recent`).  If it is not, the process's part in its job is lost.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import errors
from hyperloom.gcs import pauses
from hyperloom.gcs.recent import Recent
from hyperloom.gcs.replies import NotNow
from hyperloom.gcs.wire import Wire, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.gcs.address import Address
    from hyperloom.gcs.wire import Argument

_UNANSWERED_MOST = 32  # calls on their way; more and the sender waits for the server


class Reply:
    """Where the answer of a call goes that somebody waits for."""

    __slots__ = ("came", "value")

    def __init__(self) -> None:
        self.came = False
        self.value: Any = None


class Said(NamedTuple):
    """One call, packed, and who waits for its answer."""

    words: bytes
    number: int = 0  # of the process's words; 0: it may be applied twice
    reply: Reply | None = None


class Delivery:
    """Of one process's words; for one thread at a time, but for `break_off`.

    `heard` asks the server for the number of the last call that it remembers; `repeats`: what it
    has forgotten lately is said again.
    """

    def __init__(
        self, address: Address, heard: tuple[Argument, ...], outage_s: float, *, repeats: bool
    ) -> None:
        self._address = address
        self._heard = heard
        self._outage_s = outage_s
        self._wire = Wire(address)
        # Sent and not answered, in order; and what the server refused for now, in order.
        self._unanswered: deque[Said] = deque()
        self._refused: deque[Said] = deque()
        self._refusals = 0
        self._recent = Recent() if repeats else None
        self._confirmed = 0  # number of the last call that was answered
        self._connections = 1  # so far
        self._tries = 0  # connections in a row that came to nothing
        self._trouble_since = 0.0
        self._broken: Exception | None = None
        self.when_back: Callable[[], None] | None = None  # after each reconnection

    @property
    def unanswered(self) -> int:
        """How many calls are."""
        return len(self._unanswered) + len(self._refused)

    def say(self, said: Sequence[Said]) -> None:
        """Send these; do not wait for their answers, unless too many are not there yet."""
        if self._refused:
            self._refused += said  # in line behind what is refused for now
            return
        if not said:
            return
        self._survive(lambda: self._send(said))
        while len(self._unanswered) > _UNANSWERED_MOST:
            self._survive(self._receive_one)

    def look(self) -> None:
        """Take the answers that are here."""
        self._survive(self._drain)

    def settle(self) -> None:
        """Wait for all answers."""
        while self._unanswered or self._refused:
            self._survive(self._receive_one)
        self.check()

    def ask(self, words: bytes) -> Any:  # noqa: ANN401 - Redis' own reply
        """Say this, and wait for its answer; raise what the server refuses."""
        reply = Reply()
        self.say([Said(words, reply=reply)])
        while not reply.came:
            self._survive(self._receive_one)
        if isinstance(reply.value, Exception):
            raise reply.value
        return reply.value

    def answers(self, within_s: float) -> bool:
        """Whether the server has answered all by then; it is asked if there is nothing."""
        deadline = time.monotonic() + within_s
        if not self.unanswered:
            self.say([Said(pack(("PING",)), reply=Reply())])
        while self._unanswered:
            if not self._wire.readable(max(0.0, deadline - time.monotonic())):
                return False
            self.look()
        return True

    def compare(self) -> None:
        """See whether the server remembers what it answered, and say again what it does not.

        Raises:
            errors.ClusterStateLost: it has forgotten more than is known here.
            errors.JobEnded: the job was ended without us.
        """
        heard = self.ask(pack(self._heard))
        _check_goes_on(heard)
        if 0 <= heard < self._confirmed:
            self._reconnect("its server has forgotten our words")

    def connections(self) -> int:
        """How many there were; the next one, if this one turns out to be broken."""
        if not self.unanswered and self._wire.readable(0):  # nothing is to come
            self._reconnect("its server hung up")
        return self._connections

    def check(self) -> None:
        """Raise what ended it, if anything did."""
        if self._broken is not None:
            raise self._broken

    def break_off(self, error: Exception) -> None:
        """There will be no server any more: who speaks from now on, or is speaking, hears why."""
        self._broken = error

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def _send(self, said: Sequence[Said]) -> None:
        self._unanswered += said
        self._wire.send_packed(b"".join([each.words for each in said]))

    # -- answers ----------------------------------------------------------------------------

    def _drain(self) -> None:
        while self._unanswered:
            reply = self._wire.receive_now()
            if reply is False:
                return
            self._answered(reply)

    def _receive_one(self) -> None:
        if self._unanswered:
            self._answered(self._wire.receive())
        elif self._refused:
            self._try_refused()

    def _answered(self, answer: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if isinstance(answer, NotNow) or (isinstance(answer, errors.Gap) and not self._refused):
            # Of a gap: nothing that we said was refused, and yet the server misses some of it.
            raise errors.ControlPlaneLost(str(answer)) from answer
        said = self._unanswered.popleft()
        reply = said.reply
        if self._refused:
            # What stands in line before this was refused, so this found a server that does not
            # know of it.  A call's answer is out of date, and a refusal may have that reason.
            again = reply is not None or isinstance(answer, errors.LoomError)
        else:
            again = reply is None and isinstance(answer, errors.Backpressure)
        if again:
            self._refused.append(said)
            if not self._unanswered:
                self._try_refused()
            return
        self._tries = 0
        if reply is not None:
            reply.came = True
            reply.value = answer
        elif isinstance(answer, errors.LoomError):
            self._broken = answer
        if not self._refused:
            self._refusals = 0
        self._confirmed = max(self._confirmed, said.number)
        if self._recent is not None:
            self._recent.add(said._replace(reply=None), time.monotonic())

    def _try_refused(self) -> None:
        """The server had no memory: wait a moment for it to drain, say it all again."""
        time.sleep(pauses.after(self._refusals + 1))
        self._refusals += 1
        again, self._refused = self._refused, deque()
        self._send(again)

    # -- when it breaks ---------------------------------------------------------------------

    def _survive(self, step: Callable[[], None]) -> None:
        try:
            step()
        except errors.ControlPlaneLost as error:
            self._reconnect(str(error))
        except BaseException:
            # Ctrl-C, in the middle of sending or reading: nobody knows how much of it was done.
            # The next step finds the wire closed, connects anew and says again what is unanswered.
            self._wire.close()
            raise

    def _reconnect(self, why: str) -> None:
        """Connect anew and say again all that was not answered, or was forgotten."""
        kind: type[errors.LoomError] = errors.ControlPlaneLost
        self._wire.close()
        self._unanswered.extendleft(reversed(self._refused))  # they were said before
        self._refused.clear()
        while True:
            self.check()
            self._wait_a_moment(kind, why)
            try:
                self._wire = Wire(self._address)
                self._bring_back(self._wire.call(*self._heard))
                self._wire.send_packed(b"".join([each.words for each in self._unanswered]))
            except (errors.ClusterStateLost, errors.JobEnded) as lost:
                # On this wire nothing of `_unanswered` was said.  Who spoke on it afterwards would
                # have his answer taken for that of the first of these, and wait for ever.
                self._wire.close()
                self._broken = lost
            except errors.LoomError as again:  # or a password file that is gone: its node may die
                # Not itself: it knows the frames of our callers and their refs, and we knew it.
                kind, why = type(again), str(again)
                self._wire.close()  # nothing was said on it
            else:
                self._connections += 1
                if self.when_back is not None:
                    self.when_back()
                return

    def _wait_a_moment(self, kind: type[errors.LoomError], why: str) -> None:
        """Not before the first try, longer each time; raise that when it has been too long."""
        if self._tries == 0:
            self._trouble_since = time.monotonic()
        elif time.monotonic() > self._trouble_since + self._outage_s:
            self._tries = 0
            raise kind(why)
        else:
            time.sleep(pauses.after(self._tries))
        self._tries += 1

    def _bring_back(self, heard: Any) -> None:  # noqa: ANN401 - Redis' own reply
        """The server remembers our words up to this number."""
        _check_goes_on(heard)
        if heard < 0 or heard >= self._confirmed:
            return
        recent = self._recent
        if recent is None or (said := recent.after(heard, self._trouble_since)) is None:
            raise errors.ClusterStateLost(
                f"the control plane at {self._address} has lost words that it had answered: it "
                f"knows {heard} of {self._confirmed} calls of this process (its server was "
                "restored from an older state, or emptied). Tasks and objects of this job may be "
                "lost; nothing of it can go on. Call loom.shutdown() and loom.init() to begin anew"
            )
        self._unanswered.extendleft(reversed(said))
        recent.clear(heard)
        self._confirmed = heard


def _check_goes_on(heard: Any) -> None:  # noqa: ANN401 - Redis' own reply
    """Of a job that was ended without its driver the server says why, and no number."""
    if isinstance(heard, bytes):
        raise errors.JobEnded(heard.decode())
