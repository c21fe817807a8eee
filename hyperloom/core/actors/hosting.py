"""The worker's side of an actor: its constructor, its calls one after the other, its end.

The rule: what an actor's method raises is the call's result and never the actor's end; only its
constructor, `exit_actor`, `sys.exit`, the death of its process or somebody else end an actor.
"""

from __future__ import annotations

import atexit
import contextlib
import inspect
import sys
import traceback
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from hyperloom import failpoints, failures, specs
from hyperloom.core import redirection
from hyperloom.core.actors.saving import Saving, take_up
from hyperloom.core.actors.terms import decode
from hyperloom.core.bound import Replacing
from hyperloom.core.execution import WITHDRAWN, Executor, Retry, failed_among
from hyperloom.core.session import FIRST
from hyperloom.failures import Attempt
from hyperloom.serialization import failure_inline, failure_record

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from hyperloom.core.actors.handle import ActorHandle
    from hyperloom.core.code import Code
    from hyperloom.core.context import Running
    from hyperloom.core.objects import Objects
    from hyperloom.failures import Failure
    from hyperloom.specs import Template


# The actor that lives in this process, and what a handle of it says; inline, those that run.
_living: list[tuple[bytes, bytes]] = []


def lives_here() -> bool:
    """Whether an actor runs here."""
    return bool(_living)


def resident_id() -> str | None:
    """The id of the actor that runs here."""
    return _living[-1][0].hex() if _living else None


def resident() -> ActorHandle[Any] | None:
    """A handle of the actor that runs here; it is counted as soon as it is used or passed on."""
    if not _living:
        return None
    from hyperloom.core.actors.handle import ActorHandle  # noqa: PLC0415 - it costs, and few ask

    actor, about = _living[-1]
    return ActorHandle(None, about, actor + FIRST)


@contextlib.contextmanager
def living(actor: bytes, about: bytes) -> Iterator[None]:
    """Inside the block, the actor runs here."""
    _living.append((actor, about))
    try:
        yield
    finally:
        _living.pop()


def move_in(actor: bytes, about: bytes) -> None:
    """This worker is the actor's from now on, and so is what it does at its end."""
    _living.append((actor, about))
    atexit._clear()  # noqa: SLF001 - what was inherited is the raylet's


class ActorExit(BaseException):
    """Raised by `hyperloom.exit_actor`: the actor shall end."""


def why_it_leaves(error: BaseException) -> str:
    """Why an actor wants to end whose method raised this; empty: it does not."""
    if isinstance(error, ActorExit):
        return "it ended itself by exit_actor()"
    if isinstance(error, SystemExit):
        code = "" if error.code is None else f"{error.code!r:.100}"
        return f"it ended itself by sys.exit({code})"
    return ""


class Hosted:
    """The object that lives in this process, and who it is."""

    __slots__ = (
        "about", "codes", "instance", "loop", "node", "saving", "template", "terms", "who",
    )  # fmt: skip

    def __init__(
        self,
        who: Attempt,
        instance: Any,  # noqa: ANN401 - the user's
        codes: dict[bytes, Code],
        template: Template,
    ) -> None:
        self.who = who
        self.instance = instance
        self.codes = codes
        self.template = template
        self.terms = decode(template.about)
        self.saving = Saving(instance, self.terms.checkpoint_every)
        self.about = specs.encode_template(template)  # as `actor_find` tells it
        self.node = who.node
        self.loop: asyncio.AbstractEventLoop | None = None  # on which its coroutines run

    @property
    def alone(self) -> bool:
        """Whether its calls run one after the other."""
        return sum(self.terms.limits.values()) == 1 and not self.terms.is_async

    def ended(self, cause: str) -> bytes:
        """What the actor and its calls become when it ends by itself."""
        return failure_inline(failures.actor_died(self.who, cause=cause))

    @property
    def bids_farewell(self) -> bool:
        """Whether there is something that it wants to do at its end."""
        return callable(getattr(self.instance, "on_exit", None))

    def farewell(self) -> None:
        """It ends in peace: what it wanted to do then."""
        if self.bids_farewell:
            try:
                result = self.instance.on_exit()
                if inspect.isawaitable(result):
                    import asyncio  # noqa: PLC0415 - of most actors it is not

                    (self.loop or asyncio.new_event_loop()).run_until_complete(result)
            except BaseException:  # noqa: BLE001 - the user's; its end is as good as any
                traceback.print_exc()


def move_out(hosted: Hosted) -> None:
    """The worker ends in peace, too: a worker leaves by os._exit, which runs no such function."""
    hosted.farewell()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()  # noqa: SLF001 - see above
    sys.stdout.flush()


def construct(executor: Executor, entry: bytes, record: bytes, inputs: bytes) -> Hosted | bytes:
    """Run an actor's constructor; the failure that the actor is, if it does not come about."""
    code, running = executor.begin(entry, record)
    who = Attempt(running.task, code.template.name, running.attempt, executor.node, executor.pid)
    hosted = None
    try:
        kept = specs.split_values(inputs) if inputs else []
        failed = failed_among(kept)
        if failed is not None:
            return _unborn(who, "an argument of its constructor failed:", failed)
        said = record[specs.call_start(record) :]
        args, kwargs = executor.arguments(code, record, kept, said)
        hosted = Hosted(who, code.function(*args, **kwargs), executor.codes, code.template)
        if running.attempt > 1 and hosted.terms.checkpoint_every:
            take_up(hosted.instance, running.task)
    except ActorExit:
        return failure_inline(failures.actor_died(who, cause="its constructor called exit_actor"))
    except BaseException as error:  # noqa: BLE001 - the user's
        what = "its constructor" if hosted is None else "its restore()"
        return _unborn(who, f"{what} raised", executor.failure(error, running))
    finally:
        executor.end(code)
    if failpoints.ON:
        failpoints.hit("worker.constructed")
    return hosted


def _unborn(who: Attempt, what: str, failure: bytes) -> bytes:
    """The actor died of this failure, which stays to be seen as the cause."""
    before: Failure = failures.decode(failure_record(failure))
    own = failures.decode(failures.actor_died(who, cause=f"{what} {before.text}"))
    return failure_inline(
        failures.encode(replace(own, traceback=before.traceback, error=before.error))
    )


class CallExecutor(Executor):
    """Runs the calls of one actor, one at a time."""

    def __init__(self, node: bytes, objects: Objects, hosted: Hosted) -> None:
        super().__init__(node, objects)
        self.codes = hosted.codes
        self.hosted = hosted
        self.home = hosted.template
        self.leaving = ""  # why the actor wants to end

    def run(self, entry: bytes, record: bytes, inputs: bytes) -> list[bytes]:
        """The kept values of the call's outputs.

        What its options say to retry is tried again here and now: another call must not
        come between.
        """
        outputs = self._tried(entry, record, inputs)
        if not self.leaving and outputs is not WITHDRAWN:
            self._save()
        return outputs

    def _tried(self, entry: bytes, record: bytes, inputs: bytes) -> list[bytes]:
        tried, retries = 0, self.codes[record[:8]].template.retries
        while True:
            try:
                return super().run(entry, record, inputs)
            except Retry as retry:
                tried += 1
                if 0 <= retries < tried:
                    return [retry.failure] * self.codes[record[:8]].template.outputs

    def _save(self) -> None:
        try:
            self.saved = self.hosted.saving.after_call()
        except BaseException as error:  # noqa: BLE001 - the user's
            traceback.print_exc()
            self.leaving = f"its checkpoint() raised {type(error).__name__}: {error}"

    def outputs(self, code: Code, running: Running, result: Any) -> list[bytes]:  # noqa: ANN401
        """What the method returned, kept; a plan that it returned is waited for, and is its value.

        A task would go on as that plan; a call's place is here.
        """
        if isinstance(result, Replacing) and not running.cancelled:
            result = redirection.value_of(result)
        return super().outputs(code, running, result)

    def cancel(self, failure: bytes) -> None:
        """Nobody wants what runs; it may look: ``context().is_cancelled()``."""
        running = self.running
        if running is not None:
            running.cancelled = failure

    def _function(self, code: Code) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(self.hosted.instance, code.template.method)
        return function

    def raised(self, code: Code, running: Running, error: BaseException) -> list[bytes]:
        """The outputs of a call that raised; see `Executor.raised`."""
        self.leaving = why_it_leaves(error)
        return [] if self.leaving else super().raised(code, running, error)
