"""One task: its record and inputs in, its outputs out.

The rule: an attempt always ends in one of three ways: a list of output values (which may be
failures), a request to be retried, or another task in its place; no other exception leaves
`Executor.run`.  Values that it stored
and does not end with are freed before that is known to anybody.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hyperloom import data, errors, failpoints, failures, specs
from hyperloom.core import again, current, redirection
from hyperloom.core.backlog import Unwanted
from hyperloom.core.bound import METADATA, Replacing
from hyperloom.core.code import Code, Function
from hyperloom.core.context import Running
from hyperloom.core.interrupt import Interrupted
from hyperloom.core.redirection import Redirected
from hyperloom.core.session import FIRST
from hyperloom.core.streams import Items
from hyperloom.gcs.codes import LOST, NUMBER, SHARED
from hyperloom.ids import object_id
from hyperloom.serialization import (
    Packed,
    failure_from_exception,
    failure_inline,
    failure_record,
    from_inline,
    is_failure,
    pack,
    split_inline,
    to_inline,
    unpack_call,
)
from hyperloom.specs import decode_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hyperloom.core.keeping import Keeping
    from hyperloom.core.objects import Objects
    from hyperloom.specs import Template


WITHDRAWN: list[bytes] = []  # the outputs of a call of which is told already what it became


class Retry(Exception):
    """The task raised what its options say to retry; `failure` is for when none is left."""

    def __init__(self, failure: bytes) -> None:
        super().__init__("retry")
        self.failure = failure


class Executor:
    """Runs tasks one after the other in this process."""

    leaving = ""  # why an actor wants to end; see `hyperloom.core.actors.hosting`
    saved: tuple[bytes, ...] = ()  # its state after the last call

    def __init__(self, node: bytes, objects: Objects) -> None:
        self.node = node
        self._objects = objects
        self.pid = os.getpid()
        self.codes: dict[bytes, Code] = {}
        self._functions: dict[bytes, Function] = {}
        self.running: Running | None = None
        self.home: Template | None = None  # the actor's, of who runs its calls
        self.unwanted = Unwanted()
        self.gpus: tuple[int, ...] = ()
        self._stored: list[bytes] = []  # outputs of this attempt that lie in the node's store
        self._keeping: Keeping | None = None  # of this attempt, if its results go into files

    def learn(self, number: bytes, body: bytes, pickled: bytes) -> None:
        """A template, before its first task."""
        template = decode_template(body)
        function = self._functions.setdefault(template.function, Function(pickled))
        self.codes[number] = Code(template, function)

    def run(self, entry: bytes, record: bytes, inputs: bytes) -> list[bytes]:
        """The kept values of the task's outputs.

        Raises:
            Retry: the attempt failed and is to be tried again.
            Redirected: it is to go on as another task.
        """
        code, running = self.begin(entry, record)
        task = running.task
        try:
            if self.unwanted.any and (failure := self.unwanted.take(task)) is not None:
                return self._all(code, failure) if failure else WITHDRAWN
            return self._attempt(code, running, record, inputs)
        except Interrupted:
            return self._all(code, running.cancelled)
        except Redirected:
            if running.cancelled:
                return self._all(code, running.cancelled)
            raise
        except BaseException as error:  # noqa: BLE001 - the user's
            return self.raised(code, running, error)
        finally:
            self.end(code)

    def begin(self, entry: bytes, record: bytes) -> tuple[Code, Running]:
        """What runs from now on."""
        code = self.codes[record[:8]]
        task, attempt = specs.split_entry(entry)
        running = Running(task, attempt, code.template, self.gpus)
        running.home = self.home or code.template
        self.running = running
        return code, running

    def end(self, code: Code) -> None:
        """It is over."""
        self.running = None
        self._keeping = None
        self._stored.clear()
        code.calls += 1

    def raised(self, code: Code, running: Running, error: BaseException) -> list[bytes]:
        """The outputs of a task that raised.

        Raises:
            Retry: it is to be tried again.
        """
        if running.cancelled:
            return self._all(code, running.cancelled)
        again = self._tried_again(code, error)
        failure = self.failure(error, running)
        if again:
            self._free_stored()
            raise Retry(failure) from None
        return self._all(code, failure)

    def _attempt(self, code: Code, running: Running, record: bytes, inputs: bytes) -> list[bytes]:
        kept = specs.split_values(inputs) if inputs else []
        running.label, said = specs.split_label(record[specs.call_start(record) :])
        if kept and (passed_on := self.passed_on(code, running, kept)) is not None:
            return passed_on
        if code.template.keeps:
            return self._kept_attempt(code, running, record, kept, said)
        return self._called(code, running, record, kept, said)

    def passed_on(self, code: Code, running: Running, kept: Sequence[bytes]) -> list[bytes] | None:
        """The outputs of a task of whose inputs one has failed; None: none has."""
        failed = failed_among(kept)
        if failed is None:
            return None
        known_as = failures.known_as(running.label, code.template.name)
        extended = failures.extend_path(failure_record(failed), known_as)
        return self._all(code, failure_inline(extended))

    def _kept_attempt(
        self, code: Code, running: Running, record: bytes, inputs: list[bytes], said: bytes
    ) -> list[bytes]:
        """Of a task whose results go into files, or come out of one."""
        from hyperloom.core.keeping import Keeping  # noqa: PLC0415 - few need it

        keep, said = specs.split_keep(said)
        keeping = self._keeping = Keeping(keep, code.template)
        found = keeping.found()
        if found is None:
            outputs = self._called(code, running, record, inputs, said)
        else:
            outputs = [
                self._kept(object_id(running.task, index), result, code.template.name)
                for index, result in enumerate(found)
            ]
        keeping.done()
        return outputs

    def _called(
        self, code: Code, running: Running, record: bytes, inputs: list[bytes], said: bytes
    ) -> list[bytes]:
        """`inputs` are kept values, `said` is the call."""
        args, kwargs = self.arguments(code, record, inputs, said)
        del said
        if METADATA in kwargs:
            running.metadata = kwargs.pop(METADATA)
        if failpoints.ON:
            failpoints.hit("worker.called")
        if code.template.chunk:
            return self._chunk(code, running, args)
        result = self._function(code)(*args, **kwargs)
        del args, kwargs  # refs in them are released before the task is reported
        return self.outputs(code, running, result)

    def outputs(self, code: Code, running: Running, result: Any) -> list[bytes]:  # noqa: ANN401
        """What the function returned, kept."""
        if running.cancelled:
            return self._all(code, running.cancelled)
        return self._outputs(code, running, result)

    def _outputs(self, code: Code, running: Running, result: object) -> list[bytes]:
        if isinstance(result, Replacing):
            keep = b"" if self._keeping is None else specs.encode_keep(self._keeping.keep)
            raise redirection.redirect(result, running, keep)
        if code.template.takes_data and not code.template.gives_value:
            result = data.of(result)
        returns = code.template.returns
        if returns == 1:
            return [self._kept(running.task + FIRST, result, code.template.name)]
        if returns == specs.STREAMING:
            return self._stream(code, running, result)
        return self._several(code, running, result)

    def arguments(
        self, code: Code, record: bytes, inputs: list[bytes], said: bytes
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the function is called with; `inputs` are kept values, `said` is the call."""
        if not inputs:
            return _arguments(said, ())
        in_store = said == specs.IN_STORE
        names = specs.inputs_of(record)
        if LOST in inputs:  # of a call to an actor: a task waits until they have been made again
            pairs = zip(names, inputs, strict=True)
            inputs = [again.wait_for(oid) if kept == LOST else kept for oid, kept in pairs]
        plain = len(names) - in_store
        load = self._objects.load_data if code.template.takes_data else self._objects.load
        values = [load(names[i], inputs[i]) for i in range(plain)]
        if not in_store:
            return _arguments(said, values)
        return unpack_call(*self._objects.parts_of(names[-1], inputs[-1]), values)

    def _function(self, code: Code) -> Callable[..., Any]:
        return code.function

    def _kept(self, oid: bytes, result: object, name: str) -> bytes:
        # Packed already: it comes out of a file, to be passed on.
        packed = result if type(result) is Packed else pack(result, what=f"the result of {name}")
        kept = self._objects.keep_packed(oid, packed)
        if kept[:1] == SHARED:
            self._stored.append(oid)
        if packed.refs:
            session = current.session()
            current.own(packed.refs, session.job)
            session.outbox.contain(oid, packed.refs)
        if self._keeping is not None:
            self._keeping.add(result, packed)
        return kept

    def _all(self, code: Code, failure: bytes) -> list[bytes]:
        self._free_stored()
        return [failure] * code.template.outputs

    def _tried_again(self, code: Code, error: BaseException) -> bool:
        try:
            return code.retries(error)
        except Exception as unreadable:  # noqa: BLE001 - whatever unpickling may raise
            error.add_note(
                f"(It was not tried again: retry_exceptions of {code.template.name} cannot be "
                f"read in this worker, {type(unreadable).__name__}: {unreadable})"
            )
            return False

    def _free_stored(self) -> None:
        # No object has these names yet, and nobody else makes any: a task runs once at a time.
        while self._stored:
            self._objects.free(self._stored.pop())

    def _several(self, code: Code, running: Running, result: object) -> list[bytes]:
        name, returns = code.template.name, code.template.returns
        if returns == 0:
            return []
        outputs = []
        try:
            iterator = iter(result)  # type: ignore[call-overload]
        except TypeError:
            raise ValueError(
                f"{name} has num_returns={returns} but returned one {type(result).__name__}"
            ) from None
        try:
            for index in range(returns):
                item = next(iterator)
                outputs.append(self._kept(object_id(running.task, index), item, name))
        except StopIteration:
            raise ValueError(
                f"{name} has num_returns={returns} but returned {len(outputs)} values"
            ) from None
        except Exception as error:
            if not outputs or code.retries(error):
                raise
            failure = self.failure(error, running)
            return outputs + [failure] * (returns - len(outputs))
        if next(iterator, iterator) is not iterator:
            raise ValueError(f"{name} has num_returns={returns} but returned more values")
        return outputs

    def _chunk(self, code: Code, running: Running, items: Sequence[object]) -> list[bytes]:
        outputs = []
        for index, item in enumerate(items):
            try:
                result = code.function(item)
                if isinstance(result, Replacing):  # it cannot be replaced without the others
                    result = redirection.value_of(result)
                outputs.append(
                    self._kept(object_id(running.task, index), result, code.template.name)
                )
            except Exception as error:
                if running.cancelled or code.retries(error):
                    raise
                outputs.append(self.failure(error, running))
        return outputs

    def _stream(self, code: Code, running: Running, result: Any) -> list[bytes]:  # noqa: ANN401
        outputs: list[bytes] = []
        with self.streaming(code, running, outputs) as items:
            for item in result:
                if not items.add(item, f"item {items.made + 1} of {code.template.name}"):
                    if hasattr(result, "close"):
                        result.close()
                    break
        return outputs

    @contextmanager
    def streaming(self, code: Code, running: Running, outputs: list[bytes]) -> Iterator[Items]:
        """The items of a stream; its end, or the failure in its place, joins `outputs`."""
        items = Items(current.session(), self.node, running, code.template.ahead)
        try:
            yield items
            items.confirm()
        except errors.Stale:
            raise
        except Exception as error:
            if code.retries(error):
                raise
            outputs.append(self.failure(error, running))
            return
        finally:
            items.close()
        outputs.append(running.cancelled or to_inline(pack(items.made)))

    def failure(self, error: BaseException, running: Running) -> bytes:
        """What a task's outputs become that raised `error`."""
        return failure_inline(
            failure_from_exception(
                error,
                task_id=running.task,
                name=running.template.name,
                attempt=running.attempt,
                node=self.node,
                pid=self.pid,
                label=running.label,
                role=running.template.role,
            )
        )


def failed_among(kept: Sequence[bytes]) -> bytes | None:
    """The first of these values that is a failure."""
    return next((value for value in kept if is_failure(value)), None)


def _arguments(call: bytes, values: Sequence[object]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Of a call that stands in the record; `values` are those of the inputs."""
    if call[:1] != specs.MAPPED:
        return unpack_call(*split_inline(call), values)
    shared, data = specs.split_mapped(call)
    item = int(data[1:]) if data[:1] == NUMBER else from_inline(data)
    if not shared:
        return (item,), {}
    args, kwargs = unpack_call(*split_inline(shared), values)
    return (item, *args[1:]), kwargs
