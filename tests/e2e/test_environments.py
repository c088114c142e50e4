"""Environments (scenario 5): made, compared with main, thrown away; also by `gate env`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gate_client.differences import ObjectDifference, difference
from gate_client.environments import create, delete, get, legal_name, listed, prune
from gate_client.errors import Conflict, LakeFSError, NotFound, UsageError
from gate_client.lakefs import LakeFS
from gate_client.tables import Shape
from local_lakefs.testing import RunningServer
from tests.e2e.faults import BreakingTransport
from tests.e2e.harness import GOOD, World, gate_environment, run_gate


def connected(server: RunningServer, transport: BreakingTransport | None = None) -> LakeFS:
    return LakeFS(server.url, server.access_key_id, server.secret_access_key, transport=transport)


@pytest.fixture
def lakefs(server: RunningServer) -> Iterator[LakeFS]:
    """Give a client of the embedded lakeFS."""
    with connected(server) as client:
        yield client


def parquet(**columns: list[Any]) -> bytes:
    content = io.BytesIO()
    pd.DataFrame(columns).to_parquet(content)
    return content.getvalue()


def branches(world: World) -> set[str]:
    return {branch.id for branch in world.repository.branches()}


def test_an_environment_has_an_owner_and_an_end(lakefs: LakeFS, world: World) -> None:
    world.commit(world.main, {"lakefs_test.csv": GOOD})
    before = datetime.now(UTC)
    made = create(lakefs, world.name, "test", owner="ann", days=3)
    assert (made.branch, made.owner) == ("env-test", "ann")
    assert made.expires_at is not None
    assert abs(made.expires_at - before - timedelta(days=3)) < timedelta(minutes=5)
    assert get(lakefs, world.name, "env-test") == made
    assert world.contents("env-test") == world.contents("main")
    commit = world.repository.branch("env-test").get_commit()
    assert "ann" in commit.message
    assert commit.metadata["gate.owner"] == "ann"

    world.commit(world.repository.branch("env-test"), {"more": b"x"})
    again = create(lakefs, world.name, "again", owner="bob", source="env-test")
    assert [(item.branch, item.owner) for item in listed(lakefs, world.name)] == [
        ("env-again", "bob"),
        ("env-test", "ann"),
    ]
    assert delete(lakefs, world.name, again.branch).owner == "bob"
    assert branches(world) == {"main", "env-test"}


def test_the_doubled_append_is_seen(lakefs: LakeFS, world: World) -> None:
    """Scenario 5: read from main, written as Parquet, and by accident written again in append mode."""
    good = parquet(a=[1, 2, 3], b=["x", "y", "z"])
    world.commit(world.main, {"table/part-0.parquet": good, "gone.csv": GOOD, "same": b"same"})
    create(lakefs, world.name, "test", owner="ann")
    branch = world.repository.branch("env-test")
    branch.object("table/part-1.parquet").upload(good)
    branch.object("table/part-2.parquet").upload(good)
    world.commit(branch, {"gone.csv": None, "lakefs_test.csv": b'"1\n",2\n3,4\n'})
    branch.object("staged.csv").upload(b"")
    world.commit(world.main, {"later": b"not the environment's doing"})

    found = difference(lakefs, world.name, "env-test")
    twice = "holds the same bytes as another object of these"
    assert found.objects == (
        ObjectDifference("gone.csv", "removed", Shape(2, 5), None),
        ObjectDifference("lakefs_test.csv", "added", None, Shape(2, 2)),
        ObjectDifference("staged.csv", "added", None, Shape(0, 0)),
        ObjectDifference("table/part-1.parquet", "added", None, Shape(3, 2, ("a", "b")), note=twice),
        ObjectDifference("table/part-2.parquet", "added", None, Shape(3, 2, ("a", "b")), note=twice),
    )
    assert found.uncommitted == 1
    assert world.contents("main")["table/part-0.parquet"] == good


def test_columns_that_came_and_went(lakefs: LakeFS, world: World) -> None:
    world.commit(world.main, {"t.parquet": parquet(a=[1], b=[2]), "broken.parquet": b"x", "text": b"x"})
    branch = world.repository.branch("work").create("main")
    new = {"t.parquet": parquet(a=[1, 2], c=[3, 4]), "broken.parquet": b"not Parquet", "text": b"y"}
    world.commit(branch, new)
    broken, table, text = difference(lakefs, world.name, "work").objects
    assert (table.columns_added, table.columns_removed) == (("c",), ("b",))
    assert table.before is not None
    assert table.after is not None
    assert (table.before.rows, table.after.rows) == (1, 2)
    assert broken.after is not None
    assert "cannot be read" in broken.after.note
    assert text.after is not None
    assert "neither CSV nor Parquet" in text.after.note
    unread = difference(lakefs, world.name, "work", with_rows=False)
    assert {item.after for item in unread.objects} == {Shape()}


def test_an_object_larger_than_a_buffer_is_counted_whole(lakefs: LakeFS, world: World) -> None:
    rows = b"".join(b'%d,"a, ""quoted"" line\nof two"\n' % number for number in range(150_000))
    assert len(rows) > 4 << 20
    branch = world.repository.branch("work").create("main")
    world.commit(branch, {"large.csv": b"\xef\xbb\xbf" + rows})
    (found,) = difference(lakefs, world.name, "work").objects
    assert found.after == Shape(150_000, 2)


def test_too_many_differences_are_said_not_cut_off(lakefs: LakeFS, world: World) -> None:
    branch = world.repository.branch("work").create("main")
    world.commit(branch, {f"{number}": b"x" for number in range(4)})
    assert len(difference(lakefs, world.name, "work", most=4).objects) == 4
    with pytest.raises(Conflict, match="more than 3 objects"):
        difference(lakefs, world.name, "work", most=3)


def test_what_is_over_is_thrown_away_and_nothing_else(lakefs: LakeFS, world: World) -> None:
    create(lakefs, world.name, "old", owner="ann", days=1)
    create(lakefs, world.name, "new", owner="ann", days=3)
    world.commit(world.repository.branch("env-old"), {"data": b"x"})
    world.repository.branch("env-of-somebody").create("main")
    world.repository.branch("env-copy").create("env-old")  # its first-parent line holds another's metadata
    branch = world.repository.branch("env-wrong").create("main")
    branch.object("x").upload(b"x")
    wrong = {"gate.environment": "env-wrong", "gate.owner": "ann", "gate.expires": "yesterday"}
    branch.commit("x", metadata=wrong)
    assert prune(lakefs, world.name) == []
    gone = prune(lakefs, world.name, datetime.now(UTC) + timedelta(days=2))
    assert [item.branch for item in gone] == ["env-old"]
    assert branches(world) == {"main", "env-new", "env-of-somebody", "env-copy", "env-wrong"}


def test_no_other_branch_is_thrown_away(lakefs: LakeFS, world: World) -> None:
    world.repository.branch("env-of-somebody").create("main")
    for name in ("main", "env-of-somebody"):
        with pytest.raises(Conflict, match="is no environment"):
            delete(lakefs, world.name, name)
    with pytest.raises(NotFound, match="there is no branch env-nowhere"):
        delete(lakefs, world.name, "env-nowhere")
    assert branches(world) == {"main", "env-of-somebody"}


def test_what_cannot_be_made(lakefs: LakeFS, world: World) -> None:
    create(lakefs, world.name, "test", owner="ann")
    with pytest.raises(Conflict, match="there is a branch env-test"):
        create(lakefs, world.name, "env-test", owner="bob")
    assert get(lakefs, world.name, "env-test").owner == "ann"
    with pytest.raises(NotFound):
        create(lakefs, world.name, "other", owner="ann", source="nowhere")
    for wrong in ({"name": "a/b"}, {"owner": ""}, {"days": 0}, {"days": 4000}):
        with pytest.raises(UsageError):
            create(lakefs, world.name, **{"name": "other", "owner": "ann", "days": 1, **wrong})  # type: ignore[arg-type]
    assert branches(world) == {"main", "env-test"}


def test_one_that_fails_half_way_is_not_left(server: RunningServer, world: World) -> None:
    way = BreakingTransport(3)  # its source is read, the branch is made, the commit is lost
    with connected(server, way) as lakefs, pytest.raises(LakeFSError):
        create(lakefs, world.name, "test", owner="ann")
    assert way.calls[2].endswith("/commits")
    assert branches(world) == {"main"}


def test_one_that_fails_half_way_and_cannot_be_deleted_says_so(server: RunningServer, world: World) -> None:
    way = BreakingTransport(3, for_good=True)
    with connected(server, way) as lakefs, pytest.raises(LakeFSError) as failed:
        create(lakefs, world.name, "test", owner="ann")
    assert f"`lakectl branch delete {world.uri('env-test')}`" in failed.value.hint
    assert branches(world) == {"main", "env-test"}


@pytest.mark.parametrize(
    ("text", "name"),
    [("flow run/7: übung", "flow-run-7-bung"), ("a_b-c", "a_b-c"), ("//a", "a"), ("x" * 300, "x" * 200)],
)
def test_legal_names(text: str, name: str) -> None:
    assert legal_name(text) == name


def test_a_name_of_which_nothing_is_legal() -> None:
    with pytest.raises(UsageError):
        legal_name("///")


def test_by_command(server: RunningServer, world: World, tmp_path: Path) -> None:
    environment = gate_environment(server.environment, tmp_path)
    world.commit(world.main, {"lakefs_test.csv": GOOD})

    def run(*arguments: str, code: int = 0) -> Any:
        done = run_gate("env", *arguments, "--json", env=environment)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    made = run("create", world.uri(), "test", "--owner", "ann", "--days", "3")
    uri = made["uri"]
    assert (uri, made["owner"], made["over"]) == (world.uri("env-test"), "ann", False)
    world.repository.branch("env-test").object("lakefs_test.csv").upload(GOOD + GOOD)
    assert [item["branch"] for item in run("list", f"lakefs://{world.name}")["environments"]] == ["env-test"]
    (changed,) = run("diff", uri)["objects"]
    assert (changed["before"]["rows"], changed["after"]["rows"]) == (2, 4)
    shown = run_gate("env", "diff", uri, env=environment).stdout
    assert "2 → 4" in shown
    assert "1 change not committed" in shown
    assert run("prune", f"lakefs://{world.name}") == {"deleted": []}
    assert run("delete", world.uri(), code=3)["error"]["code"] == "conflict"
    assert run("delete", uri)["deleted"][0]["branch"] == "env-test"
    assert run("list", f"lakefs://{world.name}") == {"environments": []}
