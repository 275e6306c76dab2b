"""An application for tests of workers: each request is answered with the number of the process, and some block it.

Who serves it is not known here.
"""

import os
from pathlib import Path
from typing import Any

from asgi_apps import Receive, Send, answer, say


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answers with the process. `/block` says so and blocks the process until the FIFO named by GATE has a writer."""
    assert scope["type"] == "http"
    if scope["path"] == "/block":
        say(f"blocked {os.getpid()}")
        Path(os.environ["GATE"]).read_bytes()
    await answer(send, {"process": os.getpid()})
