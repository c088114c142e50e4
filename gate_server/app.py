"""Puts the service together: settings, policy, store, lakeFS, API and pages."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, Response, g, request
from flask_openapi3.models.info import Info
from flask_openapi3.models.security_scheme import SecurityScheme
from flask_openapi3.openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from gate_server.access.failures import Failures
from gate_server.access.tokens import Access
from gate_server.api.audits import audits
from gate_server.api.checks import checks
from gate_server.api.health import health
from gate_server.api.hooks import hooks
from gate_server.api.installations import installations
from gate_server.api.leases import leases
from gate_server.api.metrics import metrics as read_metrics
from gate_server.api.notices import notices
from gate_server.api.policy import policy as policy_room
from gate_server.api.reapplications import reapplications
from gate_server.api.reverts import reverts
from gate_server.api.tokens import tokens
from gate_server.api.waivers import waivers
from gate_server.checks.active import ActivePolicy
from gate_server.checks.lent import LentChecks
from gate_server.checks.looking import Looking
from gate_server.checks.policies import keep_policy, kept_policy
from gate_server.checks.service import CheckService
from gate_server.checks.waiting import Waiting
from gate_server.door.context import KEY, Services
from gate_server.door.errors import handle_errors, on_wrong_shape
from gate_server.door.readiness import Readiness
from gate_server.door.security import admit
from gate_server.lakefs.connect import connect
from gate_server.model import Policy
from gate_server.parts import doctors_ground, make_revert_context, read_policy, row_reader, write_digest
from gate_server.settings import Settings, secret
from gate_server.setup.doctor import Examiner
from gate_server.store.store import open_store
from gate_server.telemetry import metrics, traces
from gate_server.telemetry.requests import HEADER, begin_request, request_id
from gate_server.web.pages import web

log = structlog.get_logger()
MAX_BODY_BYTES = 1_000_000
TRACED = ("/hooks/", "/api/")
SESSION_LASTS = timedelta(hours=12)


def make_services(
    settings: Settings, kept: Path | None = None, ring: Callable[[], None] = lambda: None
) -> Services:
    """Return what a door needs: raises `ConfigError` or `CouldNotTell` where that cannot be had.

    Parameters
    ----------
    kept
        A file with the digest of the policy to ask by, which a reload writes anew; without one the policy is
        read from its own file.
    ring
        Called when there is a new check.
    """
    lakefs = connect(timeout_s=settings.lakefs_timeout_s)
    store = open_store(settings.database, ring)

    def read() -> Policy:
        return read_policy(settings.policy, settings.policy_in_repository)

    if kept is None:
        policy = read()
        keep_policy(store.policies, policy)
        active = ActivePolicy(policy, store.policies, read)
    else:
        policy, _ = kept_policy(store.policies, kept.read_text(encoding="ascii"))
        active = ActivePolicy(policy, store.policies, read, lambda digest: write_digest(kept, digest))
    return Services(
        settings=settings,
        lakefs=lakefs,
        store=store,
        active=active,
        checks=CheckService(lakefs, store, active),
        lent=LentChecks(store, lease_s=settings.elsewhere_lease_s, most_attempts=settings.max_attempts),
        looking=Looking(store, active, row_reader(lakefs, settings)),
        waiting=Waiting(store.checks.done, settings.max_waiting),
        reverts=make_revert_context(lakefs, store, settings),
        access=Access(
            store.tokens, hook_token=secret(settings.hook_token), api_token=secret(settings.api_token)
        ),
        failures=Failures(settings.failures_per_min),
        readiness=Readiness(lakefs, store),
        examiner=Examiner(doctors_ground(lakefs, settings)),
    )


def create_app(services: Services) -> Flask:
    """Return the web application over `services`."""
    settings = services.settings
    app = OpenAPI(
        "gate_server",
        info=Info(title="lakefs-gate", version="1"),
        doc_ui=False,  # it would claim "/"; the description itself is served below
        security_schemes={"token": SecurityScheme(type="http", scheme="bearer")},
        validation_error_callback=on_wrong_shape,
        static_folder=None,  # the pages' blueprint has its own
    )
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        SECRET_KEY=secrets.token_bytes(32),  # one web process: sessions end with it
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=bool(settings.tls_cert) or settings.public_url.startswith("https://"),
        SESSION_COOKIE_NAME="gate_session",
        PERMANENT_SESSION_LIFETIME=SESSION_LASTS,  # a cookie that is older is not believed
    )
    app.extensions[KEY] = services
    handle_errors(app)

    @app.before_request
    def _before() -> BaseResponse | None:
        begin_request(request.headers.get(HEADER, ""))
        if request.path.startswith(TRACED):
            g.open = ExitStack()
            g.open.enter_context(traces.span(f"{request.method} {request.url_rule or 'unknown'}"))
        g.started = time.monotonic(), services.lakefs.calls, services.lakefs.spent_s
        # Before flask-openapi3 parses a body: who knocks comes first, and malformed JSON is a 400.
        if (elsewhere := admit()) is not None:
            return elsewhere
        if request.method in ("POST", "PUT") and request.path.startswith(TRACED):
            request.get_json()
        return None

    @app.after_request
    def _after(answer: Response) -> Response:
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        started, calls, spent_s = g.started
        spent = time.monotonic() - started
        total_ms, lakefs_ms = spent * 1e3, (services.lakefs.spent_s - spent_s) * 1e3
        calls = services.lakefs.calls - calls
        answer.headers["Server-Timing"] = (
            f'total;dur={total_ms:.1f}, lakefs;dur={lakefs_ms:.1f};desc="{calls} calls"'
        )
        answer.headers[HEADER] = request_id()
        metrics.requests.labels(request.endpoint or "none", str(answer.status_code)).observe(spent)
        traces.note(status=answer.status_code)
        if request.path.startswith(TRACED):
            log.info(
                "answered",
                method=request.method,
                path=request.path,
                status=answer.status_code,
                duration_s=round(spent, 4),
                lakefs_calls=calls,
            )
        return answer

    @app.teardown_request
    def _over(_error: BaseException | None) -> None:
        if "open" in g:
            g.open.close()

    app.add_url_rule("/openapi.json", "openapi_json", lambda: app.api_doc)
    rooms = (
        hooks,
        checks,
        leases,
        reverts,
        reapplications,
        audits,
        installations,
        tokens,
        waivers,
        notices,
        policy_room,
        health,
        read_metrics,
    )
    for room in rooms:
        app.register_api(room)
    app.register_blueprint(web)
    if proxies := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies
        )
    return app


HEADERS: dict[str, Any] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
