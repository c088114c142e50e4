"""lakeFS at its worst: ways in which an answer can be spoilt between lakeFS and the gate."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local_lakefs.testing import RunningServer
from tests.e2e.proxy import Exchange, headers_of, proxy_before

JSON = {"Content-Type": "application/json"}
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
HELD_AT_MOST_S = 30.0
# The calls of a check, by their path.
POINTS = {
    "commit": r"/commits/[^/?]+$",
    "branch": r"/branches/[^/?]+$",
    "repository": r"/repositories/[^/?]+$",
    "merge base": r"/merge/",
    "listing": r"/objects/ls\?",
    "diff": r"/diff/",
    "log": r"/refs/[^/]+/commits\?",
    "object": r"/objects\?",
}
Spoil = Callable[[Exchange, threading.Event], None]


@dataclass
class Spoiling:
    """Where lakeFS is reached, and what is spoilt there."""

    server: RunningServer
    url: str = ""
    spoilt: list[str] = field(default_factory=list)
    _point: re.Pattern[str] | None = None
    _spoil: Spoil | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to take this way."""
        return {**self.server.environment, "LAKECTL_SERVER_ENDPOINT_URL": self.url}

    @contextmanager
    def spoilt_at(self, point: str, spoil: Spoil) -> Iterator[None]:
        """Spoil the answers at `point` until the block ends."""
        self._over.clear()
        self.spoilt.clear()
        self._point, self._spoil = re.compile(POINTS[point]), spoil
        try:
            yield
        finally:
            self._spoil = None
            self._over.set()

    def treat(self, exchange: Exchange) -> None:
        """Answer one request."""
        spoil = self._spoil
        if spoil is None or self._point is None or not self._point.search(exchange.path):
            exchange.pass_on()
        else:
            self.spoilt.append(exchange.path)
            spoil(exchange, self._over)


@contextmanager
def spoiling_way(server: RunningServer) -> Iterator[Spoiling]:
    """Give a way to `server` on which answers can be spoilt."""
    way = Spoiling(server)
    with proxy_before(server.url, way.treat) as way.url:
        yield way


# -- no answer, or none of lakeFS ----------------------------------------------------------------------


def says_nothing(exchange: Exchange, over: threading.Event) -> None:
    over.wait(HELD_AT_MOST_S)
    exchange.hang_up()


def trickles(exchange: Exchange, over: threading.Event) -> None:
    answer = exchange.asked()
    exchange.begin(200, {**headers_of(answer), "Content-Length": str(len(answer.content))})
    for byte in answer.content:
        exchange.go_on(bytes([byte]))
        if over.wait(0.02):
            return


def resets(exchange: Exchange, _: threading.Event) -> None:
    exchange.hang_up()


def fails(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(500, b'{"message": "disk on fire"}', JSON)


def is_a_proxys_page(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(502, HTML, {"Content-Type": "text/html"})


def is_a_page_with_200(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(200, HTML, {"Content-Type": "text/html"})


def is_throttled(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(429, b"", {})


def is_throttled_for_an_hour(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(429, b'{"message": "slow down"}', {**JSON, "Retry-After": "3600"})


def is_throttled_until_a_date(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(429, b"", {"Retry-After": "Fri, 20 Nov 2099 00:00:00 GMT"})


def redirects(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(302, b"", {"Location": exchange.server_url + exchange.path})


def is_encoded_wrongly(exchange: Exchange, _: threading.Event) -> None:
    answer = exchange.asked()
    exchange.answer(200, answer.content, {**headers_of(answer), "Content-Encoding": "gzip"})


NO_ANSWER = (
    says_nothing,
    trickles,
    resets,
    fails,
    is_a_proxys_page,
    is_a_page_with_200,
    is_throttled,
    is_throttled_for_an_hour,
    is_throttled_until_a_date,
    redirects,
)

# -- answers of another length, or with other bytes ----------------------------------------------------


def is_cut(exchange: Exchange, _: threading.Event) -> None:
    answer = exchange.asked()
    half = answer.content[: len(answer.content) // 2]
    exchange.answer(200, half, headers_of(answer), announced_bytes=len(answer.content))


def is_shorter(exchange: Exchange, _: threading.Event) -> None:
    answer = exchange.asked()
    exchange.answer(200, answer.content[: len(answer.content) // 2], headers_of(answer))


def is_empty(exchange: Exchange, _: threading.Event) -> None:
    exchange.answer(200, b"", headers_of(exchange.asked()))


def is_longer(exchange: Exchange, _: threading.Event) -> None:
    answer = exchange.asked()
    exchange.answer(200, answer.content + b"5,4,3,2,1\n", headers_of(answer))


def has_other_bytes(exchange: Exchange, _: threading.Event) -> None:
    answer = exchange.asked()
    exchange.answer(200, answer.content.replace(b"1", b"7"), headers_of(answer))


# -- JSON that is something else -----------------------------------------------------------------------


def reshaped(change: Callable[[Any], Any], name: str) -> Spoil:
    def spoil(exchange: Exchange, _: threading.Event) -> None:
        exchange.answer(200, json.dumps(change(exchange.asked().json())).encode(), JSON)

    spoil.__name__ = name
    return spoil


def _leaves(data: Any, leaf: Any) -> Any:
    if isinstance(data, dict):
        return {key: _leaves(value, leaf) for key, value in data.items()}
    if isinstance(data, list):
        return [_leaves(value, leaf) for value in data]
    return leaf


RESHAPED = (
    reshaped(lambda _: None, "is_null"),
    reshaped(lambda _: {}, "is_an_empty_object"),
    reshaped(lambda data: [data], "is_a_list"),
    reshaped(lambda _: "ok", "is_a_text"),
    reshaped(lambda data: _leaves(data, None), "holds_nulls"),
    reshaped(lambda data: _leaves(data, 7), "holds_numbers"),
    reshaped(lambda data: _leaves(data, [{}]), "holds_lists"),
)


def _begun_again(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "pagination": {**data["pagination"], "has_more": True, "next_offset": "b"}}


PAGES = (
    reshaped(lambda data: {**_begun_again(data), "results": []}, "is_empty_and_has_more"),
    reshaped(_begun_again, "begins_again_and_again"),
    reshaped(lambda data: {**data, "results": data["results"] * 2}, "holds_everything_twice"),
    reshaped(lambda data: {**data, "results": data["results"][::-1]}, "is_in_another_order"),
    reshaped(
        lambda data: {**data, "results": [{**item, "path": "\x00elsewhere"} for item in data["results"]]},
        "lists_another_place",
    ),
)
