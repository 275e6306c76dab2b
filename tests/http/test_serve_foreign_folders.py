"""Files that root opens in folders of the user that a server becomes: that user can't point them at files of root's."""

import errno
import os
import pwd
import re
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, refused, serving, started
from vitok.http import foreign_folders, privileges, sockets
from vitok.http.options import Options

pytestmark = [
    pytest.mark.vitok_only,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder of the user `nobody`, in one of root's that has a file `secret`."""
    made = Path(tempfile.mkdtemp(prefix="vitok-test-"))
    made.chmod(0o755)
    (made / "secret").write_text("secret\n")
    (made / "secret").chmod(0o600)
    (made / "theirs").mkdir()
    give(made / "theirs")
    yield made / "theirs"
    shutil.rmtree(made)


def nobody() -> int:
    """The user that owns nothing."""
    return pwd.getpwnam("nobody").pw_uid


def give(path: Path) -> None:
    """Give a file, or a link itself, to that user."""
    os.chown(path, nobody(), -1, follow_symlinks=False)


def link(path: Path, target: Path | str) -> None:
    """Make a link as that user does."""
    path.symlink_to(target)
    give(path)


def is_untouched(secret: Path) -> bool:
    """Return whether the file of root's is as it was."""
    about = secret.stat()
    return (about.st_uid, stat.S_IMODE(about.st_mode), secret.read_text()) == (0, 0o600, "secret\n")


def opened(path: Path) -> str:
    """Open a path for that user, and return where it has led."""
    descriptor = foreign_folders.opened(str(path), FLAGS, 0o600, user=nobody())
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def test_paths_that_are_opened(theirs: Path) -> None:
    """Files that exist or not, also by links of root's, relative and absolute ones, and by `..`."""
    real = str(theirs.resolve())
    assert opened(theirs / "new") == f"{real}/new"
    assert opened(theirs / "new") == f"{real}/new"
    (theirs.parent / "relative").symlink_to("theirs/../theirs")
    (theirs.parent / "absolute").symlink_to(theirs.parent / "relative")
    assert opened(theirs.parent / "absolute" / "new") == f"{real}/new"
    (theirs.parent / "file").symlink_to(theirs / "other")
    assert opened(theirs.parent / "file") == f"{real}/other"
    assert opened(Path("/dev/null")) == "/dev/null"


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "missing", "log"])
def test_links_of_the_user(theirs: Path, target: str) -> None:
    """They are not followed, neither to a file nor to a folder, and nothing is made where they lead."""
    link(theirs / "log", target)
    link(theirs / "folder", "..")
    for path in (theirs / "log", theirs / "folder" / "secret", theirs / "folder" / "new"):
        with pytest.raises(OSError, match="there is a symbolic link of another user than root") as raised:
            opened(path)
        assert raised.value.errno == errno.ELOOP
    assert not (theirs.parent / "new").exists()
    assert not (theirs / "missing").exists()
    assert is_untouched(theirs.parent / "secret")


def test_other_things(theirs: Path) -> None:
    """A folder, links in a circle, and a second name of a file of root's."""
    with pytest.raises(IsADirectoryError):
        opened(theirs)
    (theirs.parent / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="symbolic links"):
        opened(theirs.parent / "circle")
    (theirs / "log").hardlink_to(theirs.parent / "secret")
    with pytest.raises(PermissionError, match="second name"):
        opened(theirs / "log")
    (theirs / "own").touch()
    give(theirs / "own")
    (theirs / "second").hardlink_to(theirs / "own")
    assert opened(theirs / "second").endswith("/second")


@pytest.mark.parametrize("option", ["--log-file", "--access-log-file"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_log_file_that_is_a_link_at_the_start(theirs: Path, option: str, workers: str) -> None:
    """The server does not start: neither is a line written to a file of root's, nor is that given away."""
    link(theirs / "log", "../secret")
    code, lines = refused(option, theirs / "log", "--user", "nobody", "--workers", workers)
    assert code == 3
    reason = "there is a symbolic link of another user than root, 'log'"
    assert lines == [f"vitok serve: {option}: {str(theirs / 'log')!r} can't be opened: {reason}"]
    assert is_untouched(theirs.parent / "secret")


def test_a_log_file_that_becomes_a_link(theirs: Path) -> None:
    """At a rotation, and at the start of another worker, which still is root."""
    log = theirs / "log"
    words = ("--access-log-file", log, "--user", "nobody", "--workers", "2")
    with serving(*words, app="asgi_apps:without_lifespan") as served:
        worker = served.get()["process"]
        log.rename(theirs / "old")
        link(log, "../secret")
        served.child.send_signal(signal.SIGUSR1)
        served.read_until("symbolic link of another user than root, 'log'; the file in use stays")
        os.kill(worker, signal.SIGKILL)
        served.read_until("vitok serve: --access-log-file: .* there is a symbolic link of another user than root")
        assert served.end() == 0
    assert is_untouched(theirs.parent / "secret")


CONFIGURATION = """
[handlers.file]
class = "logging.FileHandler"
filename = "{file}"
[loggers.vitok]
handlers = ["file"]
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_files_of_a_configuration(theirs: Path, workers: str) -> None:
    """They belong to the user, so all processes open them anew at a rotation; root opens nothing in their place."""
    log, old, configuration = theirs / "log", theirs / "old", theirs.parent / "log.toml"
    configuration.write_text(CONFIGURATION.format(file=log))
    words = ("--log-config", configuration, "--user", "nobody", "--workers", workers, "--port", "0")
    with started(*words, app="asgi_apps:without_lifespan") as served:
        wait_for(log, r"vitok serve: http://127\.0\.0\.1:(\d+) ", served)
        assert log.stat().st_uid == nobody()
        log.rename(old)
        served.child.send_signal(signal.SIGUSR1)
        # One line of each process.
        wait_for(log, r"(opened anew\n.*)" * (1 if workers == "1" else 3), served)
        assert "denied" not in log.read_text()
        assert served.end() == 0
    log.unlink()
    link(log, "../secret")
    code, lines = refused(*words)
    assert code == 2
    assert lines[-1].endswith(f"{str(log)!r}: permission denied")
    assert is_untouched(theirs.parent / "secret")


def wait_for(file: Path, what: str, served: Served) -> None:
    """Wait until a file has this."""
    while not (file.exists() and re.search(what, file.read_text(), re.DOTALL)):
        assert served.child.poll() is None, served.wait()


def test_rights_for_a_block() -> None:
    """Root has those of the user, and its own again afterwards."""
    identity = privileges.identity_of(Options(user="nobody"))
    assert identity is not None
    before = (os.getresuid(), os.getresgid(), os.getgroups())
    with identity.acting():
        assert (os.geteuid(), os.getegid()) == (identity.uid, identity.gid)
        assert set(os.getgroups()) == set(os.getgrouplist("nobody", identity.gid))
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


def test_a_socket_that_becomes_a_link(theirs: Path) -> None:
    """The mode is set for the socket, and never for what a link in its place leads to."""
    path = theirs / "app.sock"
    (bound,) = sockets.bind([sockets.Unix(str(path))], permissions=0o666, owner=(nobody(), -1))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    path.unlink()
    link(path, "../secret")
    with pytest.raises(OSError, match=r"taken its place|not supported"):
        sockets._set_mode(path, 0o666)
    bound.close()
    assert is_untouched(theirs.parent / "secret")
