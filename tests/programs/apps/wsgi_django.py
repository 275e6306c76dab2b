"""Django by its WSGI handler: the same routes as in wsgi_flask.py."""

from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["stderr"]}},
}
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="for tests", LOGGING=LOGGING)


def hello(request: HttpRequest, name: str) -> HttpResponse:
    """Greet."""
    return HttpResponse(f"Hello, {name}! {request.GET.get('q', '')} {request.META['REMOTE_ADDR']}")


def upload(request: HttpRequest) -> JsonResponse:
    """Tell what arrived."""
    file: Any = request.FILES["file"]
    return JsonResponse({"name": file.name, "length": len(file.read()), "field": request.POST["field"]})


def parts(request: HttpRequest) -> StreamingHttpResponse:
    """Send a thousand parts."""
    return StreamingHttpResponse((b"%d\n" % number for number in range(1000)), content_type="text/plain")


def broken(request: HttpRequest) -> HttpResponse:
    """Raise."""
    raise RuntimeError("broken on purpose")


urlpatterns = [
    path("hello/<name>", hello),
    path("upload", upload),
    path("parts", parts),
    path("broken", broken),
]
app = get_wsgi_application()
