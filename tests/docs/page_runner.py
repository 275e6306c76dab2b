"""Runs the blocks of a page of docs/ from top to bottom in a temporary folder, and compares what they write.

A page is what somebody does who follows it: files are written, programs run, and servers go on in the background.
tests/docs/README.md has the rules. What a page needs is looked for in page_needs.py.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from console_blocks import Command, agrees, commands_of
from page_blocks import Block, PageError, blocks_of
from page_needs import is_installation, need_all
from page_ports import Ports

# One command of a page takes a second or two, and the machine may be busy.
COMMAND_SECONDS = 60
# A server answers after a second or two; between two looks.
LOOK_SECONDS = 0.05
LOOKS_AT_MOST = 100
# The second server of one command, which has its own port.
OTHER_PORTS = re.compile(r"--metrics[ =]\S+")
# The port of `vitok serve` and of most servers.
USUAL_PORT = 8000
# Environments are made by whoever installs; that of the tests is there.
ENVIRONMENTS = re.compile(r"python[\d.]* -m venv |(?:\.|source) \S*/activate$|uv (?:venv|init|sync)\b")
CHANGE_FOLDER = re.compile(r"cd (?P<folder>[\w./-]+)$")
EXPORT = re.compile(r"export (?P<name>\w+)=(?P<value>\S*)$")
# Words that the shell replaces by the program, so that signals reach it.
SIMPLE = re.compile(r"(?P<assignments>(?:\w+=\S* )*)(?P<words>[^|&;<>()$`\n]+)$")
# curl shows a progress meter if its output goes to a pipe, which a reader would see.
PIPED_CURL = re.compile(r"\bcurl(?P<arguments> [^|;]*)\|(?!\|)")
SILENT = re.compile(r" (?:-[a-zA-Z]*s|--silent\b)")
OUR_SERVER = re.compile(r"(?:\w+=\S* )*vitok serve\b")
# Other servers than ours end by the signal itself.
ENDED_BY_SIGNAL = (-signal.SIGTERM, 128 + signal.SIGTERM)


class Server:
    """A command in the background. What it writes goes to a file, which has room for all of it."""

    def __init__(self, block: Block, command: Command, port: int, page: Run) -> None:
        self.block, self.command, self.port, self.page = block, command, port, page
        self.path = page.aside / f"server-{block.line}.txt"
        # A line that was continued is one line for the shell as well.
        words = page.ports.put_in(command.words.replace("\\\n", " "))
        if simple := SIMPLE.match(words):
            words = f"{simple['assignments']}exec {simple['words']}"
        with self.path.open("w") as output:
            self.process = subprocess.Popen(
                ["sh", "-c", words],
                cwd=page.folder,
                env=page.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def written(self) -> str:
        """Return what the command has written so far, with the ports of the page."""
        return self.page.shown(self.path.read_bytes())

    def wait_until_ready(self) -> None:
        """Wait until the port answers, or the line is there that the page names."""
        deadline = time.monotonic() + COMMAND_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None:
                self.fail(f"it ended with exit code {self.process.returncode}")
            if time.monotonic() > deadline:
                self.fail(f"nothing answers on its port ({self.port})" if self.block.until is None else "no such line")
            time.sleep(LOOK_SECONDS)

    def is_at(self, port: int) -> bool:
        """Tell whether it listens on a port."""
        return self.block.until is None and self.port == port

    def is_ready(self) -> bool:
        """Tell whether the command has begun to serve."""
        if self.block.until is not None:
            return self.block.until in self.written()
        with socket.socket() as sock:
            sock.settimeout(COMMAND_SECONDS)
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self) -> None:
        """End it as a service manager does, and compare what it has written."""
        if self.process.poll() is not None:
            self.fail(f"it ended with exit code {self.process.returncode} before its time")
        self.process.terminate()
        try:
            code = self.process.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            self.fail("SIGTERM does not end it")
        ours = OUR_SERVER.match(self.command.words)
        if code != 0 and (ours or code not in ENDED_BY_SIGNAL):
            self.fail(f"exit code {code} after SIGTERM, instead of 0")
        if self.command.output and not agrees(self.command.output.rstrip("\n") + "\n...", self.written()):
            self.fail("the beginning of its output is another one", expected=self.command.output)

    def kill(self) -> None:
        """End it, and its children, in any case."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def fail(self, what: str, *, expected: str | None = None) -> NoReturn:
        """Fail the page."""
        raise AssertionError(
            self.page.failure(self.block, f"$ {self.command.words}", what, expected=expected, got=self.written())
        )


class Run:
    """One page, while it runs."""

    def __init__(self, name: str, page: str, folder: Path) -> None:
        self.name = name
        self.ports = Ports()
        self.aside = folder / "aside"
        self.folder = self.top = folder / "page"
        for path in (self.aside, self.top):
            path.mkdir(parents=True)
        # A terminal shows no progress of a download that goes to it.
        (self.aside / ".curlrc").write_text("silent\nshow-error\nnoproxy = *\n")
        # A plugin of pytest that only the tests of this project need would say more than the page shows.
        self.plugins = "" if "pytest-asyncio" in page else "-p no:asyncio"
        self.environment = self.first_environment()
        self.servers: list[Server] = []
        try:
            self.blocks = list(blocks_of(page))
            need_all(self.blocks)
        except PageError as error:
            raise AssertionError(f"{name}:{error}") from None

    def first_environment(self) -> dict[str, str]:
        """Return the environment of the commands: that of the tests, without what belongs to a user or to the tests."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("VITOK_", "PYTEST_"))}
        bin_folder = str(Path(sys.executable).parent)
        return kept | {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}:/usr/sbin",
            "HOME": str(self.aside),
            "CURL_HOME": str(self.aside),
            "COLUMNS": "80",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTEST_ADDOPTS": f"-p no:cacheprovider {self.plugins}",
            # Ray reports its use to its makers otherwise.
            "RAY_USAGE_STATS_ENABLED": "0",
            # Servers that are given no port listen on the usual one.
            "VITOK_PORT": str(self.ports.of(USUAL_PORT)),
            "UVICORN_PORT": str(self.ports.of(USUAL_PORT)),
            "GRANIAN_PORT": str(self.ports.of(USUAL_PORT)),
            "PORT": str(self.ports.of(USUAL_PORT)),
        }

    def to_the_end(self) -> None:
        """Run all blocks, and end the servers."""
        try:
            for block in self.blocks:
                self.do(block)
            while self.servers:
                self.servers[-1].end()
                self.servers.pop().kill()
        finally:
            for server in self.servers:
                server.kill()
            self.kill_what_is_left()

    def kill_what_is_left(self) -> None:
        """End the processes that a command has left in the background, in a session of their own or not."""
        for _ in range(LOOKS_AT_MOST):
            found = list(self.processes())
            if not found:
                return
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(LOOK_SECONDS)

    def processes(self) -> Iterator[int]:
        """Yield the processes that were given the environment of the page."""
        home = f"\0HOME={self.aside}\0".encode()
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if home in b"\0" + path.read_bytes():
                    yield int(path.parent.name)
            except OSError:  # It has ended, or belongs to another user.
                continue

    def do(self, block: Block) -> None:
        """Do what a block is for."""
        if block.skipped is not None:
            return
        if block.title is not None:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.ports.put_in(block.text))
        elif block.kind == "python":
            self.run_python(block)
        elif block.kind == "pycon":
            self.run_session(block)
        elif block.kind == "console":
            self.run_console(block)

    def run_python(self, block: Block) -> None:
        """Run a program by itself. It is in the folder of the page while it runs, like one that was saved there."""
        path = self.folder / f"block_of_line_{block.line}.py"
        path.write_text(self.ports.put_in(block.text))
        code, output = self.output_of([sys.executable, path.name], block)
        path.unlink()
        if code != 0:
            raise AssertionError(self.failure(block, "the program", f"exit code {code}, instead of 0", got=output))

    def run_session(self, block: Block) -> None:
        """Run what is typed at the prompt of Python, and compare what it shows."""
        path = self.folder / f"session_of_line_{block.line}.txt"
        path.write_text(self.ports.put_in(block.text))
        code, output = self.output_of([sys.executable, "-m", "doctest", "-o", "ELLIPSIS", path.name], block)
        path.unlink()
        if code != 0:
            raise AssertionError(self.failure(block, "the session", "it shows something else", got=output))

    def run_console(self, block: Block) -> None:
        """Run the commands of a console. The last one goes on in the background if the page says so."""
        commands = list(commands_of(block.text))
        for command in commands:
            is_last = command is commands[-1]
            if block.serves and is_last:
                self.serve(block, command)
            else:
                self.run_command(block, command, exits=block.exits if is_last else 0)

    def serve(self, block: Block, command: Command) -> None:
        """Begin a server. The one that has the same port ends before."""
        usual = self.ports.of(USUAL_PORT)
        port = (
            self.ports.of(block.port) if block.port else self.ports.first(OTHER_PORTS.sub("", command.words)) or usual
        )
        for server in [server for server in self.servers if block.until is None and server.is_at(port)]:
            server.end()
            server.kill()
            self.servers.remove(server)
        self.servers.append(Server(block, command, port, self))
        self.servers[-1].wait_until_ready()

    def run_command(self, block: Block, command: Command, *, exits: int) -> None:
        """Run one command, and compare its exit code and what it writes."""
        words = command.words
        if any(not SILENT.search(match["arguments"]) for match in PIPED_CURL.finditer(words)):
            what = "curl shows its progress if its output goes to a pipe: curl -s"
            raise AssertionError(self.failure(block, f"$ {words}", what))
        if ENVIRONMENTS.match(words) or self.is_installation(block, words):
            return
        if match := CHANGE_FOLDER.match(words):
            self.change_folder(block, match["folder"])
        elif match := EXPORT.match(words):
            self.environment[match["name"]] = self.ports.put_in(match["value"])
        else:
            code, output = self.output_of(["sh", "-c", self.ports.put_in(words)], block)
            what = f"exit code {code}, instead of {exits}" if code != exits else None
            if what is None and command.output and not agrees(command.output, output):
                what = "its output is another one"
            if what is not None:
                raise AssertionError(self.failure(block, f"$ {words}", what, expected=command.output, got=output))

    def is_installation(self, block: Block, words: str) -> bool:
        """Tell whether a command installs something."""
        try:
            return is_installation(words)
        except AssertionError as error:
            raise AssertionError(self.failure(block, f"$ {words}", str(error))) from None

    def change_folder(self, block: Block, name: str) -> None:
        """Go to a folder, which has to be there and within that of the page."""
        folder = (self.folder / name).resolve()
        if not folder.is_dir() or not folder.is_relative_to(self.top.resolve()):
            raise AssertionError(self.failure(block, f"$ cd {name}", "there is no such folder in that of the page"))
        self.folder = folder

    def output_of(self, words: list[str], block: Block) -> tuple[int, str]:
        """Run a child, and return its exit code and what a terminal would show."""
        with subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as child:
            try:
                output, _ = child.communicate(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                # One in another session would keep the pipe open.
                self.kill_what_is_left()
                output, _ = child.communicate()
                what = f"it does not end within {COMMAND_SECONDS} s"
                raise AssertionError(self.failure(block, words[-1], what, got=self.shown(output))) from None
        return child.returncode, self.shown(output)

    def shown(self, output: bytes) -> str:
        """Return an output with the ends of lines and the ports of the page."""
        return self.ports.take_out(output.decode(errors="replace").replace("\r\n", "\n"))

    def failure(self, block: Block, whose: str, what: str, *, expected: str | None = None, got: str = "") -> str:
        """Return the message of a failure: the place in the page, what the page shows, and what there was."""
        parts = [f"{self.name}:{block.line}: {whose}", what]
        if expected:
            parts += ["expected:", expected.rstrip("\n")]
        parts += ["got:", got.rstrip("\n")] if got else []
        parts += [f"the server {server.command.words} wrote:\n{server.written()}" for server in self.servers]
        return "\n".join(parts)


def run_page(name: str, page: str, folder: Path) -> None:
    """Run a page in an empty folder. AssertionError, with a message for its writer, if it is not as it says."""
    Run(name, page, folder).to_the_end()
