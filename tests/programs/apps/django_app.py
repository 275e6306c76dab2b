"""A Django application in one file, for the command `uvicorn --loop vitok:new_event_loop django_app:application`.

It knows nothing of who asks or serves.
"""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from scene import FILE, LARGE_BODY, Scene, loop_name

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="no secret: nothing is signed here",
    DATA_UPLOAD_MAX_MEMORY_SIZE=2 * len(LARGE_BODY),
)
scene = Scene()


async def loop(request: HttpRequest) -> HttpResponse:
    """The name of the running loop."""
    return HttpResponse(loop_name())


async def echo(request: HttpRequest) -> HttpResponse:
    """The body, as it came."""
    return HttpResponse(request.body)


def file(request: HttpRequest) -> HttpResponse:
    """A file, from a view that runs in a thread."""
    return HttpResponse(FILE.read_bytes())


async def meet(request: HttpRequest) -> HttpResponse:
    """Wait for the others."""
    return HttpResponse(await scene.meet())


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """A stream that waits in its middle."""
    return StreamingHttpResponse(scene.stream())


async def flood(request: HttpRequest) -> StreamingHttpResponse:
    """More than a connection holds."""
    return StreamingHttpResponse(scene.flood())


def sent(request: HttpRequest) -> HttpResponse:
    """How far the flood has come. Not a coroutine, so that Django asks in a thread."""
    return HttpResponse(scene.sent())


async def release(request: HttpRequest) -> HttpResponse:
    """Let the stream go on."""
    return HttpResponse(scene.release())


urlpatterns = [path(view.__name__, view) for view in (loop, echo, file, meet, stream, flood, sent, release)]
application = get_asgi_application()
