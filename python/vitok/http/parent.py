"""What a process that starts workers does before it starts any: the supervisor, and that of --reload.

It checks the options that concern the workers, and remembers what it needs to bind the addresses; nothing of the
application is imported. Workers are not known here.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

from . import application, metrics, privileges, proxies, sockets, tls
from .application import Application
from .log import Log
from .options import OptionError, Options
from .systemd import Notifier


class ParentProcess:
    """A process whose workers serve. ValueError and OSError for errors that are found before any is started."""

    # Why the application has to be named: a message that begins with the option.
    needs_name = ""

    def __init__(
        self,
        app: Application | str,
        options: Options,
        *,
        on_bound: Callable[[], object] = lambda: None,
        notifier: Notifier | None = None,
    ) -> None:
        """`on_bound` is called when all sockets are bound, before a worker is started."""
        if not isinstance(app, str):
            raise OptionError(self.needs_name)
        application.split(app, options.app_dir)
        if options.app_dir is not None:
            # Only workers import from there: this process may have root's privileges.
            options = dataclasses.replace(options, app_dir=application.folder_of(options.app_dir))
        proxies.Trusted(options.forwarded_allow_ips)
        self._is_tls = tls.context(options) is not None
        self._where = sockets.addresses_of(options)
        metrics.address_of(options)
        self._app = app
        self._options = options
        self._owner = privileges.owner_of(options)
        self._on_bound = on_bound
        self._notifier = notifier or Notifier()
        self._urls: list[str] = []
        self._log = Log(options, is_owner=True)
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()

    def _stop(self, *, at_once: bool) -> None:
        """Begin the end: a graceful one, or one at once if `at_once` or if a graceful one has begun."""
        self._notifier.stopping()
        (self._at_once if at_once or self._asked.is_set() else self._asked).set()
