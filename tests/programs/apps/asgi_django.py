"""A Django application with ASGI: routes, a form, an upload, streams, views in threads; Django has no hooks.

It knows nothing of who asks or serves.
"""

import json

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from routes import Routes, greeting, item, receipt, total
from scene import FILE, loop_name

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="no secret: nothing is signed here",
    # To the terminal, as others do, and without a word against the server's own loggers.
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"terminal": {"class": "logging.StreamHandler"}},
        "loggers": {"django": {"handlers": ["terminal"], "level": "ERROR"}},
    },
)
routes = Routes()


async def loop(request: HttpRequest) -> HttpResponse:
    """The name of the running loop."""
    return HttpResponse(loop_name())


def items(request: HttpRequest, number: int) -> HttpResponse:
    """A number in the path and a word in the query. Not a coroutine, so that Django asks in a thread."""
    return JsonResponse(item(number, request.GET["word"]))


async def json_(request: HttpRequest) -> HttpResponse:
    """The sum of what came as JSON; what is no JSON is the client's fault."""
    try:
        return JsonResponse(total(json.loads(request.body)["numbers"]))
    except ValueError:
        return HttpResponse(status=400)


async def form(request: HttpRequest) -> HttpResponse:
    """A form."""
    return JsonResponse(greeting(request.POST["name"]))


async def upload(request: HttpRequest) -> HttpResponse:
    """A file."""
    file = request.FILES["file"]
    return JsonResponse(receipt(file.name, file.read()))


def file(request: HttpRequest) -> FileResponse:
    """A file, from a view that runs in a thread."""
    return FileResponse(FILE.open("rb"))


async def broken(request: HttpRequest) -> HttpResponse:
    """A mistake."""
    routes.broken()
    return HttpResponse()


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """A stream that waits in its middle."""
    return StreamingHttpResponse(routes.stream())


async def release(request: HttpRequest) -> HttpResponse:
    """Let the stream go on."""
    return HttpResponse(routes.release())


async def endless(request: HttpRequest) -> StreamingHttpResponse:
    """An answer that goes on until its visitor leaves."""
    return StreamingHttpResponse(routes.endless())


async def left(request: HttpRequest) -> HttpResponse:
    """Wait for that."""
    return HttpResponse(await routes.left())


VIEWS = (loop, form, upload, file, broken, stream, release, endless, left)
urlpatterns = [path("items/<int:number>", items), path("json", json_), *(path(view.__name__, view) for view in VIEWS)]
app = get_asgi_application()
