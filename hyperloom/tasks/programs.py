"""A program is run: its folder, its inputs and outputs, its end.

Theory of operation.  In a scratch folder lie ``files``, in which the program runs, and beside it
what it reads and writes as its standard streams, so that these are in nobody's way.  An input that
is a file is there by a link, one that is bytes is written out.  The program is the leader of a
group; when it has ended, and before it is reaped, all that is left of the group is killed: so its
number cannot be somebody else's.  Outputs that stay are renamed; those that become values are
mapped, and copied once, into the object store.

The rule: inputs are not changed, outputs come from inside of the folder, and what went wrong is
said with the program's own last words.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hyperloom import data
from hyperloom.core import scratch, threads
from hyperloom.data.files import is_url
from hyperloom.errors import ProgramFailed
from hyperloom.failures import how_it_ended, signal_name
from hyperloom.serialization.packed import BYTES
from hyperloom.tasks import command as c
from hyperloom.tasks.pinning import pinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.data import Data, DObject
    from hyperloom.tasks.command import Command

_STDERR_BYTES = 128 * 1024
_LINES = 20  # of it that are in the message
_MAPPED_FROM = 1 << 18
_FILES_SHOWN = 8
_ARGUMENT_MOST = 128 * 1024  # bytes of one, with its end, as Linux has it


def run(command: Command, *inputs: Data) -> Data:
    """Run it; its outputs.

    Raises:
        ProgramFailed: it could not be started, it failed, or an output is missing.
    """
    with scratch.folder() as folder:
        program = _Program(command, folder)
        program.prepare(inputs)
        program.run()
        made = [program.output(name, place) for name, place in program.outputs()]
        return made[0] if len(made) == 1 else data.array(made)


class _Program:
    """One run of it."""

    def __init__(self, command: Command, folder: Path) -> None:
        self._command = command
        self._folder = folder
        self._files = folder / "files"
        self._linked: set[str] = set()  # files outside that inputs are links to
        self._args = list(command.args)

    # -- before -----------------------------------------------------------------------------

    def prepare(self, inputs: Sequence[Data]) -> None:
        """Lay out the folder."""
        self._files.mkdir()
        values: dict[str, str] = {}
        for name, value in zip(self._command.targets, inputs, strict=True):
            if name.startswith("$"):
                values[name] = self._variable(name, value)
            else:
                self._lay(self._place(name), _bytes_of(name, value))
        self._args = c.variables(self._command.args, values)
        for name in self._command.outputs:
            self._place(name).parent.mkdir(parents=True, exist_ok=True)

    def _place(self, name: str) -> Path:
        return self._folder / name[1:] if name.startswith("+") else self._files / name

    def _variable(self, name: str, value: Data) -> str:
        held = value.unwrap() if isinstance(value, data.PyObj) else None
        said = c.argument(_bytes_of(name, value).read() if held is None else held)
        if said is None:
            raise _unfit(name, value)
        if b"\0" in said:
            raise ValueError(f"run: {name} has a zero byte in it, which no argument can have")
        if len(said) >= _ARGUMENT_MOST:
            raise ValueError(
                f"run: {name} is {len(said):,} bytes, and an argument has less than "
                f"{_ARGUMENT_MOST:,}: make it a file, and its name the argument"
            )
        return os.fsdecode(said)

    def _lay(self, place: Path, value: DObject) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(value, data.File) and not is_url(value.path):
            value.open().close()  # it is there, and what it was
            place.symlink_to(value.path)
            self._linked.add(os.path.realpath(value.path))
            return
        with place.open("wb") as out:
            out.write(value.view)
        place.chmod(0o500)  # it may be a script

    # -- the run ----------------------------------------------------------------------------

    def run(self) -> None:
        """To its end; raises `ProgramFailed` if that is not a good one."""
        with pinned(self._command.pin) as cpus, contextlib.ExitStack() as files:
            process = self._start(files, cpus)
            try:
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            raise self._failed(f"failed: {how_it_ended(process.returncode)}", process.returncode)

    def _start(self, files: contextlib.ExitStack, cpus: int) -> subprocess.Popen[bytes]:
        def stream(name: str, mode: str) -> Any:  # noqa: ANN401 - a file, or that there is none
            used = name == c.STDERR or name in {*self._command.outputs, *self._command.targets}
            return files.enter_context(self._place(name).open(mode)) if used else subprocess.DEVNULL

        environment = {**os.environ, scratch.MARK: str(self._folder)}
        threads.of_program(environment, cpus)
        for name, value in self._command.env:
            environment.pop(name, None)
            if value is not None:
                environment[name] = value
        try:
            return subprocess.Popen(
                self._args, cwd=self._files, env=environment, process_group=0,
                stdin=stream(c.STDIN, "rb"), stdout=stream(c.STDOUT, "wb"),
                stderr=stream(c.STDERR, "wb"),
            )  # fmt: skip
        except OSError as error:
            raise self._not_started(error, environment.get("PATH", os.defpath)) from None

    def _not_started(self, error: OSError, path: str) -> ProgramFailed:
        name = self._args[0]
        found = shutil.which(name, path=path) or (self._files / name if "/" in name else None)
        if error.errno == errno.ENOENT and (found is None or not os.path.exists(found)):  # noqa: PTH110
            where = "in its folder, or there" if "/" in name else f"in {path}"
            why = f"there is no such program {where}, on the node where it was to run"
        elif error.errno == errno.ENOENT:
            why = "the interpreter that its first line names is not there"
        elif error.errno == errno.EACCES:
            why = "it is there, but may not be executed: chmod +x, or name its interpreter first"
        elif error.errno == errno.ENOEXEC:
            why = "it is no program of this machine, and has no #! line that names its interpreter"
        else:
            why = str(error.strerror)
        return ProgramFailed(f"{name} was not started: {why}")

    def _failed(self, what: str, code: int = 0) -> ProgramFailed:
        stderr = self._stderr()
        lines = [line[:400] for line in stderr.splitlines()[-_LINES:]]
        said = "".join(f"\n  | {line}" for line in lines)
        said = f"\n  Its last lines on stderr:{said}" if said else ""
        return ProgramFailed(
            f"{self._command.program} {what}{said}",
            returncode=code,
            signal=signal_name(code),
            stderr=stderr,
        )

    def _stderr(self) -> str:
        with self._place(c.STDERR).open("rb") as said:
            size = said.seek(0, os.SEEK_END)
            said.seek(max(0, size - _STDERR_BYTES))
            return said.read().decode(errors="replace")

    # -- afterwards -------------------------------------------------------------------------

    def outputs(self) -> list[tuple[str, str]]:
        """All outputs, and where they stay; raises if one is not there."""
        for name in self._command.outputs:
            wrong = self._wrong_with(self._place(name))
            if wrong:
                raise self._failed(f"ended well, but its output {name!r} {wrong}")
        return list(zip(self._command.outputs, self._command.kept, strict=True))

    def _wrong_with(self, place: Path) -> str:
        if not os.path.lexists(place):
            there = sorted(str(each.relative_to(self._files)) for each in self._files.rglob("*"))
            shown = ", ".join(there[:_FILES_SHOWN]) + (", …" if len(there) > _FILES_SHOWN else "")
            return f"is not there. In its folder: {shown or 'nothing'}"
        real = Path(os.path.realpath(place))
        if str(real) not in self._linked and not real.is_relative_to(self._folder.resolve()):
            return f"is a link that leads out of its folder, to {real}"
        return "" if real.is_file() else "is no ordinary file"

    def output(self, name: str, place: str) -> Data:
        """The file that it is: its bytes, or itself where it is to stay."""
        file = self._place(name)
        if place:
            try:
                _move(file, place)
            except OSError as error:
                why = f"could not be moved to {place}: {error.strerror}"
                raise self._failed(f"ended well, but its output {name!r} {why}") from None
            return data.File(place)
        with file.open("rb") as made:
            size = os.fstat(made.fileno()).st_size
            if size < _MAPPED_FROM:
                return data.Plain(made.read())
            view = memoryview(mmap.mmap(made.fileno(), size, access=mmap.ACCESS_READ))
        return data.received(BYTES, b"", [view])


def _bytes_of(name: str, value: Data) -> DObject:
    if not isinstance(value, data.DObject):
        raise _unfit(name, value)
    return value


def _unfit(name: str, value: Data) -> TypeError:
    shown = value.unwrap() if isinstance(value, data.PyObj) else value
    return TypeError(
        f"run: input {c.wanted(name)}, and a task gave {shown!r:.100}: have one make text of it"
    )


def _move(file: Path, place: str) -> None:
    """The file goes to its place, and is there as a whole or not at all."""
    os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - names, as given
    if not file.is_symlink():  # else what it leads to stays where it is
        try:
            os.replace(file, place)  # noqa: PTH105
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            return
    temporary = f"{place}.{uuid4().hex[:12]}.loom.tmp"
    try:
        shutil.copyfile(file, temporary)
        os.replace(temporary, place)  # noqa: PTH105
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108
