"""Traces by OpenTelemetry, where an endpoint is set (docs/monitoring.md); else nothing is imported or kept.

A trace is named by the request's id, so that all that is done for a request is in one, whichever process does
it and whenever: web and worker meet in the queue alone. Spans are sent by a thread of their own, and are
dropped where nobody takes them: no verdict waits for a collector. Children send nothing; their worker tells
what they did.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from gate_server.errors import ConfigError
from gate_server.telemetry.requests import request_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE = "lakefs-gate"
FLUSH_S = 2.0  # what a process waits at its end for a collector

log = structlog.get_logger()
_tracer: Tracer | None = None
_provider: TracerProvider | None = None


def wanted() -> bool:
    """Whether an endpoint is set.

    Raises
    ------
    ConfigError
        When one is, but what it takes is not installed.
    """
    named = next((name for name in ENDPOINTS if os.environ.get(name)), None)
    if named is None:
        return False
    if not _installed():
        raise ConfigError(
            f"{named} is set, but OpenTelemetry is not installed", "pip install lakefs-gate[otel]"
        )
    return True


def set_up_traces(process: str) -> None:
    """Send the spans of this process to the endpoint that is set, if one is; raises `ConfigError`.

    The rest is OpenTelemetry's own settings: headers, sampler, time-outs, resource attributes.
    """
    global _tracer, _provider  # noqa: PLW0603 - one for the process, as its logs and metrics are
    if not wanted():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

    class ByRequest(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            request = request_id()
            return trace_id(request) if request else super().generate_trace_id()

    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or SERVICE, "gate.process": process}
    _provider = provider = TracerProvider(
        id_generator=ByRequest(), resource=Resource.create(named), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = provider.get_tracer(SERVICE)
    its_own = logging.getLogger("opentelemetry")
    its_own.addHandler(_ToOurLog(logging.WARNING))
    its_own.propagate = False


def send_what_is_left() -> None:
    """Send the last spans at the end of the process, for `FLUSH_S` at most."""
    if _provider is not None:
        sending = threading.Thread(target=_provider.force_flush, name="last-spans", daemon=True)
        sending.start()
        sending.join(FLUSH_S)


class _ToOurLog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.warning("traces", reason=record.getMessage())


def trace_id(request: str) -> int:
    """Return the id of the trace of a request."""
    return int.from_bytes(hashlib.sha256(request.encode()).digest()[:16], "big") or 1


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Tell the block as a span, below the one that is open; it fails where the block raises.

    Attributes are names, counts and ids, never a cell's value or a token (D10). `note` adds some.
    """
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    ) as current:
        current.set_attributes(_named(attributes))
        try:
            yield
        except BaseException as error:
            _failed(current, type(error).__name__)  # its text may hold what was read
            raise


def note(**attributes: str | int) -> None:
    """Add attributes to the span that is open."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(_named(attributes))


def told(
    name: str, began_s: float, duration_s: float, *, failed: bool = False, **attributes: str | int
) -> None:
    """Tell as a span, below the one that is open, what is over.

    Parameters
    ----------
    began_s
        Seconds since 1970.
    """
    if _tracer is None:
        return
    began_ns = int(began_s * 1e9)
    ended = _tracer.start_span(name, start_time=began_ns, attributes=_named(attributes))
    if failed:
        _failed(ended, "")
    ended.end(began_ns + int(duration_s * 1e9))


def lakefs_called(method: str, path: str, status: int, duration_s: float, began_s: float = 0.0) -> None:
    """Tell a call to lakeFS that just ended, or that began at `began_s`; status 0 is no answer."""
    began_s = began_s or time.time() - duration_s
    bad = status == 0 or status >= 400
    told(f"lakeFS {method}", began_s, duration_s, failed=bad, path=path, status=status)


def _installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def _named(attributes: dict[str, str | int]) -> dict[str, str | int]:
    return {f"gate.{name}": value for name, value in attributes.items()}


def _failed(of: Span, why: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    of.set_status(Status(StatusCode.ERROR, why))
