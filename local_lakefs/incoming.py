"""Bytes that come: of a length that was announced, and an error where they end before."""

from __future__ import annotations

import socket
from typing import Any

from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader

from local_lakefs.errors import CutOff
from local_lakefs.storage.objects import Readable

STEP_BYTES = 1 << 18
SILENCE_S = 5.0


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


class _Direct:
    """A body of announced length, read from its connection.

    gunicorn's own reading copies each piece several times, which takes as long as a fast disk writes it.
    """

    def __init__(self, reader: LengthReader, connection: socket.socket) -> None:
        self._reader, self._connection = reader, connection

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._reader.length if size < 0 else min(size, self._reader.length)
        held = self._reader.unreader.buf.getbuffer().nbytes  # came with the headers
        if held or not wanted:
            return bytes(self._reader.read(min(wanted, held)))
        data = self._connection.recv(wanted, socket.MSG_WAITALL)
        self._reader.length -= len(data)
        return data

    def drain(self) -> None:
        """Read the rest, as long as something comes."""
        before = self._connection.gettimeout()
        self._connection.settimeout(SILENCE_S)
        try:
            while self.read(STEP_BYTES):
                pass
        except OSError:
            pass  # whoever sent it is gone, or silent
        finally:
            self._connection.settimeout(before)


class _Steps:
    """A body in chunks, as the official SDK sends large objects, in steps of moderate size.

    gunicorn copies each step several times; of larger ones the system takes the memory back in between, and
    giving it anew takes longer than all else but the MD5.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(size if size < 0 else min(size, STEP_BYTES))


def _direct(stream: Readable | Body) -> Readable:
    """Read past gunicorn where it would only hand on; not past TLS, nor what somebody has begun to read."""
    if isinstance(stream, Body) and isinstance(stream.reader, LengthReader) and not stream.buf.getvalue():
        source = stream.reader.unreader
        if isinstance(source, SocketUnreader) and type(source.sock) is socket.socket:
            return _Direct(stream.reader, source.sock)
    return stream


def body(environ: dict[str, Any]) -> Readable:
    """Return the body of a WSGI request; gunicorn gives one that was cut off as if it were the whole."""
    stream: Readable = environ["wsgi.input"]
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return _Steps(stream)  # what ends it is part of it
    return Exactly(_direct(stream), int(environ.get("CONTENT_LENGTH") or 0))


def drain(environ: dict[str, Any]) -> None:
    """Read what nobody has read of a body: who still sends it hears a broken connection, not the answer.

    gunicorn does that for small ones alone; lakeFS never asks for a body that it refuses (100-continue).
    """
    rest = _direct(environ["wsgi.input"])
    if isinstance(rest, _Direct):
        rest.drain()
