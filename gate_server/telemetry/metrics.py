"""What is counted while the gate works, for Prometheus.

Web and worker are processes that may die, so they count in files of one folder (prometheus_client's
multiprocess mode), which `gate serve` makes and names by `FOLDER`. It stays while either is started again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from gate_server.errors import ConfigError

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_CALL_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_REQUEST_S = (0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 600)
_CHECK_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)

requests = Histogram(
    "gate_request_duration_seconds",
    "Requests by endpoint and status; of hooks, the wait for the verdict included.",
    ["endpoint", "status"],
    buckets=_REQUEST_S,
)
checks = Histogram("gate_check_duration_seconds", "Checks judged, by verdict.", ["verdict"], buckets=_CHECK_S)
rules = Counter("gate_rule_outcomes", "What each rule came to in the checks judged.", ["rule", "outcome"])
lakefs_calls = Histogram(
    "gate_lakefs_call_duration_seconds",
    "Calls to lakeFS; status 0 is no answer.",
    ["method", "status"],
    buckets=_CALL_S,
)
children_stopped = Counter(
    "gate_children_stopped",
    "Processes that read data and were stopped at a limit of the run, or died.",
    ["limit"],
)
taken_over = Counter("gate_checks_taken_over", "Checks taken over from a worker that died.")
audit_failures = Counter(
    "gate_audit_failures", "Looks at guarded branches that failed.", ["repository", "branch"]
)
watched = Counter("gate_watch_looks", "Looks of watches at a branch, by outcome.", ["watch", "outcome"])
policy_reload_failures = Counter(
    "gate_policy_reload_failures", "Reloads of the policy that left the old one in force."
)
process_starts = Counter(
    "gate_process_starts", "Starts of the gate's processes; each after the first is a death.", ["process"]
)


def lakefs_called(method: str, status: int, duration_s: float) -> None:
    """Count a call to lakeFS."""
    lakefs_calls.labels(method, str(status)).observe(duration_s)


@contextmanager
def served(address: str, folder: Path) -> Iterator[None]:
    """Serve what is counted in `folder` at HOST:PORT until the block ends; without an address, nothing.

    Raises
    ------
    ConfigError
        When nothing can listen there.
    """
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"cannot serve metrics at {address} ({error})", "set GATE_WORKER_METRICS to a free HOST:PORT"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Given(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        """Return what was given."""
        return self._metrics


def exposition(of_now: Iterable[Metric]) -> bytes:
    """Return all that was counted by the gate's processes, and `of_now`, in Prometheus' text form."""
    counted = REGISTRY
    if FOLDER in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    now = CollectorRegistry()
    now.register(_Given(of_now))
    return generate_latest(counted) + generate_latest(now)
