"""What the rules match on a branch now: counted within a bound, and what lies beyond is not denied."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from gate_server.door.context import Services
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.model import Role, Rule, Scope
from gate_server.setup import matching
from gate_server.setup.matching import Matched, matched
from local_lakefs.testing import RunningServer
from tests.e2e.harness import GOOD, Gate, World
from tests.e2e.test_page_forms import browser_of
from tests.e2e.test_page_states import reader, services
from tests.e2e.test_pages import browser
from tests.e2e.test_pages import reader as signed_in

__all__ = ["browser", "reader", "services", "signed_in"]  # fixtures


@pytest.fixture
def gate(gate_on_sqlite: Gate) -> Gate:
    return gate_on_sqlite


@pytest.fixture
def lakefs(server: RunningServer) -> LakeFS:
    return LakeFS(server.url, server.access_key_id, server.secret_access_key)


def row(page: str, rule: str) -> str:
    """Return what stands in a rule's row, without its marks."""
    found = re.search(rf">{rule}</th>(.*?)</tr>", page, re.DOTALL)
    assert found, page
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def test_a_branch_says_what_each_rule_is_for(signed_in: FlaskClient, gate: Gate, world: World) -> None:
    here = {f"customers/{name}.csv": b"customer_id\n1\n" for name in "abcd"}
    world.commit(world.main, {"lakefs_test.csv": GOOD, **here, "customers/_SUCCESS": b""})
    answer = signed_in.get(f"/branches/{world.name}/main/matches")
    assert answer.status_code == 200
    assert row(answer.text, "five-columns").startswith("1 ")
    assert row(answer.text, "customers") == ("4 56 bytes customers/a.csv customers/b.csv customers/c.csv")
    assert row(answer.text, "orders") == "Matches nothing orders/**/*.parquet"
    assert f"/repositories/{world.name}/object?ref=" in answer.text
    assert signed_in.get(f"/branches/{world.name}/none/matches").status_code == 404
    assert signed_in.get("/branches/no-such-repository/main/matches").status_code == 404


def of(lakefs: LakeFS, world: World, *rules: Rule) -> dict[str, Matched]:
    head = Commits(lakefs).head(world.name, "main")
    return {one.rule.name: one for one in matched(lakefs, world.name, head, rules)}


def test_what_lies_beyond_the_bound_is_not_called_nothing(
    lakefs: LakeFS, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = {f"a/{number:02d}.csv": b"1\n" for number in range(20)}
    world.commit(world.main, {**large, "a/zz.tsv": b"1\n", "b/1.csv": b"1\n", "b/2.csv": b"1\n"})
    rules = [
        Rule("large", ("a/*.csv",)),
        Rule("hidden-behind", ("a/z*.tsv",)),
        Rule("small", ("b/*.csv",)),
        Rule("nothing", ("c/*.csv",)),
    ]
    monkeypatch.setattr(matching, "MOST_OBJECTS", 9)
    found = of(lakefs, world, *rules)
    told = {name: (one.objects, one.is_whole) for name, one in found.items()}
    assert told == {
        "large": (3, False),
        "hidden-behind": (0, False),
        "small": (2, True),
        "nothing": (0, True),
    }
    monkeypatch.setattr(matching, "MOST_PREFIXES", 1)
    assert not of(lakefs, world, *rules)["nothing"].is_whole
    assert of(lakefs, world) == {}


def test_it_counts_what_a_check_would_judge(lakefs: LakeFS, world: World) -> None:
    world.commit(
        world.main,
        {
            "tables/x/1.csv": b"1\n",
            "tables/x/2.csv": b"1\n",
            "tables/y/1.csv": b"1\n",
            "tables/y/_SUCCESS": b"",
            "tables/y/_kept.csv": b"1\n",
            "tables/none.csv": b"1\n",
        },
    )
    rule = {"paths": ("tables/**",), "scope": "dataset", "dataset": "tables/{table}/"}
    found = of(lakefs, world, Rule("judged", **rule), Rule("skipped", hidden="skip", **rule))  # type: ignore[arg-type]
    assert (found["judged"].objects, found["judged"].datasets) == (4, {"tables/x/", "tables/y/"})
    assert found["skipped"].objects == 3


def test_a_lakefs_that_is_away_is_told(reader: FlaskClient, services: Services) -> None:
    answer = reader.get("/branches/sales/main/matches")
    assert answer.status_code == 503
    assert "The gate cannot tell just now" in answer.text


def test_the_policy_names_rules_that_are_for_no_guarded_branch(
    reader: FlaskClient, services: Services
) -> None:
    assert "For no guarded branch" not in reader.get("/policy").text  # nothing is guarded yet
    services.store.installations.record("sales", "develop", {}, "0" * 64)
    page = reader.get("/policy").text  # which asks lakeFS for nothing: it is away here
    assert page.count("For no guarded branch") == len(services.policy.rules)
    assert 'hx-get="/branches/sales/develop/matches"' in page
    services.store.installations.record("sales", "main", {}, "0" * 64)
    page = reader.get("/policy").text
    assert "For no guarded branch" not in page
    assert 'href="/branches/sales/main/matches"' in page
    assert "hx-trigger" not in page


def test_who_is_limited_sees_his_branches_alone(services: Services) -> None:
    limited = browser_of(services, Role.READER, Scope(("other",)))
    assert limited.get("/branches/sales/main/matches").status_code == 404
    assert limited.get("/branches/other/main/matches").status_code == 503  # asked, and lakeFS is away
