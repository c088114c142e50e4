"""`/metrics`: what Prometheus asks for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import structlog
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy.exc import SQLAlchemyError

from gate_server.api.errors import ERRORS, TOKEN
from gate_server.checks.active import ActivePolicy
from gate_server.door.context import services
from gate_server.door.security import allow_everywhere
from gate_server.store.store import Store
from gate_server.telemetry.metrics import CONTENT_TYPE, exposition

metrics = APIBlueprint("metrics", __name__, abp_responses=ERRORS, abp_security=TOKEN)
log = structlog.get_logger()


@metrics.get(
    "/metrics",
    responses={200: {"description": "OK", "content": {"text/plain": {}}}},
    summary="Figures for Prometheus",
)
def read_metrics() -> Response:
    """Return what this gate's processes counted, its policy, and how the queue of its database stands."""
    allow_everywhere()
    here = services()
    now = chain(of_the_policy(here.active), of_the_database(here.store))
    return Response(exposition(now), content_type=CONTENT_TYPE)


def of_the_policy(active: ActivePolicy) -> Iterator[Metric]:
    """Yield what this gate asks by."""
    info = GaugeMetricFamily("gate_policy_info", "The policy that is asked by.", labels=["digest"])
    info.add_metric([active.policy.digest], 1)
    yield info
    yield GaugeMetricFamily(
        "gate_policy_loaded_timestamp_seconds",
        "When the policy was last read without a finding.",
        active.loaded_at.timestamp(),
    )


def of_the_database(store: Store) -> Iterator[Metric]:
    """Yield what all gates on this database share; a database that fails is a figure, not an error."""
    try:
        queue, elsewhere = store.checks.queue(), store.checks.queue("elsewhere")
        ahead = store.ahead.waiting()
        workers = store.workers.alive()
        entries = store.ledger.head().number
        followed = store.followed.listed()
        outbox = store.notices.outbox()
    except SQLAlchemyError:
        log.exception("the database failed")
        yield GaugeMetricFamily("gate_database_up", "Whether the database answers.", 0)
        return
    yield GaugeMetricFamily("gate_database_up", "Whether the database answers.", 1)
    yield GaugeMetricFamily("gate_checks_queued", "Checks that wait for a worker.", queue.queued)
    yield GaugeMetricFamily("gate_checks_running", "Checks that a worker judges.", queue.running)
    yield GaugeMetricFamily(
        "gate_queue_oldest_seconds", "For how long the oldest queued check waits.", queue.oldest_s
    )
    yield GaugeMetricFamily("gate_checks_ahead", "Checks ahead of a merge that nobody asked for yet.", ahead)
    yield GaugeMetricFamily(
        "gate_checks_queued_elsewhere", "Checks that wait for a worker elsewhere.", elsewhere.queued
    )
    yield GaugeMetricFamily(
        "gate_checks_running_elsewhere", "Checks that are lent to a worker elsewhere.", elsewhere.running
    )
    yield GaugeMetricFamily(
        "gate_queue_elsewhere_oldest_seconds",
        "How long ago the oldest check was asked for that waits for a worker elsewhere.",
        elsewhere.oldest_s,
    )
    yield GaugeMetricFamily("gate_workers_alive", "Workers whose heartbeat is in time.", workers)
    for name, what in (
        ("unverified", "Commits that a guarded branch holds and nobody vouches for."),
        ("failing", "Commits that a guarded branch holds and that were judged bad."),
        ("findings", "What is wrong with the history of a guarded branch as a whole."),
        ("rewrites", "How often the history of a guarded branch lost the head that was seen last."),
    ):
        gauge = GaugeMetricFamily(f"gate_branch_{name}", what, labels=["repository", "branch"])
        for seen in followed:
            gauge.add_metric([seen.repository, seen.branch], float(getattr(seen, name)))
        yield gauge
    yield GaugeMetricFamily("gate_notices_waiting", "Notices that wait to be sent.", outbox.waiting)
    yield GaugeMetricFamily(
        "gate_notices_oldest_seconds", "For how long the oldest waiting notice is due.", outbox.oldest_s
    )
    yield GaugeMetricFamily("gate_notices_given_up", "Notices that nobody took.", outbox.given_up)
    yield GaugeMetricFamily("gate_ledger_entries", "Entries of the ledger; never fewer.", entries)
