"""The HTTP server: the native one with everything around it that is per server, per process or per start.

`vitok serve` and `vitok.serve()` start it; `Server` is for a loop that runs already. It knows nothing of how HTTP is
read and written, which is native.
"""

from __future__ import annotations

from .lifespan import LifespanError
from .options import Options
from .serve import serve
from .server import Server
from .supervisor import WorkersError

__all__ = ["LifespanError", "Options", "Server", "WorkersError", "serve"]
