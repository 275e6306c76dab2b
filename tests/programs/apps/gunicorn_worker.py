"""uvicorn's worker for gunicorn on the chosen loop, as uvicorn's documentation says: by a subclass with its options.

It knows nothing of the application.
"""

import os
from typing import Any, ClassVar

from uvicorn.workers import UvicornWorker


class Worker(UvicornWorker):
    """A worker of gunicorn that runs uvicorn."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {"loop": f"{os.environ['PROGRAM_LOOP']}:new_event_loop", "http": "h11"}
