"""The API does what its description says: requests made from it by schemathesis, right and wrong ones."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.schemas import OpenApiSchema

from gate_server.app import create_app, make_services
from gate_server.settings import read_settings
from local_lakefs.testing import RunningServer
from tests.e2e.harness import API_TOKEN, HOOK_TOKEN, ROOT

EXAMPLES = int(os.environ.get("GATE_TEST_EXAMPLES", "10"))
CONFORM = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")


@pytest.fixture(scope="module")
def app(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Give the app over a lakeFS; no worker judges, so nobody waits long."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        given: dict[str, Any] = {"hook_token": HOOK_TOKEN, "api_token": API_TOKEN, "wait_s": 0.05}
        folder = Path(tmp_path_factory.mktemp("described"))
        policy = ROOT / "expectations" / "gate.yaml"
        return create_app(make_services(read_settings({}, data_dir=folder, policy=policy, **given)))


@pytest.fixture(scope="module")
def api(app: Flask) -> OpenApiSchema:
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_described(api: OpenApiSchema, mode: GenerationMode) -> None:
    seen: dict[str, set[int]] = {}
    for found in api.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize="GATE_TEST_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(mode))
        def ask(case: Case) -> None:
            seen.setdefault(case.operation.label, set()).add(assert_as_described(case))

        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong about an address without parameters
            ask()
    assert set(seen) >= {"POST /hooks/lakefs", "GET /api/v1/checks/{check_id}"}


def assert_as_described(case: Case) -> int:
    """Send a request; return the answer's status, which is described, as its body is."""
    token = HOOK_TOKEN if case.operation.path.startswith("/hooks") else API_TOKEN
    answer = case.call(headers={"Authorization": f"Bearer {token}"})
    status = answer.status_code
    assert "Traceback" not in answer.text
    assert status < 500 or (status == 503 and ('"message"' in answer.text or '"ERROR"' in answer.text)), (
        answer.text
    )
    case.validate_response(answer, checks=[CHECKS.get_one(name) for name in CONFORM])
    return status
