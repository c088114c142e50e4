"""What the cache gives is what the store holds, or it gives nothing; whatever happens to its files."""

from __future__ import annotations

import hashlib
import io
import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gate_server.engine.cache_files import BLOCK_BYTES
from gate_server.engine.content_cache import ContentCache
from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject, spared
from gate_server.engine.readers import parquet_object
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.source import fetch
from gate_server.model import Format, Limits, Suite

ROOM = 100 << 20


def content_of(count: int, seed: str = "") -> bytes:
    """Return bytes that do not repeat."""
    return hashlib.shake_128(f"{count}{seed}".encode()).digest(count)


CONTENT = content_of(2 * BLOCK_BYTES + 5000)


@dataclass
class Store:
    """An object, and what was asked of it."""

    content: bytes = CONTENT
    asked: list[Any] = field(default_factory=list)

    def open(self) -> Any:
        self.asked.append("whole")
        return io.BytesIO(self.content)

    def read_range(self, first: int, count: int) -> bytes | None:
        self.asked.append((first, count))
        return self.content[first : first + count]

    def object(self, identity: str = "one") -> DataObject:
        checksum = hashlib.md5(self.content, usedforsecurity=False).hexdigest()
        return DataObject("a", len(self.content), checksum, self.open, self.read_range, identity)


def cache_in(folder: Path, most_bytes: int = ROOM) -> ContentCache:
    return ContentCache(folder / "cache", most_bytes)


def read(data: DataObject) -> bytes:
    """Read it as the engine does, checksum and all."""
    with fetch(data, Allowance(Limits()), unpack=False) as file:
        return file.read()


def files(folder: Path) -> list[Path]:
    """Return what is kept."""
    return sorted((folder / "cache").glob("*/*"))


def used_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "cache").rglob("*") if path.is_file())


@pytest.mark.parametrize("count", [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, len(CONTENT)])
def test_the_second_reading_asks_nobody(tmp_path: Path, count: int) -> None:
    store = Store(content_of(count))
    first = cache_in(tmp_path).of(store.object())
    assert read(first) == store.content
    assert spared([first]) == (0, 0)
    again = cache_in(tmp_path).of(store.object())
    assert read(again) == store.content
    assert again.read_range is not None
    assert again.read_range(count // 2, count - count // 2) == store.content[count // 2 :]
    assert store.asked == ["whole"]
    assert spared([again]) == (count + count - count // 2, 1)


def test_ranges_are_kept_and_found_within_larger_ones(tmp_path: Path) -> None:
    store = Store()
    for first, count, asks in [
        (100, BLOCK_BYTES + 7, True),
        (100, BLOCK_BYTES + 7, False),
        (BLOCK_BYTES, 50, False),
        (99, 3, True),
        (BLOCK_BYTES + 100, 8, True),
        (len(CONTENT) - 10, 10, True),
        (len(CONTENT) - 10, 10, False),
    ]:
        data = cache_in(tmp_path).of(store.object())
        store.asked.clear()
        assert data.read_range is not None
        assert data.read_range(first, count) == CONTENT[first : first + count]
        assert bool(store.asked) == asks, (first, count)
        assert spared([data]) == ((0, 0) if asks else (count, 1))


@pytest.mark.parametrize("place", [0, BLOCK_BYTES, 2 * BLOCK_BYTES + 4999, -1, "cut", "longer", "empty"])
def test_a_spoilt_file_is_dropped_and_never_judged(tmp_path: Path, place: Any) -> None:
    store = Store()
    read(cache_in(tmp_path).of(store.object()))
    (kept,) = files(tmp_path)
    spoilt = bytearray(kept.read_bytes())
    if isinstance(place, int):
        spoilt[place] ^= 1
    kept.write_bytes({"cut": spoilt[:-1], "longer": spoilt + b"1", "empty": b""}.get(place, spoilt))
    assert read(cache_in(tmp_path).of(store.object())) == CONTENT
    assert store.asked == ["whole", "whole"]
    assert read(cache_in(tmp_path).of(store.object())) == CONTENT
    assert store.asked == ["whole", "whole"]


def test_a_spoilt_range_is_read_again(tmp_path: Path) -> None:
    store = Store()
    for _ in range(2):
        data = cache_in(tmp_path).of(store.object())
        assert data.read_range is not None
        assert data.read_range(5, 100) == CONTENT[5:105]
        (kept,) = files(tmp_path)
        kept.write_bytes(kept.read_bytes()[::-1])
    assert store.asked == [(5, 100), (5, 100)]


def test_a_file_under_another_ones_name_is_none(tmp_path: Path) -> None:
    mine, other = Store(), Store(content_of(len(CONTENT), "other"))
    read(cache_in(tmp_path).of(mine.object("one")))
    (kept_of_mine,) = files(tmp_path)
    read(cache_in(tmp_path).of(other.object("two")))
    (kept_of_other,) = set(files(tmp_path)) - {kept_of_mine}
    os.replace(kept_of_other, kept_of_mine)
    data = cache_in(tmp_path).of(mine.object("one"))
    assert data.read_range is not None
    assert data.read_range(0, 10) == CONTENT[:10]
    assert read(data) == CONTENT


def test_what_has_the_same_checksum_elsewhere_is_another_object(tmp_path: Path) -> None:
    """An MD5 can be met on purpose: it is not what an object is known by."""
    read(cache_in(tmp_path).of(Store().object("one")))
    others = [Store().object("two"), Store().object("")]
    for other in others:
        assert spared([cache_in(tmp_path).of(other)]) == (0, 0)
        through = cache_in(tmp_path).of(other)
        assert read(through) == CONTENT
        assert spared([through]) == (0, 0)
    scoped = ContentCache(tmp_path / "cache", ROOM, scope="another lakeFS").of(Store().object("one"))
    assert read(scoped) == CONTENT
    assert spared([scoped]) == (0, 0)


def test_what_is_not_proven_is_not_kept(tmp_path: Path) -> None:
    right = Store().object()
    for wrong in (
        replace(right, checksum="0" * 32),
        replace(right, size_bytes=len(CONTENT) + 1),
        replace(right, size_bytes=len(CONTENT) - 1),
    ):
        with pytest.raises(ReadFailure):
            read(cache_in(tmp_path).of(wrong))
    assert not files(tmp_path)
    for unproven in (replace(right, checksum="0" * 32 + "-2"), replace(right, read_range=None)):
        read(cache_in(tmp_path).of(unproven))
    assert not files(tmp_path)


def test_what_was_begun_and_never_ended_is_not_there(tmp_path: Path) -> None:
    store = Store()
    with cache_in(tmp_path).of(store.object()).open() as stream:
        stream.read(10)
    (tmp_path / "cache" / "new-dead").write_bytes(CONTENT)  # as a killed one leaves it
    assert not files(tmp_path)
    assert read(cache_in(tmp_path).of(store.object())) == CONTENT
    assert store.asked == ["whole", "whole"]


def test_the_least_recently_used_goes_first_and_the_bound_holds(tmp_path: Path) -> None:
    size, most = 3 * BLOCK_BYTES, 11 * BLOCK_BYTES
    stores = {name: Store(content_of(size, name)) for name in "abcde"}
    for name in "abacda":
        read(cache_in(tmp_path, most).of(stores[name].object(name)))
        assert used_bytes(tmp_path) <= most
        for path in files(tmp_path):  # a clock that moves on between any two of them
            os.utime(path, ns=(path.stat().st_mtime_ns - 10**9,) * 2)
    assert [len(store.asked) for store in stores.values()] == [1, 1, 1, 1, 0]
    read(cache_in(tmp_path, most).of(stores["b"].object("b")))
    assert len(stores["b"].asked) == 2
    read(cache_in(tmp_path, most).of(stores["a"].object("a")))
    assert len(stores["a"].asked) == 1


def test_what_a_dead_process_left_goes_as_well(tmp_path: Path) -> None:
    most = 10 * BLOCK_BYTES
    cache_in(tmp_path, most)
    (tmp_path / "cache").mkdir()
    for number in range(3):
        left = tmp_path / "cache" / f"new-{number}"
        left.write_bytes(bytes(3 * BLOCK_BYTES))
        os.utime(left, (0, 0))
    for name in "abc":
        read(cache_in(tmp_path, most).of(Store(content_of(2 * BLOCK_BYTES, name)).object(name)))
        assert used_bytes(tmp_path) <= most
    assert len(files(tmp_path)) == 3


def test_what_is_larger_than_the_cache_is_only_read(tmp_path: Path) -> None:
    for _ in range(2):
        assert read(cache_in(tmp_path, len(CONTENT) // 2).of(Store().object())) == CONTENT
    assert not files(tmp_path)


@contextmanager
def no_file_beyond(count: int) -> Iterator[None]:
    """A limit of the size of files stands for the full disk."""
    had = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, had[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, had)


@pytest.mark.parametrize("room", [0, 100, BLOCK_BYTES])
def test_without_room_it_is_read_all_the_same(tmp_path: Path, room: int) -> None:
    store = Store()
    data = cache_in(tmp_path).of(store.object())
    with no_file_beyond(room), data.open() as stream:
        assert stream.read() == CONTENT
        data.confirm()
        assert data.read_range is not None
        assert data.read_range(0, 2 * BLOCK_BYTES) == CONTENT[: 2 * BLOCK_BYTES]
    assert not files(tmp_path)
    assert not list((tmp_path / "cache").glob("new-*"))


@pytest.mark.parametrize("where", ["/proc", "a file"])
def test_a_folder_that_takes_no_files_is_no_fault(tmp_path: Path, where: str) -> None:
    folder = Path(where) / "cache"
    if where == "a file":
        folder = tmp_path / "file"
        folder.write_bytes(b"")
    data = ContentCache(folder, ROOM).of(Store().object())
    assert read(data) == CONTENT
    assert data.read_range is not None
    assert data.read_range(0, 10) == CONTENT[:10]


def test_several_at_once_with_too_little_room(tmp_path: Path) -> None:
    """Each has its own view of the folder, as processes have."""
    most = 8 * BLOCK_BYTES
    stores = {str(number): Store(content_of(BLOCK_BYTES + number, "x")) for number in range(9)}

    def work(seed: int) -> None:
        cache = cache_in(tmp_path, most)
        for turn in range(30):
            name = str((seed * 7 + turn * (seed + 1)) % len(stores))
            data = cache.of(stores[name].object(name))
            if turn % 3:
                assert read(data) == stores[name].content
            else:
                assert data.read_range is not None
                assert data.read_range(turn * 1000, 5000) == stores[name].content[turn * 1000 :][:5000]

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, seed) for seed in range(6)]:
            done.result()
    assert used_bytes(tmp_path) <= most


def test_an_evaluation_says_what_came_from_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_object, "WHOLE_BYTES", 1000)
    sink = io.BytesIO()
    columns = {f"c{place}": [f"{place} {row}" for row in range(5000)] for place in range(6)}
    pq.write_table(pa.table(columns), sink, compression="none", use_dictionary=False)
    store = Store(sink.getvalue())
    expectations = [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "c1"}}]
    for form, most in ((Format("parquet"), expectations), (Format("csv", header=False), None)):
        one = store if most else Store(b"1,2\n" * 50)
        asked = most or [{"type": "expect_column_to_exist", "kwargs": {"column": "_c1"}}]
        suite = Suite("s", {"expectations": asked})
        first, second = (
            evaluate(suite, [cache_in(tmp_path).of(one.object(form.type))], form, {}, Limits())
            for _ in range(2)
        )
        assert first.results == second.results
        assert (first.status, first.objects_read) == ("answered", 1), first.problem
        assert first.bytes_read > 0
        assert (second.bytes_read, second.objects_read) == (0, 0)
