"""The web process of `gate serve`: gunicorn with threads, one process."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication

from gate_server.app import create_app, make_services
from gate_server.checks.active import ActivePolicy
from gate_server.settings import Settings
from gate_server.slow_clients import Worker as SlowClientsWorker
from gate_server.telemetry import metrics, traces
from gate_server.workers.bell import ringer

log = structlog.get_logger()


class _Web(BaseApplication):  # type: ignore[misc]
    """gunicorn with threads, one process: waiting hooks cost a thread each (design, processes 2)."""

    def __init__(self, settings: Settings, host: str, port: int, kept: Path, reloads: int, bell: int) -> None:
        self._settings = settings
        self._kept = kept
        self._reloads = reloads
        self._bell = bell
        self._bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn up."""
        for name, value in {
            "bind": self._bind,
            "workers": 1,
            "worker_class": SlowClientsWorker,
            "threads": self._settings.threads,
            "timeout": 0,
            "graceful_timeout": 10,
            "keepalive": 15,  # longer than clients keep them (httpx: 5 s): no request meets a close
            "loglevel": "warning",
            "accesslog": None,
            "proc_name": "gate-web",
            "worker_exit": lambda _server, _worker: traces.send_what_is_left(),
            "post_worker_init": _send_waiting_away_at_the_end,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # which proxies are believed, GATE_TRUSTED_PROXIES alone says
            "certfile": _path(self._settings.tls_cert),
            "keyfile": _path(self._settings.tls_key),
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the app, in gunicorn's worker process."""
        metrics.process_starts.labels("web").inc()
        traces.set_up_traces("web")
        services = make_services(self._settings, self._kept, ringer(self._bell))
        _Web.services = services
        threading.Thread(
            target=_reload_when_told, args=(services.active, self._reloads), name="reloads", daemon=True
        ).start()
        return create_app(services)

    services: Any = None


def _path(path: Path | None) -> str | None:
    return str(path) if path else None


def _send_waiting_away_at_the_end(_worker: Any) -> None:
    """Answer waiting hooks "still running, merge again" as soon as SIGTERM comes, not after the grace."""
    ends = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        # In a thread: the handler must not wait for a lock.
        threading.Thread(target=_Web.services.waiting.close, name="send-away").start()
        if callable(ends):
            ends(number, frame)

    signal.signal(signal.SIGTERM, end)


def _reload_when_told(active: ActivePolicy, reloads: int) -> None:
    """Reload the policy for each byte, or several, that the supervisor writes at SIGHUP.

    gunicorn's own SIGHUP would end sessions and waiting hooks.
    """
    while os.read(reloads, 4096):
        with contextlib.suppress(Exception):  # it is told in the log, and the old policy stays
            active.reload()


def run_web(settings: Settings, host: str, port: int, kept: Path, reloads: int, bell: int) -> int:
    """Serve API and pages until SIGTERM."""
    make_services(settings, kept)  # say what is wrong before gunicorn starts
    _Web(settings, host, port, kept, reloads, bell).run()
    return 0
