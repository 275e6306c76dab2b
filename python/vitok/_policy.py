"""Event loop policies, for programs that still use them: deprecated since Python 3.14, removed in 3.16."""

from __future__ import annotations

from asyncio import events, unix_events
from typing import TYPE_CHECKING, Any

from ._loop import Loop

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_events: Any = events
# From 3.14 on, setting a policy warns; asyncio itself uses the function without the warning.
_set_policy = getattr(events, "_set_event_loop_policy", None) or _events.set_event_loop_policy


# asyncio's public name for its base warns from 3.14 on; the class behind that does not.
class EventLoopPolicy(unix_events._UnixDefaultEventLoopPolicy):
    """asyncio's default policy of this platform, with vitok's loop."""

    # The public name.
    __module__ = "vitok"

    def _loop_factory(self) -> AbstractEventLoop:
        return Loop()


def install() -> None:
    """Make vitok's loop the default of the process. Prefer `vitok.run` or `asyncio.Runner(loop_factory=...)`."""
    _set_policy(EventLoopPolicy())
