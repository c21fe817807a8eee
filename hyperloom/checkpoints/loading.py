"""The values of a file of results: for a plan that goes on from it, and for anybody else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hyperloom.checkpoints import files
from hyperloom.errors import CheckpointError
from hyperloom.serialization import unpack

if TYPE_CHECKING:
    from hyperloom.serialization import Packed


def load(path: str, key: bytes) -> Packed | list[Packed]:
    """The task that takes the place of the one whose results are in the file.

    Its results are packed already, so that the bytes go straight into the node's memory.
    """
    try:
        _, results = files.read(path, key)
    except (OSError, files.Unusable) as error:
        raise CheckpointError(
            f"checkpoint {path} was good when the plan was submitted and is not now: {error}. "
            "What it held was not computed: submit the plan again with resume=True, and it will be"
        ) from error
    return results[0] if len(results) == 1 else results


def verify(path: str, key: bytes) -> str:
    """What is wrong with the file, all of it read; empty: nothing."""
    try:
        files.read(path, key)
    except (OSError, files.Unusable) as error:
        return str(error)
    return ""


def read_checkpoint(path: str | os.PathLike[str]) -> Any:  # noqa: ANN401 - what the task returned
    """What a task returned, from its checkpoint; a list if it has several results.

    Needs no cluster.  Large arrays are read-only views of the file.  A checkpoint may hold
    pickles, which can do anything when they are read: read none that a stranger wrote.

    Raises:
        CheckpointError: there is none, or it is no checkpoint, or it is damaged.
    """
    try:
        _, results = files.read(os.fspath(path))
    except (OSError, files.Unusable) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    values = [unpack(result.kind, result.meta, result.buffers) for result in results]
    return values[0] if len(values) == 1 else values
