"""What the gate predicts of a merge is what the merge makes, or it says that it cannot tell (C1, C3)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gate_server.lakefs.candidates import predict
from gate_server.lakefs.changes import ChangeFinder
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.model import Changes, ObjectIdentity
from tests.contract.harness import Lakefs, Repository, success

RUNS = int(os.environ.get("GATE_TEST_RULES", "12")) * 5
# Before, within and behind the prefixes that are looked at; contents so few that they meet (C3).
PATHS = ["a", "b/", "b/1", "b/2", "b/3", "b/\U0001f600", "b0", "c/\uffff", "d/1", "d/2", "e"]
AGAIN = "again"  # deleted, committed, and put back: the same content at another address
KEPT = "kept"
edits = st.sampled_from([KEPT] * 9 + ["x", "y", None, AGAIN])
versions = st.fixed_dictionaries(
    {path: st.tuples(st.sampled_from(["x", "y", None]), edits, edits) for path in PATHS}
)
prefixes = st.sampled_from([("",), ("b/",), ("b/", "d/"), ("b/2", "c/", "e"), ("d/",)])


@dataclass
class Seen:
    """How often each answer came: a property that nothing was held to would hold."""

    counts: dict[str, int] = field(default_factory=dict)

    def note(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


@pytest.fixture
def client(lakefs: Lakefs) -> LakeFS:
    return LakeFS(lakefs.url, lakefs.access_key_id, lakefs.secret_access_key)


def edit(repo: Repository, branch: str, changes: Mapping[str, str | None]) -> None:
    """Make a branch hold what `changes` say, None: nothing."""
    held = {item["path"]: item["checksum"] for item in repo.listing(branch)}
    again = {
        path: repo.read(branch, path) for path, value in changes.items() if value == AGAIN and path in held
    }
    gone = [path for path, value in changes.items() if path in held and (value is None or path in again)]
    for path in gone:
        repo.delete(branch, path)
    if gone:
        repo.commit(branch)
    put = {path: value for path, value in changes.items() if value not in (None, AGAIN, KEPT)}
    for path, content in {**put, **again}.items():
        repo.upload(branch, path, content or b"")
    if put or again:
        success(repo.try_commit(branch, allow_empty=True))


def changes_of(client: LakeFS, repo: Repository, source: str, looked_at: tuple[str, ...]) -> Changes:
    commits = Commits(client)
    finder = ChangeFinder(client, commits, Listings(client), ("_lakefs_actions/gate_",))
    return finder.of(predict(commits, repo.name, source, "main"), looked_at)


def held(client: LakeFS, repo: Repository, looked_at: tuple[str, ...]) -> dict[str, ObjectIdentity]:
    head, listings = Commits(client).head(repo.name, "main"), Listings(client)
    return {path: one for prefix in looked_at for path, one in listings.of(repo.name, head, prefix).items()}


def held_to(changes: Changes, result: Mapping[str, ObjectIdentity]) -> None:
    """Assert that main holds what was predicted, but where that could not be told."""
    unsure = {*changes.uncertain, *changes.conflicts}
    predicted = {path: item.identity for path, item in changes.result.items()}
    assert {path: one for path, one in predicted.items() if path not in unsure} == {
        path: one for path, one in result.items() if path not in unsure
    }
    base = {path: item.identity for path, item in changes.base.items()}
    changed = {path for path in {*base, *predicted} if base.get(path) != predicted.get(path)}
    assert {change.path for change in changes.under_rules} == changed


@pytest.mark.behaviour("C1", "C3")
def test_a_merge_makes_what_was_predicted(lakefs: Lakefs, client: LakeFS) -> None:
    seen = Seen()

    @settings(
        max_examples=RUNS,
        deadline=None,
        derandomize=RUNS == 60,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        database=None,
    )
    @given(versions, prefixes)
    def predicted(
        paths: dict[str, tuple[str | None, str | None, str | None]], looked_at: tuple[str, ...]
    ) -> None:
        base, theirs, ours = ({path: three[n] for path, three in paths.items()} for n in range(3))
        repo = lakefs.create_repository()
        edit(repo, "main", base)
        repo.create_branch("b")
        edit(repo, "b", theirs)
        edit(repo, "main", ours)
        changes = changes_of(client, repo, "b", looked_at)
        seen.note("uncertain" if changes.uncertain else "certain")
        answer = repo.try_merge("b")
        if answer.status_code == 409:
            seen.note("conflict")
            if looked_at == ("",):
                assert changes.conflicts
            return
        if answer.status_code == 400:
            seen.note("no changes")
            assert "no changes" in answer.text
        else:
            success(answer)
        held_to(changes, held(client, repo, looked_at))

    predicted()
    assert seen.counts["certain"] > RUNS / 2, seen
    assert min(seen.counts[name] for name in ("uncertain", "conflict", "no changes")) > 0, seen


@pytest.mark.behaviour("C3")
@pytest.mark.parametrize("looked_at", [("",), ("m",)])
def test_what_may_be_lost_is_not_promised(lakefs: Lakefs, client: LakeFS, looked_at: tuple[str, ...]) -> None:
    repo = lakefs.create_repository(files={"a": "a", "z": "same"})
    repo.create_branch("b")
    edit(repo, "b", {"m": "same", "n": "same", "y": "y"})
    edit(repo, "main", {"z": None})
    changes = changes_of(client, repo, "b", looked_at)
    assert set(changes.uncertain) == {path for path in ("m", "n") if path.startswith(looked_at)}
    repo.merge("b")
    assert repo.paths("main") == [
        "a",
        "y",
    ]  # lakeFS lost them


@pytest.mark.behaviour("C3")
def test_what_stands_before_an_object_of_the_other_side_stays(lakefs: Lakefs, client: LakeFS) -> None:
    repo = lakefs.create_repository(files={"a": "a", "z": "same", "zz": "last"})
    repo.create_branch("b")
    repo.commit_files("b", {"m": "same"})
    edit(repo, "main", {"z": None})
    for looked_at in (("",), ("m",)):
        assert not changes_of(client, repo, "b", looked_at).uncertain
    repo.merge("b")
    assert repo.paths("main") == ["a", "m", "zz"]


@pytest.mark.behaviour("C1")
def test_equal_content_at_another_address_is_not_told_apart(lakefs: Lakefs, client: LakeFS) -> None:
    repo = lakefs.create_repository(files={"a": "a", "b": "b"})
    repo.create_branch("b")
    repo.commit_files("b", {"c": "c"})
    edit(repo, "main", {"a": AGAIN})
    assert set(changes_of(client, repo, "b", ("",)).uncertain) == {"a"}
    repo.merge("main", "b")  # what the hint says
    assert not changes_of(client, repo, "b", ("",)).uncertain
