"""Applications that have `_compiled()`, as a native one has: for tests of who is served how."""

import asgi_apps
from native_support import compiled, plain
from vitok import _native


class Small:
    """Answers natively with "native", and under ASGI with JSON."""

    def _compiled(self) -> _native.Routes:
        made: _native.Routes = compiled(plain(lambda _: "native"))
        return made

    async def asgi(self, scope: object, receive: object, send: object) -> None:
        """Answer as an ASGI application."""
        await asgi_apps.app(scope, receive, send)  # type: ignore[arg-type]

    __call__ = asgi


app = Small()


def made() -> Small:
    """A factory."""
    return app
