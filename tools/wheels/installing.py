"""Installs wheels into clean environments and uses them there: the part of the gate that runs what was built.

It needs only the standard library, so it runs where the other parts cannot. What is used is in probe.py.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.wheels.platforms import ROOT, Wheel

PROBE = Path(__file__).with_name("probe.py")
# A clean environment takes seconds. On an emulated processor an import alone takes half a minute.
SECONDS = 600


class ProbeError(Exception):
    """An installation or the program in it failed; the text has its output."""


def find_python(version: str) -> str | None:
    """An interpreter of this version that runs, as make finds it for PYTHON=."""
    script = ["/bin/sh", str(ROOT / "tools" / "find_python.sh"), f"python{version}"]
    found = subprocess.run(script, capture_output=True, text=True, check=True).stdout.strip()
    runs = shutil.which(found) and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    return found if runs else None


def probe_here(wheel: Wheel, python: str) -> str:
    """Install the wheel by the pip of a new environment, and return the line of the probe."""
    with tempfile.TemporaryDirectory(prefix="vitok-wheel-") as folder:
        inside = str(Path(folder, "clean", "bin", "python"))
        run([python, "-m", "venv", str(Path(folder, "clean"))], folder)
        # The pip of a new environment is as old as the interpreter, and warns about itself. It compiles nothing here:
        # the next step does, and fails for a warning of the compiler.
        run([inside, "-m", "pip", "install", "--quiet", "--no-index", "--no-compile", str(wheel.path)], folder)
        package = Path(folder, "clean", "lib", f"python{wheel.python}", "site-packages", "vitok")
        run([inside, "-W", "error", "-m", "compileall", "-q", str(package)], folder)
        run([inside, "-m", "pip", "check"], folder)
        line = run_probe([inside], folder, {})
        run([str(Path(folder, "clean", "bin", "vitok")), "--version"], folder)
        return line


def probe_emulated(wheel: Wheel, command: Sequence[str]) -> str:
    """Unpack the wheel by a pip that takes it for another platform, run the probe by this command, return its line.

    The command is an emulator with its options and an interpreter for the wheel's platform.
    """
    version = wheel.python.replace(".", "")
    with tempfile.TemporaryDirectory(prefix="vitok-wheel-") as folder:
        foreign = ["--platform", wheel.platform.policy, "--implementation", "cp"]
        foreign += ["--python-version", wheel.python.removesuffix("t"), "--abi", f"cp{version}"]
        foreign += ["--only-binary", ":all:", "--no-deps", "--no-index"]
        target = str(Path(folder, "unpacked"))
        run([sys.executable, "-m", "pip", "install", "--quiet", "--target", target, *foreign, str(wheel.path)], folder)
        return run_probe(command, folder, {"PYTHONPATH": target, "VITOK_PROBE_COMMAND": " ".join(command)})


def run_probe(command: Sequence[str], folder: str, variables: dict[str, str]) -> str:
    """Run the probe in a folder where nothing else can be imported from; return its line."""
    shutil.copy(PROBE, folder)
    return run([*command, "-W", "error", str(Path(folder, PROBE.name))], folder, variables).splitlines()[-1]


def run(words: Sequence[str], folder: str, variables: dict[str, str] | None = None) -> str:
    """Run a command without the settings of this process's Python, and return its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment.update(variables or {})
    try:
        ended = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ProbeError(f"{' '.join(words)} did not end in {SECONDS} s") from None
    if ended.returncode != 0:
        raise ProbeError(f"{' '.join(words)} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def probe_all(wheels: Sequence[Wheel]) -> Iterator[tuple[Wheel, str, bool]]:
    """Each wheel with a line about it, and whether it failed. A Python that is not here is a line, and no failure."""
    for wheel in wheels:
        python = find_python(wheel.python)
        if python is None:
            yield wheel, f"CPython {wheel.python} is not on this machine: its wheel is not installed", False
            continue
        try:
            yield wheel, probe_here(wheel, python), False
        except ProbeError as error:
            yield wheel, str(error), True
