"""The raylet's talk with the control plane: many calls on their way, none waited for.

The rule: every transition that a raylet asks for is idempotent by (task, attempt) or by its
nature, so after a lost connection all that was not answered is said again, in order.  While
there is no server, words are kept; workers go on, and `revive` is called before each try to reach
one.  A server that can do nothing for now (its disk is full, it has lost our library) counts as
none; `heal` is called then, and may help it.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import keys
from hyperloom.gcs.pauses import persist
from hyperloom.gcs.replies import NotNow
from hyperloom.gcs.wire import Wire, fcall, pack
from hyperloom.ids import JOB_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.gcs.address import Address
    from hyperloom.gcs.wire import Argument
    from hyperloom.raylet.loop import Loop

    Answer = Callable[[Any], None]

START_S = 10.0  # for so long a node that starts tries to have its lines; later it never gives up
_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5)
_NOBODY = b""


def namespace_of(any_id: bytes) -> str:
    """Where a process, task or object is spoken of: the namespace of its job's tables."""
    return keys.job_namespace(any_id[:JOB_BYTES])


class Conversation:
    """See the module.  `when_back` is called after each reconnection."""

    def __init__(self, address: Address, loop: Loop, when_back: Callable[[], None]) -> None:
        self._address = address
        self.loop = loop
        self._when_back = when_back
        self.heal: Callable[[], None] = lambda: None
        self.revive: Callable[[], None] = lambda: None
        self._unanswered: deque[tuple[bytes, Answer | None]] = deque()
        self._tries = 0
        self._wire: Wire | None = persist(lambda: Wire(address), START_S)
        self.loop.on_readable(self._wire.fileno(), self._read)

    @property
    def connected(self) -> bool:
        """Whether there is a server."""
        return self._wire is not None

    def local_host(self) -> str:
        """This machine's address as the server sees it.

        Raises:
            errors.ControlPlaneLost: there is no connection now.
        """
        if self._wire is None:
            raise errors.ControlPlaneLost(f"the connection to {self._address} broke")
        return self._wire.local_host()

    def apply(
        self, function: str, namespace: str, *args: Argument, then: Answer | None = None
    ) -> None:
        """Ask for a transition; `then` is given its answer, which may be a refusal."""
        self.command(*fcall(function, namespace, *args), then=then)

    def command(self, *args: Argument, then: Answer | None = None) -> None:
        """Any command."""
        words = pack(args)
        self._unanswered.append((words, then))
        if self._wire is not None:
            try:
                self._wire.send_packed(words)
            except errors.ControlPlaneLost:
                self._lost()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Say something after a while."""
        self.loop.later(seconds, call)

    def _read(self) -> None:
        if self._wire is not None and not self._unanswered:
            self._look_for_the_end()
        while self._wire is not None and self._unanswered:
            try:
                answer = self._wire.receive_now()
            except errors.ControlPlaneLost:
                self._lost()
                return
            if answer is False:
                return
            if isinstance(answer, NotNow):
                self._lost()
                return
            _, then = self._unanswered.popleft()
            if then is not None:
                then(answer)

    def _look_for_the_end(self) -> None:
        # Readable with no answer due: the server hung up.
        assert self._wire is not None
        try:
            self._wire.receive_now()
        except errors.ControlPlaneLost:
            self._lost()

    def _lost(self) -> None:
        if self._wire is not None:
            self.loop.forget(self._wire.fileno())
            self._wire.close()
            self._wire = None
            self._tries = 0
            self.loop.later(0, self._reconnect)

    def settle(self, patience_s: float) -> bool:
        """Wait until all that was said is done; what is answered is not heeded any more.

        For who ends: on another connection he may then say what must come after.  False: there is
        no server, or it does not answer.
        """
        until = time.monotonic() + patience_s
        while self._unanswered and (left_s := until - time.monotonic()) > 0:
            try:
                self._wire = self._wire or self._anew()
                answer = self._wire.receive(left_s)
            except TimeoutError:
                break
            except (errors.ControlPlaneLost, NotNow):
                answer = NotNow("it says nothing")
            if not isinstance(answer, NotNow):
                self._unanswered.popleft()
                continue
            if self._wire is not None:
                self._wire.close()
                self._wire = None
            time.sleep(min(left_s, _PAUSES_S[-1]))
        return not self._unanswered

    def _anew(self) -> Wire:
        """A connection on which all that was not answered is said again."""
        wire = Wire(self._address)
        wire.call(*fcall("process_heard", keys.CLUSTER, _NOBODY))  # would it take words?
        wire.send_packed(b"".join([words for words, _ in self._unanswered]))
        return wire

    def _reconnect(self) -> None:
        self.revive()
        try:
            wire = self._anew()
        except (errors.ControlPlaneLost, NotNow) as error:
            if isinstance(error, NotNow):
                self.heal()
            pause_s = _PAUSES_S[min(self._tries, len(_PAUSES_S) - 1)]
            self._tries += 1
            self.loop.later(pause_s, self._reconnect)
            return
        self._wire = wire
        self.loop.on_readable(wire.fileno(), self._read)
        self._when_back()

    def close(self) -> None:
        """Hang up."""
        if self._wire is not None:
            self.loop.forget(self._wire.fileno())
            self._wire.close()
            self._wire = None
