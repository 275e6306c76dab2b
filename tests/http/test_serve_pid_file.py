"""--pid: the file is that of the main process, replaced if its process has ended, and removed at the end.

Each end of a server is tested elsewhere.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from served import FOLDER, refused, serving, started
from vitok.http.pid_file import PidFile

pytestmark = pytest.mark.vitok_only


def refusal(file: Path) -> str:
    """What is said about a file that can't be written, without the name of the option and the file."""
    with pytest.raises(OSError, match="--pid: ") as caught:
        PidFile(str(file)).write()
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []
    assert caught.value.strerror is not None
    return caught.value.strerror.removeprefix(f"--pid: '{file}': ")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_file_of_a_server(tmp_path: Path, workers: str) -> None:
    """It has the number of the main process, with workers, too, and is removed at the end."""
    file = tmp_path / "server.pid"
    with serving("--pid", file, "--workers", workers) as served:
        assert file.read_text() == f"{served.child.pid}\n"
        assert file.stat().st_mode & 0o777 == 0o644
        assert list(tmp_path.iterdir()) == [file]
        assert served.end() == 0
    assert not file.exists()


def test_the_file_goes_at_a_second_signal(tmp_path: Path) -> None:
    """Also where the process dies of that signal."""
    file = tmp_path / "server.pid"
    with serving("--pid", file) as served:
        served.child.send_signal(signal.SIGINT)
        served.read_until("SIGINT: ending")
        served.child.send_signal(signal.SIGINT)
        assert served.wait() in (0, -signal.SIGINT)
    assert not file.exists()


def test_the_file_goes_when_the_application_is_none(tmp_path: Path) -> None:
    """An application that can't be loaded, and a startup that failed, leave no file."""
    file = tmp_path / "server.pid"
    for app in ("asgi_apps:nothing", "asgi_apps:fails_to_start"):
        assert refused("--port", "0", "--pid", file, app=app)[0] in (2, 3)
        assert not file.exists()


def test_a_second_server_with_the_file_is_refused(tmp_path: Path) -> None:
    """In one line that has the number of the first one, whose file stays."""
    file = tmp_path / "server.pid"
    with serving("--pid", file) as served:
        for workers in ("1", "2"):
            code, lines = refused("--port", "0", "--pid", file, "--workers", workers)
            assert (code, len(lines)) == (3, 1)
            assert lines[0] == f"vitok serve: --pid: '{file}': process {served.child.pid} has it, and runs"
        assert file.read_text() == f"{served.child.pid}\n"


def test_files_of_processes_that_have_ended(tmp_path: Path) -> None:
    """A number without a process, of a zombie, of this process, and an empty file are replaced."""
    file = tmp_path / "server.pid"
    child = subprocess.Popen([sys.executable, "-c", ""])
    # It has ended, and is a zombie until it is waited for.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    own = f"{os.getpid()}\n"
    for text in (str(child.pid), f"{2**22 + 5}\n", "99999999999\n", "0", "", own):
        file.write_text(text)
        written = PidFile(str(file))
        written.write()
        assert file.read_text() == own
        written.remove()
        assert list(tmp_path.iterdir()) == []
    child.wait()


def test_a_number_that_another_process_got(tmp_path: Path) -> None:
    """A process that began long after the file was written did not write it: the machine or container was restarted."""
    file = tmp_path / "server.pid"
    with started("--port", "0") as other:
        file.write_text(f"{other.child.pid}\n")
        assert refusal(file) == f"process {other.child.pid} has it, and runs"
        long_ago = time.time() - 3600
        os.utime(file, (long_ago, long_ago))
        PidFile(str(file)).write()
        assert file.read_text() == f"{os.getpid()}\n"


def test_what_is_no_such_file_stays(tmp_path: Path) -> None:
    """A file with something else, a folder, a symbolic link and a pipe are neither replaced nor removed."""
    file = tmp_path / "server.pid"
    file.write_text("import os\n")
    assert refusal(file) == "there is a file with something else than the number of a process"
    assert file.read_text() == "import os\n"
    file.unlink()
    file.mkdir()
    assert refusal(file) == "there is something else than a regular file"
    file.rmdir()
    file.symlink_to(tmp_path / "other")
    assert refusal(file) == "it is a symbolic link"
    assert not (tmp_path / "other").exists()
    file.unlink()
    os.mkfifo(file)
    assert refusal(file) == "there is something else than a regular file"


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    """A missing folder, a file as folder and a NUL are one line."""
    assert refused("--port", "0", "--pid", tmp_path / "no" / "pid") == (
        3,
        [f"vitok serve: --pid: '{tmp_path}/no/pid': no such file or directory"],
    )
    with pytest.raises(OSError, match="not a directory"):
        PidFile("/dev/null/pid").write()
    with pytest.raises(OSError, match="is not a path"):
        PidFile("a\0b").write()


def test_a_full_disk(tmp_path: Path) -> None:
    """A file that can't be written is an error that says why, and leaves neither a part of it nor a draft."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match=f"--pid: '{tmp_path}/server.pid': file too large"):
            PidFile(str(tmp_path / "server.pid")).write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_another_one_stays(tmp_path: Path) -> None:
    """A file that another process put in its place is not removed, and a forked child removes nothing."""
    path = tmp_path / "server.pid"
    file = PidFile(str(path))
    file.write()
    child = os.fork()
    if child == 0:
        file.remove()
        os._exit(0)
    os.waitpid(child, 0)
    assert path.exists()
    other = tmp_path / "other"
    other.write_text("1\n")
    other.rename(path)
    file.remove()
    assert path.read_text() == "1\n"
    path.unlink()
    file.remove()


def test_the_folder_may_change(tmp_path: Path) -> None:
    """The path is that of the folder in which the server was started."""
    (tmp_path / "wanderer.py").write_text("import os\nfrom asgi_apps import app\nos.chdir('/')\n")
    file = os.path.relpath(tmp_path / "server.pid")
    with serving("--pid", file, folder=tmp_path, app="wanderer:app", environment={"PYTHONPATH": str(FOLDER)}) as served:
        assert (tmp_path / "server.pid").exists()
        assert served.end() == 0
    assert not (tmp_path / "server.pid").exists()
