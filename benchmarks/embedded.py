"""The embedded lakeFS: its start, versions of many objects, large objects."""

from __future__ import annotations

import hashlib
import http.client
import os
import sqlite3
import statistics
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import lakefs
import psutil

from benchmarks.figures import Figure
from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.entries import Entry
from local_lakefs.testing import RunningServer, lakefs_server
from local_lakefs.versioning import branches, staging

STARTS = 5
OBJECTS = 100_000
ROUNDS = 9
PIECE_BYTES = 1 << 20
LARGE_BYTES = 1 << 30


def embedded_server() -> Iterator[Figure]:
    """Measure all of it, in folders of its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield _start(Path(folder))
        yield from _many_objects(Path(folder) / "many")
        yield from _large_objects(Path(folder) / "large")


def _start(folder: Path) -> Figure:
    taken = []
    for number in range(STARTS):
        started = time.perf_counter()
        with lakefs_server(folder / f"start-{number}"):
            taken.append(time.perf_counter() - started)
    return Figure("embedded lakeFS, from nothing to listening", f"{_median(taken):.2f} s", "under 1 s")


def _many_objects(directory: Path) -> Iterator[Figure]:
    """Versions of many objects; a round is a commit of one change, its merge and its revert."""
    _fill(directory)
    with lakefs_server(directory) as server, _client(server) as client:
        repository = "/repositories/many"
        taken: dict[str, list[float]] = {}

        def timed(what: str, call: Callable[[], httpx.Response]) -> None:
            started = time.perf_counter()
            call().raise_for_status()
            taken.setdefault(what, []).append(time.perf_counter() - started)

        message = {"message": "all"}
        client.post(f"{repository}/branches/main/commits", json=message).raise_for_status()
        before = _kept_bytes(directory)
        for number in range(ROUNDS):
            work = f"{repository}/branches/work-{number}"
            source = {"name": f"work-{number}", "source": "main"}
            path, content = {"path": f"tables/{number:03d}/new"}, str(number).encode()
            listed = {"after": f"tables/{10 * number:03d}/", "amount": 1000}
            timed("branch", lambda: client.post(f"{repository}/branches", json=source))  # noqa: B023
            client.post(f"{work}/objects", params=path, content=content).raise_for_status()
            timed("commit of one change", lambda: client.post(f"{work}/commits", json=message))  # noqa: B023
            merge = f"{repository}/refs/work-{number}/merge/main"
            # Each but the first has changes on both sides: the branch was made from what a revert left.
            timed("merge", lambda: client.post(merge, json={}))  # noqa: B023
            undone = {"ref": "main", "parent_number": 1}
            timed("revert", lambda: client.post(f"{repository}/branches/main/revert", json=undone))  # noqa: B023
            objects = f"{repository}/refs/main/objects/ls"
            timed("listing page of 1,000", lambda: client.get(objects, params=listed))  # noqa: B023
        each_bytes = (_kept_bytes(directory) - before) / (3 * ROUNDS)
        for what, times in taken.items():
            yield Figure(f"{OBJECTS:,} objects: {what}", f"{_median(times) * 1e3:.1f} ms", "under 50 ms")
        yield Figure(
            f"{OBJECTS:,} objects: kept for a commit of one change",
            f"{each_bytes / 1e3:.0f} kB, {each_bytes / before:.2%} of all",
            "grows with change",
        )


def _fill(directory: Path) -> None:
    """Stage many entries without HTTP, which would take minutes."""
    server = LocalLakeFS(directory, os.environ)
    try:
        repository = server.repositories.create("many", "local://many", "main", read_only=False, bare=False)
        token = branches.get(repository, "main").staging_token
        with repository.database.writing() as connection:
            for number in range(OBJECTS):
                digest = hashlib.md5(str(number).encode()).hexdigest()
                entry = Entry(server.new_address(), True, digest, number, number, "text/csv", {})
                path = f"tables/{number % 100:03d}/part-{number:06d}.csv"
                staging.put(connection, repository, token, path, entry)
    finally:
        server.close()


def _kept_bytes(directory: Path) -> int:
    """Return the size of all ranges and metaranges; the file itself grows by whole pages, and late."""
    with sqlite3.connect(directory / "lakefs.db") as connection:
        both = "SELECT content FROM ranges UNION ALL SELECT content FROM meta_ranges"
        (kept,) = connection.execute(f"SELECT sum(length(content)) FROM ({both})").fetchone()
    connection.close()
    return int(kept)


def _large_objects(directory: Path) -> Iterator[Figure]:
    """One object up and down, beside as much written to and read from the same disk without a server."""
    directory.mkdir()
    piece = os.urandom(PIECE_BYTES)
    ups, by_sdk, digests, downs = [], [], [], []
    with lakefs_server(directory) as server, _client(server) as client:
        body = {"name": "large", "storage_namespace": "local://large"}
        client.post("/repositories", json=body).raise_for_status()
        (worker,) = psutil.Process(server.pid).children()
        for number in range(3):
            disk_s = written_s(directory, piece)
            ups.append(disk_s / _uploaded_s(server, f"large-{number}", piece, directory))
            by_sdk.append(disk_s / _uploaded_by_sdk_s(server, f"sdk-{number}", piece, directory))
            digests.append(disk_s / digested_s(piece))
            forget(directory)
            downs.append(read_s(directory) / _downloaded_s(server, f"large-{number}"))
        peak = peak_bytes(worker.pid)
    size = f"{LARGE_BYTES >> 30} GB"
    yield Figure(f"{size} up, share of the disk's own speed", f"{_median(ups):.2f}", "0.5 or more")
    yield Figure(f"{size} up by the official SDK, the same", f"{_median(by_sdk):.2f}", "")
    yield Figure(f"{size}, its MD5 alone, the same", f"{_median(digests):.2f}", "")
    yield Figure(f"{size} down, share of the disk's own speed", f"{_median(downs):.2f}", "0.5 or more")
    yield Figure(f"{size} up and down, the server's peak of memory", f"{peak / 1e6:.0f} MB", "under 200 MB")


def forget(directory: Path) -> None:
    """Have the system drop what it holds of the files in memory.

    So reading them is reading the disk. And a large file that is written next finds memory at hand, whoever
    writes it: on a virtual machine, memory that was not used before takes longer than the disk.
    """
    for path in directory.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak) * 1024


def written_s(directory: Path, piece: bytes) -> float:
    """Return how long the disk takes for as many bytes, without a server."""
    forget(directory)
    started = time.perf_counter()
    with (directory / "plain").open("wb") as file:
        for _ in range(LARGE_BYTES // PIECE_BYTES):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - started


def digested_s(piece: bytes) -> float:
    """Return how long the MD5 takes that lakeFS promises of each object: one core, and no way around."""
    started, digest = time.perf_counter(), hashlib.md5()
    for _ in range(LARGE_BYTES // PIECE_BYTES):
        digest.update(piece)
    return time.perf_counter() - started


def read_s(directory: Path) -> float:
    started = time.perf_counter()
    with (directory / "plain").open("rb") as file:
        while file.read(PIECE_BYTES):
            pass
    return time.perf_counter() - started


def _uploaded_s(server: RunningServer, path: str, piece: bytes, directory: Path) -> float:
    forget(directory)
    pieces = (piece for _ in range(LARGE_BYTES // PIECE_BYTES))
    headers = {"Content-Length": str(LARGE_BYTES)}
    started = time.perf_counter()
    with _response(server, "POST", f"branches/main/objects?path={path}", pieces, headers) as response:
        assert response.status == 201
        response.read()
        return time.perf_counter() - started


def _uploaded_by_sdk_s(server: RunningServer, path: str, piece: bytes, directory: Path) -> float:
    """Upload as users do: the SDK reads the whole into memory, and then sends it."""
    forget(directory)
    client = lakefs.Client(host=server.url, username=server.access_key_id, password=server.secret_access_key)
    branch = lakefs.Repository("large", client=client).branch("main")
    started = time.perf_counter()
    with branch.object(path).writer(mode="wb") as writer:
        for _ in range(LARGE_BYTES // PIECE_BYTES):
            writer.write(piece)
    return time.perf_counter() - started


def _downloaded_s(server: RunningServer, path: str) -> float:
    size_bytes, buffer, started = 0, bytearray(PIECE_BYTES), time.perf_counter()
    with _response(server, "GET", f"refs/main/objects?path={path}") as response:
        while read := response.readinto(buffer):
            size_bytes += read
        assert size_bytes == LARGE_BYTES
        return time.perf_counter() - started


@contextmanager
def _response(
    server: RunningServer,
    method: str,
    path: str,
    body: Iterator[bytes] | None = None,
    headers: dict[str, str] | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """Call by the standard library: httpx moves small pieces, and would be what is measured."""
    keys = b64encode(f"{server.access_key_id}:{server.secret_access_key}".encode()).decode()
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    address = f"/api/v1/repositories/large/{path}"
    given = {"Authorization": f"Basic {keys}", **(headers or {})}
    try:
        connection.request(method, address, body=body, headers=given)
        yield connection.getresponse()
    finally:
        connection.close()


def _client(server: RunningServer) -> httpx.Client:
    keys = (server.access_key_id, server.secret_access_key)
    return httpx.Client(base_url=f"{server.url}/api/v1", auth=keys, timeout=600, trust_env=False)


def _median(values: list[float]) -> float:
    return statistics.median(values)
