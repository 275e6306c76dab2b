"""Two words about the running interpreter for the Makefile: a number to tell it from others, and its modules' ending.

It knows nothing of what vitok needs: tools/doctor.sh looks at the version, and says so where this file cannot run.
"""

import sys
import sysconfig
import zlib
from pathlib import Path


def main() -> None:
    """Print the number and the ending, such as `1234567 .cpython-311-x86_64-linux-gnu.so`."""
    # A virtual environment holds absolute paths, so a checkout that was moved counts as another interpreter too.
    identity = repr((sys.version, sys.base_prefix, str(Path.cwd())))
    print(zlib.crc32(identity.encode()), sysconfig.get_config_var("EXT_SUFFIX"))


if __name__ == "__main__":
    main()
