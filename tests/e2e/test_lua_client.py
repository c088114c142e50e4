"""The Lua client of the gate, in real merges: it passes on one answer only.

Also on a real lakeFS when `GATE_TEST_LAKEFS_URL` and its keys are given.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate_server.setup.gate_files import CLIENT_SCRIPT, PRE_MERGE, gate_files
from local_lakefs.testing import RunningServer, lakefs_server
from tests.contract.harness import Lakefs, Repository, refused
from tests.contract.webhooks import Endpoint, Received, Receiver, receiver
from tests.e2e.harness import HOOK_ENVIRONMENT, HOOK_TOKEN, free_port

REAL_URL = os.environ.get("GATE_TEST_LAKEFS_URL", "")
REAL_TOKEN = os.environ.get("GATE_TEST_HOOK_TOKEN", "")
ALLOWED = {
    "allowed": True,
    "verdict": "PASS",
    "summary": "PASS: 2 rules hold",
    "report": "http://g/c",
    "reasons": [],
}
REFUSED = {
    "allowed": False,
    "verdict": "FAIL",
    "summary": "FAIL: `_c4` is missing in a.csv",
    "report": "http://gate.example/checks/77",
    "reasons": ["FAIL: `_c4` is missing in a.csv", "FAIL: another"],
}
RUNNING = {"allowed": False, "verdict": "", "summary": "still running", "report": "http://g/c", "reasons": []}


@pytest.fixture(params=["embedded", "real"] if REAL_URL else ["embedded"])
def lakefs(request: pytest.FixtureRequest) -> Lakefs:
    """Give a lakeFS whose Lua hooks may use HTTP."""
    if request.param == "embedded":
        server: RunningServer = request.getfixturevalue("server")
        return Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    keys = (os.environ[f"GATE_TEST_LAKEFS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    return Lakefs("real", REAL_URL, *keys)


@pytest.fixture(scope="module")
def receiving() -> Iterator[Receiver]:
    """Give a receiver in the gate's place."""
    with receiver() as running:
        yield running


def gate_at(receiving: Receiver, **answer: Any) -> tuple[Endpoint, str]:
    """Return an endpoint that answers in the gate's place, and the gate's address."""
    endpoint = receiving.endpoint(**answer)
    path = endpoint.url.removeprefix(receiving.base_url)
    receiving.endpoints[f"{path}/hooks/lakefs"] = endpoint
    return endpoint, endpoint.url


def guarded(lakefs: Lakefs, gate_url: str, max_wait_s: int = 300, pause_s: str = "0.05, 0.1") -> Repository:
    """Return a repository whose main asks that address, and a branch `dev` to merge."""
    files = gate_files("main", gate_url, lua=True, allow_plain_revert=False, max_wait_s=max_wait_s)
    pauses = "PAUSE_S, MOST_PAUSE_S = "
    assert f"{pauses}1, 8" in files[CLIENT_SCRIPT]
    script = files[CLIENT_SCRIPT].replace(f"{pauses}1, 8", f"{pauses}{pause_s}")
    repo = lakefs.create_repository(files={PRE_MERGE: files[PRE_MERGE], CLIENT_SCRIPT: script})
    repo.create_branch("dev")
    repo.commit_files("dev", {"a.csv": "1,2,3,4\n"})
    return repo


def merge_is_refused(repo: Repository) -> str:
    """Merge dev, which must not change main; return the reason that lakeFS gives."""
    before = repo.head()
    answer = repo.try_merge("dev")
    assert repo.head() == before
    return refused(answer, 412)


def as_json(body: object) -> bytes:
    return json.dumps(body).encode()


def test_it_passes_on_allowed_and_sends_the_event(lakefs: Lakefs, receiving: Receiver) -> None:
    endpoint, url = gate_at(receiving, body=as_json(ALLOWED))
    repo = guarded(lakefs, url)
    merged = repo.merge("dev", message="please")
    (request,) = endpoint.received
    token = HOOK_TOKEN if lakefs.kind == "embedded" else REAL_TOKEN
    if token:
        assert request.headers["authorization"] == f"Bearer {token}"
    assert request.headers["content-type"] == "application/json"
    assert request.event == {
        "event_type": "pre-merge",
        "action_name": "gate pre-merge",
        "hook_id": "gate_check",
        "repository_id": repo.name,
        "branch_id": "main",
        "source_ref": repo.head("dev"),
        "merge_source": "dev",
        "commit_id": merged,
        "commit_message": "please",
        "commit_metadata": {".lakefs.merge.strategy": "default"},
        "committer": request.event["committer"],
    }


def test_the_merges_error_says_why_and_where(lakefs: Lakefs, receiving: Receiver) -> None:
    _, url = gate_at(receiving, status=412, body=as_json(REFUSED))
    reason = merge_is_refused(guarded(lakefs, url))
    assert "FAIL: `_c4` is missing in a.csv - see http://gate.example/checks/77" in reason


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"true"),
        (200, b"null"),
        (200, b"[]"),
        (200, b'"allowed"'),
        (200, as_json([ALLOWED])),
        (200, b"{}"),
        (200, as_json(ALLOWED)[:-1]),
        (200, as_json(ALLOWED) + b"x"),
        (200, as_json({**ALLOWED, "allowed": "true"})),
        (200, as_json({**ALLOWED, "allowed": 1})),
        (200, as_json({**ALLOWED, "allowed": [True]})),
        (200, as_json({**ALLOWED, "allowed": None})),
        (200, as_json(REFUSED)),
        (200, as_json(RUNNING)),
        (200, b"<html><body>welcome</body></html>"),
        (201, as_json(ALLOWED)),
        (202, as_json(ALLOWED)),
        (204, b""),
        (400, as_json(ALLOWED)),
        (401, as_json({"error": {"code": "access_denied", "message": "wrong token", "hint": "set it"}})),
        (412, as_json(ALLOWED)),
        (429, as_json(ALLOWED)),
        (500, as_json(ALLOWED)),
        (503, as_json(ALLOWED)),
        (503, as_json({**RUNNING, "verdict": "ERROR"})),
        (503, as_json({"summary": ["odd"], "report": 7, "reasons": "odd", "error": "odd"})),
    ],
)
def test_every_other_answer_refuses(lakefs: Lakefs, receiving: Receiver, status: int, body: bytes) -> None:
    endpoint, url = gate_at(receiving, status=status, body=body)
    assert merge_is_refused(guarded(lakefs, url))
    assert len(endpoint.received) == 1, "asked once, not again and again"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_page_refuses(lakefs: Lakefs, receiving: Receiver, status: int) -> None:
    """A webhook would pass on it (H9)."""
    page = receiving.endpoint(body=b"<html>sign in</html>")
    _, url = gate_at(receiving, status=status, headers={"location": page.url})
    assert "no JSON" in merge_is_refused(guarded(lakefs, url))
    assert page.received


def test_a_gate_that_is_not_there_refuses(lakefs: Lakefs) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert f"the gate does not answer at {url}/hooks/lakefs" in merge_is_refused(guarded(lakefs, url))


def test_a_gate_that_always_hangs_up_refuses(lakefs: Lakefs, receiving: Receiver) -> None:
    endpoint, url = gate_at(receiving, body=as_json(ALLOWED), headers={"content-length": "1000"})
    assert "does not answer" in merge_is_refused(guarded(lakefs, url, max_wait_s=1))
    assert len(endpoint.received) > 1, "a cut connection is tried again"


def test_while_the_check_runs_the_same_event_is_posted_again(lakefs: Lakefs, receiving: Receiver) -> None:
    endpoint, url = gate_at(receiving, status=503, body=as_json(RUNNING))

    def done_at_the_third(_: Received) -> None:
        if len(endpoint.received) == 3:
            endpoint.status, endpoint.body = 200, as_json(ALLOWED)

    endpoint.during = done_at_the_third
    repo = guarded(lakefs, url)
    merged = repo.merge("dev")
    assert [event["commit_id"] for event in endpoint.events] == [merged] * 3


def test_a_check_that_never_ends_refuses(lakefs: Lakefs, receiving: Receiver) -> None:
    endpoint, url = gate_at(receiving, status=503, body=as_json(RUNNING))
    assert "still running" in merge_is_refused(guarded(lakefs, url, max_wait_s=4, pause_s="1, 8"))
    assert 1 < len(endpoint.received) <= 4, "answered at once, it pauses before it asks again"


Answer = tuple[int, bytes, dict[str, str]]
STILL: Answer = (503, as_json(RUNNING), {})
CUT: Answer = (200, as_json(ALLOWED), {"content-length": "1000"})
PASSING: dict[str, Answer] = {
    "cut": CUT,
    "proxy": (502, b"<html>Bad Gateway</html>", {}),
    "starting": (503, b"", {}),
    "database": (503, as_json({"error": {"code": "database", "message": "away", "hint": "wait"}}), {}),
}


def answering(endpoint: Endpoint, answers: list[Answer]) -> None:
    """Give each ask its answer; who asks more often gets the last again."""

    def next_answer(_: Received) -> None:
        number = min(len(endpoint.received), len(answers)) - 1
        endpoint.status, endpoint.body, endpoint.headers = answers[number]

    endpoint.during = next_answer


def test_a_long_check_outlives_a_gate_that_is_away_for_a_moment(lakefs: Lakefs, receiving: Receiver) -> None:
    """What an hour of waiting meets, in short: gate and proxies started again, connections cut."""
    endpoint, url = gate_at(receiving)
    away = [STILL, *PASSING.values(), STILL, CUT, STILL, STILL]
    answering(endpoint, [CUT, *away, (200, as_json(ALLOWED), {})])
    merged = guarded(lakefs, url).merge("dev")
    assert [event["commit_id"] for event in endpoint.events] == [merged] * (len(away) + 2)


@pytest.mark.parametrize("fault", PASSING)
def test_a_gate_that_stays_away_refuses(lakefs: Lakefs, receiving: Receiver, fault: str) -> None:
    endpoint, url = gate_at(receiving)
    answering(endpoint, [STILL, PASSING[fault]])
    assert merge_is_refused(guarded(lakefs, url, max_wait_s=1))
    assert len(endpoint.received) > 2


@pytest.mark.parametrize(
    "unclear",
    [
        (200, b"<html>sign in</html>", {}),
        (200, as_json(RUNNING), {}),
        (202, as_json(ALLOWED), {}),
        (401, as_json({"error": {"code": "access_denied", "message": "wrong token", "hint": "set it"}}), {}),
        (500, as_json(ALLOWED), {}),
        (503, as_json(ALLOWED), {}),
        (503, as_json({**RUNNING, "verdict": "ERROR"}), {}),
    ],
)
def test_what_is_unclear_refuses_after_the_longest_wait_too(
    lakefs: Lakefs, receiving: Receiver, unclear: Answer
) -> None:
    endpoint, url = gate_at(receiving)
    answering(endpoint, [STILL, unclear, (200, as_json(ALLOWED), {})])
    assert merge_is_refused(guarded(lakefs, url))
    assert len(endpoint.received) == 2


def test_without_http_in_lua_it_refuses_and_says_what_to_set(tmp_path: Path, receiving: Receiver) -> None:
    endpoint, url = gate_at(receiving, body=as_json(ALLOWED))
    with lakefs_server(tmp_path / "lakefs", HOOK_ENVIRONMENT, allow_lua_http=False) as server:
        lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
        assert "set actions.lua.net_http_enabled: true" in merge_is_refused(guarded(lakefs, url))
    assert endpoint.received == []


def test_without_its_script_it_refuses(lakefs: Lakefs, receiving: Receiver) -> None:
    endpoint, url = gate_at(receiving, body=as_json(ALLOWED))
    repo = guarded(lakefs, url)
    repo.delete("dev", CLIENT_SCRIPT)
    repo.commit("dev")
    assert "could not load script_path" in merge_is_refused(repo)
    assert endpoint.received == []
