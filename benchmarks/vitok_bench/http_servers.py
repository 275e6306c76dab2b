"""The servers of HTTP and WebSocket that can be measured, how each is started, and which ones are installed.

Each is started by its own command, as its users do, with one worker and without an access log; other options are those
that a row needs, with their reason. Measuring is not known here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from vitok_bench.loops import ENVIRONMENTS, SUBJECT, label_of

HOST: Final = "127.0.0.1"
APPLICATION: Final = "vitok_bench.http_app:app"
WEBSOCKET_APPLICATION: Final = "vitok_bench.websocket_app:app"
# The server whose cost is the unit of the others: most ASGI applications run on it.
BASE: Final = "uvicorn"
# Servers close idle connections after some seconds, and a server is idle during the turns of the others.
KEEP_S: Final = "300"
# Ten thousand connections arrive at once; the kernel reduces the number to its limit.
BACKLOG: Final = "16384"
# An option of granian, in ms, and the most that it accepts.
HEADER_TIMEOUT_MS: Final = "60000"

UVICORN: Final = (
    *("uvicorn", APPLICATION, "--host", HOST, "--port", "{port}", "--no-access-log", "--log-level", "warning"),
    *("--timeout-keep-alive", KEEP_S, "--backlog", BACKLOG),
)
UVICORN_TLS: Final = ("--ssl-certfile", "{certificate}", "--ssl-keyfile", "{key}")
GRANIAN_TLS: Final = ("--ssl-certificate", "{certificate}", "--ssl-keyfile", "{key}")
PLAIN_TLS: Final = ("--certfile", "{certificate}", "--keyfile", "{key}")
GRANIAN: Final = (
    *("granian", "--host", HOST, "--port", "{port}", "--workers", "1", "--loop", "uvloop", "--no-access-log"),
    # Its limit on requests counts connections, also idle ones.
    *("--log-level", "warning", "--backlog", BACKLOG, "--backpressure", BACKLOG),
    *("--http1-header-read-timeout", HEADER_TIMEOUT_MS),
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """How a server is started: `python -m` and these words, `{port}` among them."""

    title: str
    command: tuple[str, ...]
    # The distributions that the title promises; the first is the server's.
    packages: tuple[str, ...]
    # Used if installed, and then named.
    optional: tuple[str, ...] = ()
    # The words for a server over TLS, `{certificate}` and `{key}` among them; none if it is not measured there.
    tls: tuple[str, ...] = ()
    # The words for a server of WebSocket, which has another application; None if it is not measured there.
    websocket: tuple[str, ...] | None = None
    # Whether it is measured there only.
    is_for_websocket: bool = False
    # The command for applications without a framework in the server's own interface; none if it is not measured there.
    native: tuple[str, ...] = ()
    # Whether it is measured there only.
    is_for_native: bool = False
    # Whether it is measured only where one process has several threads.
    is_for_threads: bool = False
    # Whether it does less than the others have to, and so is no peer but a limit.
    is_limit: bool = False
    # The words for a server that speaks HTTP/2, in clear text and over TLS; None if it does not.
    http2: tuple[str, ...] | None = None
    # The variables that make it another column; such a server differs from another one in TLS only.
    environment: Mapping[str, str] = field(default_factory=dict)


def _uvicorn(title: str, loop: str, http: str, *packages: str, websocket: tuple[str, ...] | None = None) -> Server:
    return Server(
        title=f"uvicorn on {title}",
        command=(*UVICORN, "--loop", loop, "--http", http),
        packages=("uvicorn", *packages),
        tls=UVICORN_TLS,
        websocket=websocket,
    )


def _native(title: str, command: tuple[str, ...], *packages: str) -> Server:
    return Server(title=title, command=command, packages=packages, native=command, is_for_native=True)


def _in_threads(title: str, command: tuple[str, ...], *packages: str) -> Server:
    return Server(title=title, command=command, packages=packages, is_for_threads=True)


def _vitok(application: str) -> tuple[str, ...]:
    return (
        *("vitok", "serve", application, "--host", HOST, "--port", "{port}", "--no-access-log"),
        *("--log-level", "warning", "--timeout-keep-alive", KEEP_S, "--backlog", BACKLOG),
    )


VITOK: Final = Server(
    title="`vitok serve`",
    command=_vitok(APPLICATION),
    packages=("vitok",),
    tls=UVICORN_TLS,
    websocket=(),
    http2=(),
    native=_vitok("vitok_bench.native_app:app"),
)
SERVERS: Final = {
    SUBJECT: VITOK,
    **{
        name: replace(
            VITOK,
            title=f"`vitok serve`, {' '.join(f'{key}={value}' for key, value in variables.items())}",
            environment=variables,
        )
        for name, variables in ENVIRONMENTS.items()
    },
    "vitok.async": _native("`vitok serve`, handlers by async def", _vitok("vitok_bench.native_app:async_app"), "vitok"),
    "vitok.routes": _native("`vitok serve`, among 500 routes", _vitok("vitok_bench.native_app:wide_app"), "vitok"),
    "vitok.asgi": _native("`vitok serve`, by ASGI", _vitok("vitok_bench.native_asgi:app"), "vitok"),
    "vitok.uvicorn": _uvicorn(
        *("vitok's loop and protocol", "vitok:new_event_loop", "vitok.uvicorn:Protocol", "vitok"),
        websocket=("--ws", "vitok.uvicorn:WebSocket"),
    ),
    BASE: replace(
        _uvicorn("uvloop and httptools", "uvloop", "httptools", "httptools", "uvloop"),
        # What `--ws auto` chooses.
        websocket=("--ws", "websockets-sansio"),
        optional=("websockets",),
    ),
    "uvicorn+wsproto": replace(
        _uvicorn("uvloop, httptools and wsproto", "uvloop", "httptools", "httptools", "uvloop", "wsproto"),
        websocket=("--ws", "wsproto"),
        tls=(),
        is_for_websocket=True,
    ),
    "uvicorn+zuvloop": _uvicorn("zuvloop and httptools", "zuvloop", "httptools", "httptools", "zuvloop"),
    "uvicorn+zttp": replace(_uvicorn("uvloop and zttp", "uvloop", "zttp", "zttp", "uvloop"), http2=("--http2",)),
    "granian": Server(
        title="granian by ASGI, on uvloop",
        command=(*GRANIAN, "--interface", "asgi", APPLICATION),
        packages=("granian", "uvloop"),
        tls=GRANIAN_TLS,
        http2=(),
        websocket=(),
    ),
    "granian-rsgi": Server(
        title="granian by RSGI, on uvloop",
        command=(*GRANIAN, "--interface", "rsgi", "vitok_bench.http_app:rsgi"),
        packages=("granian", "uvloop"),
        tls=GRANIAN_TLS,
        http2=(),
        # It answers for files itself, in Rust.
        native=(*GRANIAN, "--interface", "rsgi", "vitok_bench.native_rsgi:app", "--static-path-mount", "."),
    ),
    "h2corn": Server(
        title="h2corn on uvloop",
        command=(
            *("h2corn", APPLICATION, "--host", HOST, "--port", "{port}", "--workers", "1", "--loop", "uvloop"),
            *("--no-access-log", "--timeout-keep-alive", KEEP_S, "--backlog", BACKLOG),
        ),
        packages=("h2corn", "uvloop"),
        tls=PLAIN_TLS,
        http2=(),
        websocket=(),
    ),
    "hypercorn": Server(
        title="hypercorn on uvloop",
        command=(
            *("hypercorn", APPLICATION, "--bind", f"{HOST}:{{port}}", "--workers", "1", "--worker-class", "uvloop"),
            *("--log-level", "warning", "--keep-alive", KEEP_S, "--backlog", BACKLOG),
        ),
        packages=("hypercorn", "uvloop"),
        tls=PLAIN_TLS,
        http2=(),
        websocket=(),
    ),
    "gunicorn": Server(
        title="gunicorn's ASGI worker on uvloop",
        command=(
            *("gunicorn", APPLICATION, "--bind", f"{HOST}:{{port}}", "--workers", "1", "--worker-class", "asgi"),
            *("--asgi-loop", "uvloop", "--log-level", "warning", "--keep-alive", KEEP_S, "--backlog", BACKLOG),
            # An idle connection counts; its control socket would be in the user's folder.
            *("--worker-connections", BACKLOG, "--no-control-socket"),
        ),
        packages=("gunicorn", "uvloop"),
        tls=PLAIN_TLS,
        websocket=(),
        optional=("gunicorn_h1c",),
    ),
    "socketify": Server(
        title="socketify by ASGI",
        command=(
            *("socketify", APPLICATION, "--host", HOST, "--port", "{port}", "--workers", "1"),
            *("--interface", "asgi", "--disable-listen-log", "True"),
        ),
        packages=("socketify",),
    ),
    "fastpysgi": Server(
        title="fastpysgi, in C: by ASGI, native applications by WSGI",
        command=("vitok_bench.fastpysgi_server", "{port}"),
        packages=("fastpysgi",),
        native=("vitok_bench.native_peers", "fastpysgi", "{port}"),
    ),
    "robyn": _native("robyn by its decorators, in Rust", ("vitok_bench.native_peers", "robyn", "{port}"), "robyn"),
    "vitok.threads": _in_threads("`vitok serve --threads 2`", (*_vitok(APPLICATION), "--threads", "2"), "vitok"),
    "granian.threads": _in_threads(
        "granian by ASGI, on uvloop, two workers, which are threads without the GIL",
        (*GRANIAN, "--interface", "asgi", "--workers", "2", APPLICATION),
        *("granian", "uvloop"),
    ),
    "picows": Server(
        title="picows by its callbacks, on uvloop",
        command=("vitok_bench.picows_server", "{port}"),
        packages=("picows", "uvloop"),
        websocket=(),
        is_for_websocket=True,
        is_limit=True,
    ),
}
# What servers with several threads are compared with.
IN_ONE_THREAD: Final = frozenset({SUBJECT, BASE, "uvicorn+zuvloop", "granian"})


@dataclass(frozen=True, kw_only=True)
class ServerSpec:
    """One column of the table: NAME, or NAME@DIRECTORY for a server whose package is imported from there."""

    text: str
    name: str
    directory: str

    @classmethod
    def parse(cls, text: str) -> ServerSpec:
        """Parse a column. Raises ValueError for a name that is not known."""
        name, _, directory = text.partition("@")
        if name not in SERVERS:
            raise ValueError(f"unknown server {name!r}; known are {', '.join(SERVERS)}")
        return cls(text=text, name=name, directory=directory)

    @property
    def label(self) -> str:
        """The name of the column."""
        return label_of(self.text, self.directory)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of its process."""
        return SERVERS[self.name].environment

    @property
    def is_for_tls(self) -> bool:
        """Whether it differs from another column in TLS only."""
        return bool(self.environment)

    @property
    def is_limit(self) -> bool:
        """Whether it does less than the others have to."""
        return SERVERS[self.name].is_limit

    @property
    def has_tls(self) -> bool:
        """Whether it is measured over TLS."""
        return bool(SERVERS[self.name].tls)

    @property
    def has_http(self) -> bool:
        """Whether it is measured in clear text, by requests."""
        server = SERVERS[self.name]
        is_elsewhere = server.is_for_websocket or server.is_for_native or server.is_for_threads
        return not self.is_for_tls and not is_elsewhere

    @property
    def has_threads(self) -> bool:
        """Whether it is measured where one process has several threads, with one of them or more."""
        return SERVERS[self.name].is_for_threads or self.name in IN_ONE_THREAD

    @property
    def has_http2(self) -> bool:
        """Whether it is measured by requests of HTTP/2."""
        return not self.is_for_tls and SERVERS[self.name].http2 is not None

    @property
    def has_native(self) -> bool:
        """Whether it is measured by applications in its own interface."""
        return not self.is_for_tls and bool(SERVERS[self.name].native)

    @property
    def has_websocket(self) -> bool:
        """Whether it is measured in clear text, by messages of WebSocket."""
        server = SERVERS[self.name]
        return not self.is_for_tls and not server.is_for_native and server.websocket is not None

    def command(self, port: int) -> list[str]:
        """The command, to be run in the folder of the files that are served."""
        return [sys.executable, "-m", *(word.format(port=port) for word in SERVERS[self.name].command)]

    def tls_command(self, port: int, *, certificate: Path, key: Path) -> list[str]:
        """The same over TLS."""
        words = (word.format(certificate=certificate, key=key) for word in SERVERS[self.name].tls)
        return [*self.command(port), *words]

    def http2_command(self, port: int) -> list[str]:
        """The command of a server that speaks HTTP/2."""
        return [*self.command(port), *(SERVERS[self.name].http2 or ())]

    def secure_http2_command(self, port: int, *, certificate: Path, key: Path) -> list[str]:
        """The same over TLS."""
        words = self.tls_command(port, certificate=certificate, key=key)
        return [*words, *(SERVERS[self.name].http2 or ())]

    def websocket_command(self, port: int) -> list[str]:
        """The command for the application of WebSocket."""
        words = [WEBSOCKET_APPLICATION if word == APPLICATION else word for word in self.command(port)]
        return [*words, *(SERVERS[self.name].websocket or ())]

    def native_command(self, port: int) -> list[str]:
        """The command for the application in its own interface."""
        return [sys.executable, "-m", *(word.format(port=port) for word in SERVERS[self.name].native)]

    def is_installed(self) -> bool:
        """Return whether the packages are installed, which does not mean that they work."""
        return all(_version(package) is not None for package in SERVERS[self.name].packages)

    def version(self) -> str:
        """The version of the server, and of the loop it runs on."""
        server = SERVERS[self.name]
        own, *others = [(package, _version(package)) for package in (*server.packages, *server.optional)]
        below = ", ".join(f"{package} {version}" for package, version in others if version is not None)
        return f"{own[1] or 'unknown'} ({below})" if below else own[1] or "unknown"


def specs(names: Sequence[str] | None) -> Iterator[ServerSpec]:
    """The named servers, or all that are installed. Raises ValueError."""
    if names is not None:
        yield from map(ServerSpec.parse, names)
    else:
        yield from (spec for spec in map(ServerSpec.parse, SERVERS) if spec.is_installed())


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        # A build that is on the path without being installed.
        return "unknown" if importlib.util.find_spec(package) else None
