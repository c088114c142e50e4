"""A range of an object is exactly that range, or none: never other bytes, and never the whole for a part."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gate_server.errors import CouldNotTell
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.objects import read_range
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
