"""The addresses of a server and their sockets: refused, shared and cleaned up.

Serving is not tested here.
"""

import errno
import fcntl
import os
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from vitok.http import sockets
from vitok.http.options import OptionError, Options
from vitok.http.sockets import Address, Inherited, Tcp, Unix
from vitok.http.sockets import addresses_of as of_options
from vitok.http.sockets import parse_address as parse

pytestmark = pytest.mark.vitok_only


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Tcp("127.0.0.1", 80)),
        ("localhost:0", Tcp("localhost", 0)),
        (":8000", Tcp("", 8000)),
        ("[::1]:8000", Tcp("::1", 8000)),
        ("[fe80::1%eth0]:65535", Tcp("fe80::1%eth0", 65535)),
        ("unix:/run/app.sock", Unix("/run/app.sock")),
        ("unix:app.sock", Unix("app.sock")),
        ("fd://3", Inherited(3)),
    ],
)
def test_forms_of_addresses(text: str, address: Address) -> None:
    """--bind takes four forms, and writes them again as they came."""
    assert parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "localhost", "::1:80", "1.2.3.4:65536", "a:b", "unix:", "fd://", "fd://x", "http://a:80", "[::1]"]
)
def test_what_is_no_address(text: str) -> None:
    """Anything else is refused by name."""
    with pytest.raises(OptionError, match="--bind: "):
        parse(text)


def test_what_the_options_say() -> None:
    """Host and port count where nothing else is named; together with something else they would go unused."""
    assert of_options(Options()) == [Tcp("127.0.0.1", 8000)]
    assert of_options(Options(host="::1", port=1)) == [Tcp("::1", 1)]
    everything = Options(bind=("a:1", "unix:b"), uds="c", fd=4)
    assert of_options(everything) == [Tcp("a", 1), Unix("b"), Unix("c"), Inherited(4)]
    with pytest.raises(OptionError, match="--port"):
        of_options(Options(uds="c", port=1))
    with pytest.raises(OptionError, match="--host"):
        of_options(Options(bind=("a:1",), host="b"))


def test_a_free_port_is_had_and_told() -> None:
    """Port 0 becomes a port, which the URL names; a name with several addresses has one port for all."""
    bound = sockets.bind([Tcp("localhost", 0)])
    try:
        ports = {one.sock.getsockname()[1] for one in bound}
        assert len(ports) == 1
        assert bound[0].url(tls=False) in (f"http://127.0.0.1:{min(ports)}", f"http://[::1]:{min(ports)}")
        assert bound[0].url(tls=True).startswith("https://")
    finally:
        sockets.close(bound)


def test_a_port_in_use_is_refused_by_name() -> None:
    """A port that somebody listens on is an error that names the address, also if that one would share it."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        address = Tcp("127.0.0.1", other.getsockname()[1])
        with pytest.raises(OSError, match=f"{address}: in use by another process") as caught:
            sockets.bind([address])
        assert caught.value.errno == errno.EADDRINUSE


def test_a_port_that_only_root_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what low ports need, and the option that chooses another one."""

    class Refused(socket.socket):
        """A socket with the kernel's answer to a user without privileges."""

        def bind(self, _address: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", Refused)
    for option, ending in (("", "denied"), ("--port", "denied: ports below 1024 .*: --port chooses another one")):
        with pytest.raises(PermissionError, match=rf"^\[Errno 13\] 127\.0\.0\.1:80: permission {ending}$"):
            sockets.bind([Tcp("127.0.0.1", 80, option)])


@pytest.mark.parametrize("host", ["a" * 70, "192.0.2.1"])
def test_hosts_that_are_not_ours(host: str) -> None:
    """What can't be a name, and an address that is not ours, are refused by name."""
    with pytest.raises(OSError, match=f"{host}:1: "):
        sockets.bind([Tcp(host, 1)])


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's error comes with the name."""

    def unknown(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="nowhere:1: name or service not known"):
        sockets.bind([Tcp("nowhere", 1)])


def test_the_first_sockets_go_when_a_later_one_fails() -> None:
    """What was bound is closed when the rest can't be had: the fixture looks for what is left open."""
    with pytest.raises(OSError, match="192"):
        sockets.bind([Tcp("127.0.0.1", 0), Tcp("192.0.2.1", 1)])


def test_a_unix_socket_and_its_file(tmp_path: Path) -> None:
    """The file is made, has the permissions asked for, replaces one that nobody listens on, and goes at the end."""
    path = tmp_path / "app.sock"
    for _ in range(2):
        [one] = sockets.bind([Unix(str(path))], permissions=0o640)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert one.url(tls=False) == f"unix:{path}"
        # Left behind, as by a process that was killed.
        one.sock.close()
    one.close()
    assert not path.exists()


def left_behind(path: Path) -> None:
    """The file of a process that was killed."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


@pytest.mark.parametrize("mode", [0o600, 0o666, 0o777, 0o000])
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int, umask: int) -> None:
    """What somebody gave the file holds for the next one, whatever the umask, unless permissions are asked for."""
    path = tmp_path / "app.sock"
    left_behind(path)
    path.chmod(mode)
    before = os.umask(umask)
    try:
        for permissions, kept in ((None, mode), (0o640, 0o640), (None, 0o640)):
            [one] = sockets.bind([Unix(str(path))], permissions=permissions)
            assert stat.S_IMODE(path.stat().st_mode) == kept
            one.sock.close()
    finally:
        os.umask(before)


@pytest.mark.parametrize("may_give", [True, False])
def test_a_file_that_is_replaced_keeps_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_give: bool
) -> None:
    """Owner and group hold, too, with and without permissions of our own; a process that may not give serves anyway."""
    path = tmp_path / "app.sock"
    left_behind(path)
    try:
        os.chown(path, 12345, 54321)
    except PermissionError:
        pytest.skip("only root gives files away")
    path.chmod(0o660)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not may_give:
        monkeypatch.setattr(os, "chown", refuse)
    owner = (12345, 54321) if may_give else (os.geteuid(), os.getegid())
    for permissions in (None, 0o600):
        [one] = sockets.bind([Unix(str(path))], permissions=permissions)
        found = path.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (*owner, permissions or 0o660)
        one.sock.close()


def test_a_file_of_somebody_else_stays(tmp_path: Path) -> None:
    """A socket that was put in the place of ours is not removed with it."""
    path = tmp_path / "app.sock"
    [one] = sockets.bind([Unix(str(path))])
    path.unlink()
    path.touch()
    one.close()
    assert path.exists()


def test_paths_that_can_not_be_had(tmp_path: Path) -> None:
    """A regular file, a live socket and a missing folder are refused by name, and nothing is removed."""
    regular = tmp_path / "regular"
    regular.touch()
    with pytest.raises(OSError, match=f"unix:{regular}: there is a file of this name that is not a socket"):
        sockets.bind([Unix(str(regular))])
    live = tmp_path / "live"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(live))
        other.listen()
        with pytest.raises(OSError, match=f"unix:{live}: in use"):
            sockets.bind([Unix(str(live))])
    assert live.exists()
    with pytest.raises(OSError, match="no such file"):
        sockets.bind([Unix(str(tmp_path / "missing" / "x"))])
    with pytest.raises(OSError, match="too long"):
        sockets.bind([Unix(str(tmp_path / ("x" * 200)))])


def test_a_unix_socket_that_is_bound_is_in_use(tmp_path: Path) -> None:
    """A server that has not started yet is not taken for one that has left its file behind."""
    address = Unix(str(tmp_path / "app.sock"))
    bound = sockets.bind([address])
    try:
        with pytest.raises(OSError, match=f"{address}: in use by another process"):
            sockets.bind([address])
    finally:
        sockets.close(bound)


def test_one_of_many_gets_a_unix_socket(tmp_path: Path) -> None:
    """Servers that start at once where a file was left behind: one has the address, and its file stays."""
    path = tmp_path / "app.sock"
    for _ in range(20):
        left_behind(path)
        start = threading.Barrier(8)

        def bind(start: threading.Barrier = start) -> list[sockets.Bound]:
            start.wait()
            try:
                return sockets.bind([Unix(str(path))])
            except OSError:
                return []

        with ThreadPoolExecutor(8) as pool:
            attempts = [pool.submit(bind) for _ in range(8)]
            [one] = [bound for attempt in attempts for bound in attempt.result()]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        one.sock.close()
        path.unlink()


def test_a_folder_that_is_locked(tmp_path: Path) -> None:
    """A lock that its owner does not give up, as that of flock(1) around the server, keeps nobody from binding."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        sockets.close(sockets.bind([Unix(str(tmp_path / "app.sock"))]))
    finally:
        os.close(descriptor)


def test_an_inherited_socket() -> None:
    """A descriptor is used through a copy: its owner keeps it."""
    with socket.create_server(("127.0.0.1", 0)) as owner:
        [one] = sockets.bind([Inherited(owner.fileno())])
        assert one.sock.getsockname() == owner.getsockname()
        one.close()
        assert owner.getsockname()[1]


def test_descriptors_that_are_no_listeners(tmp_path: Path) -> None:
    """A file, a number without a file, a datagram socket and a connection are refused by number."""
    with (tmp_path / "file").open("w") as file, pytest.raises(OSError, match=f"fd://{file.fileno()}: .* not a socket"):
        sockets.bind([Inherited(file.fileno())])
    free = os.dup(0)
    os.close(free)
    with pytest.raises(OSError, match=f"fd://{free}: there is no open descriptor"):
        sockets.bind([Inherited(free)])
    with (
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        pytest.raises(OSError, match="datagram socket: expected a stream socket"),
    ):
        sockets.bind([Inherited(datagrams.fileno())])
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(OSError, match="not a stream socket that can listen"):
        sockets.bind([Inherited(ours.fileno())])


def test_a_path_whose_server_is_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket of another program that is bound and does not listen yet is in use, however it is named."""
    monkeypatch.chdir(tmp_path)
    for one, other in (("a.sock", "a.sock"), ("b.sock", str(tmp_path / "b.sock")), ("c d.sock", "./c d.sock")):
        with socket.socket(socket.AF_UNIX) as starting:
            starting.bind(str(tmp_path / one))
            with pytest.raises(OSError, match=f"unix:{other}: in use by another process, which starts"):
                sockets.bind([Unix(other)])
            assert Path(one).exists()
        sockets.close(sockets.bind([Unix(other)]))
