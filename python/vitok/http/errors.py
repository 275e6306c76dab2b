"""Errors in the options of a server, and the exit codes of `vitok serve` and of its workers.

Their causes are not known here.
"""

# Not understood: an option, a variable, the name of the application.
EXIT_USAGE = 2
# Understood, but impossible: an address in use, a key that can't be read, a module that raises, a failed startup.
EXIT_START = 3


class OptionError(ValueError):
    """An option with an invalid value, or options that exclude each other. The message is one line that names them."""


class LoadingError(OptionError):
    """The name of an application that does not exist or is no application. The message is one line with the name."""
