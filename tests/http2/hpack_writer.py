"""Blocks of header fields, written in every way that HPACK allows (RFC 7541), by choices that a seed decides.

An encoder always makes the same choices for a field; other clients make others. So this one draws for each field: by
an index or as a literal, kept in the table or not, with Huffman's code or without, and for each block the table's size.
The integers and Huffman's code are the library hpack's; the dynamic table is its own, so that it follows its choices.
"""

from random import Random

from hpack.hpack import encode_integer
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

Field = tuple[bytes, bytes]

STATIC: list[Field] = [(bytes(name), bytes(value)) for name, value in HeaderTable.STATIC_TABLE]
DEFAULT_SIZE = 4096
OVERHEAD = 32
# The first byte of each representation, and how many bits of it belong to the index.
INDEXED, KEPT, NOT_KEPT, NEVER_KEPT, SIZE = (0x80, 7), (0x40, 6), (0x00, 4), (0x10, 4), (0x20, 5)

_HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


class BlockWriter:
    """The encoder of one connection."""

    def __init__(self, draw: Random, most: int = DEFAULT_SIZE) -> None:
        """`most` is what the server allows as the size of the table."""
        self.draw = draw
        self.most = most
        self.size = DEFAULT_SIZE
        # The newest is the first.
        self.table: list[Field] = []

    def block(self, fields: list[Field]) -> bytes:
        """Return a block with these fields."""
        return self._sizes() + b"".join(map(self._field, fields))

    def _sizes(self) -> bytes:
        """Change the size of the table before some blocks, or twice: the smallest size has to be told, too."""
        written = b""
        for _ in range(self.draw.choice((0, 0, 0, 0, 1, 2))):
            self.size = self.draw.choice((0, 64, 300, DEFAULT_SIZE, self.most))
            self._evict()
            written += number(self.size, SIZE)
        return written

    def _field(self, field: Field) -> bytes:
        known = [*STATIC, *self.table]
        if field in known and self.draw.random() < 0.7:
            return number(self.draw.choice(places(known, field)) + 1, INDEXED)
        name, value = field
        kind = self.draw.choice((KEPT, KEPT, NOT_KEPT, NEVER_KEPT))
        names = [other for other, _ in known]
        is_named = name in names and self.draw.random() < 0.8
        written = number(self.draw.choice(places(names, name)) + 1 if is_named else 0, kind)
        written += b"" if is_named else self._text(name)
        if kind == KEPT:
            self.table.insert(0, field)
            self._evict()
        return written + self._text(value)

    def _text(self, text: bytes) -> bytes:
        if self.draw.random() < 0.5:
            return number(len(text), (0x00, 7)) + text
        coded = bytes(_HUFFMAN.encode(text))
        return number(len(coded), (0x80, 7)) + coded

    def _evict(self) -> None:
        while sum(len(name) + len(value) + OVERHEAD for name, value in self.table) > self.size:
            self.table.pop()


def places(known: list[Field] | list[bytes], wanted: Field | bytes) -> list[int]:
    """All places of a value in a list."""
    return [place for place, other in enumerate(known) if other == wanted]


def number(value: int, prefix: tuple[int, int]) -> bytes:
    """An integer behind the bits of a representation (RFC 7541 section 5.1)."""
    first, bits = prefix
    written = encode_integer(value, bits)
    written[0] |= first
    return bytes(written)
