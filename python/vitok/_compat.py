"""What differs between the versions of Python: here and nowhere else."""

from __future__ import annotations

import sys
import threading
from asyncio import events
from typing import TYPE_CHECKING, Any

LOOP_ATTRIBUTES = (
    "_asyncgens",
    "_asyncgens_shutdown_called",
    "_clock_resolution",
    "_coroutine_origin_tracking_enabled",
    "_coroutine_origin_tracking_saved_depth",
    "_default_executor",
    "_exception_handler",
    "_executor_shutdown_called",
    "_internal_fds",
    "_old_agen_hooks",
    "_selector",
    "_signal_handlers",
    "_timer_cancelled_count",
    "_transports",
    "_unix_server_sockets",
    "_watcher",
    "slow_callback_duration",
)
"""What the constructors of asyncio's loop classes assign and the native class does not keep, over all versions."""

if sys.version_info >= (3, 13) or TYPE_CHECKING:

    class RunHooks:
        """From 3.13 on, asyncio has `_run_forever_setup` and `_run_forever_cleanup` itself."""

        __slots__ = ()

else:

    class RunHooks:
        """What surrounds the turns of `run_forever`, under the names that asyncio gave it in 3.13."""

        __slots__ = ()

        _old_agen_hooks: Any

        def _run_forever_setup(self: Any) -> None:
            self._check_closed()
            self._check_running()
            self._set_coroutine_origin_tracking(self._debug)
            self._old_agen_hooks = sys.get_asyncgen_hooks()
            sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
            self._thread_id = threading.get_ident()
            events._set_running_loop(self)

        def _run_forever_cleanup(self: Any) -> None:
            hooks, self._old_agen_hooks = self._old_agen_hooks, None
            self._thread_id = None
            events._set_running_loop(None)
            self._set_coroutine_origin_tracking(False)
            if hooks is not None:
                sys.set_asyncgen_hooks(*hooks)
