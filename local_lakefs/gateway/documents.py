"""XML of S3's API: written as Go writes it, read without ever expanding an entity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
HEADER = b'<?xml version="1.0" encoding="UTF-8"?>\n'

Node = tuple[str, "str | int | bool | list[Node]"]

MAX_ELEMENTS = 100_000
"""Room for the 10,000 parts of an upload with all that S3 says of each."""

_ESCAPES = {
    '"': "&#34;",
    "'": "&#39;",
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "\t": "&#x9;",
    "\n": "&#xA;",
    "\r": "&#xD;",
}
_ESCAPED = re.compile("[\"'&<>\t\n\r]")
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class MalformedDocument(Exception):
    """What came is no XML that we read."""


def render(name: str, content: list[Node], *, namespace: str = "") -> bytes:
    """Return a whole document."""
    return HEADER + _element(name, content, f' xmlns="{namespace}"' if namespace else "").encode()


def _element(name: str, content: str | int | bool | list[Node], attributes: str = "") -> str:
    if isinstance(content, list):
        text = "".join(_element(*child) for child in content)
    elif isinstance(content, bool):
        text = "true" if content else "false"
    else:
        # What XML cannot hold becomes U+FFFD: such a key cannot be told by a listing.
        text = _ESCAPED.sub(lambda found: _ESCAPES[found.group()], _NO_XML.sub("\ufffd", str(content)))
    return f"<{name}{attributes}>{text}</{name}>"


def timestamp(seconds: float) -> str:
    """Return a time as listings tell it; ``seconds`` of the Unix epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class _Bounded(ElementTree.TreeBuilder):
    """Builds no more than so many elements, of documents without declarations: no entity is expanded."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MAX_ELEMENTS

    def doctype(self, *_: object) -> None:
        raise MalformedDocument("a document type declaration")

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self._left -= 1
        if self._left < 0:
            raise MalformedDocument(f"more than {MAX_ELEMENTS} elements")
        return super().start(tag, attrs)


def parse(document: bytes) -> ElementTree.Element:
    """Read a document.

    Raises
    ------
    MalformedDocument
    """
    parser = ElementTree.XMLParser(target=_Bounded())  # noqa: S314 - refuses declarations
    try:
        parser.feed(document)
        element: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise MalformedDocument(str(error)) from error
    return element


def children(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Give the children of a name, whatever their namespace."""
    return (child for child in element if child.tag.rpartition("}")[2] == name)


def text(element: ElementTree.Element, name: str) -> str:
    """Return the text of the last child of a name, as Go's decoder leaves it; empty without one."""
    found = ""
    for child in children(element, name):
        found = (child.text or "") + "".join(inner.tail or "" for inner in child)
    return found
