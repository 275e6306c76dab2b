"""Loading the certificates of a running server again: on request, and when their files have changed.

New ones are loaded as a whole before they replace the old ones, which stay if anything is wrong with them. Connections,
sockets and signals are not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

from . import tls
from .log import Log
from .options import Options


class Reloading:
    """The certificates of one server, which are files named by its options."""

    def __init__(
        self,
        options: Options,
        replace: Callable[[ssl.SSLContext], Awaitable[object]],
        *,
        loaded: object,
        log: Log,
        tried: Callable[[], object],
    ) -> None:
        """`replace` uses a context for new connections; `loaded` is the `tls.status` from before the first loading.
        `tried` is called after each attempt of `run`, whether it succeeded or not.
        """
        self._options = options
        self._replace = replace
        self._log = log
        self._on_tried = tried
        self._asked = asyncio.Event()
        # The last one to be loaded is the last one to be used.
        self._lock = asyncio.Lock()
        self._tried = self._seen = loaded

    def request(self) -> None:
        """Ask for another loading, whether the files have changed or not."""
        self._asked.set()

    async def load(self) -> None:
        """Load the certificates, and use them for new connections. OSError if they can't be used."""
        async with self._lock:
            self._tried = self._seen = tls.status(self._options)
            context = tls.context(self._options)
            if context is not None:
                await self._replace(context)
                self._log.logger.info("the certificates were loaded again")

    async def run(self) -> None:
        """Load the certificates at each request, and after each change of their files, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.ssl_reload_interval):
                    await self._asked.wait()
            if self._asked.is_set() or self._has_changed():
                self._asked.clear()
                await self._try()

    async def _try(self) -> None:
        try:
            await self.load()
        except (OSError, ValueError) as error:
            self._log.logger.error("the certificates stay as they were: %s", getattr(error, "strerror", None) or error)
        self._on_tried()

    def _has_changed(self) -> bool:
        """Return whether files are not those that were last loaded, or tried, and have not changed since the last look:
        several files take some time to be written.
        """
        before, self._seen = self._seen, tls.status(self._options)
        return self._seen == before and self._seen != self._tried
