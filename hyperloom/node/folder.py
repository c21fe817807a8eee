"""Session folders: where a node's sockets, secrets, logs and data lie.

The rule: a folder is entered by its user alone (0700), and what runs is found by locks, not by
names or pids.  Every process of a session holds ``lock`` shared, so that it is free when the
last of them is gone; the supervisor of a node that `loom start` made holds ``supervisor``
alone.

The runtime folder holds one folder for each session, and ``current``, a link to the one that
`loom start` made last.  A dead embedded session is swept by the next start; of those that
`loom start` made, the logs of the last few are kept.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.raylet import locks

if TYPE_CHECKING:
    from hyperloom.config import Config

EMBEDDED = "embedded"  # marks a session that ends with its driver
OPEN = "open"  # marks such a one that other programs of this user may use
STOPPING = "stopping"  # marks one that was told to end, and is not to be waited for
KEPT_SESSIONS = 5

_CURRENT = "current"
_PREFIX = "session-"


def runtime_folder(config: Config) -> Path:
    """The user's runtime folder, made if need be.

    Raises:
        errors.LoomError: it cannot be made, or belongs to somebody else.
    """
    folder = Path(config.runtime_dir)
    _make(folder, "set LOOM_RUNTIME_DIR to a folder that can be made")
    _check_ours(folder)
    if folder.lstat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def _make(folder: Path, advice: str) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise errors.LoomError(
            f"the folder {folder} cannot be made ({error.strerror}); nothing was started: {advice}"
        ) from error


def _check_ours(folder: Path) -> None:
    # Anybody may make a folder of this name in the temporary folder before we do.
    if folder.is_symlink() or not folder.is_dir() or folder.lstat().st_uid != os.getuid():
        raise errors.LoomError(
            f"the runtime folder {folder} is not a folder of yours, so nothing in it is trusted; "
            "set LOOM_RUNTIME_DIR to one that is"
        )


def private_folder(folder: Path) -> Path:
    """The folder, made if need be; only its user can change what lies in it.

    Raises:
        errors.LoomError: it cannot be made, belongs to somebody else, or others may write to it.
    """
    _make(folder, "choose another one")
    about = folder.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022:
        whose = "not yours" if about.st_uid != os.getuid() else "open to others"
        raise errors.LoomError(
            f"the folder {folder} is {whose}, so no data is kept there; choose another one, or "
            f"run: chown {os.getuid()} {folder} && chmod 700 {folder}"
        )
    return folder.resolve()


def check_stays(config: Config, folder: Path) -> None:
    """Data may lie there for as long as somebody wants them.

    Raises:
        errors.LoomError: it is a session's, and will be swept.
    """
    runtime = runtime_folder(config).resolve()
    for part in (folder, *folder.parents):
        if part.parent == runtime and part.name.startswith(_PREFIX):
            raise errors.LoomError(
                f"the folder {part} is that of a session that ended, and is removed after some "
                "more; nothing was started. Move it, and go on from there: "
                f"mv {part} DIR && loom start --head --dir DIR"
            )


def new_session(config: Config) -> Path:
    """A fresh session folder."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    folder = runtime_folder(config) / f"{_PREFIX}{stamp}-{secrets.token_hex(3)}"
    folder.mkdir(mode=0o700)
    return folder


def secret_file(folder: Path, name: str, secret: str | None = None) -> Path:
    """A file with a secret, for its owner only; one that is there stays as it is.

    Without a `secret` it is a fresh password of 256 bits.
    """
    file = folder / name
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file
    with os.fdopen(descriptor, "w") as out:
        out.write(secret or secrets.token_hex(32))
    return file


def hold(folder: Path) -> int:
    """Say that the session runs: the lock is ours until this process and its heirs end."""
    return locks.share(folder / locks.SESSION)


def supervise(folder: Path) -> int | None:
    """Become the session's supervisor: a lock, or None when it has one."""
    return locks.take(folder / locks.SUPERVISOR)


def runs(folder: Path) -> bool:
    """Whether any process of the session lives."""
    return locks.is_held(folder / locks.SESSION)


def is_supervised(folder: Path) -> bool:
    """Whether somebody starts the session's processes again when they die."""
    return locks.is_held(folder / locks.SUPERVISOR)


def make_current(config: Config, folder: Path) -> None:
    """From now on this is the session that drivers of this user find."""
    link = runtime_folder(config) / _CURRENT
    aside = link.with_name(f".{_CURRENT}-{secrets.token_hex(3)}")
    aside.symlink_to(folder)
    aside.replace(link)


def current_session(config: Config) -> Path | None:
    """The session that `loom start` made last, of those that run."""
    link = Path(config.runtime_dir) / _CURRENT
    if not link.is_symlink():
        return None
    _check_ours(link.parent)
    found = [link.resolve(), *started_sessions(config)]
    return next((folder for folder in found if folder.is_dir() and runs(folder)), None)


def started_sessions(config: Config) -> list[Path]:
    """All sessions that `loom start` made and that are still there, the newest first."""
    folders = Path(config.runtime_dir).glob(f"{_PREFIX}*/{locks.SUPERVISOR}")
    return sorted((file.parent for file in folders), reverse=True)


def open_sessions(config: Config) -> list[Path]:
    """All sessions that a program of this user may join, those of `loom start` first."""
    found = Path(config.runtime_dir).glob(f"{_PREFIX}*/{OPEN}")
    return [*started_sessions(config), *sorted(file.parent for file in found)]


def sweep(config: Config) -> list[Path]:
    """Remove dead sessions: embedded ones, and all but the last few of `loom start`."""
    removed = ended(config)
    for folder in removed:
        shutil.rmtree(folder, ignore_errors=True)
    return removed


def ended(config: Config, *, everything: bool = False) -> list[Path]:
    """Sessions that ended: embedded ones, and those of `loom start`, but for the last few."""
    embedded = [file.parent for file in runtime_folder(config).glob(f"{_PREFIX}*/{EMBEDDED}")]
    started = [folder for folder in started_sessions(config) if not runs(folder)]
    kept = 0 if everything else KEPT_SESSIONS
    return [folder for folder in embedded if not runs(folder)] + started[kept:]


def left_by_crash(folder: Path) -> Path | None:
    """The data of the session that was started before this one, if nobody told that one to end.

    None: somebody did, it runs, or it has no data of its own.
    """
    started = folder.parent.glob(f"{_PREFIX}*/{locks.SUPERVISOR}")
    earlier = [file.parent for file in started if file.parent.name < folder.name]
    last = max(earlier, default=None)
    if last is None or (last / STOPPING).exists() or runs(last):
        return None
    return last if any((last / "gcs").glob("appendonly*")) else None
