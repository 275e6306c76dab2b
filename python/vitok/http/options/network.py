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
        "private key of the certificate, if it is not in the same file",
        also="--keyfile",
        others="uvicorn, gunicorn and hypercorn have it",
    )
    ssl_keyfile_password: str | None = option(
        None,
        Text("PASSWORD"),
        "password of the private key; safer in the variable than on the command line",
        is_secret=True,
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


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy in front."""

    proxy_headers: bool = option(
        False,
        Flag(),
        "trust X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Port from the peers in --forwarded-allow-ips",
        others="uvicorn yes, gunicorn no",
    )
    forwarded_allow_ips: tuple[str, ...] = option(
        ("127.0.0.1", "::1"),
        Words("ADDRESSES"),
        "trusted peers: addresses, networks, unix for peers on Unix sockets, * for all",
        also_variable="FORWARDED_ALLOW_IPS",
        others="uvicorn and gunicorn 127.0.0.1 and ::1",
    )
    forwarded_style: str = option(
        "x-forwarded",
        Choice(("x-forwarded", "forwarded")),
        "fields that --proxy-headers believes: those that begin with X-Forwarded, or Forwarded (RFC 7239); the proxy "
        "has to replace or remove what a client sends in them",
        others="hypercorn has it as legacy and modern",
    )
    proxy_protocol: str = option(
        "none",
        Choice(("none", "v1", "v2", "any")),
        "expect the PROXY protocol of this version on connections of the peers in --forwarded-allow-ips",
        others="gunicorn off, v1, v2 and auto",
    )
