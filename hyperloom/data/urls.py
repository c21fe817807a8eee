"""Files by URL, for who has installed ``hyperloom[fsspec]``."""

from __future__ import annotations

import errno
from importlib.util import find_spec
from typing import Any


def check(url: str) -> None:
    """Refuse a URL where nothing can be done with it.

    Raises:
        ModuleNotFoundError: fsspec is not installed.
    """
    if find_spec("fsspec") is None:
        raise ModuleNotFoundError(
            f"{url} is a URL, and those are opened by fsspec, which is not installed: "
            "pip install 'hyperloom[fsspec]'",
            name="fsspec",
        )


def look(url: str) -> tuple[int, str]:
    """Its size, and what changes when its content does.

    Raises:
        FileNotFoundError: there is nothing.
        OSError: it is a folder, or cannot be looked at.
    """
    store, path = _store(url)
    try:
        about = store.info(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT, "there is nothing at this URL (all nodes must reach it)", url
        ) from None
    if about.get("type") == "directory":
        raise IsADirectoryError(errno.EISDIR, "this is a folder, and no file", url)
    if about.get("size") is None:
        raise OSError(errno.EINVAL, "its size cannot be known, and a data object has one", url)
    return int(about["size"]), str(store.ukey(path))


def read(url: str) -> bytes:
    """All of it."""
    store, path = _store(url)
    content: bytes = store.cat_file(path)
    return content


def _store(url: str) -> tuple[Any, str]:
    check(url)
    from fsspec.core import url_to_fs  # noqa: PLC0415 - an extra

    try:
        store, path = url_to_fs(url)
    except ValueError as error:
        raise ValueError(f"{url} cannot be opened: {error}") from None
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{url} cannot be opened by this Python: {error}. Tasks need it on their nodes, too"
        ) from None
    return store, path
