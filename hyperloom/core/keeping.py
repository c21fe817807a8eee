"""Results that go into files as well: of a task, in the process that runs it.

The rule: a task with a checkpoint has ended when the file is on disk, not before; if it cannot be
written, the task has failed.  The cache is help and no promise: a result that cannot be kept
there is used all the same.  Failures are kept nowhere.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from hyperloom.checkpoints import files
from hyperloom.checkpoints.cache import Cache
from hyperloom.errors import CheckpointError
from hyperloom.serialization import pack, stored

if TYPE_CHECKING:
    from hyperloom.serialization import Packed
    from hyperloom.specs import Keep, Template


class Keeping:
    """What is kept of one attempt."""

    def __init__(self, keep: Keep, template: Template) -> None:
        self.keep = keep
        self._template = template
        self._results: list[Packed] = []

    def add(self, result: object, packed: Packed) -> None:
        """The next result, as the task made it and as it travels."""
        if packed.refs:  # to what it contains of the task's inputs, if it is a data object
            with stored.nobody_holds():
                packed = pack(result, what=f"the result of {self._template.name}")
        self._results.append(packed)

    def found(self) -> list[Packed] | None:
        """The results, if an earlier run left them in the cache."""
        if not self.keep.cache:
            return None
        results = self._cache().find(self.keep.key)
        return results if results and len(results) == self._template.returns else None

    def done(self) -> None:
        """All results are there; keep them.

        Raises:
            CheckpointError: the checkpoint could not be written.
        """
        if len(self._results) != self._template.returns:  # one of them is a failure
            return
        if self.keep.checkpoint:
            self._write()
        if self.keep.cache and not any(result.refs for result in self._results):
            try:
                self._cache().store(self.keep.key, self._template.name, self._results)
            except OSError as error:
                warnings.warn(
                    f"{self._template.name} was not kept in the cache {self.keep.cache}: {error}",
                    stacklevel=1,
                )

    def _write(self) -> None:
        name, path = self._template.name, self.keep.checkpoint
        if any(result.refs for result in self._results):
            raise CheckpointError(
                f"the result of {name} was not written to {path}: it holds references, which end "
                "with this program. Return values instead, or take the checkpoint away"
            )
        try:
            files.write(path, self.keep.key, name, self._results, sync=True)
        except OSError as error:
            raise CheckpointError(
                f"the result of {name} could not be written to {path}: {os.strerror(error.errno)}. "
                "The result is lost; other tasks are not affected"
                if error.errno
                else f"the result of {name} could not be written to {path}: {error}"
            ) from error

    def _cache(self) -> Cache:
        return Cache(self.keep.cache, self.keep.cache_bytes)
