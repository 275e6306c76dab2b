"""The shared contents of the WebSocket routes of the applications in this folder: a room, a token, and texts.

It knows nothing of any framework or test.
"""

from collections.abc import Awaitable, Callable

TOKEN = "open sesame"
SUBPROTOCOL = "chat.v2"
FIELD = ("x-room", "blue")
# What `/farewell` closes with.
FAREWELL = (4002, "that is enough")

Say = Callable[[str], Awaitable[None]]


class Room:
    """Guests, each with the function that tells it something."""

    def __init__(self) -> None:
        self.guests: dict[str, Say] = {}

    async def enter(self, name: str, say: Say) -> None:
        """A guest enters; all know it, the guest too."""
        self.guests[name] = say
        await self.tell(f"{name} is here")

    async def leave(self, name: str, code: int) -> None:
        """A guest has left, by closing with this code."""
        del self.guests[name]
        await self.tell(f"{name} left: {code}")

    async def tell(self, text: str) -> None:
        """Tell all guests; one of them may be about to leave."""
        for say in list(self.guests.values()):
            await say(text)


def total(numbers: list[int]) -> dict[str, int]:
    """`/json` with `{"numbers": [1, 2]}`."""
    return {"total": sum(numbers)}
