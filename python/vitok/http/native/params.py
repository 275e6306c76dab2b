"""The type of path parameters, in which requests and WebSockets are generic.

The stub has its default, `dict[str, Any]`, which only type checkers know before Python 3.13.
"""

from typing import TypeVar

Params = TypeVar("Params")
