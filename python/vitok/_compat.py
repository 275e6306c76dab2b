"""What differs between the versions of Python: here and nowhere else."""

from __future__ import annotations

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
