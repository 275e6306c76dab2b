"""Records for handlers of the application, which may raise: what they raise is told, and the message is not lost.

Handlers of the standard library handle their errors themselves, but filters and handlers of others often do not. An
error in them must not end a server or a request. Where messages go otherwise is not known here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any


class GuardedLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger whose methods do not raise.

    An application that configures logging disables all loggers that it does not name; with `stays_enabled` this one
    writes nevertheless. `fall_back` gets a record that could not be handled, and at the first time the error.
    """

    def __init__(
        self,
        logger: logging.Logger,
        fall_back: Callable[[logging.LogRecord, Exception | None], None],
        *,
        stays_enabled: bool,
    ) -> None:
        super().__init__(logger, {})
        self._fall_back = fall_back
        self._stays_enabled = stays_enabled
        self._is_told = False

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message as `logging.Logger.log` does."""
        if self._stays_enabled:
            self.logger.disabled = False
        try:
            # The caller's place in the code is that of the record, and not this one.
            options: dict[str, Any] = {"stacklevel": 2, **kwargs}
            self.logger.log(level, msg, *args, **options)
        except Exception as error:
            record = logging.LogRecord(self.logger.name, level, "", 0, msg, args, _exc_info(kwargs.get("exc_info")))
            self._fall_back(record, None if self._is_told else error)
            self._is_told = True

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Return both as they are: nothing is added to records."""
        return msg, kwargs


def _exc_info(value: Any) -> Any:
    """Return what a record has for this argument, an exception or nothing."""
    return (type(value), value, value.__traceback__) if isinstance(value, BaseException) else None
