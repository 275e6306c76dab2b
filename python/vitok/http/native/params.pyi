"""The type of path parameters, with the default that only type checkers know before Python 3.13."""

from typing import Any

from typing_extensions import TypeVar

Params = TypeVar("Params", default=dict[str, Any])
