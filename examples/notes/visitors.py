"""Names for visitors who have not said who they are, kept in a cookie. Notes are not known here."""

import re
import secrets
import zlib
from collections.abc import Mapping

from vitok.http import Request, Response

COOKIE = "visitor"
COOKIE_SECONDS = 365 * 24 * 3600
KEPT = re.compile(r"[a-z]{1,20}-[a-z]{1,20}")
FIRST = ("Amber", "Brave", "Calm", "Clever", "Gentle", "Jolly", "Keen", "Kind", "Lively", "Merry", "Quiet", "Swift")
LAST = ("Badger", "Beaver", "Crane", "Falcon", "Fox", "Hare", "Heron", "Lynx", "Newt", "Otter", "Owl", "Robin", "Seal")
TINTS = 6


def name_in(cookies: Mapping[str, str]) -> str | None:
    """Return the name in a cookie of this site, "Quiet Heron". Anybody can write a cookie, so its form is checked."""
    word = cookies.get(COOKIE, "")
    return word.replace("-", " ").title() if KEPT.fullmatch(word) else None


def visitor_of(request: Request) -> str:
    """Return who sends a request: the name in the cookie, or a new one for the time of the request."""
    if "visitor" not in request.state:
        chosen = f"{secrets.choice(FIRST)} {secrets.choice(LAST)}"
        request.state["visitor"] = name_in(request.cookies) or chosen
    name: str = request.state["visitor"]
    return name


def remember(request: Request, response: Response) -> None:
    """Let the browser keep a new name with its first page. Other sites can't make it send the cookie along."""
    if name_in(request.cookies) is None and response.headers.get("content-type", "").startswith("text/html"):
        word = visitor_of(request).lower().replace(" ", "-")
        response.set_cookie(COOKIE, word, max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="lax")


def face(name: str) -> dict[str, object]:
    """Return how a name is shown: its initials, and the number of its colour."""
    return {"name": name, "initials": "".join(part[0] for part in name.split()[:2]), "tint": tint(name)}


def tint(name: str) -> int:
    """Return the number of a name's colour, which is always the same."""
    return zlib.adler32(name.encode()) % TINTS
