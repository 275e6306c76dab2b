"""What type checkers know of the options of a server. It is checked, and never run.

A line with `type: ignore` has a mistake that both checkers find; each complains where there is none.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

import ssl
from pathlib import Path
from typing import Any, assert_type

import vitok
import vitok.http
from vitok.http import App, ServeOptions, Server, ServerOptions, run
from vitok.http.testing import serve

app = App()
context = ssl.create_default_context()


def of_a_deployment(port: int) -> ServeOptions:
    """Return options that are used elsewhere."""
    options: ServeOptions = {"host": "0.0.0.0", "port": port, "workers": 4, "bind": ["unix:/x", "fd://3"]}
    options["ssl_certfile"] = Path("chain.pem")
    options["log_level"] = "debug"
    return options


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Be an ASGI application."""


def with_right_options() -> None:
    """Use one option of each kind."""
    vitok.serve("module:app", host="", port=0, bind="127.0.0.1:80 [::1]:80", uds_permissions=0o660, backlog=10)
    vitok.serve("module:app", **of_a_deployment(8000))
    vitok.serve(app, ssl=context, timeout_body=None, limit_request_body=2**20, access_log=False)
    vitok.http.serve(asgi, uds=Path("socket"), user="www-data", umask=0o22, log_file="-", pid=None)
    run(app, workers=2, reload=True, reload_dirs=["source"], reload_delay=1)
    run(app, headers=[("x-one", "1"), ("x-two", 2)], mounts=["/static=folder", ("/more", Path("folder"))])
    run(app, ssl_cert_reqs="required", ssl_sni=["a.example=a.pem", ("b.example", Path("b.pem"), "b.key")])
    run(app, ssl_cert_reqs=2, use_colors=None, log_config="log.toml", metrics="127.0.0.1:9100")
    run(app, ssl_cert_reqs=ssl.CERT_REQUIRED, ws_ping_interval=0, min_body_rate=None)
    run(app, http=2, http2_max_concurrent_streams=100)
    run(app, http="auto", http2_max_resets=10)
    options: ServerOptions = {"port": 0, "forwarded_style": "forwarded", "lifespan": "off"}
    assert_type(Server(app, ssl=context, **options), Server)
    with serve(app, ssl=context, **options) as url:
        assert_type(url, str)


def with_wrong_options() -> None:
    """Have one mistake in each line."""
    vitok.serve(app, prot=1)  # type: ignore[call-arg]
    vitok.serve(app, port="8000")  # type: ignore[arg-type]
    vitok.serve(app, lifespan="maybe")  # type: ignore[arg-type]
    vitok.serve(app, port=None)  # type: ignore[arg-type]
    vitok.http.serve(app, timeout_body="1")  # type: ignore[arg-type]
    run(app, worker=2)  # type: ignore[call-arg]
    run(app, http="3")  # type: ignore[arg-type]
    run(app, reload_dirs=[Path("source")])  # type: ignore[list-item]
    run(app, headers={"x": "y"})  # type: ignore[dict-item]
    run(app, ssl="chain.pem")  # type: ignore[arg-type]
    Server(app, host=1)  # type: ignore[arg-type]
    Server(app, hosts="")  # type: ignore[call-arg]
    Server(app, workers=2)  # type: ignore[call-arg]
    with serve(app, reload=True):  # type: ignore[call-arg]
        pass
    with serve(app, access_log="no"):  # type: ignore[arg-type]
        pass
    options: ServerOptions = {"port": 1, "pid": "file"}  # type: ignore[typeddict-unknown-key]
    options["log_level"] = "loud"  # type: ignore[typeddict-item]
