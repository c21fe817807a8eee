"""The template: a warm process that every worker of a node is forked from.

It has all imported that a worker needs, and nothing else: no threads, no connections.  A fork
of it is ready in some milliseconds and shares its memory.  It is the workers' parent, so it
is the one who learns how they end.  What only workers need it imports itself, while its raylet
goes on with its own start.

Whose end is whose: workers die with the template (PR_SET_PDEATHSIG) and when their sockets to
the raylet close.  The template outlives the raylet by a moment: it ends the workers and
removes what the raylet could not, when that was killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import select
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import msgpack

from hyperloom.core import output
from hyperloom.raylet import log_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    # What a forked worker runs: the description it was started with, data and control sockets,
    # and the counter of tasks that it began.
    Main = Callable[[dict[str, Any], socket.socket, socket.socket, int], None]
    Load = Callable[[], Main]  # imports what it needs

_log = logging.getLogger(__name__)

_LIBC = ctypes.CDLL(None)  # once: each worker uses it in its first millisecond
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LINE_BUFFERED = 1  # _IOLBF
_MESSAGE_BYTES = 1 << 18
_FDS = 5  # data, control, stdout, stderr, begun


def die_with_parent(parent: int) -> None:
    """This process is killed when its parent dies, however that happens."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we said so
        os._exit(1)


def fork_template(
    load: Load, close: list[int], clean_up: Callable[[], None]
) -> tuple[int, socket.socket]:
    """Fork the template; its pid and the socket to it.

    `load` is called in the template; `close` are files of the raylet that the template must not
    keep open; `clean_up` removes what a raylet leaves behind that was killed.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            for fd in close:
                if fd >= 0:
                    os.close(fd)
            _serve(theirs, load)
            # The raylet is gone.  It ends in order only after its workers and takes the store
            # down itself; else its end was sudden, and this is the last process that knows.
            clean_up()
        except BaseException:  # noqa: BLE001 - the raylet only sees that we are gone
            _log.exception("the process that workers are forked from ends after an error")
        finally:
            os._exit(0)
    theirs.close()
    return pid, ours


def _serve(sock: socket.socket, load: Load) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _prepare()
    main = load()
    woken, waker = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    numbers: dict[int, int] = {}  # pid -> worker
    gc.collect()
    gc.freeze()  # a collection in a worker would touch, and so copy, every page of ours
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.register(woken, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if woken in ready:
            os.read(woken, 4096)
            _reap(sock, numbers)
        if sock.fileno() in ready:
            data, fds = _hear(sock)
            if not data:
                _end_all(numbers)
                return
            number, about = msgpack.decode(data)
            try:
                pid = os.fork()
            except OSError as error:  # too many processes, too little memory
                _say(sock, ["failed", number, error.errno])
            else:
                if pid == 0:
                    _become_worker(about, fds, main, [sock.fileno(), woken, waker])
                numbers[pid] = number
                _say(sock, ["started", number, pid])
            for fd in fds:
                os.close(fd)


def _prepare() -> None:
    """What all workers inherit, and what makes us responsible for what they leave behind."""
    if sys.platform == "linux":
        # What a worker's task started becomes our child when the worker is gone; see `_reap`.
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # C code that prints would be heard of only when a buffer is full, or never.
        _LIBC.setvbuf(ctypes.c_void_p.in_dll(_LIBC, "stdout"), None, _LINE_BUFFERED, 0)


def _hear(sock: socket.socket) -> tuple[bytes, list[int]]:
    """The raylet's next message; nothing when it is gone."""
    try:
        data, fds, _, _ = socket.recv_fds(sock, _MESSAGE_BYTES, _FDS)
    except ConnectionResetError:  # killed before it had read all that we said
        return b"", []
    return data, fds


def _say(sock: socket.socket, message: list[Any]) -> None:
    try:
        sock.send(msgpack.encode(message))
    except OSError:
        return  # the raylet is gone; the next read says so


def _end_all(numbers: dict[int, int]) -> None:
    for pid in numbers:
        os.kill(pid, signal.SIGKILL)
    # Their children become ours as they end, and so on: until none is left.
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                _end_orphans({})
                os.waitpid(-1, 0)


def _reap(sock: socket.socket, numbers: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            number = numbers.pop(pid, None)
            if number is not None:
                _say(sock, ["exited", number, os.waitstatus_to_exitcode(status)])
    _end_orphans(numbers)


def _end_orphans(numbers: dict[int, int]) -> None:
    """What a task started ends with its worker: nobody else knows of it any more."""
    with contextlib.suppress(OSError):  # not Linux
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for pid in map(int, children):
            if pid not in numbers:
                os.kill(pid, signal.SIGKILL)


def _become_worker(about: dict[str, Any], fds: list[int], main: Main, close: list[int]) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_parent(about["template"])
        for fd in close:
            os.close(fd)
        data, control, out, err, begun = fds
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        log_lines.end()
        output.take_over()
        main(about, socket.socket(fileno=data), socket.socket(fileno=control), begun)
        code = 0
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last chance to say anything
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
