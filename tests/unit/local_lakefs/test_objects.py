from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from local_lakefs.errors import Gone
from local_lakefs.storage.objects import CHUNK_BYTES, ObjectFiles, chunks


def test_kept_bytes_are_read_again(tmp_path: Path) -> None:
    content = b"0123456789" * (CHUNK_BYTES // 4)
    files = ObjectFiles(tmp_path)
    stored = files.receive(io.BytesIO(content))
    assert (stored.checksum, stored.size_bytes) == (hashlib.md5(content).hexdigest(), len(content))
    files.keep(stored, "s3://bucket/a")
    assert files.read("s3://bucket/a") == content
    assert b"".join(chunks(files.open("s3://bucket/a"), 3, CHUNK_BYTES)) == content[3 : CHUNK_BYTES + 3]
    with pytest.raises(EOFError, match="3 of the 5 bytes claimed"):
        list(chunks(files.open("s3://bucket/a"), len(content) - 2, 5))
    with pytest.raises(Gone):
        files.open("s3://bucket/b")


def test_a_broken_upload_leaves_nothing(tmp_path: Path) -> None:
    class Broken:
        def read(self, size: int = -1, /) -> bytes:
            raise OSError("connection lost")

    files = ObjectFiles(tmp_path)
    with pytest.raises(OSError, match="connection lost"):
        files.receive(Broken())
    assert list((tmp_path / "incoming").iterdir()) == []


def test_what_a_crash_left_is_cleared_at_start(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    files.receive(io.BytesIO(b"never kept"))
    assert len(list((tmp_path / "incoming").iterdir())) == 1
    ObjectFiles(tmp_path)
    assert list((tmp_path / "incoming").iterdir()) == []
