"""Who is let in by the S3 gateway: signatures in headers and queries, of chunks, and the clock."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials

from tests.contract.s3 import S3, code
from tests.contract.s3_chunks import signed_chunks, unsigned_trailer, with_body


@pytest.fixture(scope="module")
def s3(lakefs: Any) -> S3:
    return S3(lakefs, lakefs.create_repository(files={"a": "hello"}))


@pytest.fixture(autouse=True)
def _only_what_was_signed_is_stored(s3: S3) -> Iterator[None]:
    yield
    assert s3.repository.paths("main", prefix="refused") == []


def changed(request: httpx.Request, **headers: str | None) -> httpx.Request:
    found = dict(request.headers) | {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in found.items() if value is not None}
    return httpx.Request(request.method, request.url, headers=kept, content=request.content)


def test_the_api_and_the_gateway_share_a_port(s3: S3) -> None:
    assert s3.lakefs.http.get("/user").status_code == 200
    assert s3.lakefs.http.get(s3.url("main/a"), auth=None).content != b"hello"
    assert s3.call("GET", "main/a").content == b"hello"


def test_wrong_keys(s3: S3) -> None:
    right = s3.credentials
    for credentials, answer in (
        (Credentials(right.access_key, "wrong"), "SignatureDoesNotMatch"),
        (Credentials("AKIANOBODY", right.secret_key), "AccessDenied"),
    ):
        for expires_s in (None, 60):
            request = s3.signed(
                "PUT", s3.url("main/refused"), b"x", credentials=credentials, expires_s=expires_s
            )
            assert code(s3.send(request), 403) == answer


def test_a_refused_body_does_not_stand_in_the_way(s3: S3) -> None:
    wrong = Credentials(s3.credentials.access_key, "wrong")
    for size_bytes in (0, 1000, 1 << 20, 20 << 20):
        request = s3.signed("PUT", s3.url("main/refused"), bytes(size_bytes), credentials=wrong)
        assert code(s3.send(request), 403) == "SignatureDoesNotMatch"
        try:
            answer = s3.call("GET", "main/a")
        except httpx.RemoteProtocolError:  # a large body that was refused may end the connection
            answer = s3.call("GET", "main/a")
        assert answer.content == b"hello"


def test_what_is_signed_cannot_be_changed(s3: S3) -> None:
    request = s3.signed("PUT", s3.url("main/refused"), b"x", {"x-amz-meta-a": "1"})
    elsewhere = httpx.Request("PUT", s3.url("main/refused2"), headers=request.headers, content=b"x")
    more = httpx.Request("PUT", s3.url("main/refused", x="y"), headers=request.headers, content=b"x")
    other_method = httpx.Request("POST", s3.url("main/refused"), headers=request.headers, content=b"x")
    headers = [changed(request, x_amz_meta_a=value) for value in ("2", None)]
    for tampered in (elsewhere, more, other_method, *headers):
        assert code(s3.send(tampered), 403) == "SignatureDoesNotMatch"
    assert code(s3.send(with_body(request, b"y")), 500) == "InternalError"
    assert s3.send(changed(request, x_amz_content_sha256="0" * 64)).status_code == 403


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request",
        "AWS4-HMAC-SHA256 Credential=AKIA, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=AKIA/20260101/x/s3/aws4_request, SignedHeaders=host, Signature=zz",
    ],
)
def test_malformed_authorizations(s3: S3, authorization: str) -> None:
    request = changed(s3.signed("GET", s3.url("main/a")), authorization=authorization)
    assert code(s3.send(request), 400) == "MissingFields"


@pytest.mark.parametrize(
    ("late", "answer"),
    [
        (timedelta(minutes=-14), None),
        (timedelta(minutes=14), None),
        (timedelta(minutes=-16), "RequestTimeTooSkewed"),
        (timedelta(minutes=16), "AccessDenied"),
        (timedelta(days=-2), "RequestTimeTooSkewed"),
    ],
)
def test_clock_skew(s3: S3, late: timedelta, answer: str | None) -> None:
    for expires_s in (None, 7200):
        response = s3.send(
            s3.signed("GET", s3.url("main/a"), at=datetime.now(UTC) + late, expires_s=expires_s)
        )
        if answer is None:
            assert response.content == b"hello"
        else:
            assert code(response, 403) == answer


def test_dates(s3: S3) -> None:
    request = s3.signed("GET", s3.url("main/a"))
    assert code(s3.send(changed(request, x_amz_date=None)), 400) == "AccessDenied"
    assert code(s3.send(changed(request, x_amz_date="today")), 400) == "MalformedDate"
    other_day = changed(request, x_amz_date="20200101T000000Z")
    assert code(s3.send(other_day), 400) == "AuthorizationHeaderMalformed"


def test_pre_signed(s3: S3) -> None:
    get = s3.boto.generate_presigned_url("get_object", {"Bucket": s3.bucket, "Key": "main/a"}, ExpiresIn=60)
    assert s3.lakefs.http.get(get, auth=None).content == b"hello"
    put = s3.signed("PUT", s3.url("main/presigned"), b"by a form", expires_s=60)
    assert s3.send(put).status_code == 200
    assert s3.repository.read("main", "presigned") == b"by a form"
    at = datetime.now(UTC) - timedelta(minutes=5)
    gone = s3.send(s3.signed("GET", s3.url("main/a"), at=at, expires_s=60))
    assert code(gone, 403) == "AccessDenied"
    assert "Request has expired" in gone.text


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"X-Amz-Expires": "never"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Expires": "-1"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Expires": "604801"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Expires": None}, "MissingFields"),
        ({"X-Amz-Algorithm": "AWS4-NONE"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Algorithm": None}, "MissingFields"),
        ({"X-Amz-Credential": "AKIA"}, "AuthorizationQueryParametersError"),
        ({"X-Amz-Signature": None}, "MissingFields"),
    ],
)
def test_malformed_pre_signed(s3: S3, changes: dict[str, str | None], answer: str) -> None:
    url = s3.signed("GET", s3.url("main/a"), expires_s=60).url
    for name, value in changes.items():
        url = url.copy_remove_param(name) if value is None else url.copy_set_param(name, value)
    assert code(s3.lakefs.http.get(url, auth=None), 400) == answer


def test_unsigned_payload(s3: S3) -> None:
    request = s3.signed("PUT", s3.url("main/unsigned"), b"x", payload="UNSIGNED-PAYLOAD")
    assert s3.send(with_body(request, b"other")).status_code == 200
    assert s3.repository.read("main", "unsigned") == b"other"


def test_ways_of_signing_that_are_not_known(s3: S3) -> None:
    for payload in ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "nonsense"):
        request = s3.signed("PUT", s3.url("main/refused"), b"x", payload=payload)
        assert code(s3.send(request), 403) == "AccessDenied"
    md5 = unsigned_trailer(s3, "main/refused", [b"x"], "x-amz-checksum-md5", "x")
    assert code(s3.send(md5), 403) == "AccessDenied"


def test_signed_chunks(s3: S3) -> None:
    pieces = [b"a" * 65536, b"b" * 65536, b"\r\n0\r\n", b"c"]
    assert s3.send(signed_chunks(s3, "main/chunks", pieces)).status_code == 200
    assert s3.repository.read("main", "chunks") == b"".join(pieces)
    assert s3.send(signed_chunks(s3, "main/chunks", [])).status_code == 200
    assert s3.repository.read("main", "chunks") == b""


def test_chunks_that_are_not_what_was_signed(s3: S3) -> None:
    request = signed_chunks(s3, "main/refused", [b"first", b"second"])
    body = request.content
    for tampered in (
        body.replace(b"second", b"SECOND"),
        body.replace(b"5;", b"6;", 1),
        body[: body.index(b"6;")],
        body[:-20],
        b"zz" + body[2:],
        b"5\r\nfirst\r\n" + body[body.index(b"6;") :],
    ):
        assert code(s3.send(with_body(request, tampered)), 500) == "InternalError"


CHECKSUMS = {
    "x-amz-checksum-crc32": "NhCmhg==",
    "x-amz-checksum-crc32c": "mnG7TA==",
    "x-amz-checksum-crc64nvme": "M3eFcAZSQlc=",
    "x-amz-checksum-sha1": base64.b64encode(hashlib.sha1(b"hello").digest()).decode(),
    "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"hello").digest()).decode(),
}


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_checksum_behind_the_body(s3: S3, name: str) -> None:
    good = unsigned_trailer(s3, "main/trailer", [b"hel", b"lo"], name, CHECKSUMS[name])
    assert s3.send(good).status_code == 200
    assert s3.repository.read("main", "trailer") == b"hello"
    bad = unsigned_trailer(s3, "main/refused", [b"hel", b"LO"], name, CHECKSUMS[name])
    assert code(s3.send(bad), 500) == "InternalError"


def test_a_checksum_that_is_not_there(s3: S3) -> None:
    request = unsigned_trailer(s3, "main/refused", [b"hello"])
    body = request.content
    for tampered in (
        body[: body.index(b"x-amz")],
        body.replace(b"crc32:", b"sha1:"),
        body[: body.index(b"0\r\nx-amz")],
        body[:-2] + b"xx",
    ):
        assert code(s3.send(with_body(request, tampered)), 500) == "InternalError"


def test_a_wrong_endpoint(s3: S3) -> None:
    request = s3.signed("GET", f"{s3.lakefs.url}/api/v1/repositories")
    assert code(s3.send(request), 404) == "ErrNoSuchBucketPossibleAPIEndpoint"


def test_a_bucket_in_the_host(s3: S3) -> None:
    port = httpx.URL(s3.lakefs.url).port
    request = s3.signed("GET", f"http://{s3.bucket}.s3.local.lakefs.io:{port}/main/a")
    here = httpx.Request("GET", f"{s3.lakefs.url}/main/a", headers=request.headers)
    assert s3.send(here).content == b"hello"
    unsigned = httpx.Request("GET", f"{s3.lakefs.url}/main/a", headers={"host": request.headers["host"]})
    assert code(s3.send(unsigned), 400) == "MissingFields"
