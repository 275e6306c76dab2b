"""The subject of a certificate as text (RFC 4514): `CN=Ann,O=Example,C=NL`.

It is read from the certificate itself: `ssl` has values only, not the types of text that they are written in, which the
form of unknown attributes needs. OpenSSL has verified the certificate, so its structure (X.690, RFC 5280) is known to
be sound. TLS is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator

# RFC 4514, section 3, and the further ones of RFC 4519 and RFC 5280 (emailAddress, as OpenSSL writes it) that
# certificates have.
_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "sn",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "givenName",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.46": "dnQualifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
# The types of text, by their tags (X.680). T61String is read as Latin-1, as everybody does.
_ENCODINGS = {12: "utf-8", 18: "ascii", 19: "ascii", 20: "latin-1", 22: "ascii", 28: "utf-32-be", 30: "utf-16-be"}
_CONTEXT_0 = 0xA0


def of_certificate(der: bytes) -> str:
    """Return the name of the subject of a certificate in DER; empty if it has none. ValueError for anything else."""
    try:
        return _text(_subject(der))
    except (IndexError, StopIteration, ValueError):
        raise ValueError("not a certificate") from None


def _subject(der: bytes) -> bytes:
    """Return the content of the subject (RFC 5280, section 4.1)."""
    [(_, certificate, _)] = _elements(der)
    _, to_be_signed, _ = next(_elements(certificate))
    fields = _elements(to_be_signed)
    if next(fields)[0] == _CONTEXT_0:
        # The version, which the first one does not have; then the serial number.
        next(fields)
    for _ in ("signature", "issuer", "validity"):
        next(fields)
    return next(fields)[1]


def _text(name: bytes) -> str:
    """Return a name: its relative names, each with one attribute or several, the last one first, as in OpenSSL."""
    relative = [[_attribute(pair) for _, pair, _ in _elements(attributes)] for _, attributes, _ in _elements(name)]
    return ",".join("+".join(reversed(attributes)) for attributes in reversed(relative))


def _attribute(pair: bytes) -> str:
    (_, identifier, _), (tag, value, whole) = _elements(pair)
    dotted = _dotted(identifier)
    name, encoding = _NAMES.get(dotted), _ENCODINGS.get(tag)
    if name is None or encoding is None:
        return f"{name or dotted}=#{whole.hex()}"
    return f"{name}={_escaped(value.decode(encoding))}"


def _escaped(value: str) -> str:
    """Escape the characters that have a meaning in a name (section 2.4)."""
    text = "".join("\\" + one if one in '"+,;<>\\' else one for one in value).replace("\0", "\\00")
    if value.startswith((" ", "#")):
        text = "\\" + text
    if value.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


def _dotted(identifier: bytes) -> str:
    """Return an object identifier as numbers (X.690, section 8.19)."""
    numbers = [0]
    for byte in identifier:
        numbers[-1] = numbers[-1] << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(0)
    first = min(numbers[0] // 40, 2)
    return ".".join(str(number) for number in (first, numbers[0] - 40 * first, *numbers[1:-1]))


def _elements(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the tag, the content and the whole of each element (X.690, section 8.1). IndexError at a cut one."""
    at = 0
    while at < len(data):
        start, tag, length = at, data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise IndexError
        yield tag, data[at : at + length], data[start : at + length]
        at += length
