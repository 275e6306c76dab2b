"""--user, --group and --umask: what is done with root's privileges before, and that nothing is left of them afterwards.

Most of this needs root. The application imports only what is loaded already: an interpreter in a folder of root's is of
no use to another user.
"""

import contextlib
import grp
import http.client
import json
import os
import pwd
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vitok.http
from certificates_made import Certificates
from served import CHILD_SECONDS, Served, drain, refused, serving
from vitok.http import privileges
from vitok.http.option_parsing import OptionError
from vitok.http.options import Options

pytestmark = pytest.mark.vitok_only
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

APPLICATION = """
import json
import os


def who():
    return {"uids": os.getresuid(), "gids": os.getresgid(), "groups": os.getgroups(), "home": os.environ["HOME"]}


LOADED = who()
try:
    os.setuid(0)
    LOADED["uids"] = "root again"
except PermissionError:
    pass


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    mask = os.umask(0)
    os.umask(mask)
    body = json.dumps({"loaded": LOADED, "now": who(), "mask": mask, "process": os.getpid()}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can read, with an application; pytest's own are for one user only."""
    made = Path(tempfile.mkdtemp(prefix="vitok-test-"))
    made.chmod(0o755)
    (made / "who_app.py").write_text(APPLICATION)
    (made / "who_app.py").chmod(0o644)
    yield made
    shutil.rmtree(made)


def nobody() -> pwd.struct_passwd:
    """The user that owns nothing."""
    return pwd.getpwnam("nobody")


def privileged_port() -> int:
    """A free port that only root can bind, on most systems."""
    for port in range(1023, 600, -1):
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port below 1024 is free")


def uids_of(pid: int) -> list[int]:
    """The real, effective, saved and file system user of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [int(word) for line in lines if line.startswith("Uid:") for word in line.split()[1:]]


def assert_is_nobody(told: dict[str, Any]) -> None:
    """The application is that user, and was it when it was loaded."""
    user = nobody()
    for facts in (told["loaded"], told["now"]):
        assert facts["uids"] == [user.pw_uid] * 3
        assert facts["gids"] == [user.pw_gid] * 3
        assert set(facts["groups"]) == set(os.getgrouplist("nobody", user.pw_gid))
        assert facts["home"] == user.pw_dir


@ROOT
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_becomes_a_user(folder: Path, workers: str) -> None:
    """A port of root's is bound, files are opened, and the application is loaded and called as the other user."""
    port, log = privileged_port(), folder / "server.log"
    bind = ("--bind", f"127.0.0.1:{port},unix:{folder}/app.sock")
    words = ("--user", "nobody", "--umask", "027", "--workers", workers, "--access-log-file", log)
    with serving(*bind, *words, app="who_app:app", folder=folder) as served:
        told = served.get()
        assert_is_nobody(told)
        assert told["mask"] == 0o027
        # The supervisor imports nothing of the application, and binds, opens and starts as root.
        assert set(uids_of(served.child.pid)) == {nobody().pw_uid if workers == "1" else 0}
        about = (folder / "app.sock").stat()
        assert (about.st_uid, about.st_gid) == (nobody().pw_uid, nobody().pw_gid)
        assert stat.S_IMODE(about.st_mode) == 0o750
        assert served.end() == 0
    assert (log.stat().st_uid, stat.S_IMODE(log.stat().st_mode)) == (nobody().pw_uid, 0o640)
    assert '"GET / HTTP/1.1" 200' in log.read_text()
    # The folder is root's, so only a supervisor can remove the file; another one would replace it.
    assert (folder / "app.sock").exists() == (workers == "1")


@ROOT
@pytest.mark.parametrize("workers", ["1", "2"])
def test_keys_that_only_root_reads(folder: Path, certificates: Certificates, workers: str) -> None:
    """Certificates are loaded before the privileges are dropped, by each worker."""
    key = folder / "key.pem"
    shutil.copy(certificates.key, key)
    key.chmod(0o600)
    words = ("--certfile", certificates.certificate, "--keyfile", key, "--user", "nobody", "--workers", workers)
    with serving(*words, app="who_app:app", folder=folder) as served:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", served.port, context=context, timeout=CHILD_SECONDS)
        connection.request("GET", "/")
        assert_is_nobody(json.loads(connection.getresponse().read()))
        connection.close()
        assert served.end() == 0


@ROOT
def test_a_check_loads_the_application_as_the_user(folder: Path, certificates: Certificates) -> None:
    """--check-config reads keys as root, and runs nothing of the application as root."""
    (folder / "told_app.py").write_text("from who_app import LOADED, app\nprint(LOADED['uids'])\n")
    words = ["told_app:app", "--app-dir", folder, "--certfile", certificates.certificate, "--keyfile", certificates.key]
    command = [sys.executable, "-m", "vitok", "serve", *map(str, words), "--user", "nobody", "--check-config"]
    child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=CHILD_SECONDS)
    assert (child.returncode, child.stderr) == (0, "vitok serve: the configuration can be used\n")
    assert child.stdout == f"{[nobody().pw_uid] * 3}\n".replace("[", "(").replace("]", ")")


def test_a_server_in_a_loop_leaves_its_process_alone() -> None:
    """The options of the process are refused by name."""
    for name, value in (("user", "nobody"), ("group", "nogroup"), ("umask", 0o27), ("pid", "server.pid")):
        with pytest.raises(OptionError, match=f"{name}: a Server leaves its process to the program"):
            vitok.http.Server(print, **{name: value})


@ROOT
def test_numbers_and_groups(folder: Path) -> None:
    """A user or group may be a number, without any entry; a group alone leaves the user as it is."""
    words = ("--user", "54321", "--group", "54322")
    with serving(*words, app="who_app:app", folder=folder) as served:
        now = served.get()["now"]
        assert now == {"uids": [54321] * 3, "gids": [54322] * 3, "groups": [54322], "home": "/"}
        assert served.end() == 0
    group = grp.getgrgid(nobody().pw_gid).gr_name
    command = [sys.executable, "-c", "from vitok.http import privileges, options; import os; "]
    command[-1] += f"privileges.drop(options.Options(group={group!r})); "
    command[-1] += "print(os.getresuid(), os.getresgid(), os.getgroups())"
    child = subprocess.run(command, capture_output=True, text=True, check=True)
    number = nobody().pw_gid
    assert child.stdout == f"(0, 0, 0) {(number,) * 3} [{number}]\n"


@ROOT
def test_the_user_that_it_is(folder: Path) -> None:
    """Root may be asked for, too: then nothing changes."""
    before = os.getgroups()
    privileges.drop(Options(user="root", group="root"))
    assert (os.getresuid(), os.getgroups()) == ((0, 0, 0), before)


@ROOT
def test_a_file_in_a_folder_of_roots(folder: Path) -> None:
    """What can't be removed at the end is said, does not change the exit code, and is replaced by the next server."""
    words = ("--user", "nobody", "--pid", folder / "server.pid", "--uds", folder / "app.sock")
    for _ in range(2):
        with serving(*words, app="who_app:app", folder=folder) as served:
            assert (folder / "server.pid").read_text() == f"{served.child.pid}\n"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(folder / "app.sock"))
                client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                assert drain(client).startswith(b"HTTP/1.1 200")
            assert served.end() == 0
        assert f"--pid: '{folder}/server.pid' can't be removed: permission denied" in served.errors
        assert "Traceback" not in served.errors


@ROOT
def test_only_root_can_become_another_user(folder: Path) -> None:
    """Anybody else gets a line and exit code 3; a user may be asked to be who it is."""
    # Both are imported when they are used: by argparse, and by socket.getaddrinfo.
    program = "import encodings.idna, os, shutil, sys; from vitok.http.serving import main; "
    program += "os.setgroups([]); os.setgid(65534); os.setuid(65534); main(sys.argv[1:])"

    def run(*words: str) -> subprocess.Popen[str]:
        words = ("who_app:app", "--app-dir", str(folder), "--port", "0", *words)
        command = [sys.executable, "-c", program, *words]
        return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    for words, option in ((("--user", "daemon"), "--user"), (("--group", "daemon"), "--group")):
        with run(*words) as child:
            _, errors = child.communicate(timeout=CHILD_SECONDS)
        assert child.returncode == 3
        assert errors == f"vitok serve: {option}: only root can become another user or group\n"
    with run("--user", "65534", "--group", "65534") as child:
        served = Served(child)
        served.read_until("Ctrl-C")
        assert served.end() == 0


def test_users_that_do_not_exist() -> None:
    """A name or number that is none is a line, with exit code 2; a number without an entry needs a group."""
    for words, line in (
        (("--user", "no-such-user"), "--user: there is no user 'no-such-user'"),
        (("--user", ""), "--user: there is no user ''"),
        (("--user", "-1"), "--user: there is no user '-1'"),
        (("--group", "no-such-group"), "--group: there is no group 'no-such-group'"),
        (("--group", "4294967295"), "--group: there is no group '4294967295'"),
        (("--user", "54321"), "--user: 54321 has no entry in the database of users: expected --group as well"),
    ):
        assert refused("--port", "0", *words) == (2, [f"vitok serve: {line}"])
    with pytest.raises(OptionError, match="there is no user"):
        privileges.identity_of(Options(user="a\0b"))


def test_the_mask_is_restored() -> None:
    """`vitok.serve(umask=...)` leaves the program's mask as it was."""
    before = os.umask(0o022)
    try:
        with privileges.umask(0o077):
            assert os.umask(0o077) == 0o077
        assert os.umask(0o022) == 0o022
        with privileges.umask(None):
            assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
