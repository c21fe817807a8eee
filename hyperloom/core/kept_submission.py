"""Calls whose results are kept: where, under which key, and what is there already.

`SessionSubmitter` does the rest; tasks without ``cache`` and ``checkpoint`` never come here.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from hyperloom.checkpoints.cache import Cache
from hyperloom.core.call_keys import CallKeys, origin
from hyperloom.core.submission import SessionSubmitter
from hyperloom.errors import InvalidOption
from hyperloom.serialization.identity import Unidentified
from hyperloom.specs import Keep, encode_keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hyperloom.config import Config
    from hyperloom.core.refs import ObjectRef
    from hyperloom.serialization import Packed

_NAME_MOST = 60  # characters of a task's name in its file's


class KeepingSubmitter(SessionSubmitter):
    """The calls, outside of plans, of a function whose results are kept."""

    def submit(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """One task; none, if a small result of it is in the cache."""
        session, options = self._session, self._remote.task_options
        self._arity.check(args, kwargs)
        try:
            key = CallKeys(session).key(self._remote, args, kwargs)
        except Unidentified:
            key = b""
        if key and options.cache and (found := cached(session.config, key, self._returns)):
            return self._told([session.put_packed(result) for result in found], key)
        path = path_of(options.checkpoint, session.config, key, self._name)
        keep = keep_of(session.config, key, path, cache=options.cache)
        if keep is None:
            return super().submit(args, kwargs)
        record, _, large = self.pack(args, kwargs, self.ref_id, keep=keep)
        task = session.next_task()
        refs = [session.promise(oid) for oid in self.outputs(task)]
        self._say(self.keeping, task, record, large)
        session.wake()
        return self._told(refs, key)

    def _told(self, refs: list[ObjectRef[Any]], key: bytes) -> Any:  # noqa: ANN401
        if key:
            for index, ref in enumerate(refs):
                self._session.origins[ref.binary()] = origin(key, index)
        if self._returns == 1:
            return refs[0]
        return refs if self._returns else None

    def map(self, items: Iterable[Any], chunk: int | None) -> list[Any]:
        """A task for each item: each result is kept for itself."""
        if chunk not in (None, 1):
            raise ValueError(
                f"chunk={chunk!r} cannot be: {self._name} has cache or checkpoint, and what is "
                "kept is the result of a task of its own"
            )
        super().map((), 1)
        return [self.submit((item,), {}) for item in items]


def cached(config: Config, key: bytes, returns: int) -> list[Packed] | None:
    """Results that are in the cache and small enough to be told at once."""
    if not config.cache_bytes:
        return None
    # With some bytes for the file's own.
    most = config.inline_max_bytes + 1024
    results = Cache(config.cache_dir, config.cache_bytes).find(key, most)
    return results if results and len(results) == returns else None


def keep_of(config: Config, key: bytes, path: str, *, cache: bool) -> bytes | None:
    """What stands before the call of a task whose results are kept; None: they are not."""
    cache = cache and bool(key) and config.cache_bytes > 0
    if not (path or cache):
        return None
    folder = os.path.abspath(config.cache_dir) if cache else ""  # noqa: PTH100 - text here
    return encode_keep(Keep(key, path, folder, config.cache_bytes))


def path_of(
    checkpoint: bool | str | os.PathLike[str],  # noqa: FBT001 - the option's values
    config: Config,
    key: bytes,
    name: str,
) -> str:
    """The absolute path of a task's checkpoint; empty: it has none.

    Raises:
        InvalidOption: it can be no path, or there is no folder for it.
    """
    if checkpoint is False or (checkpoint is True and not key):
        return ""
    folder = config.checkpoint_dir and os.path.abspath(config.checkpoint_dir)  # noqa: PTH100
    if checkpoint is True:
        path = f"{re.sub(r'[^-.A-Za-z0-9_]+', '_', name)[:_NAME_MOST]}-{key.hex()}.loom"
    else:
        path = os.fspath(checkpoint)
    if os.path.isabs(path):  # noqa: PTH117
        _check_place(path, os.path.dirname(path), name)  # noqa: PTH120
    else:
        if not folder:
            raise InvalidOption(
                f"checkpoint={checkpoint!r} of {name} needs a folder: "
                "loom.init(checkpoint_dir=...) or LOOM_CHECKPOINT_DIR, or an absolute path. "
                "Nothing was submitted"
            )
        path = os.path.normpath(os.path.join(folder, path))  # noqa: PTH118
        if not path.startswith(os.path.join(folder, "")):  # noqa: PTH118
            raise InvalidOption(
                f"checkpoint={checkpoint!r} of {name} leads out of the folder {folder}: write an "
                "absolute path if that is meant. Nothing was submitted"
            )
        _check_place(path, os.path.dirname(folder), name)  # noqa: PTH120
    return path


def _check_place(path: str, there: str, name: str) -> None:
    """Refuse a file that could not be written; the folder `there` is not ours to make."""
    folder, wrong = os.path.dirname(path), ""  # noqa: PTH120
    if os.path.isdir(path):  # noqa: PTH112
        wrong = "it is a folder"
    while folder and not os.path.lexists(folder):
        folder = os.path.dirname(folder)  # noqa: PTH120
    if not os.path.isdir(folder):  # noqa: PTH112
        wrong = f"{folder} is not a folder"
    elif len(folder) < len(there):
        wrong = f"there is no folder {there}; make it, if that is the right name"
    elif not os.access(folder, os.W_OK | os.X_OK):
        wrong = f"{folder} cannot be written to"
    if wrong:
        raise InvalidOption(
            f"checkpoint {path!r} of {name} cannot be: {wrong}. Nothing was submitted"
        )
