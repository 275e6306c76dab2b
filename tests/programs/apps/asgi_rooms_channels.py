"""A Django application with Channels: consumers in both manners, and groups of them over the layer in memory.

It knows nothing of who asks or serves.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rooms import FAREWELL, FIELD, SUBPROTOCOL, TOKEN, total
from scene import loop_name

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="no secret: nothing is signed here",
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)

from channels.generic.websocket import (  # noqa: E402 - its modules read the settings
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    WebsocketConsumer,
)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402

GROUP = "room"


async def loop(request: HttpRequest) -> HttpResponse:
    """The name of the running loop, over HTTP."""
    return HttpResponse(loop_name())


class Echo(WebsocketConsumer):
    """Each message as it came. Not a coroutine, so that it runs in a thread."""

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One of them."""
        self.send(text_data, bytes_data)


class Json(AsyncJsonWebsocketConsumer):
    """Sums of what comes as JSON."""

    async def receive_json(self, content: Any, **more: Any) -> None:
        """One body."""
        await self.send_json(total(content["numbers"]))


class Secret(AsyncWebsocketConsumer):
    """Only for those with a token."""

    async def connect(self) -> None:
        """Others are refused."""
        if f"token={TOKEN.replace(' ', '%20')}" != self.scope["query_string"].decode():
            await self.close()
            return
        await self.accept()
        await self.send(f"you said {TOKEN}")
        await self.close(1000)


class Chat(AsyncWebsocketConsumer):
    """A subprotocol and a field of the response."""

    async def connect(self) -> None:
        """Choose one."""
        subprotocol = SUBPROTOCOL if SUBPROTOCOL in self.scope["subprotocols"] else None
        await self.accept(subprotocol, headers=[(FIELD[0].encode(), FIELD[1].encode())])


class Farewell(AsyncWebsocketConsumer):
    """Close with a code and a reason."""

    async def connect(self) -> None:
        """At once."""
        await self.accept()
        await self.close(*FAREWELL)


class Enter(AsyncWebsocketConsumer):
    """A guest of the room, whose texts go to all, as often as it wants."""

    async def connect(self) -> None:
        """Enter."""
        await self.accept()
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.tell(f"{self.name()} is here")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Say something."""
        times = int(self.scope["query_string"].decode().partition("times=")[2] or "1")
        for _ in range(times):
            await self.tell(f"{self.name()}: {text_data}")

    async def disconnect(self, code: int) -> None:
        """Leave."""
        await self.channel_layer.group_discard(GROUP, self.channel_name)
        await self.tell(f"{self.name()} left: {code}")

    def name(self) -> str:
        """A part of the path."""
        name: str = self.scope["url_route"]["kwargs"]["name"]
        return name

    async def tell(self, text: str) -> None:
        """Tell all consumers of the group, each of which tells its client."""
        await self.channel_layer.group_send(GROUP, {"type": "room.told", "text": text})

    async def room_told(self, event: dict[str, str]) -> None:
        """What the group is told."""
        await self.send(event["text"])


urlpatterns = [path("loop", loop)]
app = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter(
            [
                path("echo", Echo.as_asgi()),
                path("bytes", Echo.as_asgi()),
                path("json", Json.as_asgi()),
                path("secret", Secret.as_asgi()),
                path("chat", Chat.as_asgi()),
                path("farewell", Farewell.as_asgi()),
                path("room/<str:name>", Enter.as_asgi()),
            ]
        ),
    }
)
