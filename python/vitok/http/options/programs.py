"""Options of the application, of processes, and of restarts during development.

Their use is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..option_parsing import option
from ..option_types import Choice, Flag, Mode, Mounts, RootPath, Seconds, Text, Whole, Words

# Names of folders and files may have spaces.
_OF_PATHS = r"[,\n]"


@dataclass(frozen=True, kw_only=True)
class ApplicationOptions:
    """The application."""

    factory: bool = option(
        False,
        Flag(),
        "the name is that of a function that returns the application",
        others="uvicorn the same",
    )
    app_dir: str | None = option(
        None,
        Text("PATH"),
        "folder of the modules; by default the current one for the command",
        others="uvicorn the same",
    )
    interface: str = option(
        "auto",
        Choice(("auto", "native", "asgi3", "asgi2", "wsgi")),
        "calling convention of the application; wsgi needs vitok[wsgi]",
        others="uvicorn has auto, asgi3, asgi2 and wsgi",
    )
    wsgi_threads: int = option(
        10,
        Whole("NUMBER", at_most=1024),
        "threads of each process in which a WSGI application is called",
        others="uvicorn and a2wsgi 10, gunicorn 1",
    )
    lifespan: str = option(
        "auto",
        Choice(("auto", "on", "off")),
        "startup and shutdown events; auto omits them if not supported",
        others="uvicorn the same",
    )
    timeout_startup: float | None = option(
        None,
        Seconds(),
        "time limit for the startup of the lifespan",
        others="hypercorn 60, uvicorn none",
    )
    timeout_shutdown: float | None = option(
        30.0,
        Seconds(),
        "time limit for the shutdown of the lifespan, after all requests",
        others="hypercorn 60, uvicorn none",
    )
    root_path: str = option(
        "",
        RootPath("PATH"),
        "path under which a proxy publishes the application",
        others="uvicorn the same",
        is_native=True,
    )
    mounts: tuple[tuple[str, str], ...] = option(
        (),
        Mounts(),
        "serve the files of a folder below a path; may be repeated",
        flag="--mount",
        others="granian has it as --static-path-mount",
    )


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Processes."""

    workers: int = option(
        1,
        Whole("NUMBER", at_most=1024),
        "processes, each with its own loop",
        also_variable="WEB_CONCURRENCY",
        others="uvicorn, gunicorn and granian 1",
    )
    threads: int = option(
        1,
        Whole("NUMBER", at_most=1024),
        "threads of each process, each with its own loop; needs a free-threaded Python",
        others="uvicorn and hypercorn have none; gunicorn's are --wsgi-threads",
    )
    limit_max_requests: int | None = option(
        None,
        Whole("NUMBER", may_be_none=True),
        "requests after which a worker is replaced, or a single process ends",
        others="uvicorn and gunicorn none",
    )
    limit_max_requests_jitter: int = option(
        0,
        Whole("NUMBER", at_least=0),
        "random number of further requests, at most this many",
        others="uvicorn and gunicorn 0",
    )
    limit_max_lifetime: float | None = option(
        None,
        Seconds(),
        "age at which a worker is replaced, or a single process ends",
        others="granian has it, uvicorn and gunicorn do not",
    )
    limit_max_memory: int | None = option(
        None,
        Whole("BYTES", may_be_none=True),
        "resident memory at which a worker is replaced, or a single process ends",
        others="granian has it, uvicorn and gunicorn do not",
    )
    timeout_worker_healthcheck: float | None = option(
        30.0,
        Seconds(at_least=1.0),
        "silence of a worker's loop after which it is killed and replaced",
        others="uvicorn 5, gunicorn 30",
    )
    pid: str | None = option(
        None,
        Text("PATH"),
        "file for the number of the main process",
        others="gunicorn has it",
    )
    user: str | None = option(
        None,
        Text("NAME"),
        "user, by name or number, that loads and serves the application",
        others="gunicorn and hypercorn have it",
    )
    group: str | None = option(
        None,
        Text("NAME"),
        "group, by name or number; by default the user's own",
        others="gunicorn and hypercorn have it",
    )
    umask: int | None = option(
        None,
        Mode("MODE"),
        "permissions that new files do not get, in octal digits",
        others="gunicorn 0, hypercorn has it",
    )


@dataclass(frozen=True, kw_only=True)
class Development:
    """Development."""

    reload: bool = option(
        False,
        Flag(),
        "start the application again when one of its files changes",
        others="uvicorn, gunicorn, granian and hypercorn have it",
    )
    reload_dirs: tuple[str, ...] = option(
        (),
        Words("PATH", separators=_OF_PATHS),
        "folder to watch, by default that of --app-dir; may be repeated",
        flag="--reload-dir",
        others="uvicorn has it",
    )
    reload_includes: tuple[str, ...] = option(
        (),
        Words("PATTERN", separators=_OF_PATHS),
        "files to watch beside *.py; may be repeated",
        flag="--reload-include",
        others="uvicorn has it",
    )
    reload_excludes: tuple[str, ...] = option(
        (),
        Words("PATTERN", separators=_OF_PATHS),
        "files and folders not to watch; may be repeated",
        flag="--reload-exclude",
        others="uvicorn has it",
    )
    reload_delay: float = option(
        0.25,
        Seconds(may_be_none=False),
        "how long files must be unchanged before the start",
        others="uvicorn 0.25",
    )
