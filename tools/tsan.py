"""Builds the extension with ThreadSanitizer and runs a program with it: `make tsan PYTHON=...`.

It needs CPython built with `--disable-gil --with-thread-sanitizer`, by a clang of the major version that Rust's nightly
compiler has of LLVM: the interpreter brings the runtime, which the extension uses too. The package with this extension
is in target/tsan, so that the one of `make build` stays. What the program does is not known here.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "vitok"
# Frames have names and lines, and a build takes a minute; the speed of what runs is that of the sanitizer anyway.
PROFILE = {
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
    "CARGO_PROFILE_RELEASE_DEBUG": "line-tables-only",
    "CARGO_PROFILE_RELEASE_SPLIT_DEBUGINFO": "off",
}


def main() -> int:
    """Build, and run the program if there is one; the result is its exit code."""
    options = _parse()
    _check(options.python)
    made = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "tsan"
    folder = _place(_build(options.python, made), made / "python", _suffix(options.python))
    if not options.program:
        print(f"PYTHONPATH={folder} {options.python}")
        return 0
    reports = made / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(folder), "TSAN_OPTIONS": _sanitizer_options(reports)}
    code = subprocess.run([options.python, *options.program], env=environment, cwd=ROOT, check=False).returncode
    races = summary("".join(path.read_text(errors="replace") for path in sorted(reports.iterdir())))
    for line in races:
        print(f"tsan: {line}", file=sys.stderr)
    print(f"tsan: {len(races)} races; the reports are in {reports}", file=sys.stderr)
    return code or min(len(races), 1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.tsan", description="Run a program under ThreadSanitizer.")
    parser.add_argument("--python", required=True, help="the interpreter that is built with ThreadSanitizer")
    parser.add_argument("program", nargs="*", help="what its command line has: -m tests.stress --seconds 60")
    return parser.parse_args()


def _ask(python: str, expression: str) -> str:
    program = f"import sysconfig; print({expression})"
    return subprocess.run([python, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def _check(python: str) -> None:
    """End the program with a line that says what is missing."""
    if "--with-thread-sanitizer" not in _ask(python, "sysconfig.get_config_var('CONFIG_ARGS')"):
        sys.exit(f"make tsan: {python} is not built with --with-thread-sanitizer; CONTRIBUTING.md says how to build it")
    if shutil.which("rustup") is None:
        sys.exit("make tsan: rustup is missing; it has the nightly compiler that the sanitizer needs")


def _suffix(python: str) -> str:
    return _ask(python, "sysconfig.get_config_var('EXT_SUFFIX')")


def _build(python: str, made: Path) -> Path:
    """Compile the extension and the standard library with the sanitizer, and return the library."""
    version = subprocess.run(["rustc", "+nightly", "-vV"], check=True, capture_output=True, text=True).stdout
    host = next(line.removeprefix("host: ") for line in version.splitlines() if line.startswith("host: "))
    command = ["cargo", "+nightly", "build", "--quiet", "--release", "-p", "vitok-python", "-Zbuild-std"]
    command += ["--target", host, "--target-dir", str(made)]
    environment = {**os.environ, **PROFILE, "PYO3_PYTHON": python, "RUSTFLAGS": "-Zsanitizer=thread"}
    # The symbols of Python and of the sanitizer are those of the interpreter that loads the library.
    environment["PYO3_BUILD_EXTENSION_MODULE"] = "1"
    if subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode != 0:
        sys.exit("make tsan: the extension could not be built; is there `rustup +nightly component add rust-src`?")
    return next((made / host / "release").glob("lib*native.so"))


def _place(library: Path, folder: Path, suffix: str) -> Path:
    """Make a package of links to the files of the real one, with this library."""
    package = folder / "vitok"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    for path in PACKAGE.iterdir():
        if not path.name.startswith("_native.") or path.suffix == ".pyi":
            (package / path.name).symlink_to(path)
    (package / f"_native{suffix}").symlink_to(library)
    return folder


def _sanitizer_options(reports: Path) -> str:
    """Reports go to files, one for each process; the program continues, and so does a fork of one with threads."""
    own = {"log_path": reports / "report", "exitcode": 0, "die_after_fork": 0, "history_size": 4}
    return " ".join([*(f"{name}={value}" for name, value in own.items()), os.environ.get("TSAN_OPTIONS", "")]).strip()


def summary(reports: str) -> list[str]:
    """Return a line for each pair of places that raced, the most frequent first, with the number of its reports.

    A place is the innermost frame of the project, or of the interpreter if there is none.
    """
    found: Counter[tuple[str, ...]] = Counter()
    for report in reports.split("=" * 18 + "\n"):
        if "WARNING: ThreadSanitizer:" in report:
            stacks = [stack for stack in report.split("\n\n") if "#0 " in stack][:2]
            found[tuple(sorted(_place_of(stack) for stack in stacks))] += 1
    return [f"{' and '.join(places)} ({times} times)" for places, times in found.most_common()]


def _place_of(stack: str) -> str:
    frames = [line.split(maxsplit=1)[1] for line in stack.splitlines() if line.lstrip().startswith("#")]
    own = [frame for frame in frames if f"{ROOT}/crates/" in frame]
    words = (own or frames)[0].split(" (")[0]
    return words.replace(f"{ROOT}/", "")


if __name__ == "__main__":
    sys.exit(main())
