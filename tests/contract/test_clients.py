"""The official SDK's further uses, and lakefs-spec (fsspec), both as they are."""

# The SDK knows few types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lakefs as sdk
import pandas as pd
import pytest
from lakefs.exceptions import (
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotFoundException,
    ObjectExistsException,
    ObjectNotFoundException,
)
from lakefs_spec import LakeFSFileSystem

from tests.contract.harness import Lakefs, Repository


@pytest.fixture(scope="module")
def client(lakefs: Lakefs) -> sdk.Client:
    return sdk.Client(host=lakefs.url, username=lakefs.access_key_id, password=lakefs.secret_access_key)


@pytest.fixture
def main(client: sdk.Client, repo: Repository) -> sdk.Branch:
    return sdk.Repository(repo.name, client=client).branch("main")


@pytest.fixture
def fs(lakefs: Lakefs) -> LakeFSFileSystem:
    return LakeFSFileSystem(
        host=lakefs.url,
        username=lakefs.access_key_id,
        password=lakefs.secret_access_key,
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def test_pages_over_thousands(main: sdk.Branch, repo: Repository) -> None:
    paths = [f"t/{number:04d}" for number in range(2_100)]
    address = repo.upload("main", "source")["physical_address"]
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda path: repo.stage("main", path, address=address, checksum="c", size_bytes=0), paths
            )
        )
    assert [found.path for found in main.objects(prefix="t/")] == paths
    assert [found.path for found in main.objects(prefix="t/", max_amount=1_500)] == paths[:1_500]
    assert [found.path for found in main.objects(prefix="t/", after="t/1999")] == paths[2000:]
    assert [found.path for found in main.objects(delimiter="/")] == ["source", "t/"]
    assert [change.path for change in main.uncommitted(prefix="t/")] == paths
    # While a listing is read, what it has shown, and what it will show next, is deleted.
    seen = []
    for found in main.objects(prefix="t/"):
        seen.append(found.path)
        if found.path == "t/0999":
            main.delete_objects([f"t/{number:04d}" for number in range(500, 1_500)])
    assert seen[:1_000] == paths[:1_000]
    assert set(paths[1_500:]) <= set(seen)
    main.reset_changes("common_prefix", "t/")
    assert list(main.objects(prefix="t/")) == []


def test_readers(main: sdk.Branch) -> None:
    stored = main.object("lines.txt").upload("eins\nzwei\ndrei é\n".encode())
    with stored.reader("r") as text:
        assert text.readline() == "eins\n"
        assert list(text) == ["zwei\n", "drei é\n"]
    with stored.reader("rb") as binary:
        assert binary.seek(5) == 5
        assert (binary.read(4), binary.tell()) == (b"zwei", 9)
        assert binary.seek(-3, io.SEEK_END) > 0
        assert binary.read() == "é\n".encode()
        assert binary.read() == b""
    with main.object("empty").upload(b"").reader("rb") as binary:
        assert binary.read() == b""


def test_writers(main: sdk.Branch, repo: Repository) -> None:
    with main.object("bytes").writer("wb", content_type="text/x", metadata={"k": "v"}) as binary:
        binary.write(b"1")
        binary.write(b"2")
    stats = main.object("bytes").stat()
    assert (stats.size_bytes, stats.content_type, stats.metadata) == (2, "text/x", {"k": "v"})
    with main.object("text").writer("w") as text:
        text.write("é")
    assert repo.read("main", "text") == "é".encode()
    for mode in ("x", "xb"):
        with pytest.raises(ObjectExistsException):
            main.object("text").writer(mode)
    with main.object("new").writer("xb") as binary:
        binary.write(b"3")
    with pytest.raises(ObjectExistsException):
        main.object("new").upload(b"again", mode="xb")
    copied = main.object("new").copy("main", "copied")
    assert (copied.path, repo.read("main", "copied")) == ("copied", b"3")
    main.object("new").delete()
    assert not main.object("new").exists()


def test_exist_ok(main: sdk.Branch, client: sdk.Client, repo: Repository) -> None:
    repository = sdk.Repository(repo.name, client=client)
    branch = repository.branch("b").create("main")
    assert repository.branch("b").create("main", exist_ok=True).id == branch.id
    with pytest.raises(ConflictException):
        repository.branch("b").create("main")
    tag = repository.tag("t").create("main")
    assert repository.tag("t").create("main", exist_ok=True).id == tag.id
    with pytest.raises(ConflictException):
        repository.tag("t").create("main")
    assert [item.id for item in repository.branches()] == ["b", "main"]
    assert [item.id for item in repository.tags()] == ["t"]


def test_transactions_that_fail_leave_nothing(main: sdk.Branch, repo: Repository) -> None:
    def failing() -> None:
        with main.transact(commit_message="never") as transaction:
            transaction.object("a").upload(b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    with main.transact(commit_message="said", commit_metadata={"k": "v"}) as transaction:
        transaction.object("b").upload(b"1")
    assert repo.paths("main@") == ["b"]
    assert {found.message: found.metadata for found in main.log()}["said"] == {"k": "v"}
    assert [item["id"] for item in repo.pages("branches", show_hidden=True)] == ["main"]


def test_error_classes(main: sdk.Branch, client: sdk.Client, repo: Repository) -> None:
    with pytest.raises(ObjectNotFoundException):
        main.object("none").reader("rb").read()
    with pytest.raises(BadRequestException):
        main.commit("nothing")
    with pytest.raises(NotFoundException):
        sdk.Reference(repo.name, "none", client=client).get_commit()
    main.object("a").upload(b"123")
    with main.object("a").reader("rb") as binary:
        binary.seek(9)
        assert binary.read() == b""  # it is told 416, and takes it for the end
    repo.protect("main")
    with pytest.raises(ForbiddenException):
        main.object("b").upload(b"1")


def test_lakefs_spec_files(fs: LakeFSFileSystem, repo: Repository, tmp_path: Path) -> None:
    root = f"{repo.name}/main"
    (tmp_path / "a.csv").write_text("x\n1\n")
    fs.put(str(tmp_path / "a.csv"), f"{root}/t/a.csv")
    with fs.open(f"lakefs://{root}/t/b é.txt", "w") as text:
        text.write("zeile\n")
    assert fs.exists(f"{root}/t/a.csv")
    assert not fs.exists(f"{root}/t/none")
    assert sorted(fs.ls(f"{root}/t/", detail=False)) == [f"{root}/t/a.csv", f"{root}/t/b é.txt"]
    info = fs.info(f"{root}/t/a.csv")
    assert (info["type"], info["size"]) == ("file", 4)
    assert fs.info(f"{root}/t/")["type"] == "directory"
    assert fs.find(f"{root}/t/") == [f"{root}/t/a.csv", f"{root}/t/b é.txt"]
    assert fs.glob(f"{root}/t/*.csv") == [f"{root}/t/a.csv"]
    assert fs.cat_file(f"{root}/t/a.csv", start=2, end=3) == b"1"
    assert fs.tail(f"{root}/t/a.csv", 2) == b"1\n"
    assert fs.checksum(f"{root}/t/a.csv") == repo.stat("main", "t/a.csv")["checksum"]
    fs.get(f"{root}/t/a.csv", str(tmp_path / "down.csv"))
    assert (tmp_path / "down.csv").read_text() == "x\n1\n"
    fs.cp_file(f"{root}/t/a.csv", f"{root}/u/c.csv")
    fs.rm(f"{root}/t/", recursive=True)
    assert repo.paths("main") == ["u/c.csv"]
    with pytest.raises(FileNotFoundError):
        fs.cat_file(f"{root}/t/a.csv")
    with pytest.raises(FileExistsError):
        fs.open(f"{root}/u/c.csv", "x")


def test_lakefs_spec_transactions(fs: LakeFSFileSystem, repo: Repository) -> None:
    repo.commit_files("main", {"kept": "1"})
    with fs.transaction(repo.name, "main") as transaction:
        with fs.open(f"{repo.name}/{transaction.branch.id}/a.txt", "w") as text:
            text.write("1")
        transaction.commit(message="in a transaction")
    assert repo.paths("main@") == ["a.txt", "kept"]
    assert "in a transaction" in [commit["message"] for commit in repo.log()]

    def failing() -> None:
        with fs.transaction(repo.name, "main") as transaction:
            fs.pipe_file(f"{repo.name}/{transaction.branch.id}/b.txt", b"1")
            transaction.commit(message="never merged")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert "b.txt" not in repo.paths("main")


def test_pandas_by_lakefs_spec(lakefs: Lakefs, repo: Repository) -> None:
    options = {"host": lakefs.url, "username": lakefs.access_key_id, "password": lakefs.secret_access_key}
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    for name, write, read in (
        ("t.parquet", frame.to_parquet, pd.read_parquet),
        ("t.csv", lambda to, **more: frame.to_csv(to, index=False, **more), pd.read_csv),
    ):
        address = f"lakefs://{repo.name}/main/{name}"
        write(address, storage_options=options)  # type: ignore[operator]
        pd.testing.assert_frame_equal(read(address, storage_options=options), frame, check_dtype=False)
