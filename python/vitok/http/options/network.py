"""Options of sockets, of TLS, and of a proxy in front.

Their use is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..option_parsing import option
from ..option_types import Certificates, Choice, Flag, Mode, Seconds, Text, Whole, Words


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Addresses."""

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
        "address instead of host and port: HOST:PORT, [::1]:PORT, unix:PATH or fd://N; may be repeated",
        others="gunicorn and hypercorn have it",
    )
    uds: str | None = option(None, Text("PATH"), "listen on this Unix socket", others="uvicorn and granian have it")
    uds_permissions: int | None = option(
        None,
        Mode("MODE"),
        "permissions of Unix sockets, in octal digits; by default those of a file they replace",
        others="uvicorn those of the file or 666, gunicorn by umask, granian has it",
    )
    fd: int | None = option(
        None,
        Whole("NUMBER", at_least=0, at_most=2**31 - 1),
        "listen on the inherited socket with this descriptor number",
        others="uvicorn has it",
    )
    backlog: int = option(
        2048,
        Whole("NUMBER", at_most=2**31 - 1),
        "connections that may wait to be accepted, at most net.core.somaxconn",
        others="uvicorn and gunicorn 2048, granian 1024, hypercorn 100",
    )


@dataclass(frozen=True, kw_only=True)
class Tls:
    """TLS."""

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
        "private key, if it is not in the file of the certificate",
        also="--keyfile",
        others="uvicorn, gunicorn and hypercorn have it",
    )
    ssl_keyfile_password: str | None = option(
        None,
        Text("PASSWORD"),
        "password of the private key; safer in the variable",
        is_secret=True,
    )
    ssl_ca_certs: str | None = option(None, Text("PATH"), "authorities that may sign the certificates of clients")
    ssl_cert_reqs: str = option(
        "none",
        Choice(("none", "optional", "required"), also=((0, "none"), (1, "optional"), (2, "required"))),
        "whether clients need a certificate; also 0, 1 and 2",
        others="uvicorn and gunicorn none",
    )
    ssl_ciphers: str | None = option(
        None, Text("CIPHERS"), "ciphers of TLS 1.2 in OpenSSL's notation; by default Python's"
    )
    ssl_sni: tuple[tuple[str, str, str | None], ...] = option(
        (),
        Certificates(),
        "certificate for a host name, such as www.example.org or *.example.org; may be repeated",
    )
    ssl_reload_interval: float | None = option(
        None,
        Seconds(),
        "how often the files of TLS are loaded again if they have changed",
    )


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy in front."""

    proxy_headers: bool = option(
        False,
        Flag(),
        "trust X-Forwarded-For, -Proto and -Port of the peers in --forwarded-allow-ips",
        others="uvicorn yes, gunicorn no",
    )
    forwarded_allow_ips: tuple[str, ...] = option(
        ("127.0.0.1", "::1"),
        Words("ADDRESSES"),
        "trusted peers: addresses, networks, unix for Unix sockets, * for all",
        also_variable="FORWARDED_ALLOW_IPS",
        others="uvicorn and gunicorn 127.0.0.1 and ::1",
    )
    forwarded_style: str = option(
        "x-forwarded",
        Choice(("x-forwarded", "forwarded")),
        "fields that --proxy-headers trusts: X-Forwarded-*, or Forwarded (RFC 7239)",
        others="hypercorn has it as legacy and modern",
    )
    proxy_protocol: str = option(
        "none",
        Choice(("none", "v1", "v2", "any")),
        "PROXY protocol that the peers in --forwarded-allow-ips speak",
        others="gunicorn off, v1, v2 and auto",
    )
