"""The embedded lakeFS's S3 gateway: a large object up and down."""

from __future__ import annotations

import hashlib
import http.client
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import boto3
import httpx
import psutil
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from benchmarks.embedded import LARGE_BYTES, PIECE_BYTES, forget, peak_bytes, read_s, written_s
from benchmarks.figures import Figure
from local_lakefs.testing import RunningServer, lakefs_server

ROUNDS = 3
PARTS = 16
UNSIGNED = "UNSIGNED-PAYLOAD"


def large_objects() -> Iterator[Figure]:
    """Measure beside as much written to and read from the same disk without a server."""
    piece = os.urandom(PIECE_BYTES)
    whole = hashlib.sha256()
    for _ in range(LARGE_BYTES // PIECE_BYTES):
        whole.update(piece)
    ways = {"unsigned": UNSIGNED, "signed": whole.hexdigest()}
    shares: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, lakefs_server(Path(folder)) as server:
        _make_repository(server)
        (worker,) = psutil.Process(server.pid).children()
        for number in range(ROUNDS):
            ups: dict[str, Callable[[], float]] = {
                f"up, {way}": partial(_put_s, server, f"{way}-{number}", LARGE_BYTES, piece, payload)
                for way, payload in ways.items()
            }
            ups[f"up in {PARTS} parts"] = partial(_in_parts_s, server, f"parts-{number}", piece)
            ups["up by boto3"] = partial(_by_boto3_s, server, f"boto3-{number}", Path(folder) / "plain")
            for way, up_s in ups.items():
                disk_s = written_s(Path(folder), piece)
                forget(Path(folder))
                shares.setdefault(way, []).append(disk_s / up_s())
            for way in (f"unsigned-{number}", f"parts-{number}"):
                forget(Path(folder))
                what = f"down, {way.rpartition('-')[0]}"
                shares.setdefault(what, []).append(read_s(Path(folder)) / _get_s(server, way))
        peak = peak_bytes(worker.pid)
    for what, values in shares.items():
        goal = "" if "boto3" in what else "0.5 or more"
        value = f"{statistics.median(values):.2f}"
        yield Figure(f"{LARGE_BYTES >> 30} GB by S3 {what}, share of the disk's own speed", value, goal)
    yield Figure(
        f"{LARGE_BYTES >> 30} GB by S3, the server's peak of memory", f"{peak / 1e6:.0f} MB", "under 200 MB"
    )


def _make_repository(server: RunningServer) -> None:
    body = {"name": "large", "storage_namespace": "local://large"}
    keys = (server.access_key_id, server.secret_access_key)
    httpx.post(f"{server.url}/api/v1/repositories", json=body, auth=keys, trust_env=False).raise_for_status()


def _request(
    server: RunningServer, method: str, target: str, size_bytes: int, piece: bytes, payload: str = UNSIGNED
) -> http.client.HTTPResponse:
    """Ask by the standard library: a client that hashes what it sends would be what is measured."""
    request = AWSRequest(method=method, url=f"{server.url}/large/main/{target}")
    request.headers["X-Amz-Content-SHA256"] = payload
    auth = S3SigV4Auth(Credentials(server.access_key_id, server.secret_access_key), "s3", "us-east-1")
    auth.payload = lambda _: payload
    auth.add_auth(request)
    headers = dict(request.headers.items()) | {"Content-Length": str(size_bytes)}
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    body = (piece[: size_bytes - at] for at in range(0, size_bytes, len(piece) or 1))
    connection.request(method, f"/large/main/{target}", body=body, headers=headers)
    response = connection.getresponse()
    if response.status != 200:
        raise RuntimeError(response.read().decode())
    return response


def _put_s(server: RunningServer, key: str, size_bytes: int, piece: bytes, payload: str = UNSIGNED) -> float:
    started = time.perf_counter()
    _request(server, "PUT", key, size_bytes, piece, payload).read()
    return time.perf_counter() - started


def _in_parts_s(server: RunningServer, key: str, piece: bytes) -> float:
    started = time.perf_counter()
    created = _request(server, "POST", f"{key}?uploads=", 0, b"").read().decode()
    upload = created.partition("<UploadId>")[2].partition("<")[0]
    for number in range(1, PARTS + 1):
        _put_s(server, f"{key}?partNumber={number}&uploadId={upload}", LARGE_BYTES // PARTS, piece)
    body = b"<CompleteMultipartUpload/>"  # all parts that came make the object
    _request(server, "POST", f"{key}?uploadId={upload}", len(body), body).read()
    return time.perf_counter() - started


def _by_boto3_s(server: RunningServer, key: str, file: Path) -> float:
    """Upload as users do: in parts of 8 MiB, several at once, each with a CRC32 behind it."""
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    started = time.perf_counter()
    client.upload_file(str(file), "large", f"main/{key}")
    return time.perf_counter() - started


def _get_s(server: RunningServer, key: str) -> float:
    started, size_bytes = time.perf_counter(), 0
    response = _request(server, "GET", key, 0, b"")
    while piece := response.read(PIECE_BYTES):
        size_bytes += len(piece)
    if size_bytes != LARGE_BYTES:
        raise RuntimeError(f"{size_bytes} bytes came")
    return time.perf_counter() - started
