"""Rules whose data is counted on a cluster."""

from __future__ import annotations

import importlib.util

import pytest

from gate_server.model import ObjectIdentity, Rule, StoredObject
from gate_server.policy import engines
from gate_server.policy.plan import evaluation_key

from .test_load import findings, read
from .test_plan import policy, rule

RULE = "version: 1\nrules:\n  - {name: t, suite: s, paths: ['t/**'], engine: spark, format: {%s}%s}\n"


def test_a_rule_says_what_counts_its_data() -> None:
    assert read(RULE % ("type: parquet", "")).rules[0].engine == "spark"
    assert Rule("r", ("t/**",)).engine == "polars"


@pytest.mark.parametrize(
    ("fmt", "more", "told"),
    [
        ("type: csv", "", "`engine: spark` reads parquet, not csv"),
        ("type: delta", ", scope: dataset, dataset: t/", "`engine: spark` reads parquet, not delta"),
        ("type: parquet, partitions: hive", "", "reads no columns that folders give"),
        ("type: parquet", ", linked: allow", "compares no checksums"),
    ],
)
def test_what_spark_does_not_read_is_refused(fmt: str, more: str, told: str) -> None:
    (found,) = findings(RULE % (fmt, more))
    assert "gate.yaml:3: rule t: " in found
    assert told in found


def test_an_unknown_engine_is_told_with_the_choices() -> None:
    (found,) = findings((RULE % ("type: parquet", "")).replace("engine: spark", "engine: sparc"))
    assert "'polars' or 'spark'" in found


def test_a_policy_is_refused_where_the_library_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(engines, "find_spec", lambda name: None if name == "pyspark" else found(name))
    (told,) = findings(RULE % ("type: parquet", ""))
    assert "pip install 'lakefs-gate[spark]'" in told
    assert read(RULE % ("type: parquet", ", runs: elsewhere")).rules[0].runs == "elsewhere"


def test_answers_of_one_engine_are_none_of_the_other() -> None:
    item = StoredObject("t/a.parquet", ObjectIdentity("address", "checksum", 1), "commit")
    rules = rule(engine="polars"), rule(engine="spark")
    here, there = (evaluation_key(policy(one), one, [item], "1") for one in rules)
    assert here != there
