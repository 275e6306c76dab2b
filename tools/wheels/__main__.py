"""The commands behind `make wheels`, `make wheels-gate` and `make wheels-emulated`: `python -m tools.wheels --help`."""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from tools.wheels import bench, building, installing, licenses, prerequisites
from tools.wheels.platforms import PYTHONS, UnknownChoiceError, Wheel, choose_platforms, choose_pythons, wheels


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; the result is the exit code."""
    options = read_options(words)
    try:
        platforms = choose_platforms(options.platform.replace(",", " ").split())
        pythons = choose_pythons(options.pythons.replace(",", " ").split())
    except UnknownChoiceError as error:
        return report([str(error)], "choice")
    chosen = list(wheels(platforms, pythons))
    if options.command == "build":
        return build(chosen, pythons, optimised=not options.unoptimised)
    if options.command == "licenses":
        for file in licenses.BINARIES:
            file.write_text(licenses.text(file), encoding="utf-8")
        return 0
    if options.command == "emulate":
        return emulate(chosen, options.emulator.split())
    if options.command == "install":
        return install(chosen)
    return check(chosen, optimised=not options.unoptimised)


def read_options(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line. An empty choice means all."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.wheels", description="Builds and checks the files of a release."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("build", "build wheels and the source distribution into dist/"),
        ("check", "check the files in dist/ without installing them"),
        ("install", "install the wheels for this machine into clean environments, and use them there"),
        ("licenses", "write LICENSE-CRATES, which each wheel has, after a change of Cargo.lock"),
        ("emulate", "use a wheel for another processor by an emulator"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--platform", default="", help="platforms, or parts of their names such as x86_64")
        command.add_argument("--pythons", default="", help=f"versions of {', '.join(PYTHONS)}")
        if name in {"build", "check"}:
            command.add_argument("--unoptimised", action="store_true", help="build faster, for tests of the build")
        if name == "emulate":
            command.add_argument("--emulator", required=True, help="an emulator, its options, and an interpreter")
    return parser.parse_args(words)


def build(chosen: Sequence[Wheel], pythons: Sequence[str], *, optimised: bool) -> int:
    """Build these wheels and the source distribution."""
    platforms = list(dict.fromkeys(wheel.platform for wheel in chosen))
    if lacking := list(prerequisites.missing(platforms)):
        return report(lacking, "prerequisite")
    try:
        paths = [building.build_sdist(), *building.build(platforms, pythons, optimised=optimised)]
        paths += bench.build(platforms, optimised=optimised)
    except subprocess.CalledProcessError as error:
        return report([f"maturin failed with exit code {error.returncode}: see above"], "build")
    for path in paths:
        print(path)
    return 0


def check(chosen: Sequence[Wheel], *, optimised: bool) -> int:
    """Check the files of these wheels, and build one from the source distribution."""
    # These import the checkers of the group `wheels`' environment, which `install` does without.
    from tools.wheels import gate

    platforms = dict.fromkeys(wheel.platform for wheel in chosen)
    faults = [*gate.check_files(chosen, optimised=optimised), *gate.check_source(chosen)]
    return report([*faults, *bench.faults(platforms, optimised=optimised)], "check")


def install(chosen: Sequence[Wheel]) -> int:
    """Use each wheel for glibc on this processor, in a clean environment of its Python."""
    here = [wheel for wheel in chosen if wheel.platform.is_here]
    faults = [f"{wheel.path.name} is not built: `make wheels` builds it" for wheel in here if not wheel.path.exists()]
    for wheel, line, has_failed in installing.probe_all([wheel for wheel in here if wheel.path.exists()]):
        print(f"{wheel.path.name}: {line}")
        faults += [f"{wheel.path.name} does not work"] * has_failed
    for path, line, has_failed in bench.try_all(here):
        print(f"{path.name}: {line}")
        faults += [f"{path.name} does not work"] * has_failed
    return report(faults, "installation")


def emulate(chosen: Sequence[Wheel], command: Sequence[str]) -> int:
    """Use one wheel by an emulator."""
    if len(chosen) != 1:
        return report([f"PLATFORM and PYTHONS name one wheel for the emulator, not {len(chosen)}"], "choice")
    try:
        print(installing.probe_emulated(chosen[0], command))
    except installing.ProbeError as error:
        return report([str(error)], "installation")
    return 0


def report(faults: Sequence[str], kind: str) -> int:
    """Print what was found; the exit code is 1 if there is anything."""
    for fault in faults:
        print(f"wheels: {fault}", file=sys.stderr)
    print(f"wheels: {kind}: {len(faults)} findings")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
