"""What is wrong with what somebody asked for, and the exit codes of `vitok serve` and of its workers.

It knows nothing of what leads to them.
"""

# Not understood: an option, a variable, the name of the application.
EXIT_USAGE = 2
# Understood, and not possible: an address in use, a key that can't be read, a module that raises, a failed startup.
EXIT_START = 3


class OptionError(ValueError):
    """An option that can't be, or options that do not go together. The message is one line that names them."""


class LoadingError(OptionError):
    """The name of an application leads nowhere, or to something that is none. One line says which."""
