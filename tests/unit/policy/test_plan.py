"""Rules and changes to a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gate_server.model import (
    AGE_AT_COMMIT,
    COMPARES,
    Candidate,
    Change,
    ChangeKind,
    Changes,
    Commit,
    Enforcement,
    Format,
    ObjectIdentity,
    Outcome,
    Plan,
    Policy,
    Rule,
    StoredObject,
    Suite,
)
from gate_server.policy.plan import applied_rules, compared_with, evaluation_key, make_plan

CANDIDATE = Candidate("repo", "main", Commit("b" * 64, "mb"), Commit("j" * 64, "mj"), Commit("s" * 64, "ms"))


def stored(path: str, size: int = 10, **identity: Any) -> StoredObject:
    return StoredObject(path, ObjectIdentity(f"local://ns/data/{path}", "c", size, **identity), "j" * 64)


def added(path: str, size: int = 10, **identity: Any) -> Change:
    return Change(path, ChangeKind.ADDED, None, stored(path, size, **identity))


def removed(path: str) -> Change:
    return Change(path, ChangeKind.REMOVED, stored(path), None)


def changes(*under: Change, **more: Any) -> Changes:
    result = {change.path: change.new for change in under if change.new}
    return Changes(**{"under_rules": under, "result": result, **more})


def rule(**more: Any) -> Rule:
    return Rule(**{"name": "r", "paths": ("data/**",), "suite": "s", "format": Format("csv"), **more})


def policy(*rules: Rule, **more: Any) -> Policy:
    return Policy(rules=rules, suites={"s": Suite("s", {"expectations": []})}, **more)


def plan(a_policy: Policy, what: Changes, *, registered: bool = False) -> Plan:
    return make_plan(a_policy, CANDIDATE, what, engine_version="1", registered=registered)


def outcomes(made: Plan) -> list[tuple[str, Outcome, str]]:
    return [(item.kind, item.outcome, item.path) for item in made.declared]


def test_a_rule_is_for_its_repositories_and_branches() -> None:
    here = rule(name="here", repositories=("re*",), branches=("main", "release-*"))
    a_policy = policy(
        here,
        rule(name="other", repositories=("x",)),
        rule(name="dev", branches=("dev",)),
        rule(name="off", enforcement=Enforcement.OFF),
    )
    applied = applied_rules(a_policy, "repo", "main")
    assert ([item.name for item in applied.rules], applied.off) == (["here"], ("off",))
    assert applied.prefixes == ("data/",)
    assert applied_rules(a_policy, "repo", "feature").rules == ()


def test_every_changed_object_under_a_rule_is_an_obligation() -> None:
    made = plan(
        policy(rule(), rule(name="csv", paths=("**/*.csv",))), changes(added("data/a.csv"), added("data/b"))
    )
    assert [(item.rule, item.target) for item in made.obligations] == [
        ("r", "data/a.csv"),
        ("r", "data/b"),
        ("csv", "data/a.csv"),
    ]
    assert made.declared == ()


def test_markers_are_passed_over_hidden_files_are_not() -> None:
    what = changes(
        added("data/_SUCCESS", 0),
        added("data/d/", 0),
        added("data/.x", 0),
        added("data/_h.csv"),
        added("data/e", 0),
    )
    assert [item.target for item in plan(policy(rule()), what).obligations] == ["data/_h.csv", "data/e"]
    assert [item.target for item in plan(policy(rule(hidden="skip")), what).obligations] == ["data/e"]
    # A marker's name does not hide bytes.
    assert len(plan(policy(rule()), changes(added("data/_SUCCESS", 5))).obligations) == 1


@pytest.mark.parametrize(
    ("on_delete", "expected"), [("fail", Outcome.FAIL), ("warn", Outcome.WARN), ("pass", None)]
)
def test_only_deletions(on_delete: str, expected: Outcome | None) -> None:
    made = plan(policy(rule(on_delete=on_delete)), changes(removed("data/a")))
    assert outcomes(made) == ([("deleted", expected, "data/a")] if expected else [])
    assert (
        outcomes(plan(policy(rule(on_delete=on_delete)), changes(removed("data/a"), added("data/b")))) == []
    )


def test_a_marker_does_not_stand_in_for_what_is_deleted() -> None:
    a_policy = policy(rule(on_delete="fail"))
    gone = ("deleted", Outcome.FAIL, "data/x")
    assert outcomes(plan(a_policy, changes(removed("data/x"), added("data/_SUCCESS", 0)))) == [gone]
    emptied = Change("data/_h", ChangeKind.CHANGED, stored("data/_h"), stored("data/_h", 0))
    assert outcomes(plan(a_policy, changes(emptied))) == [("deleted", Outcome.FAIL, "data/_h")]


def test_a_dataset_that_loses_its_last_part_is_deleted() -> None:
    a_rule = rule(scope="dataset", dataset="data/{table}/", on_delete="fail")
    made = plan(policy(a_rule), changes(removed("data/t/1"), added("data/t/_SUCCESS", 0), added("data/u/1")))
    assert outcomes(made) == [("deleted", Outcome.FAIL, "data/t/1")]
    assert [item.target for item in made.obligations] == ["data/u/"]


def test_what_lies_outside_a_datasets_root_is_not_judged_and_said_so() -> None:
    a_rule = rule(scope="dataset", dataset="data/{table}/", paths=("data/**",))
    made = plan(policy(a_rule, unmatched="fail"), changes(added("data/evil.csv")))
    assert outcomes(made) == [("unmatched", Outcome.FAIL, "data/evil.csv")]
    assert made.obligations == ()


def test_required_objects_have_to_be_in_the_result() -> None:
    a_policy = policy(rule(required=("data/must.csv",)))
    assert outcomes(plan(a_policy, changes())) == [("required", Outcome.FAIL, "data/must.csv")]
    there = changes(result={"data/must.csv": stored("data/must.csv")})
    assert outcomes(plan(a_policy, there)) == []


def test_lost_objects_fail_under_a_rule() -> None:
    assert outcomes(plan(policy(rule()), changes(lost=("data/x", "else/x")))) == [
        ("lost", Outcome.FAIL, "data/x")
    ]


def test_linked_objects_fail_unless_allowed_and_are_never_cached() -> None:
    what = changes(added("data/a", linked=True))
    made = plan(policy(rule()), what)
    assert outcomes(made) == [("linked", Outcome.FAIL, "data/a")]
    allowed = plan(policy(rule(linked="allow")), what)
    assert outcomes(allowed) == []
    assert [item.key for item in (*made.obligations, *allowed.obligations)] == ["", ""]


def test_the_gates_own_files_change_only_when_registered() -> None:
    what = changes(gate_files=("_lakefs_actions/gate_pre_merge.yaml",))
    for a_policy in (policy(), policy(rule())):
        assert outcomes(plan(a_policy, what)) == [
            ("gate_files", Outcome.FAIL, "_lakefs_actions/gate_pre_merge.yaml")
        ]
        # Said all the same, so that no known verdict is made of it.
        assert [item.outcome for item in plan(a_policy, what, registered=True).declared] == [Outcome.PASS]


def test_a_canary_fails_even_when_registered() -> None:
    what = changes(gate_files=("_gate/canary-1",))
    for registered in (False, True):
        assert outcomes(plan(policy(), what, registered=registered)) == [
            ("canary", Outcome.FAIL, "_gate/canary-1")
        ]


def test_conflicts_are_errors() -> None:
    assert outcomes(plan(policy(), changes(conflicts=("data/a",)))) == [("conflict", Outcome.ERROR, "data/a")]


@pytest.mark.parametrize(
    ("unmatched", "expected"), [("pass", []), ("warn", [Outcome.WARN]), ("fail", [Outcome.FAIL])]
)
def test_unmatched_paths(unmatched: str, expected: list[Outcome]) -> None:
    what = changes(added("data/a"), added("data_x"), elsewhere=("else/b", "_gate/hooks/x.lua"))
    made = plan(policy(rule(), unmatched=unmatched), what)
    assert [item.outcome for item in made.declared] == expected
    assert (made.changed, made.unmatched) == (4, 2)


def test_a_dataset_is_one_target_with_all_its_parts_in_order() -> None:
    a_rule = rule(scope="dataset", dataset="data/{table}/", paths=("data/**/*.csv",))
    old = {path: stored(path) for path in ("data/t/2.csv", "data/t/1.csv", "data/u/1.csv", "data/t/readme")}
    fresh = added("data/t/3.csv")
    assert fresh.new is not None
    made = plan(policy(a_rule), changes(fresh, result={**old, fresh.path: fresh.new}))
    (obligation,) = made.obligations
    assert obligation.target == "data/t/"
    assert obligation.states_key
    assert [item.path for item in obligation.objects] == ["data/t/1.csv", "data/t/2.csv", "data/t/3.csv"]


def test_of_some_targets_no_states_are_kept() -> None:
    a_rule = rule(scope="dataset", dataset="data/", linked="allow")

    def key(a_policy: Policy, *, one: bool = False, linked: bool = False) -> str:
        first, second = added("data/1.csv", linked=linked), added("data/2.csv")
        result = {item.path: item.new for item in ([first] if one else [first, second]) if item.new}
        return plan(a_policy, changes(first, result=result)).obligations[0].states_key

    known = key(policy(a_rule))
    assert known
    assert key(policy(replace(a_rule, limits=replace(a_rule.limits, rows=5)))) not in ("", known)
    assert key(policy(replace(a_rule, parameters={"n": 1}))) not in ("", known)
    assert key(policy(replace(a_rule, format=Format("csv", header=False)))) not in ("", known)
    assert key(policy(a_rule), one=True) == key(policy(a_rule), linked=True) == ""
    assert key(replace(policy(a_rule), suites=COMPARING)) == ""


def test_an_evaluation_is_keyed_by_what_it_depends_on_and_nothing_else() -> None:
    a_rule, item = rule(), stored("data/a")
    key = evaluation_key(policy(a_rule), a_rule, [item], "1")
    same = replace(
        a_rule, name="other", enforcement=Enforcement.WARN, on_empty="pass", line=7, branches=("x",)
    )
    assert evaluation_key(policy(same), same, [item], "1") == key
    assert evaluation_key(policy(a_rule), a_rule, [replace(item, commit_id="other")], "1") == key
    other_suite = replace(policy(a_rule), suites={"s": Suite("s", {"expectations": [{}]})})
    assert evaluation_key(other_suite, a_rule, [item], "1") != key
    assert evaluation_key(policy(a_rule), a_rule, [item], "2") != key
    for changed in (
        replace(a_rule, format=Format("csv", header=False)),
        replace(a_rule, parameters={"n": 1}),
        replace(a_rule, limits=replace(a_rule.limits, rows=5)),
    ):
        assert evaluation_key(policy(changed), changed, [item], "1") != key
    for field, value in (
        ("physical_address", "x"),
        ("checksum", "x"),
        ("size_bytes", 11),
        ("metadata", (("a", "b"),)),
        ("content_type", "x"),
    ):
        moved = replace(item, identity=replace(item.identity, **{field: value}))
        assert evaluation_key(policy(a_rule), a_rule, [moved], "1") != key


COMPARING = {"s": Suite("s", {"expectations": [{"type": COMPARES, "kwargs": {"max_value": 1.1}}]})}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, ["data/a.csv"]),
        ({"reference": "old/all.csv"}, ["old/all.csv"]),
        ({"reference": "old/none.csv"}, []),
        ({"reference": "data/"}, ["data/a.csv", "data/b.csv"]),
        ({"scope": "dataset", "dataset": "data/"}, ["data/a.csv", "data/b.csv"]),
        ({"scope": "dataset", "dataset": "data/", "reference": "old/"}, ["old/all.csv"]),
    ],
)
def test_what_the_destination_holds_goes_along(more: dict[str, Any], expected: list[str]) -> None:
    base = {path: stored(path) for path in ("data/a.csv", "data/b.csv", "old/all.csv", "old/_SUCCESS")}
    base["old/_SUCCESS"] = stored("old/_SUCCESS", 0)
    a_rule = rule(**more)
    what = changes(added("data/a.csv", size=11), base=base)
    comparing = replace(policy(a_rule), suites=COMPARING)
    (obligation,) = plan(comparing, what).obligations
    assert [item.path for item in obligation.reference] == expected
    assert plan(policy(a_rule), what).obligations[0].reference == ()
    assert set(expected) <= {
        path for path in base if path.startswith(applied_rules(comparing, "repo", "main").prefixes)
    }


def test_what_is_compared_with_is_part_of_the_key_and_never_linked() -> None:
    comparing = replace(policy(rule()), suites=COMPARING)

    def key(base: StoredObject) -> str:
        what = changes(added("data/a.csv", size=11), base={"data/a.csv": base})
        return plan(comparing, what).obligations[0].key

    assert key(stored("data/a.csv")) not in ("", key(stored("data/a.csv", 9)))
    assert key(stored("data/a.csv", linked=True)) == ""


@pytest.mark.parametrize("ref", ["golden", "a" * 64])  # a branch may be named as a commit is
def test_another_ref_may_be_compared_with(ref: str) -> None:
    a_rule = rule(reference_ref=ref)
    comparing = replace(policy(a_rule, rule(name="plain")), suites=COMPARING)
    what = changes(added("data/a.csv", size=11), base={"data/a.csv": stored("data/a.csv", 9)})
    assert compared_with(comparing.rules, what) == {ref: ("data/",)}
    assert compared_with(comparing.rules, changes(added("elsewhere"))) == {}
    keys = set()
    for size in (7, 8):
        there = {ref: {"data/a.csv": stored("data/a.csv", size)}}
        made = make_plan(comparing, CANDIDATE, what, engine_version="1", references=there)
        assert [item.reference[0].identity.size_bytes for item in made.obligations] == [size, 9]
        assert not made.is_lasting
        keys.add(made.obligations[0].key)
    assert len(keys) == 2
    assert plan(replace(comparing, rules=(rule(),)), what).is_lasting
    with pytest.raises(KeyError):  # what it holds was not read: no plan at all
        make_plan(comparing, CANDIDATE, what, engine_version="1")


def test_what_asks_when_the_commit_was_made_is_never_reused() -> None:
    suite = Suite("s", {"expectations": [{"type": AGE_AT_COMMIT, "kwargs": {"column": "a", "max_value": 1}}]})
    asking = replace(policy(rule()), suites={"s": suite})
    what = changes(added("data/a.csv"))
    judged = replace(CANDIDATE, judged=Commit("j" * 64, "mj", created_at=5))
    (obligation,) = make_plan(asking, judged, what, engine_version="1").obligations
    assert (obligation.key, obligation.committed_at) == ("", 5)
    ahead = replace(CANDIDATE, judged=None, source=Commit("s" * 64, "ms", created_at=4))
    assert make_plan(asking, ahead, what, engine_version="1").obligations[0].committed_at == 4
