"""Notices that really go out: to web servers and a mail server, whatever these do."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from gate_server.model.notices import Message
from gate_server.notices.sending import Sender
from gate_server.store.store import Store, open_store
from local_lakefs.testing import RunningServer
from tests.e2e.harness import BAD, GOOD, ROOT, Gate, World, run_gate, running_gate, until
from tests.e2e.receivers import Mailbox, Receiver, mail_server, receiver

SECRET = "s3cr3t-of-the-target"
NEWS = Message(
    "team", "fail", "sales", "main", "topic", "bad", "FAIL: sales", "`qty`: 2 nulls\nan owner", "failure"
)


@pytest.fixture(scope="module")
def receives() -> Iterator[Receiver]:
    with receiver() as here:
        yield here


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as here:
        yield here


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an outbox; that it is the same on PostgreSQL is tested where it is."""
    opened = open_store(f"sqlite:///{tmp_path}/gate.db")
    yield opened
    opened.engine.dispose()


def tell(store: Store, *topics: str) -> None:
    news = [
        Message(**{**{name: getattr(NEWS, name) for name in NEWS.__dataclass_fields__}, "topic": topic})
        for topic in topics
    ]
    store.notices.put(news, quiet_s=0.0)


def sender(store: Store, *addresses: str, timeout_s: float = 60.0, give_up_s: float = 3600.0) -> Sender:
    return Sender(store.notices, "team", addresses, timeout_s=timeout_s, give_up_s=give_up_s)


def states(store: Store) -> list[tuple[str, int, str]]:
    return [(notice.state, notice.attempts, notice.reason) for notice in store.notices.listed()]


def test_each_kind_of_target_gets_title_text_and_id(
    store: Store, receives: Receiver, mailbox: Mailbox
) -> None:
    tell(store, "t")
    webhook = f"json://user:{SECRET}@127.0.0.1:{receives.port}/kinds"
    slack_like = f"mmost://127.0.0.1:{receives.port}/3ccdd113474722377935511fc85d3dd4"
    mail = f"mailto://127.0.0.1:{mailbox.port}?from=gate@example.org&to=team@example.org&mode=insecure"
    sender(store, webhook, slack_like, mail)()
    (notice,) = store.notices.listed()
    assert (notice.state, notice.reason) == ("sent", "")
    (body,) = receives.at("/kinds")
    assert body["title"] == "FAIL: sales"
    assert body["message"] == f"`qty`: 2 nulls\nan owner\n\nnotice {notice.id}"
    (chat,) = receives.at("/hooks/3ccdd113474722377935511fc85d3dd4")
    assert notice.id in chat["text"]
    (letter,) = mailbox.mails
    assert str(make_header(decode_header(str(letter["Subject"])))) == "FAIL: sales"
    assert letter["To"] is not None


@pytest.mark.parametrize(
    ("status", "headers", "pauses"),
    [
        (500, {}, True),
        (429, {"Retry-After": "1000"}, True),
        (404, {}, False),
        (302, {"Location": "/ok"}, False),
    ],
)
def test_a_target_that_refuses_is_tried_again_later(
    store: Store, receives: Receiver, status: int, headers: dict[str, str], pauses: bool
) -> None:
    path = f"/refuses/{status}"
    receives.answers[path] = (status, headers)
    before = len(receives.asked)
    tell(store, "a", "b", "c")
    duty = sender(store, receives.address(path))
    with capture_logs() as logs:
        duty()
    tried = [reason for _, attempts, reason in states(store) if attempts]
    assert tried == [f"answered {status}"] * (1 if pauses else 3)
    assert receives.asked[before:] == [path] * len(tried)  # no redirect was followed
    assert duty.is_wanted() is False
    assert all(notice.state == "waiting" for notice in store.notices.listed())
    again_s = [entry["again_s"] for entry in logs if entry["event"] == "a notice could not be sent"]
    assert (min(again_s) >= 1000) is (status == 429)


def test_nobody_answers_and_then_somebody_does(store: Store, receives: Receiver) -> None:
    tell(store, "t")
    sender(store, "json://127.0.0.1:9/", give_up_s=3600.0)()
    ((state, attempts, reason),) = states(store)
    assert (state, attempts) == ("waiting", 1)
    assert reason.startswith("does not answer (Connect")
    until(lambda: store.notices.is_due("team"))
    sender(store, receives.address("/later"))()
    assert len(receives.at("/later")) == 1
    assert states(store) == [("sent", 2, "")]


def test_what_is_too_old_is_given_up_and_told_in_the_log(store: Store, receives: Receiver) -> None:
    receives.answers["/never"] = (503, {})
    tell(store, "t")
    with capture_logs() as logs:
        sender(store, f"json://u:{SECRET}@127.0.0.1:{receives.port}/never", give_up_s=0.0)()
    assert states(store) == [("given_up", 1, "answered 503")]
    assert [entry["event"] for entry in logs] == ["a notice was given up"]
    assert SECRET not in str(logs) + str(states(store))


def test_one_that_hangs_is_ended_and_holds_up_no_other(store: Store, receives: Receiver) -> None:
    receives.hangs["/hangs"] = threading.Event()
    tell(store, "t")
    store.notices.put([Message(**{**vars_of(NEWS), "target": "other"})], quiet_s=0.0)
    slow = receives.address("/hangs") + "?rto=100"
    stuck = threading.Thread(target=sender(store, slow, timeout_s=3.0), daemon=True)
    stuck.start()
    until(lambda: "/hangs" in receives.asked)
    other = Sender(store.notices, "other", [receives.address("/fast")], timeout_s=60.0, give_up_s=60.0)
    other()
    assert len(receives.at("/fast")) == 1
    stuck.join(120)
    assert not stuck.is_alive()
    found = {notice.target: notice for notice in store.notices.listed()}
    assert (found["team"].state, found["team"].reason) == ("waiting", "took longer than 3 s")
    assert not [one for one in psutil.Process().children() if "notices.child" in " ".join(one.cmdline())]


def test_a_process_that_is_killed_in_the_middle_sends_again_with_the_same_id(
    store: Store, receives: Receiver
) -> None:
    """The target took it, and whoever sent it died before that was written."""
    receives.hangs["/killed"] = threading.Event()
    tell(store, "t")
    sending = threading.Thread(target=sender(store, receives.address("/killed") + "?rto=100"), daemon=True)
    sending.start()
    until(lambda: "/killed" in receives.asked)
    child = next(one for one in psutil.Process().children() if "notices.child" in " ".join(one.cmdline()))
    os.killpg(child.pid, signal.SIGKILL)
    sending.join(120)
    assert [reason for _, _, reason in states(store)] == ["the process that sends died"]
    receives.hangs["/killed"].set()
    until(lambda: store.notices.is_due("team"))
    sender(store, receives.address("/killed"))()
    until(lambda: len(receives.at("/killed")) == 2)
    (notice,) = store.notices.listed()
    assert all(notice.id in body["message"] for body in receives.at("/killed"))


def test_an_address_that_apprise_does_not_know_is_no_secret_told(store: Store) -> None:
    tell(store, "t")
    sender(store, f"nosuch://{SECRET}/")()
    assert states(store) == [("waiting", 1, "its address is none that apprise knows")]


def vars_of(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__dataclass_fields__}


# -- a whole gate -------------------------------------------------------------------------------------

NOTICES = """
notices:
  - {to: team}
  - {to: oncall, on: [error, revert]}
"""


@pytest.fixture(scope="module")
def gate(
    server: RunningServer, receives: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    folder = Path(tmp_path_factory.mktemp("notices"))
    shutil.copytree(ROOT / "expectations", folder / "policy")
    policy = folder / "policy" / "gate.yaml"
    policy.write_text(policy.read_text() + NOTICES)
    receives.hangs["/oncall"] = threading.Event()
    targets = f"team {receives.address('/team')}\noncall {receives.address('/oncall')}?rto=100\n"
    (folder / "targets").write_text(targets)
    settings = {
        "GATE_POLICY": str(policy),
        "GATE_NOTICE_TARGETS_FILE": str(folder / "targets"),
        "GATE_NOTICE_QUIET_S": "0",
        "GATE_NOTICE_TIMEOUT_S": "5",
    }
    with running_gate(server.environment, folder / "gate", **settings) as running:
        # It reads on from where the ledger was: wait for that, or what a test does first is before it.
        opened = open_store(running.database_url)
        until(lambda: opened.notices.read_up_to() is not None)
        opened.engine.dispose()
        yield running


def targets(gate: Gate, text: str) -> dict[str, str]:
    """Return the gate's environment with other targets."""
    environment = {**gate.environment, "GATE_NOTICE_TARGETS": text}
    del environment["GATE_NOTICE_TARGETS_FILE"]
    return environment


def titles(receives: Receiver, world: World) -> list[str]:
    return [body["title"] for body in receives.at("/team") if world.name in body["title"]]


def test_a_merge_that_is_refused_is_told_and_its_repair(gate: Gate, world: World, receives: Receiver) -> None:
    branch = world.branch("nightly", lakefs_test_dot_csv=BAD)
    assert refused(gate, world) == "FAIL"
    until(lambda: titles(receives, world) == [f"FAIL: {world.name}: nightly into main"])
    (body,) = [body for body in receives.at("/team") if world.name in body["title"]]
    assert "`_c4` is missing" in body["message"]
    assert f"{gate.url}/checks/" in body["message"]
    world.commit(branch, {"lakefs_test.csv": GOOD})
    assert refused(gate, world) == "PASS"
    until(lambda: titles(receives, world)[1:] == [f"PASS: {world.name}: nightly into main"])
    listed = gate.api.get("/api/v1/notices", params={"repository": world.name}).json()["notices"]
    assert [(one["target"], one["state"]) for one in listed] == [("team", "sent")] * 2
    assert "body" not in listed[0]


def refused(gate: Gate, world: World) -> str:
    """Ask as lakeFS's hook does, of a merge that it made; return the verdict."""
    merged = world.repository.branch("nightly")
    target = world.repository.branch(f"to-{time.monotonic_ns()}").create("main")
    commit_id = merged.merge_into(target)
    event = {
        "event_type": "pre-merge", "event_time": "2026-11-20T00:00:00Z", "action_name": "gate",
        "hook_id": "gate", "repository_id": world.name, "branch_id": "main",
        "source_ref": merged.get_commit().id, "merge_source": "nightly", "commit_id": commit_id,
        "commit_message": "m", "committer": "ann", "commit_metadata": {},
    }  # fmt: skip
    return str(gate.post_event(event).json()["verdict"])


def test_a_target_that_hangs_delays_no_verdict_and_no_other_target(
    gate: Gate, world: World, receives: Receiver
) -> None:
    event = {
        "event_type": "pre-merge", "event_time": "2026-11-20T00:00:00Z", "action_name": "gate",
        "hook_id": "gate", "repository_id": world.name, "branch_id": "main", "source_ref": "f" * 64,
        "merge_source": "lost", "commit_id": "f" * 64, "commit_message": "m", "committer": "ann",
        "commit_metadata": {},
    }  # fmt: skip
    assert gate.hooks.post("/hooks/lakefs", json=event).json()["verdict"] == "ERROR"
    until(lambda: "/oncall" in receives.asked)
    until(lambda: titles(receives, world) == [f"ERROR: {world.name}: lost into main"])
    assert gate.ask(world.name, "main", "main")["verdict"] in ("PASS", "ERROR")
    answer = gate.run("notices", "list", "--json", "--repository", world.name)
    assert answer.returncode == 0, answer.stderr
    until(lambda: "took longer than 5 s" in gate.api.get("/api/v1/notices").text)
    assert "oncall" in gate.run("notices", "list", "--repository", world.name).stdout
    figures = gate.api.get("/metrics").text
    assert "gate_notices_waiting" in figures
    assert "gate_notices_given_up 0.0" in figures


def test_a_target_is_tried_by_command(gate: Gate, receives: Receiver) -> None:
    before = len(receives.at("/team"))
    done = gate.run("notices", "test", "team")
    assert done.returncode == 0, done.stderr
    assert len(receives.at("/team")) == before + 1
    unknown = gate.run("notices", "test", "nobody")
    assert unknown.returncode == 2
    assert "oncall, team" in unknown.stderr
    away = run_gate("notices", "test", "team", env=targets(gate, f"team json://u:{SECRET}@127.0.0.1:9/"))
    assert (away.returncode, SECRET in away.stderr + away.stdout) == (3, False)


def test_a_gate_does_not_start_with_a_target_that_has_no_address(gate: Gate) -> None:
    done = run_gate("serve", "--port", "0", env=targets(gate, "team json://a"))
    assert done.returncode == 2
    assert "there is no target oncall" in done.stderr
