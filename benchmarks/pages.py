"""How long a page takes over a database of many checks, in the gate's own process: no network, no browser."""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import insert, select, text

from benchmarks.figures import Figure
from gate_server.app import create_app, make_services
from gate_server.door.context import Services
from gate_server.model import Candidate, Commit, Evaluation, Obligation, Outcome, Plan, Result
from gate_server.policy.decide import decide
from gate_server.settings import read_settings
from gate_server.store.tables import checks, rule_outcomes
from gate_server.store.times import now
from tests.e2e.harness import API_TOKEN, ROOT
from tests.postgres import postgres_server

CHECKS, REPOSITORIES, EXPECTATIONS, TIMES = 100_000, 20, 20, 9
PAGES = {
    "now": "/",
    "history": "/history",
    "history, in the middle": "/history?after=0000000000050000",
    "history of a repository": "/history?repository=repo-7",
    "history of a verdict that is rare": "/history?verdict=ERROR",
    "history of a verdict that is rare there": "/history?repository=repo-7&verdict=ERROR",
    "history of a person who never asked": "/history?person=nobody",
    "history of a rule, with its trend": "/history?rule=five-columns",
    "history of what a rule refused": "/history?rule=five-columns&verdict=FAIL&repository=repo-7",
    "policy": "/policy",
    "a check": "/checks/0000000000000007",
    "rows over time, none of which are known": "/checks/0000000000000007/rows-over-time",
}


def pages() -> Iterator[Figure]:
    """Measure each page, on both databases."""
    with tempfile.TemporaryDirectory() as folder, postgres_server() as postgres:
        yield from _on("SQLite", f"sqlite:///{folder}/gate.db", Path(folder))
        yield from _on("PostgreSQL", postgres.new_database(), Path(folder))


def _on(database: str, address: str, folder: Path) -> Iterator[Figure]:
    os.environ.setdefault("LAKECTL_SERVER_ENDPOINT_URL", "http://127.0.0.1:9")
    os.environ.setdefault("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "key")
    os.environ.setdefault("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", "secret")
    policy = ROOT / "expectations" / "gate.yaml"
    settings = {"data_dir": folder, "database_url": address, "policy": policy, "api_token": API_TOKEN}
    services = make_services(read_settings({}, **settings))
    try:
        _seed(services)
        _let_it_settle(services)
        browser = _signed_in(services)
        for name, path in PAGES.items():
            taken_ms = [_ms(browser, path) for _ in range(TIMES)]
            what = f"page over {CHECKS:,} checks on {database}: {name}"
            yield Figure(what, f"{statistics.median(taken_ms):.0f} ms", "under 100 ms")
    finally:
        services.store.engine.dispose()


def _let_it_settle(services: Services) -> None:
    """Do what PostgreSQL's autovacuum does within a minute of so many rows."""
    engine = services.store.engine
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def _ms(browser: FlaskClient, path: str) -> float:
    began = time.perf_counter()
    answer = browser.get(path)
    taken = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"{path}: {answer.status_code}")
    return 1000 * taken


def _signed_in(services: Services) -> FlaskClient:
    browser = create_app(services).test_client()
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/sign-in").text)
    if found is None:
        raise RuntimeError("there is no form to sign in by")
    browser.post("/sign-in", data={"csrf_token": found[1], "token": API_TOKEN})
    return browser


def _seed(services: Services) -> None:
    """Make a check by the gate's own queries, and many like it by a month's days."""
    names = [Commit(letter * 64, letter) for letter in "abc"]
    services.store.checks.create(Candidate("repo", "main", *names), "nightly", services.policy.digest)
    check = services.store.checks.claim("w", 600)
    if check is None:
        raise RuntimeError("the check is not there")
    results = tuple(
        Result(number, "expect_column_values_to_not_be_null", number > 2, "said", column=f"c{number}")
        for number in range(EXPECTATIONS)
    )
    plan = Plan((Obligation(0, "five-columns", "lakefs_test.csv", ()),), rules=("five-columns", "customers"))
    found = {0: Evaluation("answered", results, rows=1_000_000)}
    verdict = decide(plan, found, services.policy, now())
    services.store.checks.finish(
        check, verdict=verdict, plan=plan, evaluations=found, failure=None, reusable=False, lakefs_calls=9
    )
    with services.store.engine.begin() as connection:
        row = dict(connection.execute(select(checks).where(checks.c.id == check.id)).one()._mapping)
        at, step = now(), timedelta(days=30) / CHECKS
        for start in range(0, CHECKS, 5000):
            some = range(start, min(start + 5000, CHECKS))
            copies = [
                {
                    **row,
                    "id": f"{number:016d}",
                    "repository": f"repo-{number % REPOSITORIES}",
                    "person": f"person-{number % 50}",
                    "outcome": _outcome(number),
                    "created_at": at - number * step,
                }
                for number in some
            ]
            connection.execute(insert(checks), copies)
            connection.execute(
                insert(rule_outcomes),
                [
                    {
                        "check_id": copy["id"],
                        "rule": rule,
                        "outcome": copy["outcome"],
                        "repository": copy["repository"],
                        "branch": "main",
                        "day": f"{copy['created_at']:%Y-%m-%d}",
                        "created_at": copy["created_at"],
                    }
                    for copy in copies
                    for rule in plan.rules
                ],
            )


def _outcome(number: int) -> str:
    if number % 10_000 == 3:
        return Outcome.ERROR.value
    return Outcome.FAIL.value if number % 5 == 0 else Outcome.PASS.value


if __name__ == "__main__":
    for figure in pages():
        figure.print()
