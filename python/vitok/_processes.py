"""Child processes as transports: `subprocess_exec` and `subprocess_shell` of a loop end here.

A transport joins a child (`_spawn`), the end of the child (`_exit`) and up to three pipe transports with asyncio's
protocols. The order of callbacks is asyncio's; but the pipes need no task, since their transports are made at once.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from asyncio import base_subprocess as _base_subprocess
from asyncio import unix_events
from asyncio.log import logger
from typing import TYPE_CHECKING, Any

from ._exit import ExitWatch
from ._spawn import start

if TYPE_CHECKING:
    from collections.abc import Callable

# Some of the names used here are private and unknown to typeshed.
_base: Any = _base_subprocess
_unix_events: Any = unix_events
_Base: Any = unix_events._UnixSelectorEventLoop

# The pipes by their numbers in the child.
_NAMES = ("stdin", "stdout", "stderr")

# asyncio's watchers that wait for each child by its number, so that `_exit` can do it for them. Others reap children of
# everybody, or are a program's own.
_PLAIN_WATCHERS: tuple[Any, ...] = tuple(
    getattr(_unix_events, name)
    for name in ("_PidfdChildWatcher", "PidfdChildWatcher", "ThreadedChildWatcher")
    if hasattr(_unix_events, name)
)


async def make_transport(
    loop: Any,
    protocol: Any,
    args: Any,
    shell: bool,
    stdin: Any,
    stdout: Any,
    stderr: Any,
    bufsize: int,
    extra: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Start a child and return its transport, once the protocol is connected: `loop._make_subprocess_transport`."""
    options |= {"shell": shell, "stdin": stdin, "stdout": stdout, "stderr": stderr, "bufsize": bufsize}
    if has_other_watcher(loop):
        return await _Base._make_subprocess_transport(loop, protocol, args, extra=extra, **options)
    transport = SubprocessTransport(loop, protocol, args, extra, options)
    try:
        if transport._pipes and not _connects_pipes_at_once(loop):
            await transport._connect_pipes()
        else:
            transport._make_pipes()
        await transport._begin()
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException:
        transport._abandon()
        await asyncio.shield(transport._wait())
        raise
    return transport


def has_other_watcher(loop: Any) -> bool:
    """Return whether the ends of children are noticed by a watcher of asyncio's or of the program."""
    # From Python 3.14 on no program does, and asyncio chooses one with threads only where it has to.
    has_policies = sys.version_info < (3, 14)
    policies: Any = asyncio
    watcher = getattr(policies.get_event_loop_policy(), "_watcher", None) if has_policies else loop._watcher
    return watcher is not None and type(watcher) not in _PLAIN_WATCHERS


def _connects_pipes_at_once(loop: Any) -> bool:
    """Return whether nothing but the loop connects pipes. Debug mode logs each one."""
    return not loop.get_debug() and all(
        getattr(getattr(loop, name), "__func__", None) is getattr(_Base, name)
        for name in ("connect_read_pipe", "connect_write_pipe")
    )


class SubprocessTransport(asyncio.SubprocessTransport):
    """A child process with its pipes."""

    def __init__(
        self, loop: Any, protocol: Any, args: Any, extra: dict[str, Any] | None, options: dict[str, Any]
    ) -> None:
        """Start the child, or raise what kept it from starting."""
        super().__init__(extra)
        # Nothing is to be closed until the child exists.
        self._closed = True
        self._finished = False
        self._loop: Any = loop
        self._protocol: Any = protocol
        self._pipes: dict[int, Any] = {}
        self._returncode: int | None = None
        self._exit_waiters: set[asyncio.Future[int]] = set()
        # Calls of the protocol that wait for `connection_made`.
        self._pending_calls: list[tuple[Any, ...]] | None = []
        self._pid: int | None = None
        proc = start(args, options)
        self._proc: Any = proc
        self._closed = False
        self._pid = proc.pid
        self._extra["subprocess"] = proc  # type: ignore[attr-defined]
        self._pipes = {number: None for number, file in enumerate(_files(proc)) if file is not None}
        try:
            ExitWatch(loop, proc, self._process_exited)
        except BaseException:
            self.close()
            raise
        if loop.get_debug():
            logger.debug("process %r created: pid %s", args if options["shell"] else args[0], proc.pid)

    # Starting.

    def _make_pipes(self) -> None:
        """Make the transports of the pipes, whose protocols are connected at the loop's next turn."""
        for number, file in enumerate(_files(self._proc)):
            if file is not None:
                make, protocol = self._kind_of_pipe(number)
                protocol.pipe = make(file, protocol)
                # A file without a transport is closed by `_abandon`.
                self._pipes[number] = protocol

    def _kind_of_pipe(self, number: int) -> tuple[Any, Any]:
        if number == 0:
            return self._loop._make_write_pipe_transport, _base.WriteSubprocessPipeProto(self, 0)
        return self._loop._make_read_pipe_transport, _base.ReadSubprocessPipeProto(self, number)

    async def _connect_pipes(self) -> None:
        """Do the same by the public methods of the loop."""
        for number, file in enumerate(_files(self._proc)):
            if file is not None:
                connect = self._loop.connect_read_pipe if number else self._loop.connect_write_pipe
                _, self._pipes[number] = await connect(lambda number=number: self._kind_of_pipe(number)[1], file)

    async def _begin(self) -> None:
        """Connect the protocol, and wait until it is connected."""
        loop, calls = self._loop, self._pending_calls or ()
        loop.call_soon(self._protocol.connection_made, self)
        self._pending_calls = None
        for callback, *arguments in calls:
            loop.call_soon(callback, *arguments)
        # The task goes on in the next turn, after these calls.
        await asyncio.sleep(0)

    def _abandon(self) -> None:
        """Close what exists of a transport that nobody will get."""
        self.close()
        for number, file in enumerate(_files(self._proc)):
            if file is not None and self._pipes[number] is None:
                file.close()

    # The interface.

    def __repr__(self) -> str:
        state = "running" if self._returncode is None else f"returncode={self._returncode}"
        parts = [type(self).__name__, *(["closed"] if self._closed else [])]
        parts += ["not started"] if self._pid is None else [f"pid={self._pid}", state]
        parts += [f"{_NAMES[number]}={pipe.pipe}" for number, pipe in self._pipes.items() if pipe is not None]
        return f"<{' '.join(parts)}>"

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Exchange the protocol."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._protocol

    def is_closing(self) -> bool:
        """Return whether `close()` was called."""
        return self._closed

    def get_pid(self) -> Any:
        """Return the number of the process."""
        return self._pid

    def get_returncode(self) -> int | None:
        """Return the exit code, negative for a signal, or None for a process that runs."""
        return self._returncode

    def get_pipe_transport(self, fd: int) -> Any:
        """Return the transport of a pipe by its number in the child, or None."""
        pipe = self._pipes.get(fd)
        return None if pipe is None else pipe.pipe

    def send_signal(self, signal: int) -> None:
        """Send a signal to the process, unless it has ended. ProcessLookupError for a transport that is lost."""
        self._running_process().send_signal(signal)

    def terminate(self) -> None:
        """Send SIGTERM to the process. See `send_signal`."""
        self._running_process().terminate()

    def kill(self) -> None:
        """Send SIGKILL to the process. See `send_signal`."""
        self._running_process().kill()

    def _running_process(self) -> Any:
        if self._proc is None:
            raise ProcessLookupError
        return self._proc

    def close(self) -> None:
        """Close the pipes, and kill the process if it has not ended."""
        if self._closed:
            return
        self._closed = True
        if self._loop is None:
            # The connection is lost, so that nothing is open.
            return
        if not self._loop.is_closed():
            for pipe in self._pipes.values():
                if pipe is not None:
                    pipe.pipe.close()
        if self._returncode is not None or self._proc.returncode is not None:
            return
        if self._loop.get_debug():
            logger.warning("Close running child process: kill %r", self)
        try:
            self._proc.kill()
        except (ProcessLookupError, PermissionError):
            # It has ended by now, or it is another user's.
            pass

    def __del__(self, _warn: Any = warnings.warn) -> None:
        if not self._closed:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)
            self.close()

    async def _wait(self) -> int:
        """Wait until the process has ended, and return its exit code. Open pipes do not matter."""
        if self._returncode is None:
            waiter = self._loop.create_future()
            self._exit_waiters.add(waiter)
            try:
                await waiter
            finally:
                self._exit_waiters.discard(waiter)
        assert self._returncode is not None
        return self._returncode

    # What happens. Calls of the protocol are queued, so that it may close the transport in each.

    def _call(self, callback: Callable[..., object], *arguments: Any) -> None:
        if self._pending_calls is None:
            self._loop.call_soon(callback, *arguments)
        else:
            self._pending_calls.append((callback, *arguments))

    def _pipe_data_received(self, fd: int, data: bytes) -> None:
        self._call(self._protocol.pipe_data_received, fd, data)

    def _pipe_connection_lost(self, fd: int, exc: BaseException | None) -> None:
        self._call(self._protocol.pipe_connection_lost, fd, exc)
        self._try_finish()

    def _process_exited(self, returncode: int) -> None:
        if self._loop.get_debug():
            logger.info("%r exited with return code %r", self, returncode)
        self._returncode = returncode
        self._call(self._protocol.process_exited)
        for waiter in self._exit_waiters:
            if not waiter.done():
                waiter.set_result(returncode)
        self._try_finish()

    def _try_finish(self) -> None:
        """Lose the connection once the process has ended and no pipe is connected."""
        if self._returncode is None or self._finished:
            return
        if all(pipe is not None and pipe.disconnected for pipe in self._pipes.values()):
            self._finished = True
            self._call(self._call_connection_lost, None)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(exc)
        finally:
            self._loop = self._proc = self._protocol = None


def _files(proc: Any) -> tuple[Any, Any, Any]:
    """Return the parent's ends of the pipes by their numbers in the child."""
    return proc.stdin, proc.stdout, proc.stderr
