"""The S3 gateway's parts against botocore's signer, and against bodies and documents of any shape."""

from __future__ import annotations

import errno
import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, unquote_to_bytes, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import run_wsgi_app

from local_lakefs.gateway import Gateway, documents
from local_lakefs.gateway.body import CHUNK_ALGORITHM, EMPTY_SHA256, SIGNED_CHUNKS, BodyError, open_body
from local_lakefs.gateway.documents import MalformedDocument
from local_lakefs.gateway.errors import S3Error
from local_lakefs.gateway.operation import MAX_DOCUMENT_BYTES
from local_lakefs.gateway.request import METADATA_PREFIX, Environ, S3Request, metadata_headers
from local_lakefs.gateway.signature import Claim, SigningKey, is_signed, read_claim, verify
from local_lakefs.service import ACCESS_KEY_VARIABLE, SECRET_KEY_VARIABLE, LocalLakeFS

SECRET = "a secret"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
HEADER_TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
HEADER_NAME = st.from_regex(r"x-amz-meta-[a-z0-9.-]{1,9}", fullmatch=True)
PARAMETER = st.from_regex(r"[A-Za-z0-9-]{1,9}", fullmatch=True)


def environ_of(request: AWSRequest) -> Environ:
    """Return what a WSGI server makes of a request."""
    url = urlsplit(request.url)
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "HTTP_HOST": url.netloc,
    }
    for name, value in request.headers.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ


def sign(
    method: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    *,
    by_query: bool,
    at: datetime = NOW,
    payload: str | None = None,
) -> Environ:
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())
    url = f"http://host:8000/{quote(path, safe='/')}" + (f"?{text}" if text else "")
    request = AWSRequest(method=method, url=url, headers=headers)
    credentials = Credentials("AKIA", SECRET)
    kind: Any = S3SigV4QueryAuth if by_query else S3SigV4Auth
    auth = kind(credentials, "s3", "eu-central-1")
    if payload:
        auth.payload = lambda _: payload
    with patch("botocore.auth.get_current_datetime", return_value=at):
        auth.add_auth(request)
    return environ_of(request)


@given(
    st.sampled_from(["GET", "PUT", "DELETE"]),
    TEXT,
    st.dictionaries(PARAMETER, TEXT, max_size=3),
    st.dictionaries(HEADER_NAME, HEADER_TEXT, max_size=3),
    st.booleans(),
)
def test_what_botocore_signs_is_verified(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], by_query: bool
) -> None:
    environ = sign(method, path, query, headers, by_query=by_query)
    request = S3Request(environ)
    assert is_signed(request)
    claim = read_claim(request)
    verify(request, claim, SECRET, NOW)
    for change in (
        {"REQUEST_METHOD": "POST"},
        {"PATH_INFO": environ["PATH_INFO"] + "x"},
        {"QUERY_STRING": environ["QUERY_STRING"] + "&more=1"},
        {"HTTP_HOST": "other"},
    ):
        changed = S3Request(environ | change)
        with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
            verify(changed, read_claim(changed), SECRET, NOW)
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        verify(request, claim, "another secret", NOW)


class Trickle(io.BytesIO):
    """A stream that gives as many bytes at once as it likes."""

    def __init__(self, content: bytes, sizes: list[int]) -> None:
        super().__init__(content)
        self._sizes = sizes

    def read(self, size: int | None = -1, /) -> bytes:
        self._sizes.append(self._sizes.pop(0))
        return super().read(min(size, self._sizes[0]) if size and size > 0 else self._sizes[0])


def chunked(pieces: list[bytes], sizes: list[int], spoil: tuple[int, int] = (0, 0)) -> bytes:
    """Return what is read of a body in signed chunks, with one of its bytes changed."""
    claim = Claim("AKIA", "20261121", "us-east-1", "s3", "host", "0" * 64)
    key = SigningKey(claim, SECRET, "20261121T120000Z")
    body, signature = b"", claim.signature
    for piece in [*pieces, b""]:
        signature = key.sign(CHUNK_ALGORITHM, signature, EMPTY_SHA256, hashlib.sha256(piece).hexdigest())
        body += f"{len(piece):x};chunk-signature={signature}\r\n".encode() + piece + b"\r\n"
    changed = bytearray(body)
    changed[spoil[0] % len(body)] ^= spoil[1]
    environ = {"REQUEST_METHOD": "PUT", "HTTP_X_AMZ_CONTENT_SHA256": SIGNED_CHUNKS}
    source = open_body(S3Request(environ), Trickle(bytes(changed), sizes), claim.signature, key)
    return b"".join(iter(lambda: source.read(10), b""))


PIECES = st.lists(st.binary(min_size=1, max_size=50), max_size=4)
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=5)


@given(PIECES, SIZES)
def test_chunks_however_they_come(pieces: list[bytes], sizes: list[int]) -> None:
    assert chunked(pieces, sizes) == b"".join(pieces)


@given(PIECES, SIZES, st.tuples(st.integers(0, 10_000), st.integers(1, 255)))
def test_chunks_with_a_changed_byte(pieces: list[bytes], sizes: list[int], spoil: tuple[int, int]) -> None:
    try:
        read = chunked(pieces, sizes, spoil)
    except BodyError:
        return
    assert read == b"".join(pieces)  # the case of a digit, or what follows the last chunk


@given(st.dictionaries(st.from_regex(r"[a-z0-9_.-]{1,9}", fullmatch=True), PRINTABLE, max_size=3))
def test_metadata_goes_out_as_it_came(metadata: dict[str, str]) -> None:
    kept = {METADATA_PREFIX + name: value for name, value in metadata.items()}
    headers = metadata_headers(kept)
    environ: Environ = {"REQUEST_METHOD": "PUT"}
    for name, value in headers.items():
        assert value.isascii()
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    if len(environ) == len(metadata) + 1:  # else names differ in - and _ alone
        signed = ";".join(name.lower() for name in headers)
        assert S3Request(environ).metadata(signed) == kept


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\r")))
def test_text_survives_a_document(text: str) -> None:
    document = documents.render("Root", [("Item", [("Key", text)])])
    (item,) = documents.children(documents.parse(document), "Item")
    assert documents.text(item, "Key") == text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "document",
    [
        f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]><d>&l9;</d>',
        '<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/hostname">]><d>&f;</d>',
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/d.dtd"><d/>',
        "<d>" + "<e/>" * 200_000 + "</d>",
        "<d>" * 200_000,
        '<?xml version="1.0" encoding="nonsense"?><d/>',
        "<d>&nothing;</d>",
        "<d",
        "",
    ],
    ids=["laughs", "file", "address", "wide", "deep", "encoding", "entity", "cut", "empty"],
)
def test_documents_that_are_refused(document: str) -> None:
    with pytest.raises(MalformedDocument):
        documents.parse(document.encode())


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway without HTTP, with a repository ``repo``; what is for the API fails."""
    keys = {ACCESS_KEY_VARIABLE: "AKIA", SECRET_KEY_VARIABLE: SECRET}
    server = LocalLakeFS(tmp_path, keys)
    server.repositories.create("repo", "local://repo", "main", read_only=False, bare=False)

    def api(*_: object) -> list[bytes]:
        raise AssertionError("taken for a request to the API")

    yield Gateway(server, api)
    server.close()


def ask(gateway: Gateway, method: str, path: str, body: bytes = b"", **query: str) -> tuple[str, str]:
    """Send a request that is signed now; return the answer's status and body."""
    environ = sign(method, path, query, {}, by_query=False, at=datetime.now(UTC), payload="UNSIGNED-PAYLOAD")
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    found, status, _ = run_wsgi_app(gateway, environ)
    return status, b"".join(found).decode()


def test_a_full_disk(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert ask(gateway, "PUT", "repo/main/a", b"before")[0] == "200 OK"
    with monkeypatch.context() as patched:

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patched.setattr("os.fsync", full)
        status, answer = ask(gateway, "PUT", "repo/main/a", b"after")
        assert (status.split()[0], "<Code>InternalError</Code>" in answer) == ("500", True)
    assert ask(gateway, "GET", "repo/main/a") == ("200 OK", "before")
    assert list((tmp_path / "objects" / "incoming").iterdir()) == []
    assert ask(gateway, "PUT", "repo/main/b", b"again")[0] == "200 OK"


def test_a_document_over_the_limit(gateway: Gateway) -> None:
    ask(gateway, "PUT", "repo/main/a", b"kept")
    body = b"<Delete><Object><Key>main/a</Key></Object>" + b" " * MAX_DOCUMENT_BYTES + b"</Delete>"
    status, answer = ask(gateway, "POST", "repo", body, delete="")
    assert (status.split()[0], "<Code>EntityTooLarge</Code>" in answer) == ("400", True)
    assert ask(gateway, "GET", "repo/main/a")[1] == "kept"


LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=30)
CREDENTIAL = st.sampled_from(["AKIA/20261121/us-east-1/s3/aws4_request", "AKIA/2026", ""]) | LATIN
AUTHORIZATION = st.builds(
    "AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature={}".format,
    CREDENTIAL,
    st.sampled_from(["host", "host;x-amz-date", ";;", ""]) | LATIN,
    st.sampled_from(["0" * 64, "0"]) | LATIN,
)
PARAMETERS = st.dictionaries(
    st.sampled_from(
        ["Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires", "Nonsense"]
    ).map("X-Amz-{}".format),
    st.sampled_from(["AWS4-HMAC-SHA256", "20261121T120000Z", "60", "host", "%FF%80", "+"]) | CREDENTIAL,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "\xff"]),
    LATIN,
    PARAMETERS,
    st.sampled_from(["", "AWS4"]) | AUTHORIZATION,
    st.dictionaries(st.sampled_from(["HTTP_X_AMZ_DATE", "HTTP_X_AMZ_CONTENT_SHA256", "HTTP_DATE"]), LATIN),
)
def test_whatever_is_claimed_is_refused(
    gateway: Gateway,
    method: str,
    path: str,
    query: dict[str, str],
    authorization: str,
    headers: dict[str, str],
) -> None:
    if not authorization:  # signed by query
        query.setdefault("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
        query["X-Amz-Credential"] = query.get("X-Amz-Credential") or "AKIA"
    environ = headers | {
        "REQUEST_METHOD": method,
        "PATH_INFO": f"/{path}",
        "QUERY_STRING": "&".join(f"{name}={value}" for name, value in query.items()),
        "HTTP_AUTHORIZATION": authorization,
        "HTTP_HOST": "host",
        "wsgi.input": io.BytesIO(),
    }
    _, status, _ = run_wsgi_app(gateway, environ)
    assert status[:3] in ("400", "403")
