"""Imports: what lies elsewhere, in one commit on a branch."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import lakefs as sdk
import pytest
from lakefs.exceptions import ImportManagerException

from local_lakefs.testing import lakefs_server
from tests.contract.harness import Json, Lakefs, Repository, eventually, refused, success


def start(repo: Repository, *sources: tuple[str, str, str], branch: str = "main", **commit: object) -> Json:
    """Import, and return what the import's end says, and its id."""
    paths = [{"type": kind, "path": path, "destination": destination} for kind, path, destination in sources]
    body = {"paths": paths, "commit": {"message": "imported"} | commit}
    answer = repo.request("POST", "branches", branch, "import", json=body)
    assert answer.status_code == 202, answer.text
    started = success(answer)["id"]

    def ended() -> Json | None:
        told: Json = success(repo.request("GET", "branches", branch, "import", params={"id": started}))
        return told | {"id": started} if told["completed"] or "error" in told else None

    return eventually(ended, timeout_s=60)  # type: ignore[return-value]


def test_one_object_of_another_repository(lakefs: Lakefs, repo: Repository) -> None:
    other = lakefs.create_repository(files={"a": "content"})
    before = repo.commit_files("main", {"kept": "1", "t/replaced": "1", "t/gone": "2", "text": "3"})
    entry = other.stat("main", "a")
    told = start(repo, ("object", entry["physical_address"], "t"), metadata={"k": "v"})
    assert told["completed"]
    assert told["ingested_objects"] == 1
    head = repo.get_commit("main")
    assert told["commit"]["id"] == head["id"]
    assert told["metarange_id"] == head["meta_range_id"]
    assert head["parents"] == [before["id"]]
    assert (head["message"], head["metadata"]) == (
        "imported",
        {"k": "v", ".lakefs.merge.strategy": "source-wins"},
    )
    # All that begins with the destination is replaced, be it in a folder of that name or not.
    assert repo.contents("main") == {"kept": b"1", "t": b"content"}
    stats = repo.stat("main", "t")
    assert (stats["checksum"], stats["size_bytes"]) == (entry["checksum"], entry["size_bytes"])


def test_what_is_refused(repo: Repository) -> None:
    body = {
        "paths": [{"type": "common_prefix", "path": f"local://{repo.name}/x", "destination": "t"}],
        "commit": {"message": "m"},
    }
    answer = repo.request("POST", "branches", "main", "import", json=body)
    assert refused(answer, 400) == (
        f"import path (local://{repo.name}/x) in repository namespace (local://{repo.name}) is prohibited:"
        " invalid import source"
    )
    answer = repo.request("POST", "branches", "none", "import", json=body)
    assert refused(answer, 404) == "branch not found"
    unknown = repo.request("GET", "branches", "main", "import", params={"id": "unknown"})
    assert refused(unknown, 404) == "not found"
    assert repo.request("POST", "branches", "main", "import", json={"paths": []}).status_code == 400


def test_what_may_not_be_read_is_not_imported(repo: Repository) -> None:
    before = repo.head()
    told = start(repo, ("common_prefix", "local:///etc/", "t/"))
    assert told["error"]["message"] == (
        "import error: error on ingest: creating object-store walker on path local:///etc/: forbidden"
    )
    assert not told["completed"]
    assert repo.head() == before


def test_a_dirty_branch(lakefs: Lakefs, repo: Repository) -> None:
    address = lakefs.create_repository(files={"a": "1"}).stat("main", "a")["physical_address"]
    repo.upload("main", "staged", "1")
    told = start(repo, ("object", address, "t"))
    assert "uncommitted changes (dirty branch)" in told["error"]["message"]
    # One that failed has not completed, and may be cancelled, any number of times.
    place, asked = ("branches", "main", "import"), {"id": told["id"]}
    for _ in range(2):
        answer = repo.request("DELETE", *place, params=asked)
        assert (answer.status_code, answer.content) == (204, b"")
        cancelled = success(repo.request("GET", *place, params=asked))
        assert (cancelled["completed"], cancelled["error"]) == (False, {"message": "import error: Canceled"})


def test_an_import_that_has_ended_cannot_be_cancelled(lakefs: Lakefs, repo: Repository) -> None:
    address = lakefs.create_repository(files={"a": "1"}).stat("main", "a")["physical_address"]
    body = {
        "paths": [{"type": "object", "path": address, "destination": "t"}],
        "commit": {"message": "m"},
    }
    started = success(repo.request("POST", "branches", "main", "import", json=body))
    place = ("branches", "main", "import")
    eventually(lambda: success(repo.request("GET", *place, params=started))["completed"], timeout_s=60)
    assert refused(repo.request("DELETE", *place, params=started), 409) == "conflict found"
    assert refused(repo.request("DELETE", *place, params={"id": "unknown"}), 404) == "not found"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on this machine, which the server below may import from."""
    folder = Path(tmp_path_factory.mktemp("outside"))
    for name, content in {"a.csv": "1", "sub/b c.csv": "22", ".hidden": "", "sub/.hidden/x": ""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "out").symlink_to("/etc/hostname")
    return folder


@pytest.fixture(scope="module")
def importing(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lakefs]:
    with lakefs_server(Path(tmp_path_factory.mktemp("lakefs")), import_from=(files,)) as server:
        yield Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)


def test_a_folder_by_the_sdk(importing: Lakefs, files: Path) -> None:
    repo = importing.create_repository()
    client = sdk.Client(
        host=importing.url, username=importing.access_key_id, password=importing.secret_access_key
    )
    main = sdk.Repository(repo.name, client=client).branch("main")
    manager = main.import_data(commit_message="by the SDK", metadata={"k": "v"})
    done = manager.prefix(f"local://{files}/sub/", destination="in/").object(
        f"local://{files}/a.csv", destination="one.csv"
    )
    status = done.run()
    assert status.completed
    assert status.ingested_objects == 2
    assert main.get_commit().message == "by the SDK"
    assert repo.contents("main@") == {"in/b c.csv": b"22", "one.csv": b"1"}
    stats = repo.stat("main", "one.csv")
    assert stats["checksum"] == hashlib.md5(b"1").hexdigest()
    assert abs(stats["mtime"] - time.time()) < 24 * 3600
    with pytest.raises(ImportManagerException):
        done.run()  # once is enough
    (files / "a.csv").unlink()
    assert refused(repo.try_read("main", "one.csv"), 410)


def test_links_do_not_lead_outside(importing: Lakefs, files: Path) -> None:
    repo = importing.create_repository()
    told = start(repo, ("object", f"local://{files}/out", "t"))
    assert "forbidden" in told["error"]["message"]
    for address in (f"local://{files}/../x", f"local://{files}-beside/x"):
        told = start(repo, ("common_prefix", address, "t"))
        assert "forbidden" in told["error"]["message"], address
    start(repo, ("common_prefix", f"local://{files}/", "t/"))
    assert "t/out" not in repo.paths("main")
    assert "t/sub/b c.csv" in repo.paths("main")
