"""The files of deploy/: each is accepted by the program that reads it, and names options that exist.

nginx and Caddy are run in test_deploy_proxies.py.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import deployed
import pytest
from children import CHILD_SECONDS
from needs import missing, need_command
from vitok.http import configuration
from vitok.http.options import Options

pytestmark = pytest.mark.vitok_only

COMMANDS = deployed.commands()


def run(*words: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run a command that has to succeed, and return what it wrote."""
    done = subprocess.run(
        [*map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=CHILD_SECONDS,
        env={**os.environ, **(environment or {})},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def library_command(name: str) -> Path:
    """A command that a library for this Python brings along: two large ones, which are installed for 3.11 only."""
    if sys.version_info >= (3, 12):
        pytest.skip("the file is checked on 3.11")
    command = Path(sys.executable).with_name(name)
    if not command.exists():
        missing(f"{name} is not installed: pip install --group programs")
    return command


def options_of(words: Sequence[str]) -> Options:
    """The options of one of the commands."""
    given = words if "package.module:app" in words else ["package.module:app", *words]
    found = configuration.read(given, {})
    app, options = found.app, found.options
    assert app == "package.module:app"
    return options


@contextmanager
def waiting_for_a_signal() -> Iterator[subprocess.Popen[str]]:
    """A child that writes the name of the first signal that it gets."""
    numbers = {signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM}
    source = f"import signal; print(signal.Signals(signal.sigwait({set(map(int, numbers))})).name)"
    # Its signals are blocked before it runs: none can end it before it waits.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        child = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize("place", COMMANDS)
def test_commands_are_understood(place: str) -> None:
    """Every `vitok serve` in these files has options that exist, with values that they accept."""
    assert options_of(COMMANDS[place]) != Options()


def test_every_command_is_found() -> None:
    """The search for commands finds those that run, and those that comments recommend."""
    assert {place.rpartition(" ")[0] for place in COMMANDS} == {
        "caddy/Caddyfile",
        "container/Dockerfile",
        "kubernetes/app.yaml",
        "logrotate/app",
        "nginx/app.conf",
        "systemd/app.service",
    }


def test_the_units_are_valid(tmp_path: Path) -> None:
    """systemd finds nothing to complain about in the units."""
    verify = need_command("systemd-analyze", package="systemd")
    changes = ("/srv/app/.venv/bin/vitok", sys.executable), ("/srv/app", str(tmp_path))
    (tmp_path / "app.service").write_text(deployed.changed("systemd/app.service", *changes))
    (tmp_path / "app.socket").write_text(deployed.text("systemd/app.socket"))
    said = run(verify, "verify", "--man=no", tmp_path / "app.service", tmp_path / "app.socket")
    # What it says of other units of the machine is not ours.
    assert [line for line in said.splitlines() if "app." in line] == []


def test_systemd_waits_longer_than_the_server(tmp_path: Path) -> None:
    """Neither systemd nor Kubernetes kills a server that is still within its own limits."""
    for name, what in (("systemd/app.service", "TimeoutStopSec="), ("kubernetes/app.yaml", "GracePeriodSeconds: ")):
        options = options_of(COMMANDS[f"{name} 0"])
        assert options.timeout_graceful_shutdown is not None
        assert options.timeout_shutdown is not None
        waits = re.search(rf"{what}(\d+)", deployed.text(name))
        assert waits is not None
        # Kubernetes counts preStop, too.
        assert int(waits[1]) >= options.timeout_graceful_shutdown + options.timeout_shutdown + 5


def test_the_dockerfile_is_clean() -> None:
    """hadolint finds nothing in the Dockerfile."""
    run(library_command("hadolint"), deployed.FOLDER / "container" / "Dockerfile")


def test_the_manifest_is_valid() -> None:
    """The manifest fits Kubernetes' schema, without a field that it does not know."""
    said = run(library_command("kubernetes-validate"), "--strict", deployed.FOLDER / "kubernetes" / "app.yaml")
    assert said.count(" passed for resource ") == 3


def test_probes_ask_what_the_server_answers() -> None:
    """The probes use the paths and the port of --metrics."""
    manifest = deployed.text("kubernetes/app.yaml")
    options = options_of(COMMANDS["kubernetes/app.yaml 0"])
    assert options.metrics is not None
    assert f"containerPort: {options.metrics.rpartition(':')[2]}" in manifest
    assert set(re.findall(r"path: (/\w+), port: metrics", manifest)) == {"/live", "/ready"}


def test_logs_are_rotated_without_a_lost_line(tmp_path: Path) -> None:
    """logrotate moves the files, and the server goes on in new ones after the signal."""
    logrotate = need_command("logrotate", package="logrotate")
    logs = tmp_path / "log"
    logs.mkdir(mode=0o755)
    pid = tmp_path / "app.pid"
    changes = ("/var/log/app", str(logs)), ("/run/app/app.pid", str(pid)), ("    daily\n", "    size 1\n")
    rules = tmp_path / "rules"
    # logrotate refuses rules that others may write.
    rules.write_text(deployed.changed("logrotate/app", *changes, ("    delaycompress\n", "    nocompress\n")))
    rules.chmod(0o644)
    (logs / "access.log").write_text("a line\n")
    with waiting_for_a_signal() as child:
        pid.write_text(f"{child.pid}\n")
        run(logrotate, "--state", tmp_path / "state", "--force", rules)
        assert child.communicate(timeout=CHILD_SECONDS)[0] == "SIGUSR1\n"
    assert (logs / "access.log.1").read_text() == "a line\n"
