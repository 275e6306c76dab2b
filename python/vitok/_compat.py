"""The differences between the versions of Python, all in this module."""

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
"""Attributes that asyncio's constructors assign, in any version, and that the native class does not have."""
