"""Words on their way to the control plane: said in order, and again until they are answered.

Whatever happens on the way (an answer is lost, the server restarts, it refuses for lack of memory),
the same words are said again, and nothing overtakes them.  The server applies each once
(`hyperloom.gcs.outbox`).
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import errors
from hyperloom.gcs.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.gcs.address import Address

_UNANSWERED_MOST = 32  # calls on their way; more and the sender waits for the server
_REFUSED_WAIT_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class Reply:
    """Where the answer of a call goes that somebody waits for."""

    __slots__ = ("came", "value")

    def __init__(self) -> None:
        self.came = False
        self.value: Any = None


class Said(NamedTuple):
    """One call, packed, and who waits for its answer."""

    words: bytes
    reply: Reply | None = None


class Delivery:
    """Of one process's words; for one thread at a time, but for `break_off`."""

    def __init__(self, address: Address, outage_s: float) -> None:
        self._address = address
        self._outage_s = outage_s
        self._wire = Wire(address)
        # Sent and not answered, in order; and what the server refused for now, in order.
        self._unanswered: deque[Said] = deque()
        self._refused: deque[Said] = deque()
        self._refusals = 0
        self._broken: Exception | None = None

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
        self.say([Said(words, reply)])
        while not reply.came:
            self._survive(self._receive_one)
        if isinstance(reply.value, Exception):
            raise reply.value
        return reply.value

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
        said = self._unanswered.popleft()
        reply = said.reply
        if isinstance(answer, errors.Gap) and not self._refused:
            # Nothing that we said was refused, and yet the server misses some of it: it was
            # answered once and is forgotten.
            self._broken = errors.ClusterStateLost(
                "the control plane has lost words that it had answered (its server was restored "
                "from an older state, or emptied). Tasks and objects of this job may be lost; "
                "nothing of it can go on. Call loom.shutdown() and loom.init() to begin anew"
            )
            return
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
        if reply is not None:
            reply.came = True
            reply.value = answer
        elif isinstance(answer, errors.LoomError):
            self._broken = answer
        if not self._refused:
            self._refusals = 0

    def _try_refused(self) -> None:
        """The server had no memory: wait a moment for it to drain, say it all again."""
        time.sleep(_REFUSED_WAIT_S[min(self._refusals, len(_REFUSED_WAIT_S) - 1)])
        self._refusals += 1
        again, self._refused = self._refused, deque()
        self._send(again)

    def _survive(self, step: Callable[[], None]) -> None:
        try:
            step()
        except errors.ControlPlaneLost:
            self._reconnect()
        except BaseException:
            # Ctrl-C, in the middle of sending or reading: nobody knows how much of it was done.
            # The next step finds the wire closed, connects anew and says again what is unanswered.
            self._wire.close()
            raise

    def _reconnect(self) -> None:
        """Connect anew and say again all that was not answered."""
        deadline = time.monotonic() + self._outage_s
        self._wire.close()
        self._unanswered.extendleft(reversed(self._refused))  # they were said before
        self._refused.clear()
        pause_s = 0.01
        while True:
            self.check()
            try:
                self._wire = Wire(self._address)
                self._wire.send_packed(b"".join([each.words for each in self._unanswered]))
            except errors.LoomError:  # a password file that is gone too: its node may be dying
                if time.monotonic() > deadline:
                    raise
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, 0.5)
            else:
                return
