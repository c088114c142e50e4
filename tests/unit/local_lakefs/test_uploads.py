from __future__ import annotations

from pathlib import Path

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from local_lakefs.api.uploads import receive
from local_lakefs.errors import LakeFSError
from local_lakefs.storage.objects import CHUNK_BYTES, ObjectFiles


def form(*parts: tuple[str, str], end: str = "--B--\r\n") -> Request:
    body = "".join(f"--B\r\n{head}\r\n\r\n{content}\r\n" for head, content in parts) + end
    return request(body, "multipart/form-data; boundary=B")


def request(body: str, content_type: str) -> Request:
    builder = EnvironBuilder(method="POST", data=body.encode())
    builder.headers["Content-Type"] = content_type
    return Request(builder.get_environ())


CONTENT = 'Content-Disposition: form-data; name="content"'


def taken(request: Request, directory: Path) -> tuple[bytes, str]:
    stored, content_type = receive(request, ObjectFiles(directory))
    return stored.path.read_bytes(), content_type


def test_a_raw_body(tmp_path: Path) -> None:
    assert taken(request("1,2", "text/csv"), tmp_path) == (b"1,2", "text/csv")


def test_the_first_content_part_counts(tmp_path: Path) -> None:
    other = ('Content-Disposition: form-data; name="other"', "no")
    file = (CONTENT + '; filename="x"\r\nContent-Type: text/csv', "1,2\r\n--C")
    assert taken(form(other, file, (CONTENT, "late")), tmp_path) == (b"1,2\r\n--C", "text/csv")


def test_a_part_without_file_name_or_type(tmp_path: Path) -> None:
    assert taken(form((CONTENT, "")), tmp_path) == (b"", "")


def test_a_large_part_in_pieces(tmp_path: Path) -> None:
    content = "0123456789\r\n" * (CHUNK_BYTES // 6)
    assert taken(form((CONTENT + '; filename="x"', content)), tmp_path)[0] == content.encode()


@pytest.mark.parametrize(
    "wrong",
    [
        form(('Content-Disposition: form-data; name="other"', "x")),
        form((CONTENT + '; filename="x"', "cut off"), end=""),
        request("x", "multipart/form-data"),
    ],
)
def test_refused(wrong: Request, tmp_path: Path) -> None:
    with pytest.raises(LakeFSError):
        receive(wrong, ObjectFiles(tmp_path))
    assert list((tmp_path / "incoming").iterdir()) == []
