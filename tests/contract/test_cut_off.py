"""Where an upload ends: of one that is cut off nothing is stored; what comes behind is the next request."""

from __future__ import annotations

import base64
import os
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.harness import Repository
from tests.contract.s3 import S3
from tests.contract.s3_chunks import signed_chunks, unsigned_trailer


@pytest.fixture(scope="module")
def s3(lakefs: Any) -> S3:
    return S3(lakefs, lakefs.create_repository())


def hang_up_within(request: httpx.Request, body: bytes) -> int:
    """Send a part of a body, close that side, and return the answer's status; 0 without one."""
    target = urlsplit(str(request.url))
    names = {name: value for name, value in request.headers.items() if name != "content-length"}
    lines = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in names.items()]
    lines += [f"content-length: {len(request.content)}", "", ""]
    assert len(body) < len(request.content)
    with socket.create_connection((target.hostname, target.port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(4096)
    return int(answer.split()[1]) if answer else 0


def api_upload(repo: Repository, **body: Any) -> httpx.Request:
    keys = f"{repo.lakefs.access_key_id}:{repo.lakefs.secret_access_key}"
    return httpx.Request(
        "POST",
        f"{repo.lakefs.url}/api/v1/repositories/{repo.name}/branches/main/objects",
        params={"path": "cut"},
        headers={"authorization": "Basic " + base64.b64encode(keys.encode()).decode()},
        **body,
    )


@pytest.mark.parametrize("kind", ["api", "form", "unsigned", "signed", "chunks", "trailer"])
def test_a_client_that_hangs_up(s3: S3, kind: str) -> None:
    content = b"the whole content" * 10
    match kind:
        case "api":
            request = api_upload(s3.repository, content=content)
        case "form":
            request = api_upload(s3.repository, files={"content": ("n", content)})
            request.read()
        case "unsigned":
            request = s3.signed("PUT", s3.url("main/cut"), content, payload="UNSIGNED-PAYLOAD")
        case "signed":
            request = s3.signed("PUT", s3.url("main/cut"), content)
        case "chunks":
            request = signed_chunks(s3, "main/cut", [content, content])
        case _:
            request = unsigned_trailer(s3, "main/cut", [content, content])
    whole = len(request.content)
    framed = kind in ("form", "chunks", "trailer")  # what ends those bodies may be lacking
    for cut in (0, whole // 2, whole // 2 if framed else whole - 1):
        assert hang_up_within(request, request.content[:cut]) not in (200, 201)
    assert s3.repository.paths("main") == []
    assert s3.repository.upload("main", "after", "x")
    s3.repository.delete("main", "after")


@pytest.mark.parametrize("sizes", [(5, 7), (5, 3 << 20), (3 << 20, 0, 5)])
def test_uploads_behind_one_another_on_one_connection(s3: S3, sizes: tuple[int, ...]) -> None:
    repo, contents = s3.repository, {f"{number}": os.urandom(size) for number, size in enumerate(sizes)}
    sent = b""
    for path, content in contents.items():
        request = api_upload(repo, content=content)
        target = request.url.copy_set_param("path", path)
        headers = {**request.headers, "content-length": str(len(content))}
        lines = [
            f"POST {target.raw_path.decode()} HTTP/1.1",
            *(f"{n}: {v}" for n, v in headers.items()),
            "",
            "",
        ]
        sent += "\r\n".join(lines).encode() + content
    address = urlsplit(repo.lakefs.url)
    with (
        socket.create_connection((address.hostname, address.port), timeout=60) as connection,
        connection.makefile("rb") as answers,
    ):
        connection.sendall(sent)
        for _ in contents:
            assert answers.readline().split()[1] == b"201"
            length = 0
            while (line := answers.readline()) != b"\r\n":
                name, _, value = line.lower().partition(b":")
                length = int(value) if name == b"content-length" else length
            answers.read(length)
    for path, content in contents.items():
        assert repo.read("main", path) == content
        repo.delete("main", path)
