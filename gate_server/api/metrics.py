"""`/metrics`: what Prometheus asks for."""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy.exc import SQLAlchemyError

from gate_server.api.errors import ERRORS, TOKEN
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
    """Return what this gate's processes counted, and how the queue of its database stands."""
    allow_everywhere()
    return Response(exposition(of_the_database(services().store)), content_type=CONTENT_TYPE)


def of_the_database(store: Store) -> Iterator[Metric]:
    """Yield what all gates on this database share; a database that fails is a figure, not an error."""
    try:
        queue, workers = store.checks.queue(), store.workers.alive()
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
    yield GaugeMetricFamily("gate_workers_alive", "Workers whose heartbeat is in time.", workers)
