"""Lines and inboxes between processes and the control plane, which break as connections do."""

from __future__ import annotations

from collections import deque
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs.wire import fcall

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.server import Server

_numbers = count(10**6)  # of what stands for files; no real file has such a number


class Line:
    """In order, as TCP is: what was sent is done some time later, or not; so is its answer.

    After a cut everything without an answer is sent again: some of it is then done twice.
    It stands where an agent expects its `Conversation`.
    """

    def __init__(self, server: Server, when_back: Callable[[], None] = lambda: None) -> None:
        self._server = server
        self._when_back = when_back
        self._said: deque[tuple[tuple[Any, ...], Callable[[Any], None] | None]] = deque()
        self._done: deque[Any] = deque()  # answers on their way
        self.loop: Any = None  # an agent's
        self.connected = True
        self.dead = False
        self.late: deque[tuple[Any, ...]] = deque()  # words of old connections, on their way

    @classmethod
    def of_an_agent(cls, server: Server, loop: Any, when_back: Callable[[], None]) -> Line:
        line = cls(server, when_back)
        line.loop = loop
        return line

    # -- what the process does ----------------------------------------------------------------

    def apply(self, function: str, ns: str, *args: Any, then: Any = None) -> None:
        self.command(*fcall(function, ns, *args), then=then)

    def command(self, *args: Any, then: Any = None) -> None:
        self._said.append((args, then))

    def say_first(self, said: list[tuple[tuple[Any, ...], Callable[[Any], None] | None]]) -> None:
        """When it connects anew, before all that has no answer."""
        assert not self.connected
        self._said.extendleft(reversed(said))

    def settle(self, patience_s: float) -> bool:
        """The process ends, and waits until all is done; without a server it waits in vain."""
        del patience_s
        while self.can_be_done():
            self.do_next()
        return self.connected

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.loop.later(seconds, call)

    # -- what the world does ------------------------------------------------------------------

    def can_be_done(self) -> bool:
        return self.connected and len(self._done) < len(self._said)

    def do_next(self) -> None:
        """The server gets to it."""
        self._done.append(self._server.execute(self._said[len(self._done)][0]))

    def can_be_answered(self) -> bool:
        return self.connected and bool(self._done) and not self.dead

    def answer_next(self) -> None:
        """An answer arrives."""
        _, then = self._said.popleft()
        answer = self._done.popleft()
        if then is not None:
            then(answer)

    def cut(self, arrive: int = 0) -> None:
        """The connection breaks: answers on their way are lost.

        What was not done is lost too, save the first so many words: the kernel has them, and
        they arrive at some time, perhaps after what is said on the next connection.
        """
        if self.connected:
            undone = islice(self._said, len(self._done), len(self._done) + arrive)
            self.late.extend(words for words, _ in undone)
        self._done.clear()
        self.connected = False

    def late_word_arrives(self) -> None:
        """Of an old connection: it is done, and nobody is there to be answered."""
        self._server.execute(self.late.popleft())

    def mend(self) -> None:
        """It connects anew."""
        self.connected = True
        self._when_back()

    def events(self) -> list[tuple[str, Callable[[], None]]]:
        """What could happen on it next."""
        found: list[tuple[str, Callable[[], None]]] = []
        if self.can_be_done():
            found.append(("server does", self.do_next))
        if self.can_be_answered():
            found.append(("answer", self.answer_next))
        if not self.connected:
            found.append(("mend", self.mend))
        return found

    def close(self) -> None:
        """The process is gone; what it sent may still be done, and nobody hears of it."""
        self.dead = True


class Inbox:
    """Hears what is published on its channel while it is connected, and nothing else."""

    def __init__(self, server: Server, name: bytes) -> None:
        self._server = server
        self._name = name
        self._number = next(_numbers)
        self._waiting: deque[list[bytes]] = deque()
        self._connected = False
        self.closed = False
        self.reconnect()

    def fileno(self) -> int:
        return self._number

    @property
    def has_news(self) -> bool:
        return not self.closed and (bool(self._waiting) or not self._connected)

    def publish(self, message: list[bytes]) -> None:
        if self._connected:
            self._waiting.append(message)

    def poll(self, timeout_s: float | None) -> list[list[bytes]]:
        """One at a time: the others may come later."""
        del timeout_s
        if not self._connected:
            raise errors.ControlPlaneLost("the world cut it")
        return [self._waiting.popleft()] if self._waiting else []

    def cut(self) -> None:
        self._connected = False
        self._waiting.clear()

    interrupt = cut

    def reconnect(self) -> None:
        self._number = next(_numbers)
        self._connected, self.closed = True, False
        self._server.subscribe(self._name, self)

    def close(self) -> None:
        self.closed = True
        self._server.unsubscribe(self._name, self)
