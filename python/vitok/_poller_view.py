"""What a loop shows of its native poller in the places where asyncio's loop has a selector and a pair of sockets."""

from __future__ import annotations

from collections.abc import Mapping
from selectors import EVENT_READ, EVENT_WRITE, SelectorKey
from typing import TYPE_CHECKING, Any

from ._hooks import descriptor_of

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterable, Iterator

    from ._native import EventLoop


class WakeupEnd:
    """The writing end of the pipe for signal numbers, with what asyncio asks of it."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop

    def fileno(self) -> int:
        return self._loop._wakeup_descriptor()


class WatchedMap(Mapping[Any, SelectorKey]):
    """The watched descriptors by number or by the object that was registered, which may be closed by now."""

    def __init__(self, keys: Iterable[SelectorKey]) -> None:
        self._keys = {key.fd: key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __getitem__(self, fileobj: Any) -> SelectorKey:
        try:
            return self._keys[descriptor_of(fileobj)]
        except ValueError:
            for key in self._keys.values():
                if key.fileobj is fileobj:
                    return key
            raise


class PollerView:
    """The selector of the loop: a view of what the native poller watches. It cannot be polled."""

    def __init__(self, loop: weakref.ref[EventLoop]) -> None:
        self._loop = loop

    def get_map(self) -> WatchedMap:
        loop = self._loop()
        watched = loop._watched() if loop is not None else []
        return WatchedMap(
            SelectorKey(
                fd if fileobj is None else fileobj,
                fd,
                (EVENT_READ if reader else 0) | (EVENT_WRITE if writer else 0),
                None,
            )
            for fd, reader, writer, fileobj in watched
        )

    def get_key(self, fileobj: Any) -> SelectorKey:
        try:
            return self.get_map()[fileobj]
        except KeyError:
            raise KeyError(f"{fileobj!r} is not registered") from None

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        raise RuntimeError("the selector of a vitok loop cannot be polled: override _run_once instead")

    def close(self) -> None:
        """Do nothing: the loop closes its poller."""
