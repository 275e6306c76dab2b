"""The options of the server, each in one place, with name, type, default, what it does and what other servers chose.

The command line, the environment, the keywords of `vitok.serve` and `vitok.http.Server`, and the table in docs/serve.md
are all made from this table (option_parsing.py, tests/http/serve_table.py). Numbers that are no options are in
limits.py; the native server has none of its own. The use of the values is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .limits import LIMITS
from .option_parsing import Option, OptionError, option, options_of, read_command, read_keywords
from .option_types import (
    Certificates,
    Choice,
    Fields,
    Flag,
    Mode,
    RootPath,
    Seconds,
    Text,
    Whole,
    Words,
)

__all__ = ["OptionError", "Options", "from_command", "from_keywords", "native_options", "table"]

_NAME = b"vitok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to serve: one value for each option, checked by `vitok.http.option_types`.

    Times are in seconds and sizes in bytes; None means no limit.
    """

    # Addresses.
    host: str = option(
        "127.0.0.1",
        Text("HOST"),
        "address or host name to listen on; empty for all interfaces",
        others="uvicorn, gunicorn and granian the same",
    )
    port: int = option(
        8000,
        Whole("PORT", at_least=0, at_most=65535),
        "port to listen on; 0 lets the kernel choose",
        others="uvicorn, gunicorn and granian the same",
    )
    bind: tuple[str, ...] = option(
        (),
        Words("ADDRESS"),
        "address instead of host and port: HOST:PORT, [::1]:PORT, unix:PATH or fd://N; may be given several times",
        others="gunicorn and hypercorn have it",
    )
    uds: str | None = option(None, Text("PATH"), "listen on this Unix socket", others="uvicorn and granian have it")
    uds_permissions: int | None = option(
        None,
        Mode("MODE"),
        "permissions of the Unix sockets, in octal digits; by default those of the file they replace, or by umask",
        others="uvicorn those of the file or 666, gunicorn by umask, granian has it",
    )
    fd: int | None = option(
        None,
        Whole("NUMBER", at_least=0, at_most=2**31 - 1),
        "listen on the socket with this descriptor number, opened by the process that started the server",
        others="uvicorn has it",
    )
    backlog: int = option(
        2048,
        Whole("NUMBER", at_most=2**31 - 1),
        "connections that may wait to be accepted; the kernel has a limit of its own (net.core.somaxconn)",
        others="uvicorn and gunicorn 2048, granian 1024, hypercorn 100",
    )
    # TLS.
    ssl_certfile: str | None = option(
        None,
        Text("PATH"),
        "certificate and its chain, in PEM; enables TLS",
        also="--certfile",
        others="uvicorn, gunicorn and hypercorn have it",
    )
    ssl_keyfile: str | None = option(
        None,
        Text("PATH"),
        "private key of the certificate, if it is not in the same file",
        also="--keyfile",
        others="uvicorn, gunicorn and hypercorn have it",
    )
    ssl_keyfile_password: str | None = option(
        None, Text("PASSWORD"), "password of the private key; safer in the variable than on the command line"
    )
    ssl_ca_certs: str | None = option(
        None, Text("PATH"), "certificates of the authorities that may sign client certificates"
    )
    ssl_cert_reqs: str = option(
        "none",
        Choice(("none", "optional", "required"), also=((0, "none"), (1, "optional"), (2, "required"))),
        "whether clients need a certificate (uvicorn's numbers 0, 1 and 2 are accepted)",
        others="uvicorn and gunicorn none",
    )
    ssl_ciphers: str | None = option(
        None, Text("CIPHERS"), "ciphers of TLS 1.2 in OpenSSL's notation; by default those that Python chooses"
    )
    ssl_sni: tuple[tuple[str, str, str | None], ...] = option(
        (),
        Certificates(),
        "certificate for clients that ask for this host name, such as www.example.org or *.example.org, and its key if "
        "that is not in the same file; may be given several times (in the variable: one per line)",
    )
    ssl_reload_interval: float | None = option(
        None,
        Seconds(),
        "check this often whether the files of TLS have changed, and load them again; SIGHUP does that at any time",
    )
    # The application.
    factory: bool = option(
        False,
        Flag(),
        "the name is that of a function, which is called without arguments and returns the application",
        others="uvicorn the same",
    )
    app_dir: str | None = option(
        None,
        Text("PATH"),
        "folder to search for modules first; the current one for the command",
        others="uvicorn the same",
    )
    interface: str = option(
        "auto",
        Choice(("auto", "native", "asgi3", "asgi2")),
        "calling convention of the application; auto is native for a vitok.http.App, and else inspects its parameters",
        others="uvicorn asgi3, asgi2 and wsgi",
    )
    lifespan: str = option(
        "auto",
        Choice(("auto", "on", "off")),
        "startup and shutdown events; auto omits them if the application has no lifespan",
        others="uvicorn the same",
    )
    root_path: str = option(
        "",
        RootPath("PATH"),
        "path under which a proxy publishes the application",
        others="uvicorn the same",
        is_native=True,
    )
    # Processes.
    workers: int = option(
        1,
        Whole("NUMBER", at_most=1024),
        "processes, each with its own loop and listening socket",
        others="uvicorn, gunicorn and granian 1",
    )
    limit_max_requests: int | None = option(
        None,
        Whole("NUMBER", may_be_none=True),
        "requests, counted as they end, after which a worker is replaced or a single process ends",
        others="uvicorn and gunicorn none",
    )
    limit_max_requests_jitter: int = option(
        0,
        Whole("NUMBER", at_least=0),
        "random number of further requests, at most this many, so that workers are not replaced at the same time",
        others="uvicorn and gunicorn 0",
    )
    # Timeouts.
    timeout_header: float | None = option(
        60.0,
        Seconds(),
        "time limit for the head of a request, the first byte after connecting, and a TLS handshake",
        others="nginx 60, node 60, uvicorn none",
        is_native=True,
    )
    timeout_body: float | None = option(
        60.0,
        Seconds(),
        "time limit without progress of a request's body, or of a response that the client does not read",
        others="nginx 60, uvicorn none",
        is_native=True,
    )
    min_body_rate: int | None = option(
        500,
        Whole("BYTES", may_be_none=True),
        "bytes per second that a request's body needs on average, beyond --timeout-body and until the response begins",
        others="Apache 500, uvicorn and nginx none",
        is_native=True,
    )
    timeout_keep_alive: float | None = option(
        75.0,
        Seconds(),
        "time limit of an idle connection; longer than that of the proxy in front (AWS 60)",
        others="nginx 75, uvicorn, hypercorn and node 5, gunicorn 2",
        is_native=True,
    )
    timeout_graceful_shutdown: float | None = option(
        30.0,
        Seconds(may_be_zero=True),
        "time limit of running requests after the shutdown begins; then they are cancelled",
        others="gunicorn 30, uvicorn none, hypercorn 3",
    )
    # Limits.
    limit_request_line: int = option(
        8192,
        Whole("BYTES", at_most=2**31 - 1),
        "largest request line, in bytes",
        others="nginx and Apache 8 KiB, gunicorn 4094",
        is_native=True,
    )
    limit_request_head: int = option(
        65536,
        Whole("BYTES", at_most=2**31 - 1),
        "largest head of a request, in bytes",
        others="uvicorn with h11 64 KiB, nginx 32 KiB, node 16 KiB",
        is_native=True,
    )
    limit_request_fields: int = option(
        100,
        Whole("NUMBER", at_most=2**31 - 1),
        "most fields in the head of a request",
        others="gunicorn and Apache 100, node 2000",
        is_native=True,
    )
    limit_request_body: int | None = option(
        2**30,
        Whole("BYTES", may_be_none=True),
        "largest body of a request, in bytes",
        others="Apache 1 GiB, nginx 1 MiB, uvicorn none",
        is_native=True,
    )
    limit_concurrency: int | None = option(
        None,
        Whole("NUMBER", may_be_none=True, at_most=2**31 - 1),
        "requests that run at a time in a process; more are answered with 503",
        others="uvicorn none",
        is_native=True,
    )
    limit_connections: int | None = option(
        None,
        Whole("NUMBER", may_be_none=True, at_most=2**31 - 1),
        "connections open at a time in a process; more are closed at once",
        others="gunicorn 1000, uvicorn none",
        is_native=True,
    )
    # WebSockets.
    ws: str = option(
        "auto",
        Choice(("auto", "none")),
        "whether WebSockets are served; none refuses them with 501",
        others="uvicorn auto, if a library is installed",
        is_native=True,
    )
    ws_max_size: int = option(
        16 * 2**20,
        Whole("BYTES", at_most=2**31 - 1),
        "largest message, in bytes, counted after decompression",
        others="uvicorn and hypercorn 16 MiB",
        is_native=True,
    )
    ws_max_queue: int = option(
        32,
        Whole("NUMBER", at_most=2**31 - 1),
        "messages that wait for the application before reading pauses",
        others="uvicorn 32",
        is_native=True,
    )
    ws_ping_interval: float | None = option(
        20.0,
        Seconds(may_be_zero=True),
        "silence of a client after which it gets a ping; 0 or none for no pings",
        others="uvicorn 20, hypercorn none",
        is_native=True,
    )
    ws_ping_timeout: float | None = option(
        20.0,
        Seconds(may_be_zero=True),
        "time limit for a sign of life after a ping; 0 or none for no limit",
        others="uvicorn 20",
        is_native=True,
    )
    ws_per_message_deflate: bool = option(
        True,
        Flag(),
        "compress messages if the client offers permessage-deflate",
        others="uvicorn yes",
        is_native=True,
    )
    # Responses.
    server_header: bool = option(True, Flag(), "send the header Server: vitok", others="uvicorn yes", is_native=True)
    date_header: bool = option(True, Flag(), "send the header Date", others="uvicorn yes", is_native=True)
    headers: tuple[tuple[str, str], ...] = option(
        (),
        Fields(),
        "header added to each response; may be given several times (in the variable: one per line)",
        flag="--header",
        others="uvicorn has it",
        is_native=True,
    )
    path_send: bool = option(
        False,
        Flag(),
        "announce http.response.pathsend: frameworks let the server send files, bypassing middleware that changes them",
        others="uvicorn no, granian yes",
        is_native=True,
    )
    zero_copy_send: bool = option(
        False,
        Flag(),
        "announce http.response.zerocopysend, with which an application sends from an open file",
        others="uvicorn and granian no",
        is_native=True,
    )
    # A proxy in front.
    proxy_headers: bool = option(
        False,
        Flag(),
        "trust X-Forwarded-For and X-Forwarded-Proto from the peers in --forwarded-allow-ips",
        others="uvicorn yes, gunicorn no",
    )
    forwarded_allow_ips: tuple[str, ...] = option(
        ("127.0.0.1", "::1"),
        Words("ADDRESSES"),
        "trusted peers: addresses, networks, unix for peers on Unix sockets, * for all",
        others="uvicorn and gunicorn 127.0.0.1 and ::1",
    )
    # Logs.
    access_log: bool = option(
        True, Flag(), "write a line per request to standard output", others="uvicorn yes, gunicorn no"
    )
    log_level: str = option(
        "info",
        Choice(("debug", "info", "warning", "error", "critical")),
        "lowest level of messages written to standard error",
        others="uvicorn and gunicorn info",
    )
    inspect: bool = option(
        False, Flag(), "let `vitok top` of this user look at each process that serves", others="no other has it"
    )


def table() -> tuple[Option, ...]:
    """Return all options, in the order in which they are shown."""
    return _TABLE


def from_command(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, Options]:
    """Return the application's name and the options, from the command line and the environment.

    SystemExit after `--help`, OptionError for what can't be parsed.
    """
    app, values = read_command(_TABLE, words, environment)
    return app, Options(**values)


def from_keywords(keywords: Mapping[str, Any]) -> Options:
    """Return the options of keywords. TypeError for an unknown one, OptionError for an invalid value."""
    return Options(**read_keywords(_TABLE, keywords))


def native_options(
    options: Options | None = None,
    *,
    state: dict[str, Any] | None = None,
    access_log: bool = False,
    forwarded: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Return the dictionary for `_native.HttpServer`.

    `forwarded` sets client and scheme of a scope, for a native application behind a proxy.
    """
    options = options or Options()
    told = {option.name: getattr(options, option.name) for option in _TABLE if option.is_native}
    told["server_header"] = _NAME if options.server_header else None
    told["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in options.headers]
    # The rest is for uvicorn's server.
    fixed = {"asgi_version": "3.0", "refusal_text": "", "allow_upgrade": False, "reports_to_hooks": False}
    return {**LIMITS, **told, **fixed, "state": state, "access_log": access_log, "forwarded": forwarded}


# The first option of each group.
_GROUPS = {
    "host": "Addresses",
    "ssl_certfile": "TLS",
    "factory": "The application",
    "workers": "Processes",
    "timeout_header": "Timeouts",
    "limit_request_line": "Limits",
    "ws": "WebSockets",
    "server_header": "Responses",
    "proxy_headers": "A proxy in front",
    "access_log": "Logs",
}
_TABLE = options_of(Options, _GROUPS)
