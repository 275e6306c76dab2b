"""Whether this interpreter runs threads at the same time, which `--threads` needs.

Threads, loops and applications are not known here.
"""

from __future__ import annotations

import sys
import sysconfig

from .options import OptionError, Options


def require(options: Options) -> None:
    """Check before anything is bound or imported that several server threads can run. OptionError if they can't."""
    if options.threads == 1 or not is_gil_enabled():
        return
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise OptionError(
            "--threads: needs a free-threaded Python, such as python3.14t: use --workers here (the threads of a WSGI "
            "application are --wsgi-threads)"
        )
    raise OptionError(
        "--threads: the GIL of this free-threaded Python is on, by PYTHON_GIL, -X gil or an extension that was "
        "imported: turn it off, or use --workers"
    )


def require_still(options: Options) -> None:
    """Check the same once the application was imported: the interpreter turns the GIL on for an extension that does not
    say that it runs without. OptionError if that has happened.
    """
    if options.threads > 1 and is_gil_enabled():
        raise OptionError(
            "--threads: an extension that the application imports has turned the GIL on (Python's warning names it): "
            "use --workers, or set PYTHON_GIL=0 if that extension is safe without the GIL"
        )


def is_gil_enabled() -> bool:
    """Return whether one thread at a time runs Python code."""
    # Python 3.13 is the first that can run without.
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    return is_enabled is None or is_enabled()
