"""The colour of each loop and server, the same in every picture and in none that of another.

The first are Okabe and Ito's, which most people can tell apart; the others are as far from all before them as possible
(in CIELAB). Drawing is not known here.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

SUBJECT: Final = "#D1112B"
KNOWN: Final = {
    "vitok": SUBJECT,
    "asyncio": "#999999",
    "uvloop": "#E69F00",
    "rloop": "#56B4E9",
    "zuvloop": "#009E73",
    "uvicorn": "#2B2B2B",
    "granian": "#0072B2",
    "rsloop": "#0000EB",
    "loopmini": "#EB00BC",
    "aiofastnet": "#00CC00",
    "aiofastnet+uvloop": "#80004C",
    "vitok.memory": "#212EA6",
    "vitok.async": "#DA98EB",
    "vitok.routes": "#595900",
    "vitok.asgi": "#EB906A",
    "vitok.uvicorn": "#85A600",
    "uvicorn+wsproto": "#EB0075",
    "uvicorn+zuvloop": "#803300",
    "uvicorn+zttp": "#BC00EB",
    "granian-rsgi": "#EB5E00",
    "h2corn": "#775380",
    "hypercorn": "#008019",
    "gunicorn": "#007380",
    "socketify": "#94A66C",
    "fastpysgi": "#EB98B1",
    "robyn": "#285937",
    "picows": "#0075EB",
    "vitok.threads": "#18B4B4",
    "granian.threads": "#A89CCC",
}
# Of loops that are named by a module or a directory.
OTHERS: Final = ("#9D6AEB", "#800080", "#A64B54", "#193880", "#805C39", "#CC5C9F", "#2F42EB", "#A68B21")


def colours(names: Sequence[str], subject: str) -> dict[str, str]:
    """The colour of each name. One that is not known has the same in all runs, unless another there has it."""
    found, left = {}, list(OTHERS)
    for name in sorted(names):
        if name in KNOWN:
            found[name] = KNOWN[name]
            continue
        left = left or list(OTHERS)
        found[name] = left.pop(zlib.crc32(name.encode()) % len(left))
    # Another build may be what all others are compared with: it has the colour of vitok, which has its own beside it.
    if subject in found and subject not in KNOWN:
        taken = {name: found[subject] for name, colour in found.items() if colour == SUBJECT}
        found |= {**taken, subject: SUBJECT}
    return found
