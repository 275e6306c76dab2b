"""Heads as clients send them one after the other over a connection, made up: each repeats some of the one before.

They are lists of fields; what encodes them is not known here.
"""

from random import Random

Field = tuple[bytes, bytes]

# What is in a field's value: text, digits and letters, anything above the control characters.
TEXT = bytes(range(0x21, 0x7F))
WORDS = b"abcdefghijklmnopqrstuvwxyz0123456789-_."
ANYTHING = bytes(byte for byte in range(0x21, 0x100) if byte != 0x7F)
NAMES = [
    *(b"accept", b"accept-encoding", b"accept-language", b"authorization", b"cache-control", b"if-none-match"),
    *(b"origin", b"priority", b"range", b"referer", b"sec-fetch-mode", b"user-agent", b"x-requested-with"),
    *(b"traceparent", b"x-amz-date", b"grpc-timeout", b"a", b"own-" + b"n" * 60),
]
METHODS = [b"GET", b"GET", b"HEAD", b"PUT", b"DELETE", b"X-OWN"]


def story(draw: Random, heads: int) -> list[list[Field]]:
    """Return heads of requests without content."""
    browser = [field(draw, name) for name in draw.sample(NAMES, 8)]
    cookies: list[Field] = []
    told = []
    for _ in range(heads):
        pseudo = [
            (b":method", draw.choice(METHODS)),
            (b":scheme", b"http"),
            (b":authority", draw.choice((b"localhost", b"localhost", b"other.example:8443"))),
            (b":path", path(draw)),
        ]
        draw.shuffle(pseudo)
        if draw.random() < 0.2:
            cookies.append((b"cookie", text(draw, WORDS, 40) + b"=" + text(draw, WORDS, 200)))
        own = [field(draw, draw.choice(NAMES)) for _ in range(draw.randrange(4))]
        rest = [*draw.sample(browser, draw.randrange(len(browser))), *cookies[-3:], *own]
        told.append([*pseudo, *rest])
    return told


def path(draw: Random) -> bytes:
    """Return a path, which is often one of a few."""
    if draw.random() < 0.5:
        return draw.choice((b"/", b"/index.html", b"/static/site.css", b"/api/items?page=2"))
    return b"/" + text(draw, WORDS, 60) + b"?" + text(draw, WORDS, 60)


def field(draw: Random, name: bytes) -> Field:
    """Return a field: most values are short, some are longer than the table, and some are empty."""
    most = draw.choice((0, 10, 10, 40, 40, 200, 5000))
    return name, text(draw, draw.choice((TEXT, WORDS, WORDS, ANYTHING)), most)


def text(draw: Random, letters: bytes, most: int) -> bytes:
    """Return up to so many of these letters."""
    return bytes(draw.choices(letters, k=draw.randrange(most + 1)))
