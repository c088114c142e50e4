"""A range of an object is exactly that range, or none: never other bytes, and never the whole for a part."""

from __future__ import annotations

import io
import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gate_server.engine.suites import read_suite
from gate_server.errors import CouldNotTell
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.lakefs.objects import read_range
from gate_server.model import (
    Evaluation,
    EvaluationTask,
    Format,
    ObjectIdentity,
    Obligation,
    Rule,
    StoredObject,
)
from gate_server.workers.child import evaluate_task, readable
from local_lakefs.testing import RunningServer
from tests.e2e import spoiling
from tests.e2e.harness import World
from tests.e2e.proxy import Exchange, headers_of
from tests.e2e.spoiling import Spoil, Spoiling, spoiling_way

CONTENT = bytes(range(256)) * 40
FIRST, COUNT = 1000, 300


@pytest.fixture(scope="module")
def way(server: RunningServer) -> Iterator[Spoiling]:
    with spoiling_way(server) as way:
        yield way


@pytest.fixture(scope="module")
def world(server: RunningServer) -> World:
    world = World(server)
    world.commit(world.main, {"data": CONTENT})
    return world


def a_range(way: Spoiling, world: World, first: int = FIRST, size_bytes: int = len(CONTENT)) -> bytes | None:
    lakefs = LakeFS(
        way.url, way.server.access_key_id, way.server.secret_access_key, timeout_s=0.5, reads_tried=1
    )
    commit_id = world.main.get_commit().id
    return read_range(lakefs, world.name, commit_id, "data", size_bytes, first, COUNT)


def ranged(content: bytes, first: int, exchange: Exchange, **more: int) -> None:
    told = f"bytes {first}-{first + COUNT - 1}/{len(CONTENT)}"
    exchange.answer(206, content, {**headers_of(exchange.asked()), "Content-Range": told}, **more)


def is_cut(exchange: Exchange, _: threading.Event) -> None:
    ranged(CONTENT[FIRST : FIRST + 10], FIRST, exchange, announced_bytes=COUNT)


def is_shorter(exchange: Exchange, _: threading.Event) -> None:
    ranged(CONTENT[FIRST : FIRST + 10], FIRST, exchange)


def is_longer(exchange: Exchange, _: threading.Event) -> None:
    ranged(CONTENT[FIRST : FIRST + COUNT + 1], FIRST, exchange)


def is_another(exchange: Exchange, _: threading.Event) -> None:
    ranged(CONTENT[:COUNT], 0, exchange)


def has_no_place(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(206, CONTENT[FIRST : FIRST + COUNT], {})


def is_two(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(206, b"--x\r\n", {"Content-Type": "multipart/byteranges; boundary=x"})


def is_nothing(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(204, b"", {})


REFUSED = (is_cut, is_shorter, is_longer, is_another, has_no_place, is_two, is_nothing)
# What ends without an answer of lakeFS; a page with 200 is told by its status, as a store without ranges.
NO_ANSWER = tuple(
    spoil for spoil in spoiling.NO_ANSWER if spoil not in (spoiling.trickles, spoiling.is_a_page_with_200)
)


def test_a_range(way: Spoiling, world: World) -> None:
    assert a_range(way, world) == CONTENT[FIRST : FIRST + COUNT]
    assert a_range(way, world, len(CONTENT) - COUNT) == CONTENT[-COUNT:]


@pytest.mark.parametrize("spoil", [*REFUSED, *NO_ANSWER], ids=lambda spoil: spoil.__name__)
def test_what_is_not_that_range_is_none(way: Spoiling, world: World, spoil: Spoil) -> None:
    with way.spoilt_at("object", spoil), pytest.raises(CouldNotTell):
        a_range(way, world)
    assert way.spoilt


def test_a_range_beyond_the_end_or_of_another_length_is_none(way: Spoiling, world: World) -> None:
    for first, size_bytes in [
        (len(CONTENT) - COUNT + 1, len(CONTENT)),
        (len(CONTENT), len(CONTENT)),
        (FIRST, len(CONTENT) + 1),
    ]:
        with pytest.raises(CouldNotTell):
            a_range(way, world, first, size_bytes)


def test_a_store_without_ranges_is_told_apart(way: Spoiling, world: World) -> None:
    def gives_all(exchange: Exchange, _: threading.Event) -> None:
        exchange.answer(200, CONTENT, {})

    with way.spoilt_at("object", gives_all):
        assert a_range(way, world) is None


def large() -> bytes:
    """Return 8 MB of Parquet: ten columns that do not compress."""
    rows, numbers = 100_000, random.Random(7)
    columns: dict[str, Any] = {"id": range(rows)}
    columns |= {f"c{place}": [numbers.random() for _ in range(rows)] for place in range(9)}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, use_dictionary=False, compression="none")
    return sink.getvalue()


def evaluated(way: Spoiling, world: World, *expectations: dict[str, Any], linked: bool = False) -> Evaluation:
    lakefs = LakeFS(way.url, way.server.access_key_id, way.server.secret_access_key)
    commit_id = world.main.get_commit().id
    stat = lakefs.get(repository_url(world.name, "refs", commit_id, "objects", "stat"), path="t.parquet")
    identity = ObjectIdentity(stat["physical_address"], stat["checksum"], stat["size_bytes"], linked=linked)
    suite = read_suite("s", json.dumps({"name": "s", "expectations": expectations}), "s.json")
    rule = Rule("r", ("**",), "s", Format("parquet"))
    stored = StoredObject("t.parquet", identity, commit_id)
    task = EvaluationTask(rule, suite, Obligation(0, "r", "t.parquet", (stored,)))
    return evaluate_task(task, readable(lakefs, world.name))


def test_a_large_object_is_read_as_far_as_its_suite_needs(way: Spoiling, world: World) -> None:
    content = large()
    world.commit(world.main, {"t.parquet": content})
    provable = [
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 100_000}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "id", "min_value": 0}},
        {"type": "expect_column_to_exist", "kwargs": {"column": "c3"}},
        {"type": "expect_column_max_to_be_between", "kwargs": {"column": "id", "max_value": 9}},
    ]
    footer = evaluated(way, world, *provable)
    assert [result.success for result in footer.results] == [True, True, True, True, False]
    assert {result.answered_from for result in footer.results} == {"metadata"}
    assert (footer.bytes_read, footer.objects_read, footer.rows) == (64 << 10, 1, 100_000)

    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}
    a_column = evaluated(way, world, provable[0], unique)
    assert [result.answered_from for result in a_column.results] == ["metadata", "pass"]
    assert a_column.results[1].success
    assert len(content) / 10 < a_column.bytes_read < len(content) / 5

    linked = evaluated(way, world, provable[0], linked=True)
    assert (linked.status, linked.bytes_read) == ("answered", len(content))

    def gives_all(exchange: Exchange, _: threading.Event) -> None:
        exchange.answer(200, content, {})

    with way.spoilt_at("object", gives_all):
        without_ranges = evaluated(way, world, provable[0])
    assert (without_ranges.status, without_ranges.bytes_read) == ("answered", len(content))
