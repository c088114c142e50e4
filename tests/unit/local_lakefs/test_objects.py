from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import pytest

from local_lakefs.errors import Gone
from local_lakefs.storage.objects import CHUNK_BYTES, ObjectFiles, chunks


def kept(files: ObjectFiles, address: str, content: bytes) -> str:
    files.keep(files.receive(io.BytesIO(content)), address)
    return address


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
    kept(files, "part", b"part")
    files.unite(["part"])
    assert len(list((tmp_path / "incoming").iterdir())) == 2
    ObjectFiles(tmp_path)
    assert list((tmp_path / "incoming").iterdir()) == []
    assert files.read("part") == b"part"


@pytest.fixture(params=["links", "copies"])
def united(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectFiles:
    """The object `whole`, of parts that changed or went away since."""

    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "this file system has no links")

    if request.param == "copies":
        monkeypatch.setattr(os, "link", no_links)
    files = ObjectFiles(tmp_path)
    parts = [kept(files, f"part-{number}", part) for number, part in enumerate([b"abc", b"", b"defgh", b""])]
    stored = files.unite(parts)
    assert stored.size_bytes == 8
    files.keep(stored, "whole")
    kept(files, "part-0", b"sent again")
    files.remove("part-2")
    return files


def test_parts_are_read_as_one(united: ObjectFiles) -> None:
    assert united.read("whole") == b"abcdefgh"
    for start in range(9):
        for size in range(9 - start):
            assert b"".join(chunks(united.open("whole"), start, size)) == b"abcdefgh"[start : start + size]
    with pytest.raises(EOFError, match="1 of the 5 bytes claimed"):
        list(chunks(united.open("whole"), 4, 5))
    with united.open("whole") as file:
        assert (file.seek(-3, os.SEEK_END), file.read(2), file.tell(), file.read(), file.read()) == (
            *(5, b"fg", 7, b"h"),
            b"",
        )


def test_no_parts_and_lost_parts(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    files.keep(files.unite([]), "empty")
    assert files.read("empty") == b""
    with pytest.raises(Gone):
        files.unite([kept(files, "there", b"x"), "lost"])
    assert list((tmp_path / "incoming").iterdir()) == []
