"""The addresses that a server can listen on, as values: a host and port, a path, a descriptor.

Sockets are not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import OptionError
from .options import Options

_BRACKETED = re.compile(r"\[(?P<host>[^\[\]]*)\]:(?P<port>[0-9]+)", re.ASCII)
_PLAIN = re.compile(r"(?P<host>[^:\[\]/]*):(?P<port>[0-9]+)", re.ASCII)
_DESCRIPTOR = re.compile(r"fd://(?P<number>[0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tcp:
    """A host name or address, and a port. An empty host means all interfaces."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Unix:
    """The path of a Unix socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class Inherited:
    """The number of a descriptor that another process opened."""

    number: int

    def __str__(self) -> str:
        return f"fd://{self.number}"


Address = Tcp | Unix | Inherited


def of_options(options: Options) -> list[Address]:
    """Return the addresses of the options. OptionError for an address in no known form, and for a port without effect.

    Host and port are used if no other address is given.
    """
    found = [parse(text) for text in options.bind]
    if options.uds is not None:
        found.append(Unix(options.uds))
    if options.fd is not None:
        found.append(Inherited(options.fd))
    if not found:
        return [Tcp(options.host, options.port)]
    for name in ("host", "port"):
        if getattr(options, name) != Options.__dataclass_fields__[name].default:
            raise OptionError(f"--{name} cannot be combined with --bind, --uds or --fd: give the address with --bind")
    return found


def parse(text: str) -> Address:
    """Parse HOST:PORT, [IPV6]:PORT, unix:PATH or fd://NUMBER. OptionError for anything else."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if path:
            return Unix(path)
    elif match := _DESCRIPTOR.fullmatch(text):
        return Inherited(int(match["number"]))
    elif (match := _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)) and int(match["port"]) <= 65535:
        return Tcp(match["host"], int(match["port"]))
    raise OptionError(f"--bind: {text!r} is not HOST:PORT, [::1]:PORT, unix:PATH or fd://NUMBER")
