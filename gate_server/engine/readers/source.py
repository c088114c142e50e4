"""Brings an object's bytes here, whole and verified, within the limits; decompresses it."""

from __future__ import annotations

import hashlib
import io
import re
import tempfile
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import chain, cycle
from typing import IO, cast

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.compression import MAGIC_BYTES, codec_of, decompress
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.model import WRONG_CHECKSUM

CHUNK_BYTES = 1 << 20
MD5 = re.compile(r"[0-9a-fA-F]{32}")


def fetch(data: DataObject, allowance: Allowance, *, unpack: bool) -> IO[bytes]:
    """Return a temporary file (at its start) with the object's bytes, with `unpack` decompressed on the way.

    It has a name until it is closed, so that who limits the disk can see it.

    Raises
    ------
    ReadFailure
        ``error`` when the store did not deliver what it announced, ``unreadable`` for a wrong checksum or
        what does not decompress, ``limit_of_data``.
    """
    target = tempfile.NamedTemporaryFile(prefix="gate-")  # noqa: SIM115 - the caller closes it
    try:
        for chunk in content(data, allowance) if unpack else lent(data, allowance):
            target.write(chunk)
        target.seek(0)
        return target
    except BaseException:
        target.close()
        raise


def content(data: DataObject, allowance: Allowance) -> Generator[bytes, None, None]:
    """Yield the object's bytes, decompressed; only at their end they are known to be what was announced.

    Raises
    ------
    ReadFailure
        As `fetch` does.
    """
    chunks = verified(data, allowance)
    first = b""
    while len(first) < MAGIC_BYTES and (chunk := next(chunks, b"")):
        first += chunk
    if not first:
        return
    codec = codec_of(data.path, first[:MAGIC_BYTES])
    whole: Iterator[bytes] = chain([first], chunks)
    for chunk in decompress(whole, codec) if codec else whole:
        allowance.take_decompressed(len(chunk))
        yield chunk


def verified(data: DataObject, allowance: Allowance) -> Generator[bytes, None, None]:
    """Yield the object's bytes as they are stored; at their end they are as announced, or this raises.

    Raises
    ------
    ReadFailure
        ``error`` when the store did not deliver what it announced, ``unreadable`` for a wrong checksum,
        ``limit_of_data``.
    """
    with closing(lent(data, allowance)) as chunks:
        for chunk in chunks:
            yield bytes(chunk)


def lent(data: DataObject, allowance: Allowance) -> Generator[memoryview, None, None]:
    """Yield the object's bytes as `verified` does, each piece to be used before the next is asked for."""
    md5 = hashlib.md5(usedforsecurity=False)
    count = 0
    allowance.take_bytes(data.size_bytes)
    # Buffers are used again: new ones would have their pages made anew, 58,000 times in 240 MB. The checksum
    # costs more than the download (1.2 s a GB), so it is made beside it, a piece behind; hence three.
    buffers = cycle(memoryview(bytearray(CHUNK_BYTES)) for _ in range(3))
    try:
        allowance.opened(data.path)
        with data.open() as stream, ThreadPoolExecutor(1) as beside:
            behind: Future[None] | None = None
            while held := cast(io.BufferedIOBase, stream).readinto(buffer := next(buffers)):
                count += held
                allowance.read_bytes += held
                if count > data.size_bytes:
                    break
                if behind is not None:
                    behind.result()
                behind = beside.submit(md5.update, buffer[:held])
                yield buffer[:held]
    except (ReadFailure, GeneratorExit):
        raise
    except Exception as error:
        raise ReadFailure(
            "error", "read_failed", f"the object could not be read to its end ({type(error).__name__})"
        ) from error
    if count != data.size_bytes:
        how = "more than" if count > data.size_bytes else f"{count:,} of"
        raise ReadFailure(
            "error", "wrong_length", f"the store delivered {how} the {data.size_bytes:,} bytes announced"
        )
    if MD5.fullmatch(data.checksum) and md5.hexdigest() != data.checksum.lower():
        raise ReadFailure(
            "unreadable",
            WRONG_CHECKSUM,
            "content does not match its checksum",
            hint="the object was changed in the store, staged with a checksum that is not its own, or spoilt "
            "on its way here: then it helps to ask again",
        )
    data.confirm()
