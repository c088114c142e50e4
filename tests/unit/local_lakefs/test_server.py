"""The server as a process: its start, its end, what survives a crash, and what it does not offer."""

from __future__ import annotations

import base64
import io
import json
import re
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_lakefs import service
from local_lakefs.api.registry import HANDLERS, operations
from local_lakefs.service import LocalLakeFS
from local_lakefs.serving import NOTICE
from local_lakefs.testing import RunningServer, lakefs_server

LUA = """
name: slow enough
on:
  pre-merge:
hooks:
  - id: lua
    type: lua
    properties:
      script: |
        print("asked")
"""


def client(server: RunningServer) -> httpx.Client:
    return httpx.Client(
        base_url=f"{server.url}/api/v1",
        auth=(server.access_key_id, server.secret_access_key),
        timeout=60,
        trust_env=False,
    )


def make_repository(http: httpx.Client, name: str = "repo") -> None:
    http.post(
        "/repositories", json={"name": name, "storage_namespace": "s3://any/namespace"}
    ).raise_for_status()


def upload(http: httpx.Client, branch: str, path: str, content: bytes) -> httpx.Response:
    return http.post(f"/repositories/repo/branches/{branch}/objects", params={"path": path}, content=content)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with lakefs_server(Path(tmp_path_factory.mktemp("server"))) as running:
        with client(running) as http:
            make_repository(http)
        yield running


def test_keys_are_kept_for_the_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "at start"
    with lakefs_server(directory) as first:
        pass
    with lakefs_server(directory) as second:
        assert (second.access_key_id, second.secret_access_key) == (
            first.access_key_id,
            first.secret_access_key,
        )
    assert stat.S_IMODE((directory / "credentials.json").stat().st_mode) == 0o600
    log = (directory / "server.log").read_text()
    assert NOTICE in log
    assert first.secret_access_key in log


def test_keys_from_the_environment(tmp_path: Path) -> None:
    env = {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID": "AKIA", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": "secret"}
    with lakefs_server(tmp_path, env) as server:
        assert (server.access_key_id, server.secret_access_key) == ("AKIA", "secret")
        with client(server) as http:
            assert http.get("/user").json()["user"]["id"] == "admin"
            assert http.get("/user", auth=("AKIA", "wrong")).status_code == 401
    assert not (tmp_path / "credentials.json").exists()


def test_the_end_leaves_no_process(tmp_path: Path) -> None:
    with lakefs_server(tmp_path) as server, client(server) as http:
        make_repository(http)
        http.post("/repositories/repo/branches", json={"name": "work", "source": "main"})
        upload(http, "work", "_lakefs_actions/slow.yaml", LUA.encode()).raise_for_status()
        http.post("/repositories/repo/branches/work/commits", json={"message": "action"}).raise_for_status()
        http.post("/repositories/repo/refs/work/merge/main", json={}).raise_for_status()
        processes = psutil.Process(server.pid).children(recursive=True)
        assert processes
    _, alive = psutil.wait_procs(processes, timeout=120)
    assert alive == []


def test_two_servers_do_not_share_a_directory(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOCK_WAIT_S", 0.0)
    with pytest.raises(RuntimeError, match="another server uses"):
        LocalLakeFS(server.directory, {})


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with lakefs_server(tmp_path) as server, client(server) as http:
        make_repository(http)
        upload(http, "main", "a", b"committed").raise_for_status()
        commit = http.post("/repositories/repo/branches/main/commits", json={"message": "m"}).json()["id"]
        upload(http, "main", "b", b"staged").raise_for_status()
        psutil.Process(server.pid).kill()  # its worker notices, and lets go
    with lakefs_server(tmp_path) as server, client(server) as http:
        assert http.get("/repositories/repo/branches/main").json()["commit_id"] == commit
        for path, content in (("a", b"committed"), ("b", b"staged")):
            answer = http.get("/repositories/repo/refs/main/objects", params={"path": path})
            assert (answer.status_code, answer.content) == (200, content)
        assert [
            change["path"] for change in http.get("/repositories/repo/branches/main/diff").json()["results"]
        ] == ["b"]


@contextmanager
def started(directory: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the command itself; give its process and the address that it prints."""
    command = [sys.executable, "-m", "local_lakefs", "--dir", str(directory), "--port", "0", *options]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == NOTICE
        yield process, process.stdout.readline().split()[0]
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def test_a_signal_to_stop_is_obeyed(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    with started(tmp_path / "d", "--ready-file", str(ready_file)) as (process, url):
        ready = json.loads(ready_file.read_text())
        assert (ready["url"], ready["pid"]) == (url, process.pid)
        assert httpx.get(f"{url}/healthcheck", trust_env=False).status_code == 204
        process.terminate()
        assert process.wait(120) == 0


def test_it_ends_with_its_starter(tmp_path: Path) -> None:
    with started(tmp_path, "--end-with-stdin") as (process, _):
        assert process.poll() is None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(120) == 0


@pytest.mark.parametrize(("claimed", "served"), [(3, b"012"), (200, None)])
def test_a_claimed_size(server: RunningServer, claimed: int, served: bytes | None) -> None:
    with client(server) as http:
        branch = f"claim-{claimed}"
        http.post("/repositories/repo/branches", json={"name": branch, "source": "main"})
        address = upload(http, branch, "whole", b"0123456789").json()["physical_address"]
        claim = {"physical_address": address, "checksum": "claimed", "size_bytes": claimed}
        path = {"path": "claimed"}
        http.put(f"/repositories/repo/branches/{branch}/objects", params=path, json=claim).raise_for_status()

        def read() -> bytes:
            return http.get(f"/repositories/repo/refs/{branch}/objects", params=path).content

        if served is None:
            with pytest.raises(httpx.RemoteProtocolError):  # cut off, not kept waiting
                read()
        else:
            assert read() == served


def test_large_objects_are_streamed(server: RunningServer) -> None:
    pieces, piece = 300, bytes(1 << 20)
    with client(server) as http:
        http.post("/repositories/repo/branches", json={"name": "large", "source": "main"})
        objects = "/repositories/repo/branches/large/objects"
        form = {"content": ("large", _Zeros(pieces * len(piece)), "text/csv")}
        for path, body in (("raw", {"content": (piece for _ in range(pieces))}), ("form", {"files": form})):
            answer = http.post(objects, params={"path": path}, **body)  # type: ignore[arg-type]
            assert answer.json()["size_bytes"] == pieces * len(piece), answer.text
            read = http.stream("GET", "/repositories/repo/refs/large/objects", params={"path": path})
            with read as response:
                assert sum(map(len, response.iter_raw())) == pieces * len(piece)
    _stream_by_s3(server, pieces, piece)
    (worker,) = psutil.Process(server.pid).children()
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker.pid}/status").read_text())
    assert int(peak) * 1024 < 200 * len(piece)


def _stream_by_s3(server: RunningServer, pieces: int, piece: bytes) -> None:
    def ask(method: str, content: Any) -> httpx.Response:
        signed = AWSRequest(method=method, url=f"{server.url}/repo/large/s3")
        auth = S3SigV4Auth(Credentials(server.access_key_id, server.secret_access_key), "s3", "us-east-1")
        auth.payload = lambda _: "UNSIGNED-PAYLOAD"
        signed.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
        auth.add_auth(signed)
        headers = dict(signed.headers.items())
        return http.send(
            http.build_request(method, signed.url, headers=headers, content=content), stream=True
        )

    with client(server) as http:
        http.auth = None  # type: ignore[assignment]
        assert ask("PUT", (piece for _ in range(pieces))).status_code == 200
        assert sum(map(len, ask("GET", None).iter_raw())) == pieces * len(piece)


@pytest.mark.parametrize("announced", [True, False])
def test_json_of_a_gigabyte_is_refused(server: RunningServer, announced: bool) -> None:
    (worker,) = psutil.Process(server.pid).children()
    before = worker.memory_info().rss
    keys = base64.b64encode(f"{server.access_key_id}:{server.secret_access_key}".encode()).decode()
    length = f"content-length: {1 << 30}" if announced else "transfer-encoding: chunked"
    head = [
        "POST /api/v1/repositories HTTP/1.1",
        f"host: {server.url.removeprefix('http://')}",
        f"authorization: Basic {keys}",
        "content-type: application/json",
        length,
    ]
    # No more than what shows it: an answer may be lost where the server ends a connection before all is read.
    sent = b"" if announced else 16 * (b"100000\r\n" + b" " * (1 << 20) + b"\r\n") + b"1\r\n \r\n0\r\n\r\n"
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=120) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + sent)
        answer = b""
        while not answer.endswith(b"}\n") and (more := connection.recv(1 << 16)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"the embedded lakeFS takes no more than 16777216 bytes" in answer
    assert worker.memory_info().rss - before < 100 << 20
    with client(server) as http:
        assert http.get("/repositories").status_code == 200


class _Zeros(io.RawIOBase):
    """A file of nothing but zeros."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes

    def read(self, size: int = -1, /) -> bytes:
        given = self._left if size < 0 else min(size, self._left)
        self._left -= given
        return bytes(given)


def test_what_is_not_offered_says_its_name(server: RunningServer) -> None:
    missing = [item for item in operations() if item.operation not in HANDLERS]
    assert missing
    with client(server) as http:
        for item in missing:
            answer = http.request(item.method, item.path)
            assert answer.status_code == 501
            assert item.operation in answer.json()["message"]
        assert http.get("/nothing").status_code == 404


def test_a_link_to_a_page_leads_to_what_the_api_says(server: RunningServer) -> None:
    with client(server) as http:
        http.post("/repositories/repo/branches", json={"name": "linked", "source": "main"}).raise_for_status()
        upload(http, "linked", "a b/c", b"x").raise_for_status()
        head = http.get("/repositories/repo/branches/linked").json()["commit_id"]
        pages = httpx.Client(base_url=server.url, auth=http.auth, follow_redirects=True)
        assert pages.get(f"/repositories/repo/commits/{head}").json()["id"] == head
        listed = pages.get("/repositories/repo/objects", params={"ref": "linked", "path": "a b/"})
        assert [item["path"] for item in listed.json()["results"]] == ["a b/c"]
        shown = pages.get("/repositories/repo/object", params={"ref": "linked", "path": "a b/c"})
        assert shown.json()["size_bytes"] == 1


def test_every_handler_is_an_operation() -> None:
    assert set(HANDLERS) <= {item.operation for item in operations()}


def test_writers_at_once_lose_nothing(server: RunningServer) -> None:
    answers: list[httpx.Response] = []

    def write(number: int) -> None:
        with client(server) as http:
            for step in range(5):
                branch = f"w{number}-{step}"
                http.post("/repositories/repo/branches", json={"name": branch, "source": "main"})
                upload(http, branch, f"many/{number}/{step}", b"x").raise_for_status()
                http.post(f"/repositories/repo/branches/{branch}/commits", json={"message": "m"})
                answers.append(http.post(f"/repositories/repo/refs/{branch}/merge/main", json={}))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 429}
    merged = sum(answer.status_code == 200 for answer in answers)
    with client(server) as http:
        listing = http.get("/repositories/repo/refs/main@/objects/ls", params={"prefix": "many/"}).json()
        assert len(listing["results"]) == merged
        log = http.get("/repositories/repo/refs/main/commits", params={"first_parent": True}).json()
        assert sum(commit["message"].startswith("Merge 'w") for commit in log["results"]) == merged
