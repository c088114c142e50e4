"""Bytes that come: of a length that was announced, and an error where they end before."""

from __future__ import annotations

from typing import Any

from local_lakefs.errors import CutOff
from local_lakefs.storage.objects import Readable


class Exactly:
    """The next ``size_bytes`` of a source.

    Reading raises CutOff when the source ends before: a part must not be taken for the whole.
    """

    def __init__(self, source: Readable, size_bytes: int) -> None:
        self._source, self._left = source, size_bytes

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._source.read(wanted) if wanted else b""
        if wanted and not data:
            raise CutOff
        self._left -= len(data)
        return data


def body(environ: dict[str, Any]) -> Readable:
    """Return the body of a WSGI request; gunicorn gives one that was cut off as if it were the whole."""
    stream: Readable = environ["wsgi.input"]
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return stream  # what ends it is part of it
    return Exactly(stream, int(environ.get("CONTENT_LENGTH") or 0))
