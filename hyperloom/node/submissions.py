"""Programs that were handed to a node of this machine: ``loom submit -- python train.py``.

A submission is a folder in the session's: a copy of the working directory, made when it was
submitted, so that it may be changed meanwhile; what the program printed; and how it stands.  From
another machine it comes through `hyperloom.node.reception`.  It
runs in a process group of its own, watched over by a process of ours
(``python -m hyperloom.node.submissions FOLDER``), and outlives the terminal, but not the node.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.node import parcels, printed
from hyperloom.node.processes import Mark
from hyperloom.node.start import child_environment
from hyperloom.raylet.node import NodeSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_FOLDER = "submitted"
_ABOUT, _OUTPUT, _WORK = "about.json", "output.log", "work"
_WATCHER, _STOPPED = "watcher", "stopped"
_PART_BYTES = 1 << 19  # of output at a time
_END_S = 10.0
_KILLED = -signal.SIGKILL
_LOOK_S, _LOOK_MOST_S = 0.25, 4.0  # at how much it printed


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """How one stands; times are seconds since 1970."""

    id: str
    command: list[str]
    submitted: float
    env: dict[str, str] = field(default_factory=dict, repr=False)
    state: str = "RUNNING"  # then DONE, FAILED or STOPPED
    exit_code: int | None = None
    ended: float | None = None
    pid: int = 0
    started: int = 0  # with `pid`: see `Mark`
    folder: str = ""
    attempt: int = 1

    @property
    def output(self) -> Path:
        """What it printed."""
        return Path(self.folder) / _OUTPUT

    def shown(self) -> dict[str, object]:
        """For tables and programs; values of its environment may be secret."""
        return {**asdict(self), "env": sorted(self.env)}


def submit(
    session: Path, command: Sequence[str], directory: Path, env: Mapping[str, str]
) -> tuple[Submission, list[str]]:
    """Copy the directory and start the command in the copy, connected to the node.

    What was not copied is told by name.  The folder of all sessions never is: it may lie in the
    directory, and the copy lies in it.

    Raises:
        errors.LoomError: the directory is too large; nothing was started.
    """
    left: list[str] = []

    def fill(work: Path) -> None:
        left.extend(parcels.copy(directory, work, session.parent.resolve()))

    return begin(session, command, env, fill), left


def begin(
    session: Path, command: Sequence[str], env: Mapping[str, str], fill: Callable[[Path], None]
) -> Submission:
    """Start the command in a folder of its own that `fill` has filled.

    What `fill` raises is raised again: then nothing was started.
    """
    folder = session / _FOLDER / f"{time.strftime('%H%M%S')}-{secrets.token_hex(3)}"
    folder.mkdir(mode=0o700, parents=True)
    try:
        fill(folder / _WORK)
    except BaseException:
        shutil.rmtree(folder)
        raise
    new = Submission(
        id=folder.name, command=list(command), submitted=time.time(), env=dict(env),
        folder=str(folder),
    )  # fmt: skip
    _write(new)
    _start(new)
    return new


def run_again(known: Submission) -> Submission:
    """Start the command of one that is over once more, in its copy, which has what it wrote there.

    Raises:
        errors.LoomError: it runs, or nothing of it failed; nothing was started.
    """
    folder = Path(known.folder)
    with _alone(folder):
        known = _read(folder)  # another may have done so meanwhile
        if known.state == "RUNNING":
            raise errors.LoomError(
                f"{known.id} runs; nothing was started. To begin it anew, end it first: "
                f"loom submit --stop {known.id}"
            )
        if known.state == "DONE":
            raise errors.LoomError(f"nothing of {known.id} failed: it ended with 0")
        Mark(known.pid, known.started).signal_group(signal.SIGKILL)  # if only its watcher died
        for left in (_STOPPED, _WATCHER):
            (folder / left).unlink(missing_ok=True)
        again = replace(
            known, state="RUNNING", exit_code=None, ended=None, pid=0, started=0,
            attempt=known.attempt + 1,
        )  # fmt: skip
        _write(again)
        _start(again)
    return again


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """As long as it is entered nobody else starts or stops this one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _start(new: Submission) -> None:
    folder = Path(new.folder)
    watcher = subprocess.Popen(
        [sys.executable, "-P", "-m", "hyperloom.node.submissions", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={**child_environment(), **_way_to(folder.parents[1])},
    )
    mark = Mark.of(watcher.pid)
    watcher.returncode = 0  # it is nobody's child from now on: no warning about that
    (folder / _WATCHER).write_text(json.dumps([watcher.pid, mark.started if mark else 0]))


def _way_to(session: Path) -> dict[str, str]:
    """How the program finds this node's cluster, whatever else runs on the machine."""
    address = NodeSettings.read(session).address
    way = {"LOOM_ADDRESS": address.url}
    return way if address.password_file is None else {
        **way, "LOOM_PASSWORD_FILE": str(address.password_file)
    }  # fmt: skip


def of(session: Path) -> list[Submission]:
    """All of a session, the latest first."""
    found = [_read(file.parent) for file in (session / _FOLDER).glob(f"*/{_ABOUT}")]
    return sorted(found, key=lambda each: each.submitted, reverse=True)


def find(session: Path, text: str) -> Submission:
    """The one whose id ends or begins so; ``last`` is the latest.

    Raises:
        errors.NotFound: there is none, or several.
    """
    known = of(session)
    fit = [each for each in known if each.id.startswith(text) or each.id.endswith(text)]
    chosen = known[:1] if text == "last" else fit
    if len(chosen) > 1:
        ids = ", ".join(each.id for each in chosen)
        raise errors.NotFound(
            f"{text!r} is of {len(chosen)} submissions here: {ids}; say more of it"
        )
    if not chosen:
        raise errors.NotFound(f"there is no submission {text!r} here; loom submit --list")
    return chosen[0]


def _read(folder: Path) -> Submission:
    known = Submission(**json.loads((folder / _ABOUT).read_text()))
    if known.state == "RUNNING" and not _watched(folder):
        # Killed together with its watcher: nobody could write down how it ended.
        return replace(known, state="FAILED", exit_code=_KILLED)
    return known


def _watched(folder: Path) -> bool:
    try:
        pid, started = json.loads((folder / _WATCHER).read_text())
    except (OSError, ValueError):
        return True  # it is being started
    return Mark(pid, started).alive


def _write(known: Submission) -> None:
    file = Path(known.folder) / _ABOUT
    aside = file.with_suffix(".new")
    aside.touch(mode=0o600)
    aside.write_text(json.dumps(asdict(known)))
    aside.replace(file)


def output(known: Submission, at: int) -> tuple[bytes, int]:
    """What it printed from byte `at` on, or a part of that, and where the rest follows.

    Of very much the oldest is gone: then it begins later.
    """
    return printed.read(known.output, at, _PART_BYTES)


def stop(known: Submission) -> None:
    """End it: first asked, then by force.  One that is being started does not start."""
    folder = Path(known.folder)
    with _alone(folder):
        known = _read(folder)  # its process may be there by now
        if known.state != "RUNNING":
            return
        (folder / _STOPPED).touch()
    mark = Mark(known.pid, known.started)
    for number in (signal.SIGTERM, signal.SIGKILL):
        mark.signal_group(number)
        if mark.wait_end(_END_S):
            break


def stop_all(session: Path) -> None:
    """Its node ends."""
    for known in of(session):
        stop(known)


def main(folder: Path) -> int:
    """Run the command of a submission, and write down how it ends."""
    with _alone(folder):
        known = _read(folder)
        if (folder / _STOPPED).exists():
            _write(replace(known, state="STOPPED", ended=time.time()))
            return 0
        process = _run(known)
        if process is None:
            _write(replace(known, state="FAILED", exit_code=127, ended=time.time()))
            return 1
        mark = Mark.of(process.pid)
        known = replace(known, pid=process.pid, started=mark.started if mark else 0)
        _write(known)
    _keep_short(known, NodeSettings.read(folder.parents[1]).config.log_bytes)
    stopped = (folder / _STOPPED).exists()
    if stopped:  # and what it has started, if that did not do as it was asked to
        os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    state = "STOPPED" if stopped else "FAILED" if code else "DONE"
    _write(replace(known, state=state, exit_code=code, ended=time.time()))
    return 0


def _run(known: Submission) -> subprocess.Popen[bytes] | None:
    """Its program; None if it cannot be started, which its output says."""
    with known.output.open("ab") as output:
        if known.attempt > 1:
            output.write(f"loom: attempt {known.attempt} begins\n".encode())
            output.flush()
        try:
            return subprocess.Popen(
                known.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=Path(known.folder) / _WORK,
                env={**_environment(), **known.env, "LOOM_SUBMISSION": known.id},
                start_new_session=True,
            )
        except OSError as error:
            output.write(f"loom: {known.command[0]} cannot be started: {error}\n".encode())
            return None


def _keep_short(known: Submission, most_bytes: int) -> None:
    """As long as the program runs: its output is looked at often while it prints much."""
    ended, pause_s, size = select.poll(), _LOOK_S, 0
    program = os.pidfd_open(known.pid)
    ended.register(program, select.POLLIN)
    over = False
    while not over:
        over = bool(ended.poll(pause_s * 1000))
        before, size = size, known.output.stat().st_size
        pause_s = _LOOK_S if size - before > most_bytes // 8 else min(2 * pause_s, _LOOK_MOST_S)
        with contextlib.suppress(OSError):  # the disk is full: it stays until it is not
            printed.shorten(known.output, most_bytes)
    os.close(program)


def _environment() -> dict[str, str]:
    """What the program inherits: its `python` is the one that we run on."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
