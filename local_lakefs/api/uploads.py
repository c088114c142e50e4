"""The bytes of an upload: the whole body, or the part ``content`` of a multipart form; never in memory."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Request
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from local_lakefs import incoming
from local_lakefs.errors import LakeFSError
from local_lakefs.storage.objects import CHUNK_BYTES, ObjectFiles, Readable, StoredFile

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MISSING = "multipart upload missing key 'content': http: no such file"


def receive(request: Request, objects: ObjectFiles) -> tuple[StoredFile, str]:
    """Store what a request uploads; return the file and its content type.

    A form's part keeps its own content type, which may be empty.
    """
    content_type = request.headers.get("Content-Type") or DEFAULT_CONTENT_TYPE
    body = incoming.body(request.environ)
    if request.mimetype != "multipart/form-data":
        return objects.receive(body), content_type
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise LakeFSError("no multipart boundary param in Content-Type")
    part = _ContentPart(body, boundary.encode("latin-1", "replace"))
    return objects.receive(part), part.content_type


class _ContentPart:
    """A readable over the first part named ``content``."""

    def __init__(self, stream: Readable, boundary: bytes) -> None:
        self._stream = stream
        self._decoder = MultipartDecoder(boundary)
        self._data = self._content()
        self.content_type = ""

    def read(self, _size: int = -1, /) -> bytes:
        """Return the next piece, of any length; empty at the part's end."""
        return next(self._data, b"")

    def _events(self) -> Iterator[Field | File | Data | Epilogue]:
        while True:
            try:
                event = self._decoder.next_event()
            except ValueError as error:
                raise LakeFSError(f"multipart: {error}") from error
            if isinstance(event, NeedData):
                # An empty chunk tells the decoder that the body has ended.
                self._decoder.receive_data(self._stream.read(CHUNK_BYTES) or None)
            elif isinstance(event, Field | File | Data | Epilogue):
                yield event
                if isinstance(event, Epilogue):
                    return

    def _content(self) -> Iterator[bytes]:
        inside = False
        for event in self._events():
            if isinstance(event, Field | File):
                inside = event.name == "content"
                if inside:
                    self.content_type = event.headers.get("Content-Type", "")
            elif isinstance(event, Data) and inside:
                if event.data:
                    yield bytes(event.data)
                if not event.more_data:
                    return
        raise LakeFSError(MISSING)
