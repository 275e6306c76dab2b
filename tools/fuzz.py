"""Builds the fuzz targets and runs each for some seconds, several at a time: `make fuzz`.

The instrumentation is a pass of LLVM that the stable compiler has. Everything that a run makes is below target/fuzz:
the corpus of each target, which the next run goes on from, the logs, and the inputs that made a target fail. What a
target expects of an input is not known here.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATE = ROOT / "fuzz"
# Bytes as real clients sent them, which are inputs of every target.
RECORDED = ROOT / "crates" / "http" / "tests" / "traffic"
COVERAGE = (
    "-Cpasses=sancov-module",
    # Each edge of the control flow has a counter, and each comparison reports what it compares.
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "--cfg=fuzzing",
)
# Longer than most of what is recorded. Longer inputs make a run slower than they make it better.
BYTES_AT_MOST = 4096
# An input takes microseconds; a machine that is busy with other things may take much longer.
SECONDS_PER_INPUT = 25
# A target needs about 50 MB; an input that makes one grow without limit is found by this.
MEGABYTES_AT_MOST = 1024
# A target reads its corpus and finishes its last input beside the time that it is given.
SECONDS_TO_SPARE = 120


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run finds and leaves its files."""

    binaries: Path
    made: Path

    def folder(self, *parts: str) -> Path:
        """A folder of the run, which is created if it does not exist."""
        folder = self.made.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self, target: str) -> Path:
        """The output of a target."""
        return self.folder("logs") / f"{target}.txt"


@dataclass(frozen=True, slots=True)
class Run:
    """The process of a target, and when it is killed."""

    process: "subprocess.Popen[bytes]"
    deadline: float

    def has_ended(self) -> bool:
        """Whether the process has ended. One that is late is killed."""
        if self.process.poll() is None and time.monotonic() > self.deadline:
            self.kill()
        return self.process.poll() is not None

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        self.process.kill()
        self.process.wait()


def main() -> int:
    """Fuzz; the result is the exit code."""
    options = parse_options()
    names = sorted(path.stem for path in (CRATE / "targets").glob("*.rs"))
    if options.target and options.target not in names:
        print(f"make fuzz: TARGET is one of {', '.join(names)}, not {options.target}", file=sys.stderr)
        return 2
    if options.input and not (options.target and Path(options.input).exists()):
        print("make fuzz: INPUT is a file that exists, and needs TARGET", file=sys.stderr)
        return 2
    places = build(sanitizer=options.sanitizer)
    if options.input:
        return subprocess.run([places.binaries / options.target, options.input], check=False).returncode
    return fuzz([options.target] if options.target else names, places=places, seconds=options.seconds)


def parse_options() -> argparse.Namespace:
    """The command line, which the Makefile writes."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description="Run the fuzz targets.")
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs")
    parser.add_argument("--target", default="", help="the only target to run")
    parser.add_argument("--input", default="", help="run the target on this file only")
    parser.add_argument("--sanitizer", default="", choices=("", "address"), help="also build with this sanitizer")
    return parser.parse_args()


def build(*, sanitizer: str) -> Places:
    """Compile every target with coverage. An error of cargo ends the program with cargo's message."""
    version = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = next(line.removeprefix("host: ") for line in version.splitlines() if line.startswith("host: "))
    made = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "fuzz"
    built = made / (sanitizer or "coverage")
    flags, environment = [*COVERAGE], dict(os.environ)
    if sanitizer:
        flags.append(f"-Zsanitizer={sanitizer}")
        # The option is not stable. The variable makes a stable compiler accept it.
        environment["RUSTC_BOOTSTRAP"] = "1"
    environment["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    # With --target, the flags are not applied to build scripts.
    command = ["cargo", "build", "--manifest-path", str(CRATE / "Cargo.toml"), "--quiet"]
    command += ["--profile", "fuzz", "--target", host, "--target-dir", str(built)]
    if subprocess.run(command, env=environment, check=False).returncode != 0:
        sys.exit("make fuzz: the targets could not be built")
    return Places(built / host / "fuzz", made)


def fuzz(targets: list[str], *, places: Places, seconds: int) -> int:
    """Run the targets, as many at a time as there are processors; the result is the exit code."""
    at_once = max(1, min(len(targets), os.cpu_count() or 1))
    print(f"fuzzing {', '.join(targets)}: {seconds} s each, {at_once} at a time", flush=True)
    waiting, running, failed = targets[::-1], dict[str, Run](), 0
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                target = waiting.pop()
                running[target] = begin(target, places=places, seconds=seconds)
            time.sleep(0.1)
            for target in [target for target, run in running.items() if run.has_ended()]:
                failed += not report(target, running.pop(target).process.returncode, places=places)
    finally:
        for run in running.values():
            run.kill()
    return 1 if failed else 0


def begin(target: str, *, places: Places, seconds: int) -> Run:
    """Start one target; it ends by itself."""
    command: list[str | Path] = [places.binaries / target, f"-max_total_time={seconds}", f"-max_len={BYTES_AT_MOST}"]
    command += [f"-timeout={SECONDS_PER_INPUT}", f"-rss_limit_mb={MEGABYTES_AT_MOST}"]
    command += [f"-artifact_prefix={places.folder('failures')}/{target}-", f"-dict={CRATE / 'http.dict'}"]
    # New inputs are written to the first folder; the second is only read.
    command += ["-print_final_stats=1", places.folder("corpus", target), *([RECORDED] if RECORDED.is_dir() else [])]
    with places.log(target).open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    return Run(process, time.monotonic() + seconds + SECONDS_TO_SPARE)


def report(target: str, code: int, *, places: Places) -> bool:
    """Print the result of one target; the value is whether it found no fault."""
    log = places.log(target).read_text(encoding="utf-8", errors="replace")
    if code == 0:
        kept = len(list(places.folder("corpus", target).iterdir()))
        print(f"{target}: {statistic(log, 'number_of_executed_units')} inputs without a fault, {kept} in its corpus")
        return True
    print(log[-4000:])
    print(f"{target} failed with exit code {code}; its output is in {relative(places.log(target))}")
    for line in log.splitlines():
        if "Test unit written to " in line:
            path = relative(Path(line.rpartition("Test unit written to ")[2]))
            print(f"the input is {path}; to run it again: make fuzz TARGET={target} INPUT={path}", flush=True)
    return False


def statistic(log: str, name: str) -> str:
    """One of libFuzzer's final figures."""
    return next((line.split()[-1] for line in log.splitlines() if line.startswith(f"stat::{name}:")), "no")


def relative(path: Path) -> Path:
    """The path as it can be typed in the checkout."""
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
