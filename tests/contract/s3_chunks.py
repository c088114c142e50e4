"""Bodies in the chunks of AWS's streaming signatures, made with botocore's signer."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from tests.contract.s3 import REGION, S3

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNATURE_LENGTH = 64


def _framed(sizes: list[int], extension: int) -> int:
    return sum(len(f"{size:x}") + extension + 4 + size for size in sizes)


def signed_chunks(s3: S3, key: str, pieces: list[bytes]) -> httpx.Request:
    """Return a PUT whose body comes in signed chunks."""
    size_bytes = sum(map(len, pieces))
    extension = len(";chunk-signature=") + SIGNATURE_LENGTH
    placeholder = b"." * _framed([len(piece) for piece in [*pieces, b""]], extension)
    headers = {"x-amz-decoded-content-length": str(size_bytes), "content-encoding": "aws-chunked"}
    request = s3.signed("PUT", s3.url(key), placeholder, headers, payload=SIGNED)
    found = re.search("Signature=([0-9a-f]+)", request.headers["authorization"])
    assert found is not None
    body = b""
    previous, date = found[1], request.headers["x-amz-date"]
    signer = S3SigV4Auth(s3.credentials, "s3", REGION)
    stamped = AWSRequest()
    stamped.context["timestamp"] = date
    for piece in [*pieces, b""]:
        scope = f"{date[:8]}/{REGION}/s3/aws4_request"
        empty, digest = hashlib.sha256().hexdigest(), hashlib.sha256(piece).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, empty, digest])
        previous = signer.signature(text, stamped)
        body += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + b"\r\n"
    assert len(body) == len(placeholder)
    return with_body(request, body)


def with_body(request: httpx.Request, body: bytes) -> httpx.Request:
    """Return the same request, signature included, with another body."""
    headers = dict(request.headers) | {"content-length": str(len(body))}
    return httpx.Request(request.method, request.url, headers=headers, content=body)


def unsigned_trailer(
    s3: S3, key: str, pieces: list[bytes], name: str = "x-amz-checksum-crc32", value: str | None = None
) -> httpx.Request:
    """Return a PUT whose body comes in chunks with a checksum behind it; CRC32 unless `value` is given."""
    whole = b"".join(pieces)
    if value is None:
        value = base64.b64encode(zlib.crc32(whole).to_bytes(4, "big")).decode()
    body = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
    body += f"0\r\n{name}:{value}\r\n\r\n".encode()
    headers = {
        "x-amz-decoded-content-length": str(len(whole)),
        "content-encoding": "aws-chunked",
        "x-amz-trailer": name,
    }
    return s3.signed("PUT", s3.url(key), body, headers, payload=TRAILER)
