"""The addresses that a server can listen on, and their sockets: bound, and of TCP not yet listening.

A port in use, a path that is not a socket and a number that is not a socket are found here, before the application is
started; each is an error of one line that names the address. Loops and HTTP are not known here.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
import stat
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .narrowing import is_tuple
from .options import OptionError, Options

# The time to connect to a Unix socket, which shows whether a process listens on it: connecting to a live one is fast.
_CONNECT_SECONDS = 1.0
_LOCK_PAUSE_SECONDS = 0.01
_BRACKETED = re.compile(r"\[(?P<host>[^\[\]]*)\]:(?P<port>[0-9]+)", re.ASCII)
_PLAIN = re.compile(r"(?P<host>[^:\[\]/]*):(?P<port>[0-9]+)", re.ASCII)
_DESCRIPTOR = re.compile(r"fd://(?P<number>[0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tcp:
    """A host name or address, and a port. An empty host means all interfaces."""

    host: str
    port: int
    option: str = field(default="", compare=False)
    """The option that gives the address, for messages."""

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


def addresses_of(options: Options) -> list[Address]:
    """Return the addresses of the options. OptionError for an address in no known form, and for a port without effect.

    Host and port are used if no other address is given.
    """
    found: list[Address] = []
    for text in options.bind:
        address = parse_address(text)
        found.append(replace(address, option="--bind") if isinstance(address, Tcp) else address)
    if options.uds is not None:
        found.append(Unix(options.uds))
    if options.fd is not None:
        found.append(Inherited(options.fd))
    if not found:
        return [Tcp(options.host, options.port, option="--port")]
    for name in ("host", "port"):
        if getattr(options, name) != Options.__dataclass_fields__[name].default:
            raise OptionError(f"--{name} cannot be combined with --bind, --uds or --fd: give the address with --bind")
    return found


def parse_address(text: str) -> Address:
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


@dataclass(slots=True)
class Bound:
    """A socket, and what has to be cleaned up when it is closed."""

    sock: socket.socket
    # The path and inode of the file of a Unix socket.
    file: tuple[str, int] | None = None
    # Whether other processes of this server accept from it.
    is_shared: bool = False
    # Whether the socket belongs to this server, so that connections in its backlog are for it when it ends.
    is_ours: bool = True

    def url(self, *, tls: bool) -> str:
        """Return the URL for clients: http://127.0.0.1:8000, unix:/run/app.sock."""
        if self.sock.family == socket.AF_UNIX:
            name = self.sock.getsockname()
            path = os.fsdecode(name)
            return f"unix:{'@' + path[1:] if path.startswith(chr(0)) else path}"
        host, port = self.sock.getsockname()[:2]
        return f"{'https' if tls else 'http'}://{Tcp(host, port)}"

    def close(self) -> None:
        """Close it, and remove the file of a Unix socket if it is still the one that was created."""
        self.sock.close()
        file, self.file = self.file, None
        if file is None:
            return
        path, inode = file
        try:
            if os.stat(path).st_ino == inode:  # noqa: PTH116 - one call beside the next
                Path(path).unlink()
        except FileNotFoundError:
            # Another process was faster.
            return
        except PermissionError:
            # The folder belongs to the user that bound it; the next server replaces the file.
            return


def bind(
    addresses: Iterable[Address], *, permissions: int | None = None, owner: tuple[int, int] | None = None
) -> list[Bound]:
    """Bind a socket for each address; a name can have several. OSError names the address that can't be bound.

    `permissions` and `owner`, a user and a group, are those of Unix sockets.
    """
    made: list[Bound] = []
    try:
        for address in addresses:
            match address:
                case Tcp():
                    made += _bind_tcp(address)
                case Unix():
                    made.append(_bind_unix(address, permissions, owner))
                case Inherited():
                    made.append(_adopt(address))
    except BaseException:
        close(made)
        raise
    return made


def close(bound: Iterable[Bound]) -> None:
    """Close all of them."""
    for one in bound:
        one.close()


def peer_text(peer: Any) -> str:
    """Format an address as in the access log."""
    if not is_tuple(peer):
        return "-"
    return str(Tcp(peer[0], peer[1]))


def failure(error: OSError, shown: str, option: str = "") -> OSError:
    """Return the kernel's error, with the address, and the option that gives another one."""
    if error.errno == errno.EADDRINUSE:
        hint = f": {option} chooses another one" if option else ""
        return OSError(error.errno, f"{shown}: in use by another process{hint}")
    # A bind to a port fails by that only where the kernel keeps low ports.
    keeps = f": ports below 1024 are for root and CAP_NET_BIND_SERVICE: {option} chooses another one"
    hint = keeps if option and error.errno == errno.EACCES else ""
    return OSError(error.errno, f"{shown}: {(error.strerror or str(error)).lower()}{hint}")


def _bind_tcp(address: Tcp) -> list[Bound]:
    """Bind one socket for each address of a host; those after the first get the port of the first."""
    try:
        found = socket.getaddrinfo(address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        number, reason = error.args if isinstance(error, socket.gaierror) else (socket.EAI_NONAME, "Not a host name")
        raise OSError(number, f"{address}: {str(reason).lower()}") from None
    made: list[Bound] = []
    port = address.port
    try:
        for family, place in dict.fromkeys((entry[0], entry[4]) for entry in found):
            sock = _bind_one(family, (place[0], port, *place[2:]), address=address)
            if sock is not None:
                made.append(Bound(sock))
                port = sock.getsockname()[1]
    except BaseException:
        close(made)
        raise
    if not made:
        raise OSError(errno.EADDRNOTAVAIL, f"{address}: no address of this host belongs to this machine")
    return made


def _bind_one(family: int, place: tuple[object, ...], *, address: Tcp) -> socket.socket | None:
    """Bind a TCP socket to a literal address. Return None if the kernel does not support the family.

    SO_REUSEADDR lets a server start again at once; on Linux it does not let two processes listen on one port.
    """
    try:
        sock = _new(family)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return None
        raise
    try:
        sock.bind(place)
    except OSError as error:
        sock.close()
        raise failure(error, str(address), address.option) from None
    return sock


def _new(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        # The IPv4 address of the same name gets a socket of its own.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return sock


def _bind_unix(address: Unix, permissions: int | None, owner: tuple[int, int] | None) -> Bound:
    """Bind a Unix socket in place of one that no process listens on, with the owner and the mode of that one by
    default.

    An administrator may have set those so that a proxy has access. The socket listens, so that no other server replaces
    it while this one starts.
    """
    path = Path(address.path)
    with _locked(path.absolute().parent):
        return _bind_unix_locked(address, path, permissions, owner)


def _bind_unix_locked(address: Unix, path: Path, permissions: int | None, owner: tuple[int, int] | None) -> Bound:
    replaced = _clear(path, str(address))
    if permissions is None and replaced is not None:
        permissions = stat.S_IMODE(replaced.st_mode)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(address.path)
        if replaced is not None:
            owner = owner or (replaced.st_uid, replaced.st_gid)
        if owner is not None:
            _give(path, *owner)
        if permissions is not None:
            _set_mode(path, permissions)
        sock.listen()
        return Bound(sock, file=(str(path.absolute()), path.stat().st_ino))
    except OSError as error:
        sock.close()
        raise failure(error, str(address)) from None


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """Keep other servers from replacing a socket in this folder meanwhile: two could take the file of a third one for
    left behind, and the second would remove that of the first.

    A lock that another program holds for long, such as the flock(1) that has started this server, is not waited for.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        # Binding says what is wrong with it, if anything is.
        yield
        return
    try:
        end = time.monotonic() + _CONNECT_SECONDS
        while not _has_locked(descriptor) and time.monotonic() < end:
            time.sleep(_LOCK_PAUSE_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _has_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks.
        return True
    return True


def _give(path: Path, user: int, group: int) -> None:
    """Give a file an owner and a group, as far as this process may."""
    for uid, gid in ((-1, group), (user, -1)):
        try:
            os.chown(path, uid, gid, follow_symlinks=False)
        except PermissionError:
            # Only root can change the owner; others can change the group to one of their own.
            continue


def _set_mode(path: Path, mode: int) -> None:
    """Set the mode of a socket's file. The folder may belong to another user: a link in its place is not followed."""
    if os.chmod in os.supports_follow_symlinks:
        path.chmod(mode, follow_symlinks=False)
        return
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise OSError(errno.EEXIST, "another file has taken its place")
        Path(f"/proc/self/fd/{descriptor}").chmod(mode)
    finally:
        os.close(descriptor)


def _clear(path: Path, shown: str) -> os.stat_result | None:
    """Remove a socket that was left behind, and return its status. OSError for one in use or another file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failure(error, shown) from None
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EEXIST, f"{shown}: there is a file of this name that is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_CONNECT_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            if _is_starting(path):
                raise OSError(errno.EADDRINUSE, f"{shown}: in use by another process, which starts") from None
            path.unlink()
            return found
        except OSError as error:
            raise failure(error, shown) from None
    raise OSError(errno.EADDRINUSE, f"{shown}: in use by another process")


def _is_starting(path: Path) -> bool:
    """Return whether a process has bound a socket to this path, and does not listen yet: its application is starting.

    Such a socket refuses connections, as one does that was left behind (proc_net_unix(5)).
    """
    names = {os.fsencode(path), os.fsencode(path.absolute())}
    try:
        lines = Path("/proc/net/unix").read_bytes().splitlines()
    except OSError:
        return False
    for line in lines:
        # Number, references, protocol, flags, type, state, inode, path. Without flags it does not listen, in state 1 it
        # is not connected.
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[3:6] == [b"00000000", b"0001", b"01"] and fields[7] in names:
            return True
    return False


def _adopt(address: Inherited) -> Bound:
    """Return a socket of its own for a descriptor, which stays open."""
    try:
        copy = os.dup(address.number)
    except OSError:
        raise OSError(errno.EBADF, f"{address}: there is no open descriptor with this number") from None
    try:
        sock = socket.socket(fileno=copy)
    except OSError as error:
        os.close(copy)
        if error.errno == errno.ENOTSOCK:
            raise OSError(errno.ENOTSOCK, f"{address}: this descriptor is not a socket") from None
        raise failure(error, str(address)) from None
    if sock.type == socket.SOCK_DGRAM:
        sock.close()
        raise OSError(errno.ESOCKTNOSUPPORT, f"{address}: this is a datagram socket: expected a stream socket")
    if sock.type != socket.SOCK_STREAM or _is_connected(sock):
        sock.close()
        raise OSError(errno.EINVAL, f"{address}: this socket is not a stream socket that can listen")
    return Bound(sock, is_ours=False)


def _is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
