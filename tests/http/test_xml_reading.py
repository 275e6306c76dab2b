"""`_native.read_xml`: documents become the elements that `xml.etree` makes of them, and hostile ones are refused.

Which documents are well-formed is tested in crates/content; here are elements, encodings, and a comparison with expat.
"""

import random
import re
from xml.etree import ElementTree

import pytest
from vitok import _native

pytestmark = pytest.mark.vitok_only


def shown(element: ElementTree.Element) -> object:
    """An element as plain values that can be compared."""
    return element.tag, dict(element.attrib), element.text, element.tail, [shown(child) for child in element]


def test_elements_are_those_of_the_standard_library() -> None:
    """Issue 15, item 3: "as `xml.etree` elements"."""
    document = b"<a x='1'>one<b/>two<c y='&lt;'>three</c><!-- gone -->four</a>"
    root = _native.read_xml(document)
    assert type(root) is ElementTree.Element
    assert shown(root) == shown(ElementTree.fromstring(document))
    assert root.find("c").text == "three"  # type: ignore[union-attr]


def test_names_are_made_once() -> None:
    """A name of a thousand elements is one string."""
    first, second = _native.read_xml(b"<a><b k=''/><b k=''/></a>")
    assert first.tag is second.tag


@pytest.mark.parametrize(
    ("document", "charset"),
    [
        ("<a>é</a>".encode(), None),
        ("<a>é</a>".encode("utf-8-sig"), None),
        ("<a>é</a>".encode("utf-16"), None),
        ("<a>é</a>".encode("utf-16-be"), None),
        ("<a>é</a>".encode("utf-16-le"), "utf-16"),
        ("<a>é</a>".encode("utf-16-be"), "UTF-16"),
        ("<a>é</a>".encode("latin-1"), "ISO-8859-1"),
        ("<?xml version='1.0' encoding='latin-1'?><a>é</a>".encode("latin-1"), None),
        ("<?xml version='1.0' encoding='windows-1252'?><a>é</a>".encode("cp1252"), None),
        # The media type counts more than the declaration, and a mark more than both (RFC 7303 section 3).
        ("<?xml version='1.0' encoding='latin-1'?><a>é</a>".encode(), "utf-8"),
        ("<?xml version='1.0' encoding='latin-1'?><a>é</a>".encode("utf-8-sig"), "latin-1"),
    ],
)
def test_encodings(document: bytes, charset: str | None) -> None:
    """Issue 15: a mark, a parameter `charset`, a declaration, else UTF-8."""
    assert _native.read_xml(document, charset).text == "é"


@pytest.mark.parametrize(
    ("document", "charset", "reason"),
    [
        (b"<a>\xe9</a>", None, "no UTF-8 at byte 3"),
        (b"\xef\xbb\xbf<a>\xe9</a>", None, "no UTF-8 at byte 6"),
        (b"<a>\xe9</a>", "us-ascii", "no ascii at byte 3"),
        (b"<a/>", "utf-7", 'the encoding "utf-7" is not known'),
        (b"<?xml version='1.0' encoding='unicode_escape'?><a/>", None, 'the encoding "unicode_escape" is not known'),
        (b"<a>\n<b></a>", None, "an end tag of another element at line 2, column 4"),
        (b"", None, "no element at line 1, column 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(document: bytes, charset: str | None, reason: str) -> None:
    """Issue 15, item 3: "Bad JSON, XML ... with a reason that says where"."""
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        _native.read_xml(document, charset)


LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a 'lol'>"
    + "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9))
    + "]><l>&j;</l>"
)


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS,
        f"<!DOCTYPE l [<!ENTITY a '{'a' * 100_000}'>]><l>{'&a;' * 100_000}</l>",
        "<!DOCTYPE l SYSTEM 'file:///etc/passwd'><l/>",
        "<a>" * 100_000,
        "<a>" * 201 + "</a>" * 201,
        "<a " + " ".join(f"b{i}=''" for i in range(257)) + "/>",
        f"<a b='{'x' * 70_000}'/>",
        f"<a>{'<b/>' * 100_000}</a>",
        # A long namespace would make a long string of each of many short names.
        f"<a xmlns='{'u' * 1000}'>" + "".join(f"<b{i}/>" for i in range(2000)) + "</a>",
        "<a " + " ".join(f"xmlns:p{i}='u{i}'" for i in range(65)) + "/>",
    ],
    ids=[
        "laughs",
        "quadratic",
        "external",
        "unclosed",
        "deep",
        "attributes",
        "value",
        "elements",
        "names",
        "namespaces",
    ],
)
def test_documents_that_would_grow_are_refused(document: str) -> None:
    """Issue 15, item 7: "decompression and entity bombs"."""
    with pytest.raises(ValueError, match="at line 1, column "):
        _native.read_xml(document.encode())


def test_random_documents_are_read_as_expat_reads_them() -> None:
    """The same documents are refused, and the others are the same elements."""
    pieces = ["<a>", "</a>", "<b c='d'>", "</b>", "<e/>", "&amp;", "&#65;", "&#x42;", "<!-- x -->", "<?p i?>"]
    pieces += ["<![CDATA[<&]]>", "]]>", "text", " ", "\n", "\r\n", "\r", "\t"]
    pieces += [
        "<p:f xmlns:p='u' p:g='h' i='j'/>",
        "<k xmlns='v'>",
        "</k>",
        "<l m='\t&#9;\n'/>",
        "é",
        "&",
        "<",
        ">",
        "&x;",
    ]
    generator = random.Random(15)
    read = 0
    for _ in range(20_000):
        inside = "".join(generator.choices(pieces, k=generator.randrange(7)))
        document = f"<r>{inside}</r>".encode()
        try:
            expected = shown(ElementTree.fromstring(document))
        except ElementTree.ParseError:
            with pytest.raises(ValueError, match=" at line "):
                _native.read_xml(document)
        else:
            assert shown(_native.read_xml(document)) == expected, document
            read += 1
    assert read > 1000
