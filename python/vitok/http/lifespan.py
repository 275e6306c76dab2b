"""The lifespan of an application: its startup and its shutdown, each with a time limit.

ASGI's protocol 2.0: https://asgi.readthedocs.io/en/latest/specs/lifespan.html. Requests, processes and exit codes are
not known here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from .application import Application
from .leaving import first_of
from .log import Log

_SCOPE = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
# The time for an application to return after its last message.
_LAST_WORDS_SECONDS = 1.0
# What applications raise for a scope of a type that they do not know, before they call receive(): an assertion, a
# lookup of a field that only requests have, an explicit refusal (Django's is a ValueError).
_REFUSALS = (AssertionError, KeyError, NotImplementedError, TypeError, ValueError)


class LifespanError(RuntimeError):
    """The application reports that it could not start, or not end. The message is the application's."""

    def __init__(self, what: str, message: str = "") -> None:
        """`what` is one line; `message` is the application's own: any number of lines, often a traceback."""
        super().__init__(f"{what}: {message}" if message else what)
        has_lines = "\n" in message.strip()
        self.summary: str = what if has_lines else str(self)
        """One line."""
        self.details: str = message.rstrip() if has_lines else ""
        """A message of the application that is longer than a line."""
        self.is_broken = False
        """Whether the application raised while it started; the cause has its traceback."""


class Lifespan:
    """One lifespan, in a task of its own. `mode` is auto, on or off."""

    def __init__(self, application: Application, mode: str, log: Log) -> None:
        self.state: dict[str, Any] | None = None
        """The state that the application keeps for its requests; None if it has no lifespan."""
        self._application = application
        self._mode = mode
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._raised: Exception | None = None
        self._phase = "new"
        # Whether the application answered as if it were asked for a page: it does not look at the type of the scope.
        self._is_for_requests = False
        loop = asyncio.get_running_loop()
        # Each result is None for "complete", or the message of "failed".
        self._started: asyncio.Future[str | None] = loop.create_future()
        self._ended: asyncio.Future[str | None] = loop.create_future()
        self._end_asked = asyncio.Event()

    async def startup(self, seconds: float | None = None) -> None:
        """Tell the application to start, and wait until it has. LifespanError if it reports a failure or takes longer.

        With `auto` an application without a lifespan is accepted, and so is one that fails without a report, which is
        a warning in the log; with `on` both are a LifespanError.
        """
        if self._mode == "off":
            return
        state: dict[str, Any] = {}
        self._task = asyncio.create_task(self._run({**_SCOPE, "state": state}), name="vitok lifespan")
        await first_of(self._task, self._started, seconds=seconds)
        if self._started.done():
            if (message := self._started.result()) is not None:
                await self.cancel()
                # An application may raise the exception that it has reported.
                raise LifespanError("the application failed to start", message) from self._raised
            self.state = state
            return
        if not self._task.done():
            await self.cancel()
            raise LifespanError(f"--timeout-startup: the application did not start within {seconds:g} s")
        self._do_without(self._task)

    async def shutdown(self, seconds: float | None) -> None:
        """Tell the application to end, and wait this long for it. LifespanError if it fails or takes longer."""
        if self._task is None or self._task.done():
            return
        self._end_asked.set()
        await first_of(self._task, self._ended, seconds=seconds)
        if not self._ended.done() and not self._task.done():
            await self.cancel()
            raise LifespanError(f"--timeout-shutdown: the application did not end within {seconds:g} s")
        await self.cancel()
        if self._ended.done() and (message := self._ended.result()) is not None:
            raise LifespanError("the application failed to end", message) from self._raised

    async def cancel(self) -> None:
        """Cancel what still runs, and wait for its end. An application that does not obey is abandoned."""
        if self._task is not None and not self._task.done():
            if self._phase == "ended":
                # It has sent its last message, and is about to return.
                await asyncio.wait({self._task}, timeout=_LAST_WORDS_SECONDS)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_LAST_WORDS_SECONDS)

    def _do_without(self, task: asyncio.Task[None]) -> None:
        """Handle an application that ended before it answered: it does not support the protocol, or failed."""
        if task.cancelled():
            reason = "was cancelled"
        else:
            reason = f"raised {type(self._raised).__name__}: {self._raised}" if self._raised else "returned"
        if self._mode == "on":
            is_broken = self._raised is not None and self._phase == "starting"
            what = f"{reason} while it started" if is_broken else f"has no lifespan: it {reason}"
            error = LifespanError(f"--lifespan on: the application {what}")
            error.is_broken = is_broken
            raise error from self._raised
        if self._is_unknown(task):
            self._log.logger.debug("serving without lifespan: the application %s", reason)
        else:
            self._log.logger.warning(
                "serving without lifespan: the application %s while it started (--lifespan on makes this an error)",
                " ".join(reason.split()),
                exc_info=self._raised,
            )

    def _is_unknown(self, task: asyncio.Task[None]) -> bool:
        """Return whether the application, which ended early, seems to have no lifespan, instead of a broken one."""
        if self._is_for_requests:
            return True
        if self._phase != "new" or task.cancelled():
            return False
        if self._raised is None or isinstance(self._raised, _REFUSALS):
            return True
        words = str(self._raised).lower()
        return "lifespan" in words or "scope" in words

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self._application(scope, self._receive, self._send)
        except Exception as error:
            # Before the first answer an exception may mean that there is no lifespan; after "failed" all has been
            # reported.
            self._raised = error
            if self._phase in ("started", "ending"):
                self._log.error("the application's lifespan ended with an exception", error)

    async def _receive(self) -> dict[str, Any]:
        """Return the two events, each once and in time. There is no third."""
        if self._phase == "new":
            self._phase = "starting"
            return {"type": "lifespan.startup"}
        if self._phase in ("starting", "started"):
            await self._end_asked.wait()
            if self._phase == "started":
                self._phase = "ending"
                return {"type": "lifespan.shutdown"}
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def _send(self, message: dict[str, Any]) -> None:
        """Handle a message of the application. RuntimeError for one that is not expected."""
        kind = message.get("type")
        answers = {
            "starting": ("lifespan.startup.", self._started, "started"),
            "ending": ("lifespan.shutdown.", self._ended, "ended"),
        }
        prefix, answer, following = answers.get(self._phase, ("nothing", None, ""))
        if answer is None or kind not in (f"{prefix}complete", f"{prefix}failed"):
            self._is_for_requests = self._is_for_requests or str(kind).startswith(("http.", "websocket."))
            raise RuntimeError(f"the message {kind!r} is not expected while the lifespan is {self._phase}")
        failed = kind == f"{prefix}failed"
        self._phase = "ended" if failed else following
        answer.set_result(str(message.get("message", "")) if failed else None)
