"""Both clients against a real gate; and the API's answers are what `gate_client.wire` says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from gate_client import (
    AsyncGateClient,
    Conflict,
    CouldNotTell,
    Forbidden,
    GateClient,
    GateRefused,
    GateUnreachable,
    NotFound,
    Unauthorized,
)
from gate_client.revert_wire import OneRevertBody, RevertAnswer, RevertsBody
from gate_client.waiver_wire import WaiversBody
from gate_client.wire import (
    ActivePolicyBody,
    CheckBody,
    ChecksBody,
    HealthBody,
    ReadinessBody,
    ReloadedBody,
    RoleName,
    TokensBody,
)
from gate_server.model import Role
from tests.e2e.harness import API_TOKEN, BAD, GOOD, HOOK_TOKEN, Gate, World, free_port, until

MISSING = "`_c4` is missing: 5 columns expected, 4 found (`_c0, _c1, _c2, _c3`)"
Ask = Callable[..., Any]


@pytest.fixture(params=["waiting", "awaiting"])
def ask(request: pytest.FixtureRequest, gate: Gate) -> Iterator[Ask]:
    """Give a way to call a method by its name, on either client."""
    if request.param == "waiting":
        with GateClient(gate.url, API_TOKEN) as client:
            yield lambda name, *arguments, **more: getattr(client, name)(*arguments, **more)
        return

    async def call(name: str, *arguments: Any, **more: Any) -> Any:
        async with AsyncGateClient(gate.url, API_TOKEN) as client:
            return await getattr(client, name)(*arguments, **more)

    yield lambda name, *arguments, **more: asyncio.run(call(name, *arguments, **more))


def test_good_and_bad_data(ask: Ask, world: World) -> None:
    world.branch("good", lakefs_test_dot_csv=GOOD)
    world.branch("bad", lakefs_test_latest_file_dot_csv=BAD)
    good = ask("require", world.name, "good", "main")
    assert (good.verdict, good.allowed, good.source_name) == ("PASS", True, "good")
    assert ask("get_check", good.check) == good
    with pytest.raises(GateRefused) as raised:
        ask("require", world.name, "bad", "main")
    refused = raised.value
    assert MISSING in str(refused)
    assert refused.report.endswith(f"/checks/{refused.check.check}" if refused.check else "")
    first = refused.failed[0]
    assert (first.outcome, first.rule, first.path) == ("FAIL", "five-columns", "lakefs_test_latest_file.csv")
    assert first.message == MISSING
    assert {row.source_name for row in ask("list_checks", world.name)} == {"good", "bad"}
    assert world.contents("main") == {}


def test_a_conflict_could_not_be_told(ask: Ask, world: World) -> None:
    world.branch("one", lakefs_test_dot_csv=GOOD)
    world.branch("other", lakefs_test_dot_csv=GOOD + GOOD)
    world.repository.branch("one").merge_into("main")
    assert ask("judge", world.name, "other", "main").verdict == "ERROR"
    with pytest.raises(CouldNotTell, match=r"conflict on lakefs_test\.csv"):
        ask("require", world.name, "other", "main")


def test_a_revert(ask: Ask, world: World) -> None:
    world.commit(world.main, {"data/a": b"one"})
    good = world.main.get_commit().id
    world.commit(world.main, {"data/a": b"two"})
    head = world.main.get_commit().id
    dry = ask("plan_revert", world.name, "main", "main~1")
    assert (dry.plan.target.id, dry.plan.changed, dry.revert) == (good, 1, None)
    with pytest.raises(Conflict, match="main moved"):
        ask("revert", world.name, "main", "main~1", expected_head=good)
    done = ask("revert", world.name, "main", "main~1", reason="it was bad", expected_head=head).revert
    assert (done.state, done.reason, done.principal) == ("verified", "it was bad", "api")
    assert world.contents("main") == {"data/a": b"one"}
    assert ask("get_revert", done.id) == done
    assert [item.id for item in ask("list_reverts", world.name)] == [done.id]


def test_tokens(ask: Ask, gate: Gate, world: World) -> None:
    made = ask("create_token", "ann", ["reader"], repositories=[world.name], days=1)
    with GateClient(gate.url, made.text) as reader:
        assert reader.list_checks() == []
        with pytest.raises(Forbidden):
            reader.judge(world.name, "main", "main")
    assert made.token.id in {token.id for token in ask("list_tokens")}
    assert ask("revoke_token", made.token.id).state == "revoked"
    with GateClient(gate.url, made.text) as nobody, pytest.raises(Unauthorized, match="opens nothing"):
        nobody.list_checks()


def test_up_and_ready(ask: Ask, gate: Gate) -> None:
    until(lambda: gate.api.get("/readyz").status_code == 200)  # its worker comes a little later
    assert ask("health").status == "ok"
    assert ask("readiness").workers >= 1


def test_what_goes_wrong(ask: Ask, gate: Gate, world: World) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        ask("judge", world.name, "nowhere", "main")
    with pytest.raises(NotFound, match="there is no check"):
        ask("wait_for_check", "0123456789abcdef")
    with GateClient(gate.url, HOOK_TOKEN) as hook, pytest.raises(Forbidden):
        hook.list_checks()
    url = f"http://127.0.0.1:{free_port()}"
    with (
        GateClient(url, API_TOKEN) as away,
        pytest.raises(GateUnreachable, match=f"gate unreachable at {url}"),
    ):
        away.health()


def test_the_answers_are_what_the_wire_says(gate: Gate, world: World) -> None:
    world.branch("bad", lakefs_test_latest_file_dot_csv=BAD)
    check = gate.ask(world.name, "bad")["check"]
    world.commit(world.main, {"data/a": b"one"})
    reverted = gate.api.post(
        "/api/v1/reverts", json={"repository": world.name, "branch": "main", "to": "main~1"}
    )
    gate.api.post("/api/v1/tokens", json={"name": "bob", "roles": ["hook"]})
    bodies: dict[str, type[BaseModel]] = {
        f"/api/v1/checks/{check}": CheckBody,
        f"/api/v1/checks?repository={world.name}": ChecksBody,
        f"/api/v1/reverts/{reverted.json()['revert']['id']}": OneRevertBody,
        f"/api/v1/reverts?repository={world.name}": RevertsBody,
        "/api/v1/tokens": TokensBody,
        "/api/v1/policy": ActivePolicyBody,
        "/api/v1/waivers": WaiversBody,
        "/healthz": HealthBody,
        "/readyz": ReadinessBody,
    }
    answers = {body: gate.api.get(path).json() for path, body in bodies.items()}
    answers[RevertAnswer] = reverted.json()
    answers[ReloadedBody] = gate.api.post("/api/v1/policy/reload", json={}).json()
    for body, answered in answers.items():
        assert body.model_validate(answered).model_dump(mode="json", exclude_unset=True) == answered
        assert unnamed(body.model_validate(answered)) == set()
    assert set(RoleName.__args__) == set(Role)  # type: ignore[attr-defined]


def unnamed(body: BaseModel) -> set[str]:
    """Return the fields of an answer that its body does not name."""
    found = set(body.model_extra or {})
    for name in type(body).model_fields:
        value = getattr(body, name)
        for item in value if isinstance(value, list) else [value]:
            found |= unnamed(item) if isinstance(item, BaseModel) else set()
    return found
