"""Wrong tokens, counted by address: guessing stays slow. In memory, and bounded."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW_S = 60.0
MOST_ADDRESSES = 10_000


class Failures:
    """Counts wrong tokens of each address in windows of a minute.

    Parameters
    ----------
    most
        How many an address may send in a window before it has to wait for its end.
    clock
        Seconds that only go forward.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address -> window's end, failures

    def wait_s(self, address: str) -> int:
        """Return for how many seconds an address has to wait, 0 when it need not."""
        with self._lock:
            end, count = self._counts.get(_network(address), (0.0, 0))
        left = end - self._clock()
        return math.ceil(left) if count >= self._most and left > 0 else 0

    def count(self, address: str) -> None:
        """Count a wrong token."""
        network, at = _network(address), self._clock()
        with self._lock:
            end, count = self._counts.pop(network, (0.0, 0))
            if end <= at:
                end, count = at + WINDOW_S, 0
            self._counts[network] = end, count + 1
            while len(self._counts) > MOST_ADDRESSES:  # the one that failed longest ago is forgotten first
                self._counts.popitem(last=False)

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._counts)


def _network(address: str) -> str:
    """Return what is counted as one: an IPv4 address, or the /64 that somebody on IPv6 has whole."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
