"""`vitok --completion SHELL`: what bash, zsh and fish complete, each asked by itself, at a terminal where it needs one.

A test of a shell that is not installed is skipped.
"""

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from needs import need_command

pytestmark = pytest.mark.vitok_only

# A shell that hangs is ended before the time limit of its test.
SECONDS = 40.0
COMMANDS = ["bench", "info", "run", "serve", "top"]
INTERFACES = ["asgi2", "asgi3", "auto", "native", "wsgi"]
# A line, and what it is completed to.
COMPLETED = [
    ("vitok se", "vitok serve"),
    ("vitok inf", "vitok info"),
    ("vitok serve --interf", "vitok serve --interface"),
    ("vitok serve module:app --interf", "vitok serve module:app --interface"),
    ("vitok serve --interface nat", "vitok serve --interface native"),
    ("vitok serve --ssl-certfile certif", "vitok serve --ssl-certfile certificate.pem"),
    ("vitok serve certif", "vitok serve certif"),
    ("vitok run program_o", "vitok run program_one.py"),
    ("vitok program_o", "vitok program_one.py"),
    ("vitok run --insp", "vitok run --inspect"),
    ("vitok run program_one.py --insp", "vitok run program_one.py --insp"),
    ("vitok top --inter", "vitok top --interval"),
    ("vitok --completion fi", "vitok --completion fish"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The completions, as files, and files to complete."""
    made = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        words = [sys.executable, "-m", "vitok", "--completion", shell]
        (made / f"of_{shell}").write_bytes(
            subprocess.run(words, capture_output=True, check=True, timeout=SECONDS).stdout
        )
    (made / "certificate.pem").touch()
    (made / "program_one.py").touch()
    return made


class Terminal:
    """A shell at a terminal. The end of a line is a command of the test, which prints what the line has become."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.seen = ""

    def run(self, line: str) -> None:
        """Run a line."""
        os.write(self.descriptor, line.encode() + b"\n")

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read until this matches, and forget what was read."""
        end = time.monotonic() + SECONDS
        while not (match := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no {pattern!r} in {self.seen!r}"
            self.seen += os.read(self.descriptor, 65536).decode(errors="replace")
        self.seen = self.seen[match.end() :]
        return match

    def complete(self, line: str) -> str:
        """Type a line and a tab, then put `echo` in front of the line (Ctrl-A is the beginning), and run it."""
        os.write(self.descriptor, line.encode() + b"\t")
        os.write(self.descriptor, b"\x01echo '<'\x05'>'\r")
        return self.read_until(r"\n<(.*?)>\r")[1].strip()


@contextmanager
def terminal(folder: Path, *words: str | Path) -> Iterator[Terminal]:
    """Start a shell at a terminal of its own."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(folder)
        environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder), "LC_ALL": "C"}
        os.execve(words[0], list(map(str, words)), environment)
    try:
        yield Terminal(descriptor)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(descriptor)


def at_bash(folder: Path) -> list[str]:
    """What bash makes of each line, by readline."""
    with terminal(folder, need_command("bash", package="bash"), "--norc", "--noprofile", "-i") as shell:
        shell.run(
            "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; PS1=''; . ./of_bash; echo re''ady"
        )
        shell.read_until("ready")
        return [shell.complete(line) for line, _ in COMPLETED]


def at_zsh(folder: Path) -> list[str]:
    """What zsh makes of each line, by its line editor."""
    with terminal(folder, need_command("zsh", package="zsh"), "-f", "-i") as shell:
        shell.run("unsetopt prompt_cr prompt_sp list_beep auto_list; PS1=''; bindkey -e")
        shell.run("autoload -U compinit; compinit -u -D; . ./of_zsh; echo re''ady")
        shell.read_until("ready")
        return [shell.complete(line) for line, _ in COMPLETED]


def at_fish(folder: Path) -> list[str]:
    """What fish makes of each line: it is asked without a terminal, and gives words."""
    fish = need_command("fish", package="fish")
    return [completed_by_fish(fish, folder, line) for line, _ in COMPLETED]


def completed_by_fish(fish: Path, folder: Path, line: str) -> str:
    """The line with the only candidate, or as it is."""
    found = candidates_of_fish(fish, folder, line)
    return f"{line.rpartition(' ')[0]} {found[0]}" if len(found) == 1 else line


def candidates_of_fish(fish: Path, folder: Path, line: str) -> list[str]:
    """The words that fish proposes."""
    words = [fish, "--no-config", "-c", f"source of_fish; complete -C {shlex.quote(line)}"]
    child = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True, timeout=SECONDS)
    assert child.stderr == ""
    return [candidate.partition("\t")[0] for candidate in child.stdout.splitlines()]


@pytest.mark.parametrize("shell", [at_bash, at_zsh, at_fish])
def test_lines_are_completed(folder: Path, shell: object) -> None:
    """Commands, options, their choices and files; of a program that follows nothing is known."""
    assert callable(shell)
    assert shell(folder) == [expected for _, expected in COMPLETED]


def candidates_of_bash(folder: Path, line: str) -> list[str]:
    """The words that bash proposes, without readline's files."""
    bash = need_command("bash", package="bash")
    *words, last = re.split(r"(?<==)|(?==)|\s+", line)
    array = " ".join(map(shlex.quote, [*words, last]))
    body = f'. ./of_bash; COMP_WORDS=({array}); COMP_CWORD={len(words)}; _vitok; printf "%s\\n" "${{COMPREPLY[@]}}"'
    child = subprocess.run([bash, "-c", body], cwd=folder, capture_output=True, text=True, check=True, timeout=SECONDS)
    assert child.stderr == ""
    return child.stdout.split()


def test_candidates_of_bash(folder: Path) -> None:
    """All commands, all choices, also after an equals sign, and nothing where a value is free."""
    assert sorted(candidates_of_bash(folder, "vitok ")) == COMMANDS
    assert sorted(candidates_of_bash(folder, "vitok serve --interface ")) == INTERFACES
    assert sorted(candidates_of_bash(folder, "vitok serve --interface=a")) == ["asgi2", "asgi3", "auto"]
    assert sorted(candidates_of_bash(folder, "vitok serve a:b --interface=")) == INTERFACES
    assert candidates_of_bash(folder, "vitok --completion=z") == ["zsh"]
    assert candidates_of_bash(folder, "vitok serve --port ") == []
    assert {"--port", "--reload", "--no-reload", "--version"} <= {*candidates_of_bash(folder, "vitok serve -")}


def test_candidates_of_fish(folder: Path) -> None:
    """The same of fish, which adds files by itself."""
    fish = need_command("fish", package="fish")
    assert {*COMMANDS, "program_one.py"} <= {*candidates_of_fish(fish, folder, "vitok ")}
    assert sorted(candidates_of_fish(fish, folder, "vitok serve --interface ")) == INTERFACES
    assert candidates_of_fish(fish, folder, "vitok serve --port ") == []
    assert candidates_of_fish(fish, folder, "vitok serve ") == []


def test_every_option_is_there(folder: Path) -> None:
    """Each shell knows each option of the server."""
    from vitok.http.options import table

    for option in table():
        for flag in option.flags:
            assert f"serve:{flag}" in (text := (folder / "of_bash").read_text()) or f" {flag} " in text
            assert f"'{flag}[" in (text := (folder / "of_zsh").read_text()) or f"'*{flag}=[" in text
            assert f"-l {flag[2:]} " in (folder / "of_fish").read_text()
