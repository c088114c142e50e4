"""A way to lakeFS that holds the reading of data until it is let go: a check takes as long as wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from local_lakefs.testing import RunningServer
from tests.e2e.proxy import Exchange, proxy_before

HELD_AT_MOST_S = 120.0


@dataclass
class Way:
    """Where lakeFS is reached, and what happens on the way."""

    server: RunningServer
    url: str = ""
    reached: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    free: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to take this way."""
        return {**self.server.environment, "LAKECTL_SERVER_ENDPOINT_URL": self.url}

    def hold(self) -> None:
        """Hold data from now on."""
        self.free.clear()
        while self.reached.acquire(blocking=False):
            pass

    def wait_until_reached(self) -> None:
        """Wait until data is asked for, once more."""
        assert self.reached.acquire(timeout=120), "no data was asked for"


@contextmanager
def holding_way(server: RunningServer) -> Iterator[Way]:
    """Give a way to `server` on which data is held until `free` is set."""
    way = Way(server)

    def treat(exchange: Exchange) -> None:
        if exchange.method == "GET" and "/objects?" in exchange.path:
            way.reached.release()
            way.free.wait(HELD_AT_MOST_S)
        exchange.pass_on()

    with proxy_before(server.url, treat) as way.url:
        try:
            yield way
        finally:
            way.free.set()
