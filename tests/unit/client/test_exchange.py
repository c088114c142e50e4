"""What is sent, what an answer means, when a call is made again. No I/O, and a clock of the test's own."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from typing import Any, TypeVar

import httpx
import pytest

from gate_client import calls, revert_calls
from gate_client.errors import (
    Conflict,
    CouldNotTell,
    Forbidden,
    GateError,
    GateRefused,
    GateUnreachable,
    NotFound,
    NotReverted,
    StillRunning,
    TooManyFailures,
    Unauthorized,
    UsageError,
)
from gate_client.exchange import Came, Connection, Flow, Pause, Request
from gate_client.failures import failed_expectations
from gate_client.wire import CheckBody, VerdictBody

T = TypeVar("T")
URL = "http://gate:8090"
NO_CHECK: dict[str, Any] = {
    "allowed": False,
    "verdict": "ERROR",
    "check": "",
    "report": "",
    "summary": "ERROR: conflict on a",
    "reasons": ["ERROR: conflict on a"],
    "rules": [],
}
RUNNING = {**NO_CHECK, "verdict": "", "check": "c1", "report": f"{URL}/checks/c1"}
PASSED = {**RUNNING, "allowed": True, "verdict": "PASS", "summary": "PASS: 1 rule holds"}
REVERT = {
    "id": "r1",
    "repository": "sales",
    "branch": "main",
    "from_commit": "f" * 64,
    "to_commit": "a" * 64,
    "commit_id": "",
    "state": "refused",
    "message": "main moved",
}
REVERTED = {
    "plan": {"repository": "sales", "branch": "main", "head": {"id": "f" * 64}, "target": {"id": "a" * 64}},
    "revert": REVERT,
}


class Played:
    """Plays a flow against what is to come; each pause moves the clock, each request by `takes_s`."""

    def __init__(self, *comes: Came, takes_s: float = 0.0, **settings: Any) -> None:
        self.gate = Connection(URL, "token", **settings)
        self.gate.clock = lambda: self.now
        self.now = 0.0
        self.comes: list[Came] = list(comes)
        self.takes_s = takes_s
        self.requests: list[Request] = []
        self.pauses: list[float] = []

    def run(self, flow: Flow[T]) -> T:
        came: Came = None
        while True:
            try:
                step = flow.send(came)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(step, Pause):
                self.pauses.append(step.seconds)
                self.now += step.seconds
                came = None
            else:
                self.requests.append(step)
                self.now += self.takes_s
                came = self.comes.pop(0) if len(self.comes) > 1 else self.comes[0]


def answer(status: int, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    return httpx.Response(status, content=content, headers=headers)


def error(status: int, code: str, **headers: str) -> httpx.Response:
    said = {"error": {"code": code, "message": "what happened", "hint": "what to do"}}
    return answer(status, said, **headers)


LOST = httpx.ReadTimeout("lost")
GONE = httpx.ConnectError("nobody there")
AWAY = error(503, "could_not_tell")
OK = answer(200, {"status": "ok"})


@pytest.mark.parametrize(
    ("came", "kind", "code", "exit_code"),
    [
        (error(400, "malformed"), UsageError, "malformed", 2),
        (error(401, "access_denied"), Unauthorized, "access_denied", 2),
        (error(403, "forbidden"), Forbidden, "forbidden", 2),
        (error(404, "not_found"), NotFound, "not_found", 2),
        (error(409, "conflict"), Conflict, "conflict", 3),
        (error(418, "new"), UsageError, "new", 2),
        (error(422, "wrong_shape"), UsageError, "wrong_shape", 2),
        (error(429, "too_many_failures"), TooManyFailures, "too_many_failures", 2),
        (error(500, "defect"), CouldNotTell, "defect", 3),
        (error(503, "lakefs_unreachable"), CouldNotTell, "lakefs_unreachable", 3),
        (answer(200, "<html>a page of a proxy</html>"), GateUnreachable, "gate_unreachable", 3),
        (answer(200, []), GateUnreachable, "gate_unreachable", 3),
        (answer(200, {"status": "fine"}), GateUnreachable, "gate_unreachable", 3),
        (answer(302, "", location="/elsewhere"), GateUnreachable, "gate_unreachable", 3),
        (answer(502, "bad gateway"), GateUnreachable, "gate_unreachable", 3),
        (answer(500, {"error": "text"}), GateUnreachable, "gate_unreachable", 3),
        (GONE, GateUnreachable, "gate_unreachable", 3),
    ],
)
def test_what_is_no_answer_says_what_to_do(
    came: Came, kind: type[GateError], code: str, exit_code: int
) -> None:
    played = Played(came, retry_for_s=0)
    with pytest.raises(GateError) as raised:
        played.run(calls.health(played.gate))
    assert type(raised.value) is kind
    assert (raised.value.code, raised.value.exit_code) == (code, exit_code)
    assert raised.value.message
    assert raised.value.hint
    if kind is GateUnreachable:
        assert URL in raised.value.message
    else:
        assert (raised.value.message, raised.value.hint) == ("what happened", "what to do")
    assert len(played.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**PASSED, "allowed": "yes"},
        {**PASSED, "allowed": 1},
        {**PASSED, "verdict": "FAIL"},
        {**PASSED, "verdict": ""},
        {**PASSED, "verdict": "pass"},
        {key: value for key, value in PASSED.items() if key != "allowed"},
    ],
)
def test_what_is_no_verdict_is_never_a_pass(body: dict[str, Any]) -> None:
    played = Played(answer(200, body))
    with pytest.raises(CouldNotTell):
        played.run(calls.require(played.gate, "sales", "import", "main"))


def test_a_503_is_tried_again_with_growing_pauses_until_the_deadline() -> None:
    played = Played(AWAY, takes_s=0.1, retry_for_s=30.0)
    with pytest.raises(CouldNotTell, match="what happened"):
        played.run(calls.health(played.gate))
    assert 20.0 < played.now <= 30.1
    for attempt, pause_s in enumerate(played.pauses):
        longest_s = min(0.2 * 2**attempt, 10.0)
        assert longest_s / 2 <= pause_s <= longest_s
    assert len(played.requests) == len(played.pauses) + 1

    through = Played(AWAY, AWAY, OK)
    assert through.run(calls.health(through.gate)).status == "ok"
    assert len(through.requests) == 3


def test_retry_after_is_honoured_where_there_is_time_for_it() -> None:
    soon = Played(error(503, "x", **{"Retry-After": "7"}), OK)
    soon.run(calls.health(soon.gate))
    assert soon.pauses == [7.0]
    late = Played(error(503, "x", **{"Retry-After": "31"}), OK)
    with pytest.raises(CouldNotTell):
        late.run(calls.health(late.gate))
    assert late.pauses == []
    date = Played(error(503, "x", **{"Retry-After": "Fri, 20 Nov 2026 23:00:00 GMT"}), OK)
    date.run(calls.health(date.gate))
    assert len(date.pauses) == 1


@pytest.mark.parametrize(
    "came", [error(status, "x") for status in (401, 404, 409, 429, 500, 502, 504)] + [LOST]
)
def test_nothing_else_is_tried_again(came: Came) -> None:
    played = Played(came, OK)
    with pytest.raises(GateError):
        played.run(calls.health(played.gate))
    assert len(played.requests) == 1


def of_all(gate: Connection) -> dict[str, Flow[Any]]:
    commit = "a" * 64
    return {
        "check": calls.check(gate, "sales", "import", "main"),
        "get_check": calls.get_check(gate, "c1"),
        "list_checks": calls.list_checks(gate),
        "plan_revert": revert_calls.plan_revert(gate, "sales", "main", "main~1"),
        "revert": revert_calls.revert(gate, "sales", "main", "main~1"),
        "undo_revert": revert_calls.undo_revert(gate, "r1"),
        "get_revert": revert_calls.get_revert(gate, "r1"),
        "list_reverts": revert_calls.list_reverts(gate),
        "register_merge": calls.register_merge(gate, "sales", commit, commit),
        "record_installation": calls.record_installation(gate, "sales", "main", {}, commit),
        "create_token": calls.create_token(gate, "ann", ["reader"]),
        "list_tokens": calls.list_tokens(gate),
        "revoke_token": calls.revoke_token(gate, "t1"),
        "health": calls.health(gate),
        "readiness": calls.readiness(gate),
    }


ALL = sorted(of_all(Connection(URL, "token")))
ONCE = {"create_token", "readiness"}  # twice is not once; and readiness is what one asks for


@pytest.mark.parametrize("name", ALL)
def test_what_twice_would_do_twice_is_done_once(name: str) -> None:
    played = Played(AWAY)
    with pytest.raises(CouldNotTell):
        played.run(of_all(played.gate)[name])
    assert (len(played.requests) == 1) is (name in ONCE)


@pytest.mark.parametrize("code", ["lakefs", "lakefs_unreachable", "could_not_tell"])
def test_a_revert_is_tried_again_with_the_same_key(code: str) -> None:
    done = {**REVERTED, "revert": {**REVERT, "state": "verified"}}
    played = Played(error(503, code), answer(201, done))
    found = played.run(revert_calls.revert(played.gate, "sales", "main", "main~1"))
    assert found.revert is not None
    assert found.revert.state == "verified"
    first, second = played.requests
    assert first.headers == second.headers
    assert first.headers["Idempotency-Key"]


def test_a_revert_whose_answer_is_lost_is_never_sent_twice() -> None:
    played = Played(LOST, answer(201, REVERTED))
    with pytest.raises(GateUnreachable):
        played.run(revert_calls.revert(played.gate, "sales", "main", "main~1"))
    assert len(played.requests) == 1


@pytest.mark.parametrize("state", ["refused", "moved", "failed", "planned", "applied"])
def test_a_revert_that_is_not_done_raises_with_what_the_gate_answered(state: str) -> None:
    played = Played(answer(409, {**REVERTED, "revert": {**REVERT, "state": state}}))
    with pytest.raises(NotReverted, match="main moved") as raised:
        played.run(revert_calls.revert(played.gate, "sales", "main", "main~1"))
    assert raised.value.answer is not None
    assert raised.value.answer.revert is not None
    assert raised.value.answer.revert.state == state


def test_a_check_is_waited_for_over_a_gate_that_is_away() -> None:
    played = Played(answer(202, RUNNING), answer(200, RUNNING), GONE, AWAY, answer(200, PASSED))
    found = played.run(calls.judge(played.gate, "sales", "import", "main"))
    assert (found.verdict, found.allowed) == ("PASS", True)
    assert [request.method for request in played.requests] == ["POST", "GET", "GET", "GET", "GET"]


def test_a_gate_that_is_not_there_is_said_at_once_and_one_that_goes_away_at_the_end() -> None:
    never = Played(GONE)
    with pytest.raises(GateUnreachable, match="gate unreachable at http://gate:8090"):
        never.run(calls.judge(never.gate, "sales", "import", "main"))
    assert never.now == 0

    gone = Played(answer(202, RUNNING), GONE)
    with pytest.raises(GateUnreachable):
        gone.run(calls.judge(gone.gate, "sales", "import", "main", timeout_s=60))
    assert gone.now == pytest.approx(60)


def test_a_check_that_runs_too_long() -> None:
    played = Played(answer(200, RUNNING), takes_s=20)
    with pytest.raises(StillRunning, match="still runs after 60 s") as raised:
        played.run(calls.wait_for_check(played.gate, "c1", timeout_s=60))
    assert raised.value.check_id == "c1"
    assert 60 <= played.now <= 100
    assert [request.wait_s for request in played.requests][-1] == 0


def test_what_is_allowed_is_returned_and_all_else_raises() -> None:
    failed = {
        **PASSED,
        "allowed": False,
        "verdict": "FAIL",
        "summary": "FAIL: `_c4` is missing in a.csv",
        "details": [
            {"outcome": "FAIL", "message": "`_c4` is missing", "rule": "five", "path": "a.csv"},
            {"outcome": "WARN", "message": "vacuous", "rule": "five", "path": "a.csv"},
        ],
    }
    refused = Played(answer(200, failed))
    with pytest.raises(GateRefused, match="lakefs://sales/import into main: FAIL: `_c4`") as raised:
        refused.run(calls.require(refused.gate, "sales", "import", "main"))
    assert raised.value.report == f"{URL}/checks/c1"
    assert [(item.rule, item.path, item.message) for item in raised.value.failed] == [
        ("five", "a.csv", "`_c4` is missing")
    ]
    unknown = Played(answer(200, NO_CHECK))
    with pytest.raises(CouldNotTell, match="conflict on a"):
        unknown.run(calls.require(unknown.gate, "sales", "import", "main"))
    unverified = Played(answer(200, {**PASSED, "verdict": "ERROR"}))  # `on_error: warn`
    assert unverified.run(calls.require(unverified.gate, "sales", "import", "main")).allowed


def test_errors_survive_pickling_as_prefect_does_it() -> None:
    refused = GateRefused("no", "look")
    refused.check = CheckBody.model_validate(RUNNING)
    again = pickle.loads(pickle.dumps(refused))
    assert (again.message, again.hint, again.report) == ("no", "look", f"{URL}/checks/c1")
    late = StillRunning("late")
    late.check_id = "c1"
    assert pickle.loads(pickle.dumps(late)).check_id == "c1"
    denied = Unauthorized("who", "token", "access_denied", 401)
    assert vars(pickle.loads(pickle.dumps(denied))) == vars(denied)


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_an_id_cannot_name_another_address(text: str) -> None:
    played = Played(OK)
    with pytest.raises(UsageError):
        played.run(calls.get_check(played.gate, text))
    assert played.requests == []


def test_an_id_is_quoted_whole() -> None:
    played = Played(answer(200, PASSED))
    played.run(calls.get_check(played.gate, "../tokens?x=1"))
    assert played.requests[0].path == "/api/v1/checks/..%2Ftokens%3Fx%3D1"


def test_a_wrong_body_is_not_sent() -> None:
    played = Played(OK)
    with pytest.raises(UsageError, match="source: String should have at least 1 character"):
        played.run(calls.check(played.gate, "sales", "", "main"))
    assert played.requests == []


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATE_URL", "GATE_API_TOKEN", "GATE_API_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("url", ["gate:8090", "ftp://gate", "http://", "http://gate:port"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="no gate's address"):
        Connection(url, "token")


@pytest.mark.usefixtures("bare")
def test_address_and_token_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    with pytest.raises(UsageError, match="no gate is named"):
        Connection()
    monkeypatch.setenv("GATE_URL", f"{URL}/")
    with pytest.raises(Unauthorized, match="wants a token"):
        Connection()
    with pytest.raises(Unauthorized, match="holds what no token does"):
        Connection(token="one\ntwo")
    held = tmp_path / "token"
    monkeypatch.setenv("GATE_API_TOKEN_FILE", str(held))
    with pytest.raises(UsageError, match="cannot read"):
        Connection()
    held.write_text("of the file\n")
    assert Connection().url == URL
    assert "of the file" not in repr(Connection())


def test_expected_and_observed_stand_beside_what_failed() -> None:
    check = VerdictBody.model_validate(PASSED).model_dump() | {
        "details": [
            {
                "outcome": "FAIL",
                "message": "3 nulls",
                "rule": "five",
                "path": "a.csv",
                "expectation": "expect_column_values_to_not_be_null",
            }
        ],
        "validations": [
            {
                "results": [
                    {
                        "expectation_config": {
                            "type": "expect_column_values_to_not_be_null",
                            "kwargs": {"column": "_c1"},
                        },
                        "meta": {"gate": {"message": "3 nulls", "expected": "no nulls", "observed": "3"}},
                    }
                ],
                "meta": {"gate": {"rule": "five", "target": "a.csv"}},
            }
        ],
    }
    found: Sequence[Any] = failed_expectations(CheckBody.model_validate(check))
    assert [(item.column, item.expected, item.observed) for item in found] == [("_c1", "no nulls", "3")]
