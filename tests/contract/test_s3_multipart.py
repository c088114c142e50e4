"""Uploads in parts by the S3 gateway, as lakeFS does them on its local storage."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import httpx
import pytest

from tests.contract.s3 import S3, code

COMPLETE = (
    '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</CompleteMultipartUpload>'
)
PART_BYTES = 5 << 20


@pytest.fixture(scope="module")
def s3(lakefs: Any) -> S3:
    return S3(lakefs, lakefs.create_repository(files={"source": "0123456789"}))


def create(s3: S3, key: str, **headers: str) -> str:
    response = s3.call("POST", key, headers=headers, uploads="")
    assert response.status_code == 200, response.text
    found = re.search("<UploadId>(.+)</UploadId>", response.text)
    assert found is not None
    return found[1]


def part(s3: S3, key: str, upload: str, number: object, body: bytes, **headers: str) -> httpx.Response:
    return s3.call("PUT", key, body, headers, partNumber=str(number), uploadId=upload)


def complete(s3: S3, key: str, upload: str, *etags: str, **headers: str) -> httpx.Response:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        for number, etag in enumerate(etags, 1)
    )
    return s3.call("POST", key, COMPLETE.format(parts).encode(), headers, uploadId=upload)


def test_parts_make_an_object(s3: S3) -> None:
    upload = create(s3, "main/parts", **{"content-type": "text/csv", "x-amz-meta-a": "1"})
    pieces = {2: b"second", 1: b"first", 10: b"tenth"}
    etags = {}
    for number, body in pieces.items():
        response = part(s3, "main/parts", upload, number, body)
        assert response.headers["etag"] == f'"{hashlib.md5(body).hexdigest()}"'
        etags[number] = response.headers["etag"]
    assert s3.call("HEAD", "main/parts").status_code == 404
    part(s3, "main/parts", upload, 2, b"SECOND")
    done = complete(s3, "main/parts", upload, *(etags[number] for number in sorted(etags)))
    assert done.status_code == 200
    digest = hashlib.md5(b"".join(hashlib.md5(pieces[number]).digest() for number in (1, 2, 10))).hexdigest()
    assert f"<ETag>&#34;{digest}-3&#34;</ETag>" in done.text
    assert "<Key>main/parts</Key>" in done.text
    assert f"<Location>{s3.lakefs.url}/{s3.bucket}/main/parts</Location>" in done.text
    got = s3.call("GET", "main/parts")
    assert got.content == b"firstSECONDtenth"
    assert got.headers["etag"] == f'"{digest}"'
    stats = s3.repository.stat("main", "parts")
    assert (stats["content_type"], stats["metadata"]) == ("text/csv", {"X-Amz-Meta-a": "1"})
    assert (stats["checksum"], stats["size_bytes"]) == (digest, 16)
    assert code(complete(s3, "main/parts", upload), 500) == "InternalError"


def test_what_the_list_of_parts_is_worth(s3: S3) -> None:
    """On its local storage lakeFS takes the checksum from the list, and the bytes from all parts."""
    upload = create(s3, "main/listed")
    for number in (1, 2):
        part(s3, "main/listed", upload, number, b"x%d" % number)
    done = complete(s3, "main/listed", upload, "no hexadecimal")
    assert f"{hashlib.md5(b'').hexdigest()}-1" in done.text
    assert s3.call("GET", "main/listed").content == b"x1x2"
    upload = create(s3, "main/listed")
    assert complete(s3, "main/listed", upload).status_code == 200
    assert s3.call("GET", "main/listed").content == b""


def test_copied_parts(s3: S3) -> None:
    upload = create(s3, "main/copied")
    source = {"x-amz-copy-source": f"{s3.bucket}/main/source"}
    ranges = ("bytes=8-9", "bytes=-3", "bytes=0-99", "bytes=50-60", "nonsense", None)
    etags = []
    for number, asked in enumerate(ranges, 1):
        headers = source | ({"x-amz-copy-source-range": asked} if asked else {})
        response = part(s3, "main/copied", upload, number, b"", **headers)
        assert response.status_code == 200, response.text
        found = re.search("<CopyObjectResult>.*<ETag>&#34;(.+)&#34;</ETag>", response.text)
        assert found is not None
        etags.append(found[1])
    assert etags[0] == hashlib.md5(b"89").hexdigest()
    assert complete(s3, "main/copied", upload, *etags).status_code == 200
    assert s3.repository.read("main", "copied") == b"89" + b"789" + b"0123456789" * 4
    missing = part(s3, "main/copied", create(s3, "main/copied"), 1, b"", **{"x-amz-copy-source": "a/b/c"})
    assert code(missing, 400) == "InvalidArgument"


def test_aborted(s3: S3) -> None:
    upload = create(s3, "main/aborted")
    part(s3, "main/aborted", upload, 1, b"x")
    assert code(s3.call("DELETE", "main/other", uploadId=upload), 404) == "NoSuchKey"
    assert s3.call("DELETE", "main/aborted", uploadId=upload).status_code == 204
    assert code(s3.call("DELETE", "main/aborted", uploadId=upload), 404) == "NoSuchKey"
    assert code(part(s3, "main/aborted", upload, 2, b"x"), 500) == "InternalError"
    assert code(complete(s3, "main/aborted", upload), 500) == "InternalError"
    assert s3.call("HEAD", "main/aborted").status_code == 404


def test_malformed(s3: S3) -> None:
    upload = create(s3, "main/malformed")
    for number in ("", "one", "1.5", "99999999999"):
        assert code(part(s3, "main/malformed", upload, number, b"x"), 400) == "InvalidArgument"
    for wrong in ("", "nothing", "0" * 32):
        assert code(part(s3, "main/malformed", wrong, 1, b"x"), 500) == "InternalError"
    for body in (
        b"",
        b"<Complete",
        b"no XML",
        COMPLETE.format("<Part><PartNumber>one</PartNumber></Part>").encode(),
        b'<!DOCTYPE C [<!ENTITY a "aa">]><CompleteMultipartUpload>&a;</CompleteMultipartUpload>',
    ):
        response = s3.call("POST", "main/malformed", body, uploadId=upload)
        assert code(response, 500) == "InternalError"
    assert s3.call("HEAD", "main/malformed").status_code == 404


def test_only_what_is_new(s3: S3) -> None:
    s3.put("main/taken", b"x")
    upload = create(s3, "main/taken")
    part(s3, "main/taken", upload, 1, b"y")
    refused = complete(s3, "main/taken", upload, **{"if-none-match": "*"})
    assert code(refused, 412) == "PreconditionFailed"
    assert code(complete(s3, "main/taken", upload, **{"if-match": "x"}), 501) == "NotImplemented"
    assert s3.repository.read("main", "taken") == b"x"


def test_what_local_storage_does_not_list(s3: S3) -> None:
    upload = create(s3, "main/open")
    assert code(s3.call("GET", "main/open", uploadId=upload), 500) == "InternalError"
    assert code(s3.call("GET", None, uploads=""), 501) == "NotImplemented"
    assert code(s3.call("GET", None, **{"uploads": "", "max-uploads": "x"}), 400) == "InvalidArgument"


def test_a_large_object_by_boto3(s3: S3, tmp_path: Any) -> None:
    """boto3 splits it by itself."""
    from boto3.s3.transfer import TransferConfig

    content = bytes(range(256)) * (2 * PART_BYTES // 256) + b"end"
    (tmp_path / "file").write_bytes(content)
    config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)
    s3.boto.upload_file(str(tmp_path / "file"), s3.bucket, "main/large", Config=config)
    assert s3.repository.stat("main", "large")["size_bytes"] == len(content)
    s3.boto.download_file(s3.bucket, "main/large", str(tmp_path / "back"), Config=config)
    assert (tmp_path / "back").read_bytes() == content
