"""What a page is told without asking, under /live: changes by a stream of events, people by a WebSocket."""

import asyncio
from collections.abc import AsyncGenerator

from vitok.http import App, HTTPError, Request, Response, WebSocket

from .board import board_of
from .people import People, Person
from .protection import is_same_site
from .visitors import name_in

live = App()
people = People()


@live.get("/notes")
async def notes(request: Request) -> Response:
    """Send the count of changes, now and after each change."""
    return Response.events(counts(board_of(request).changes.follow()))


async def counts(following: AsyncGenerator[int, None]) -> AsyncGenerator[str, None]:
    """Yield each count as the text of an event."""
    async for count in following:
        yield str(count)


@live.websocket("/people")
async def meet(socket: WebSocket) -> None:
    """Tell one page who is here and what they are writing, and take what is written on it."""
    # A browser lets any site open a WebSocket to this one, and names that site.
    if not is_same_site(socket.headers):
        raise HTTPError(403, "this WebSocket is for the pages of this site")
    await socket.accept()
    person = Person(name_in(socket.cookies) or "Somebody")
    with people.joined(person):
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(tell(socket, person))
            async for message in socket:
                people.write(person, message)
            telling.cancel()


async def tell(socket: WebSocket, person: Person) -> None:
    """Tell a page who is here, now and after each change."""
    async for _ in people.changes.follow():
        await socket.send_json({"people": people.seen_by(person)})
