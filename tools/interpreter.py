"""Prints words about the interpreter for the Makefile: an identifying number, the ending of its modules, its build.

The requirements of vitok are not known here: tools/doctor.sh checks the version, and reports if this file cannot run.
"""

import sys
import sysconfig
import zlib
from pathlib import Path


def main() -> None:
    """Print the number and the ending, such as `1234567 .cpython-311-x86_64-linux-gnu.so`, or a third word."""
    # A virtual environment holds absolute paths, so a checkout that was moved counts as another interpreter too.
    identity = repr((sys.version, sys.base_prefix, str(Path.cwd())))
    build = ["free-threaded"] if sysconfig.get_config_var("Py_GIL_DISABLED") else []
    print(zlib.crc32(identity.encode()), sysconfig.get_config_var("EXT_SUFFIX"), *build)


if __name__ == "__main__":
    main()
