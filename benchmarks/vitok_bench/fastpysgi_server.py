"""A server of fastpysgi for the application of the HTTP rows, by ASGI: `python -m vitok_bench.fastpysgi_server PORT`.

Its own command is a script and no module, and takes no option for its log of errors alone.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

from vitok_bench.http_app import app

HOST: Final = "127.0.0.1"
# Errors only; the number is the package's.
LOG_LEVEL: Final = 3


def main() -> None:
    importlib.import_module("fastpysgi").run(app, host=HOST, port=int(sys.argv[1]), loglevel=LOG_LEVEL)


if __name__ == "__main__":
    main()
