"""Rules on tables that have a log: what they need, and what no writer of such tables does."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import replace

import pytest

from gate_server.model import (
    Change,
    ChangeKind,
    Changes,
    Format,
    ObjectIdentity,
    Obligation,
    Outcome,
    Rule,
    StoredObject,
)
from gate_server.policy import tables
from gate_server.policy.plan import make_plan

from .test_load import findings, read
from .test_plan import CANDIDATE, policy

RULE = "version: 1\nrules:\n  - {name: t, suite: s, paths: [%s], format: {%s}%s}\n"
DATASET = ", scope: dataset, dataset: 'tables/{table}/'"
DELTA = Rule(
    "r", ("tables/**",), "s", Format("delta"), scope="dataset", dataset="tables/{table}/", hidden="skip"
)
ICEBERG = replace(DELTA, format=Format("iceberg"))


def test_a_rule_on_a_table_is_read() -> None:
    (rule,) = read(RULE % ("tables/**", "type: delta", DATASET)).rules
    assert rule.format.is_table


def test_each_format_of_tables_has_its_library() -> None:
    assert read(RULE % ("tables/**", "type: iceberg", DATASET)).rules[0].format.is_table


@pytest.mark.parametrize(
    ("paths", "fmt", "more", "told"),
    [
        ("tables/**", "type: delta", "", "`scope: dataset` and its root, `dataset:`, are needed"),
        ("tables/**/*.parquet", "type: delta", DATASET, "has to cover all of the table, its log included"),
        ("tables/**", "type: delta, partitions: hive", DATASET, "format.partitions is not for delta"),
        ("tables/**", "type: delta, types: {a: integer}", DATASET, "types are for csv, tsv and jsonl"),
    ],
)
def test_what_a_rule_on_a_table_lacks_is_told(paths: str, fmt: str, more: str, told: str) -> None:
    assert any(told in finding for finding in findings(RULE % (paths, fmt, more)))


def test_a_policy_is_refused_where_the_library_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(tables, "find_spec", lambda name: None if name == "deltalake" else there(name))
    text = RULE % ("tables/**", "type: delta", DATASET)
    assert findings(text) == [
        "p/gate.yaml:3: rule t: format delta needs a library that is not installed: "
        "pip install 'lakefs-gate[delta]'"
    ]
    lent = RULE % ("tables/**", "type: delta", f"{DATASET}, runs: elsewhere")
    assert read(lent).rules[0].runs == "elsewhere"


def stored(path: str, content: str = "c") -> StoredObject:
    return StoredObject(path, ObjectIdentity(f"local://{path}/{content}", content, 10), "j" * 64)


def outcomes(
    base: Iterable[StoredObject], result: Iterable[StoredObject], rule: Rule = DELTA
) -> list[tuple[Outcome, str]]:
    """Return what a plan declares of a merge that makes `result` of `base`."""
    old, new = ({item.path: item for item in items} for items in (base, result))
    found = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before != after:
            kind = ChangeKind.CHANGED if before and after else ChangeKind.ADDED
            found.append(Change(path, kind if after else ChangeKind.REMOVED, before, after))
    changes = Changes(tuple(found), base=old, result=new)
    plan = make_plan(policy(rule), CANDIDATE, changes, engine_version="1")
    return [(item.outcome, item.path) for item in plan.declared]


def commit(version: int, content: str = "c") -> StoredObject:
    return stored(f"tables/a/_delta_log/{version:020}.json", content)


FILE = stored("tables/a/day=1/_part-0.parquet")


def test_new_versions_hints_and_checkpoints_are_as_they_should_be() -> None:
    hint, again = (stored("tables/a/_delta_log/_last_checkpoint", content) for content in "xy")
    checkpoint = f"tables/a/_delta_log/{1:020}.checkpoint.parquet"
    one, other = stored(checkpoint, "x"), stored(checkpoint, "y")
    assert not outcomes([commit(0), FILE, hint, one], [commit(0), commit(1), FILE, again, other])
    assert not outcomes([commit(0), commit(1), FILE], [commit(1), commit(2), FILE])
    assert not outcomes([], [commit(0), FILE])


def test_a_file_or_a_commit_that_is_written_anew_fails() -> None:
    changed = stored(FILE.path, "other")
    assert outcomes([commit(0), FILE], [commit(0), changed]) == [(Outcome.FAIL, FILE.path)]
    assert outcomes([commit(0), FILE], [commit(0, "other"), FILE]) == [(Outcome.FAIL, commit(0).path)]


def test_versions_that_go_back_fail() -> None:
    assert outcomes([commit(0), commit(1)], [commit(0)]) == [(Outcome.FAIL, "tables/a/")]
    first, second, hint, other = (
        stored(f"tables/a/metadata/{name}", content)
        for name, content in (
            ("00001-a.metadata.json", "x"),
            ("v2.metadata.json", "x"),
            ("version-hint.text", "x"),
            ("version-hint.text", "y"),
        )
    )
    assert not outcomes([first, hint], [first, second, other], ICEBERG)
    assert outcomes([first, second], [first], ICEBERG) == [(Outcome.FAIL, "tables/a/")]
    changed = stored(first.path, "other")
    assert outcomes([first], [changed], ICEBERG) == [(Outcome.FAIL, first.path)]


def test_all_of_a_table_is_judged_hidden_files_too() -> None:
    changes = Changes((Change(FILE.path, ChangeKind.ADDED, None, FILE),), result={FILE.path: FILE})
    (obligation,) = make_plan(policy(DELTA), CANDIDATE, changes, engine_version="1").obligations
    assert (obligation.target, obligation.objects) == ("tables/a/", (FILE,))
    assert obligation.states_key == ""  # one object has no states to keep


def obligation_of(base: Iterable[StoredObject], result: Iterable[StoredObject], rule: Rule) -> Obligation:
    old, new = ({item.path: item for item in items} for items in (base, result))
    added = tuple(Change(path, ChangeKind.ADDED, None, new[path]) for path in sorted(new.keys() - old.keys()))
    changes = Changes(added, base=old, result=new)
    (found,) = make_plan(policy(rule), CANDIDATE, changes, engine_version="1").obligations
    return found


def test_what_the_destination_says_of_columns_is_a_part_of_what_is_asked() -> None:
    """Else what was found beside one destination would be told of another."""
    checkpoint = stored(f"tables/a/_delta_log/{2:020}.checkpoint.parquet")
    log, other = [commit(version) for version in range(5)], stored("tables/b/_delta_log/9.json")
    base = [*log[:4], checkpoint, FILE, other]
    new = obligation_of([], [*log, FILE], DELTA)
    first = obligation_of(log[:2], [*log, FILE], DELTA)
    later = obligation_of(base, [*base, log[4]], DELTA)
    assert new.before == ()
    assert first.before == (log[0], log[1])
    assert later.before == (checkpoint, log[3])
    again = obligation_of(log[:3], [*log, FILE], DELTA)
    assert len({new.key, first.key, again.key}) == 3
    assert new.states_key == first.states_key  # what was found of a file is the same for all

    names = ("00001-a", "00002-b", "00010-c")
    metadata = [stored(f"tables/a/metadata/{name}.metadata.json") for name in names]
    assert obligation_of(metadata[:2], metadata, ICEBERG).before == (metadata[1],)


def test_a_table_that_goes_altogether_is_a_deletion() -> None:
    assert outcomes([commit(0), FILE], []) == [(Outcome.WARN, commit(0).path)]
