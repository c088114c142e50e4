"""No room on the disk: the server says so and goes on, and nothing that was there is lost.

A limit of the size of files (RLIMIT_FSIZE), set from outside and taken away again, stands for the full disk.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from local_lakefs.testing import RunningServer, lakefs_server
from tests.contract.harness import Lakefs, Repository


@contextmanager
def no_room(server: RunningServer, from_bytes: int) -> Iterator[None]:
    """Let the server write no file beyond `from_bytes`."""
    (worker,) = psutil.Process(server.pid).children()
    had = worker.rlimit(resource.RLIMIT_FSIZE)
    worker.rlimit(resource.RLIMIT_FSIZE, (from_bytes, had[1]))
    try:
        yield
    finally:
        worker.rlimit(resource.RLIMIT_FSIZE, had)


def test_what_does_not_fit_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    with lakefs_server(tmp_path) as server:
        lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
        repo = lakefs.create_repository(files={"a": "1"})
        repo.upload("main", "staged", "2")
        head = repo.head()
        with no_room(server, 100_000):  # the object does not fit
            assert repo.try_upload("main", "large", b"0" * 200_000).status_code == 500
        assert list((tmp_path / "objects" / "incoming").iterdir()) == [], "no half of it is left"
        with no_room(server, 0):  # nothing fits, not even a record
            refused = [
                repo.try_commit("main"),
                repo.try_upload("main", "small", "3"),
                repo.request("POST", "branches", json={"name": "b", "source": "main"}),
                repo.request("DELETE", "branches", "main", "objects", params={"path": "a"}),
            ]
            assert {answer.status_code for answer in refused} == {500}
            assert all(set(answer.json()) == {"message"} for answer in refused)
            assert repo.contents("main") == {"a": b"1", "staged": b"2"}
        assert repo.head() == head
        assert [branch["id"] for branch in repo.pages("branches")] == ["main"]
        repo.commit("main")
        repo.upload("main", "large", b"0" * 200_000)
    with lakefs_server(tmp_path) as server:
        lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
        again = Repository(lakefs, repo.name)
        assert again.contents("main@") == {"a": b"1", "staged": b"2"}
        assert again.uncommitted("main") == [("added", "large")]
