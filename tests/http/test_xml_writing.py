"""`_native.write_xml`: elements become the document of `xml.etree`, or an error where that would be malformed."""

import random
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement
from xml.etree.ElementTree import ElementTree as Tree

import pytest
from test_xml_reading import shown
from vitok import _native

pytestmark = pytest.mark.vitok_only


def by_etree(element: Element) -> bytes:
    """The document of the standard library."""
    written: bytes = ElementTree.tostring(element, encoding="utf-8", xml_declaration=True)
    return written


def test_a_document_is_that_of_the_standard_library() -> None:
    """Issue 15, item 3: "written from elements"."""
    root = Element("{urn:x}root", {"plain": '1 < 2 & "3"\n\t', "{urn:y}other": "é"})
    SubElement(root, "{urn:x}child").text = "a & b"
    SubElement(root, "{http://www.w3.org/1999/xhtml}p").tail = "tail"
    root.append(ElementTree.Comment(" a comment "))
    root.append(ElementTree.ProcessingInstruction("target", "content"))
    root[-1].tail = "\n"
    SubElement(root, ElementTree.QName("urn:y", "q"), {"{http://www.w3.org/XML/1998/namespace}lang": "en"})  # type: ignore[arg-type]
    assert _native.write_xml(root) == by_etree(root)
    assert _native.write_xml(Tree(root)) == by_etree(root)


def test_what_is_written_is_read_as_the_same() -> None:
    """A property of any elements, also of a carriage return, which the standard library loses."""
    generator = random.Random(15)
    texts = [None, "", "a", " \n\t", "\r\n", "<&>\"'", "é\U0001f600", "]]>"]
    for _ in range(2000):
        root = grown(generator, texts, 3)
        root.tail = None
        again = _native.read_xml(_native.write_xml(root))
        assert shown(again) == shown(emptied(root))


def grown(generator: random.Random, texts: list[str | None], depth: int) -> Element:
    """Random elements."""
    names = ["a", "b", "{u}a", "{u}b", "{v}a", "{http://www.w3.org/XML/1998/namespace}lang"]
    attributes = {generator.choice(names): generator.choice(texts) or "" for _ in range(generator.randrange(3))}
    element = Element(generator.choice(names), attributes)
    element.text, element.tail = generator.choice(texts), generator.choice(texts)
    for _ in range(generator.randrange(3) if depth else 0):
        element.append(grown(generator, texts, depth - 1))
    return element


def emptied(element: Element) -> Element:
    """Elements whose empty texts are None, as they are read."""
    for each in element.iter():
        each.text, each.tail = each.text or None, each.tail or None
    return element


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        (lambda root: root.set("a b", ""), ValueError, "no such name"),
        (lambda root: root.set("a='' b", ""), ValueError, "no such name"),
        (lambda root: SubElement(root, "a><script"), ValueError, "no such name"),
        (lambda root: SubElement(root, "p:a"), ValueError, "no such name"),
        (lambda root: SubElement(root, "{u"), ValueError, "no such name"),
        (lambda root: SubElement(root, ""), ValueError, "no such name"),
        (lambda root: setattr(root, "text", "\0"), ValueError, "does not allow the character"),
        (lambda root: setattr(root, "text", "\ud800"), ValueError, "surrogates not allowed"),
        (lambda root: root.set("a", "\uffff"), ValueError, "does not allow the character"),
        (lambda root: root.append(ElementTree.Comment("a -- b")), ValueError, 'no "--"'),
        (lambda root: root.append(ElementTree.Comment("a-")), ValueError, 'no "--"'),
        (lambda root: root.append(ElementTree.ProcessingInstruction("a", "?>")), ValueError, "processing instruction"),
        (lambda root: root.append(root), ValueError, "more than 10000 elements within each other"),
        (lambda root: root.set("a", 5), TypeError, "are str, not int"),
        (lambda root: setattr(root, "text", 5), TypeError, "are str, not int"),
        (lambda root: setattr(root, "tag", None), TypeError, "are str, not NoneType"),
    ],
)
def test_what_can_not_be_written_is_an_error(change: Any, error: type[Exception], reason: str) -> None:
    """A document is never malformed, and no text becomes markup."""
    root = Element("root")
    change(root)
    with pytest.raises(error, match=reason):
        _native.write_xml(root)


def test_an_attribute_may_change_its_element() -> None:
    """Code that runs while elements are copied changes them, and nothing breaks."""

    class Odd(Element):
        """Elements that lose their children when they are looked at."""

        def items(self) -> Any:
            """Change the element."""
            self.clear()
            return super().items()

    root = Odd("a")
    SubElement(root, "b").text = "c"
    assert _native.write_xml(root).endswith(b"<a />")


def test_deep_elements_need_no_stack() -> None:
    """The standard library raises a RecursionError here."""
    root = innermost = Element("a")
    for _ in range(5000):
        innermost = SubElement(innermost, "a")
    assert _native.write_xml(root).count(b"<a") == 5001
