"""Session folders: where a node's sockets, password, logs and data lie.

The rule: a folder is entered by its user alone (0700), and its name is not guessable state:
what runs is found by the lock that its raylet's starter holds, not by the name.  The runtime
folder holds one folder for each session, and ``current``, a link to the one that
``loom start`` made last.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom import errors

if TYPE_CHECKING:
    from hyperloom.config import Config

_CURRENT = "current"
_LOCK = "lock"
_PREFIX = "session-"


def runtime_folder(config: Config) -> Path:
    """The user's runtime folder, made if need be.

    Raises:
        errors.LoomError: it belongs to somebody else, or others may enter it.
    """
    folder = Path(config.runtime_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if about.st_uid != os.getuid() or not folder.is_dir() or folder.is_symlink():
        raise errors.LoomError(
            f"the runtime folder {folder} is not yours; set LOOM_RUNTIME_DIR to one that is"
        )
    if about.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def new_session(config: Config) -> Path:
    """A fresh session folder."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = runtime_folder(config) / f"{_PREFIX}{stamp}-{secrets.token_hex(3)}"
    folder.mkdir(mode=0o700)
    return folder


def new_password(folder: Path) -> Path:
    """A file with a fresh 256-bit password, for its owner only."""
    file = folder / "password"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(secrets.token_hex(32))
    return file


def hold(folder: Path) -> int:
    """Say that the session runs: the lock is ours until this process and its heirs end."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.set_inheritable(descriptor, True)  # noqa: FBT003
    return descriptor


def runs(folder: Path) -> bool:
    """Whether anybody holds the session."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def make_current(config: Config, folder: Path) -> None:
    """From now on this is the session that drivers of this user find."""
    link = runtime_folder(config) / _CURRENT
    aside = link.with_name(f".{_CURRENT}-{secrets.token_hex(3)}")
    aside.symlink_to(folder)
    aside.replace(link)


def current_session(config: Config) -> Path | None:
    """The session that ``loom start`` made, if it runs."""
    link = Path(config.runtime_dir) / _CURRENT
    if not link.is_symlink():
        return None
    folder = link.resolve()
    return folder if folder.is_dir() and runs(folder) else None


def sweep_embedded(config: Config) -> list[Path]:
    """Remove folders of embedded sessions whose every process was killed."""
    removed = []
    for folder in runtime_folder(config).glob(f"{_PREFIX}*"):
        if (folder / "embedded").exists() and not runs(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed
