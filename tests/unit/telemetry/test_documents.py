"""The documents name metrics that there are, and all of them, and tests that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from ruamel.yaml import YAML

from gate_server.api.metrics import of_the_database, of_the_policy
from gate_server.checks.active import ActivePolicy
from gate_server.model import Policy
from gate_server.store.store import open_store

DOCS = Path(__file__).parents[3] / "docs"
NAME = re.compile(r"\bgate_[a-z_]+")


@pytest.mark.parametrize("page", ["reliability.md", "guarantees.md"])
def test_each_fault_names_a_test_that_there_is(page: str) -> None:
    tables = re.findall(
        r"^\|[^\n]*\| (?:test|held by) \|\n\|[-|]+\|\n((?:\|.*\n)+)", (DOCS / page).read_text(), re.M
    )
    assert tables
    for line in "".join(tables).splitlines():
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", line)
        assert named, line
        for path, name in named:
            assert f"def {name}(" in (DOCS.parent / path).read_text(), line


@pytest.fixture
def offered(tmp_path: Path) -> set[str]:
    """Give the names of all metrics, without what Prometheus adds."""
    store = open_store(f"sqlite:///{tmp_path / 'gate.db'}")
    active = ActivePolicy(Policy((), {}), store.policies, lambda: Policy((), {}))
    found = [*REGISTRY.collect(), *of_the_database(store), *of_the_policy(active)]
    return {metric.name for metric in found if metric.name.startswith("gate_")}


def named(text: str) -> set[str]:
    """Return the metrics that a text names, without what Prometheus adds."""
    return {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in NAME.findall(text)}


def expressions(name: str) -> Iterator[str]:
    """Yield the queries of a document."""
    text = (DOCS / name).read_text()
    if name.endswith(".json"):
        for panel in json.loads(text)["panels"]:
            yield from (target["expr"] for target in panel["targets"])
    else:
        document: Any = YAML(typ="safe").load(text)
        for group in document["groups"]:
            for rule in group["rules"]:
                assert rule["annotations"]["summary"]
                yield rule["expr"]


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yaml"])
def test_queries_name_metrics_that_there_are(name: str, offered: set[str]) -> None:
    for expression in expressions(name):
        assert named(expression) <= offered, expression
        assert named(expression) or "up{" in expression


def test_the_dashboard_and_the_page_leave_none_out(offered: set[str]) -> None:
    text = (DOCS / "monitoring.md").read_text()
    assert named(text) == offered
    assert named(" ".join(expressions("grafana.json"))) == offered - {"gate_database_up"}
