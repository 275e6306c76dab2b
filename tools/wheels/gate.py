"""Runs every check over the wheels and the source distribution in a folder, and prints what it finds.

What each check looks for is known to the files that it calls.
"""

import sys
from collections.abc import Iterator, Sequence

from tools.wheels import checkers, contents, elf, licenses, offline
from tools.wheels.platforms import Wheel, sdist


def check_files(wheels: Sequence[Wheel], *, optimised: bool = True) -> Iterator[str]:
    """The findings in the source distribution and in each of these wheels, one text each.

    The size of each is printed; that of a wheel that is not optimised is not checked.
    """
    source = sdist(wheels[0].path.parent)
    paths = [wheel.path for wheel in wheels] + [source]
    if absent := [path.name for path in paths if not path.exists()]:
        yield f"not built: {', '.join(absent)}; `make wheels` builds them"
        return
    yield from licenses.faults()
    musl = elf.musl_symbols()
    for wheel in wheels:
        print(f"{wheel.path.name}: {wheel.path.stat().st_size} bytes")
        # auditwheel knows musl's library by the name that Alpine gives it only.
        audited = checkers.auditwheel_faults(wheel) if wheel.platform.is_glibc else ()
        for fault in [*contents.wheel_faults(wheel, musl), *audited]:
            yield f"{wheel.path.name}: {fault}"
        yield from contents.size_faults(wheel.path, contents.BYTES_AT_MOST) if optimised else ()
    print(f"{source.name}: {source.stat().st_size} bytes")
    yield from (
        f"{source.name}: {fault}" for fault in [*contents.sdist_faults(source), *checkers.pyroma_faults(source)]
    )
    yield from checkers.twine_faults(paths)
    yield from checkers.contents_faults([wheel.path for wheel in wheels])


def check_source(wheels: Sequence[Wheel]) -> Iterator[str]:
    """The findings in the wheel that is built from the source distribution, for the Python that runs this."""
    here = comparable(wheels)
    if here is None:
        print("the source distribution is not built: no wheel of this Python and processor was chosen to compare with")
        return
    yield from offline.faults(sdist(here.path.parent), here)


def comparable(wheels: Sequence[Wheel]) -> Wheel | None:
    """The wheel among these for this Python on this machine."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}{getattr(sys, 'abiflags', '').replace('d', '')}"
    return next((wheel for wheel in wheels if wheel.python == version and wheel.platform.is_here), None)
