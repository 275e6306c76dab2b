"""Whole responses of the page's server: content of a known length, and the answer to a form.

Paths are not known here.
"""

import html
from urllib.parse import parse_qs

from streams import Receive, Send

FORM_BYTES_AT_MOST = 64 * 1024  # More than any name has.


async def respond(send: Send, body: bytes, *, kind: str = "text/plain", status: int = 200) -> None:
    """Send a whole response. Its policy keeps a browser from running anything but files of this server."""
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"content-length", b"%d" % len(body))]
    headers.append((b"content-security-policy", b"default-src 'self'; img-src data:"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_form(receive: Receive, send: Send) -> None:
    """Greet the person who filled in the form; the name is text, whatever it contains."""
    body, is_complete = b"", False
    while not is_complete and len(body) <= FORM_BYTES_AT_MOST:
        message = await receive()
        body, is_complete = body + message.get("body", b""), not message.get("more_body")
    if not is_complete or len(body) > FORM_BYTES_AT_MOST:
        return await respond(send, b"The form is too long.", status=413)
    name = parse_qs(body.decode(errors="replace")).get("name", ["stranger"])[0]
    return await respond(send, f"<p>Good day, <b>{html.escape(name)}</b>.</p>".encode(), kind="text/html")
