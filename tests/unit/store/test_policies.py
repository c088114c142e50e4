"""Policies as rows, on both databases: found by digest, believed only as what the digest says."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gate_server.checks.active import ActivePolicy
from gate_server.checks.policies import KnownPolicies, keep_policy, kept_policy
from gate_server.engine.suites import read_suite
from gate_server.engine.version import ENGINE_VERSION
from gate_server.errors import ConfigError, CouldNotTell, LimitOfRun
from gate_server.model import Policy
from gate_server.policy.digests import policy_digest
from gate_server.policy.load import load_policy
from gate_server.settings import read_settings
from gate_server.store.store import Store
from gate_server.store.tables import policies

SUITE = """{"name": "s", "expectations": [{"type": "expect_column_max_to_be_between", "kwargs":
  {"column": "\\ud83d\\ude00\\u0000", "max_value": 123456789012345678901234567890, "min_value": 1.1}}]}"""
TEXT = """\
version: 1
rules:
  - {name: a, paths: "a/*", suite: s, format: {type: csv, infer: true}, parameters: {day: 2015-01-01, x: 1.1}}
waivers:
  - {rule: a, owner: ann, reason: known, expires: 2026-12-31T00:00:00.123456+02:00}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "s.json").write_text(SUITE)
    (tmp_path / "gate.yaml").write_text(TEXT)
    return load_policy(str(tmp_path / "gate.yaml"), lambda name: Path(name).read_bytes(), read_suite)


class Looks:
    """What looks at policies: says the next of `answers`, the last one for good."""

    def __init__(self, *answers: list[str] | Exception) -> None:
        self.answers = list(answers)
        self.count = 0

    def __call__(self, _policy: Policy) -> list[str]:
        self.count += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def change(store: Store, **values: Any) -> None:
    with store.engine.begin() as connection:
        connection.execute(update(policies).values(**values))


def test_a_policy_comes_back_as_it_was_read(store: Store, policy: Policy) -> None:
    keep_policy(store.policies, policy)
    back, kept = kept_policy(store.policies, policy.digest)
    assert back == policy
    assert (kept.state, kept.findings) == ("new", ())


def test_one_that_nobody_looked_at_is_looked_at_once(store: Store, policy: Policy) -> None:
    keep_policy(store.policies, policy)
    looks = Looks([])
    assert KnownPolicies(store.policies, looks).of(policy.digest) == policy
    assert KnownPolicies(store.policies, looks).of(policy.digest) == policy
    keep_policy(store.policies, policy)  # another gate, or another ask
    assert KnownPolicies(store.policies, looks).of(policy.digest) == policy
    assert looks.count == 1
    keep_policy(store.policies, policy, again=True)  # a reload
    assert store.policies.new() != []
    KnownPolicies(store.policies, looks).of(policy.digest)
    assert (looks.count, store.policies.new()) == (2, [])


def test_a_refused_one_is_an_error_with_all_findings(store: Store, policy: Policy) -> None:
    keep_policy(store.policies, policy)
    for looks in (Looks(["s.json:1: one", "s.json:2: two"]), Looks([])):
        with pytest.raises(CouldNotTell, match=r"s\.json:1: one; s\.json:2: two"):
            KnownPolicies(store.policies, looks).of(policy.digest)


def test_what_another_engine_found_is_looked_at_again(store: Store, policy: Policy) -> None:
    keep_policy(store.policies, policy)
    store.policies.looked_at(policy.digest, [], "another engine")
    with pytest.raises(CouldNotTell, match="wrong now"):
        KnownPolicies(store.policies, Looks(["wrong now"])).of(policy.digest)
    store.policies.looked_at(policy.digest, ["wrong then"], "another engine")
    keep_policy(store.policies, policy)
    assert [digest for digest, _ in store.policies.new()] == [policy.digest]
    assert KnownPolicies(store.policies, Looks([])).of(policy.digest) == policy


def test_one_that_could_not_be_looked_at_is_neither_valid_nor_refused(store: Store, policy: Policy) -> None:
    keep_policy(store.policies, policy)
    known = KnownPolicies(store.policies, Looks(LimitOfRun("died"), []))
    with pytest.raises(LimitOfRun):
        known.of(policy.digest)
    kept = store.policies.get(policy.digest)
    assert kept is not None
    assert kept.state == "new"
    assert known.of(policy.digest) == policy


def test_new_ones_are_looked_at_and_what_cannot_be_is_left_until_asked_for_again(
    store: Store, policy: Policy
) -> None:
    keep_policy(store.policies, policy)
    looks = Looks(LimitOfRun("died"), [])
    known = KnownPolicies(store.policies, looks)
    known.look_at_new()
    known.look_at_new()
    assert (looks.count, len(store.policies.new())) == (1, 1)
    keep_policy(store.policies, policy, again=True)
    known.look_at_new()
    known.look_at_new()
    assert (looks.count, store.policies.new()) == (2, [])


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"rules": [], "suites": {}},
        "enforcement",
        "digest",
    ],
)
def test_a_damaged_one_is_never_judged_by(store: Store, policy: Policy, content: Any) -> None:
    keep_policy(store.policies, policy)
    known = KnownPolicies(store.policies, Looks([]))
    kept = store.policies.get(policy.digest)
    assert kept is not None
    altered: Any = dict(kept.content)
    if content == "enforcement":
        altered["rules"] = [{**altered["rules"][0], "enforcement": "off"}]
        content = altered
    elif content == "digest":
        content = {**altered, "unmatched": "fail", "digest": "0" * 64}
    store.policies.looked_at(policy.digest, [], ENGINE_VERSION)
    change(store, content=content)
    with pytest.raises(CouldNotTell, match="damaged"):
        known.of(policy.digest)
    known.look_at_new()  # and goes on
    keep_policy(store.policies, policy, again=True)
    assert known.of(policy.digest) == policy


def test_one_that_is_not_there_is_an_error(store: Store) -> None:
    with pytest.raises(CouldNotTell, match="not in the database"):
        KnownPolicies(store.policies, Looks([])).of("0" * 64)


# -- what is asked by ---------------------------------------------------------------------------------


@pytest.fixture
def next_policy(policy: Policy) -> Policy:
    other = replace(policy, unmatched="fail")
    return replace(other, digest=policy_digest(other))


def test_without_a_worker_nothing_is_reloaded(
    store: Store, policy: Policy, next_policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gate_server.checks.active.LOOKED_AT_WITHIN_S", 0.1)
    remembered: list[str] = []
    active = ActivePolicy(policy, store.policies, lambda: next_policy, remembered.append)
    with pytest.raises(CouldNotTell, match="no worker looked"):
        active.reload()
    assert (active.policy, remembered) == (policy, [])
    assert active.refused is not None
    assert "no worker looked" in active.refused.findings[0]
    store.policies.looked_at(next_policy.digest, [], ENGINE_VERSION)  # too late: it is asked for again
    with pytest.raises(CouldNotTell, match="no worker looked"):
        active.reload()
    assert active.policy is policy


def test_what_cannot_be_remembered_is_not_asked_by(store: Store, policy: Policy, next_policy: Policy) -> None:
    def full(_digest: str) -> None:
        raise CouldNotTell("no room")

    active = ActivePolicy(policy, store.policies, lambda: next_policy, full)
    known = KnownPolicies(store.policies, Looks([]))
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.01):
            known.look_at_new()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        with pytest.raises(CouldNotTell, match="no room"):
            active.reload()
    finally:
        stop.set()
        thread.join()
    assert active.policy is policy


def test_the_same_policy_again_needs_no_worker(store: Store, policy: Policy) -> None:
    moved = replace(policy, path="elsewhere/gate.yaml")
    active = ActivePolicy(policy, store.policies, lambda: moved)
    since = active.since
    assert active.reload() == (policy, moved)
    assert (active.policy, active.since, active.refused) == (moved, since, None)


@pytest.mark.parametrize(
    "path", ["gate.yaml", "/gate.yaml", "a/../b c.yaml", "a/gate.json", "a/*.yaml", "a//g.yml"]
)
def test_where_repositories_keep_theirs_is_a_plain_path_in_a_folder(path: str) -> None:
    with pytest.raises(ConfigError, match="GATE_POLICY_IN_REPOSITORY"):
        read_settings({}, policy_in_repository=path)
    assert read_settings({}, policy_in_repository="_lakefs_gate/gate.yaml").policy_in_repository
