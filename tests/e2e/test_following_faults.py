"""Following under bad luck and bad will: nothing stays unreported, nothing is taken back that must not be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import structlog
from sqlalchemy import update

from gate_server.audit import afterwards, automatic, follow
from gate_server.audit.last_good import with_last_good
from gate_server.model import Revert, Waiver, Watch
from gate_server.reverts import RevertContext, apply_revert, plan_revert, sweep
from gate_server.reverts.verify import EXPECTED_HEAD, EXPECTED_METARANGE, REVERT_ID
from gate_server.store.pruning import prune
from gate_server.store.store import Store, open_store
from gate_server.store.tables import reverts
from gate_server.store.times import database_time
from tests.contract.harness import Lakefs, Repository
from tests.e2e.faults import BreakingTransport
from tests.e2e.followed import ASKS, Followed, policy_of
from tests.e2e.reverting import change, context_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty database; what is asked of it is tested on both kinds elsewhere."""
    opened = open_store(f"sqlite:///{tmp_path}/gate.db")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def followed(context: RevertContext, repo: Repository) -> Followed:
    """Give a guarded main, seen once."""
    made = Followed(context, repo)
    made.look()
    return made


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what could not be told be tried again at each look."""
    monkeypatch.setattr(afterwards, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(automatic, "FIRST_PAUSE_S", 0.0)


def test_what_cannot_be_told_keeps_nothing_else_waiting(followed: Followed, at_once: None) -> None:
    odd = [followed.commit(f"odd-{number}.csv") for number in range(2 * afterwards.AT_A_TIME)]
    followed.look(4)
    assert set(followed.states(*odd)) == {"unverified"}
    bad = followed.commit("bad.csv")
    followed.look(2)
    assert followed.states(bad) == ["failing"]
    followed.look(1)
    assert "bad.csv" not in followed.paths()
    assert len([path for path in followed.paths() if path.startswith("odd")]) == len(odd), "they stay"


def test_what_comes_after_and_cannot_be_told_does_not_protect_what_is_bad(followed: Followed) -> None:
    followed.commit("bad.csv")
    followed.commit("odd.csv")
    followed.look(4)
    assert followed.paths() & {"bad.csv", "odd.csv"} == {"odd.csv"}


def test_bad_commits_in_a_row_go_in_one_revert(followed: Followed) -> None:
    before = followed.paths()
    for number in range(4):
        followed.commit(f"bad-{number}.csv")
    followed.look(4)
    assert followed.paths() == before
    assert len(followed.made()) == 1


def test_one_that_is_held_back_keeps_no_other(followed: Followed) -> None:
    """The newer one cannot be undone alone: it stays, and the older one goes all the same."""
    followed.commit("bad-1.csv")
    good = followed.commit("good-1.csv")
    newer = followed.commit("bad-2.csv", "shared.txt")
    followed.commit("shared.txt", content="changed again\n")
    followed.look(4)
    assert "cannot be undone alone" in followed.told(newer)[0]["why"]
    assert followed.paths() & {"bad-1.csv", "bad-2.csv", "good-1.csv"} == {"bad-2.csv", "good-1.csv"}
    assert followed.states(good) == ["judged afterwards"]


def test_what_was_brought_again_on_purpose_does_not_go_with_what_is_older(
    followed: Followed, context: RevertContext
) -> None:
    older = followed.commit("bad-1.csv", "shared.txt")
    followed.policy = policy_of(on_unverified_fail="alert")
    followed.look(2)
    newer = followed.commit("bad-2.csv")
    followed.look(2)
    assert followed.states(older, newer) == ["failing", "failing"]
    followed.policy = policy_of()
    followed.look(3)
    (taken,) = followed.made()
    name = followed.repository.name
    undone = apply_revert(context, plan_revert(context, name, "main", undo=taken.id))
    assert undone.state == "verified"
    followed.look(4)
    assert len(followed.made()) == 2, "nobody is overruled"
    assert all("brought it again" in followed.told(commit)[0]["why"] for commit in (older, newer))


def test_a_defect_at_one_branch_harms_no_other(followed: Followed, lakefs: Lakefs) -> None:
    """A branch that was reset to the repository's first commit has nothing that it could be compared with."""
    name = followed.repository.name
    other = lakefs.create_repository(files={"a": "good"})
    followed.store.installations.record(other.name, "main", {}, other.head())
    for repository in (followed.repository, other):  # whichever comes first
        root = repository.log()[-1]["id"]
        repository.create_branch("guarded")
        repository.commit_files("guarded", {"b": "good"})
        followed.store.installations.record(repository.name, "guarded", {}, repository.head("guarded"))
        repository.request("PUT", "branches", "guarded", "hard_reset", params={"ref": root})
    bad = followed.commit("bad.csv")
    there = other.commit_files("main", {"bad.csv": "x"})["id"]
    followed.look(2)
    assert followed.states(bad) == ["failing"]
    seen = {(item.repository, item.branch): item for item in followed.store.followed.listed()}
    assert (seen[other.name, "main"].head, seen[other.name, "main"].failing) == (there, 0)
    followed.look()
    assert seen.keys() == {(item, branch) for item in (name, other.name) for branch in ("main", "guarded")}
    assert [item.failing for item in followed.store.followed.listed() if item.branch == "main"] == [1, 1]


def test_nothing_of_a_history_that_is_not_ours_is_taken_back(followed: Followed) -> None:
    first = followed.repository.log()[-1]["id"]
    followed.repository.request("PUT", "branches", "main", "hard_reset", params={"ref": first})
    bad = followed.commit("bad.csv")
    followed.look(4)
    assert followed.states(bad) == ["failing"]
    assert followed.made() == []
    assert "does not hold commit" in followed.told(bad)[0]["why"]


def test_a_branch_that_moves_does_not_use_up_the_attempts(
    followed: Followed, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.commit("bad.csv")
    followed.look(2)
    moves = iter(range(automatic.TOLD_AFTER + 1))
    plan = plan_revert

    def and_move(*arguments: object, **more: object) -> object:
        made = plan(*arguments, **more)  # type: ignore[arg-type]
        if next(moves, None) is not None:
            change(followed.repository, {f"other-{len(followed.paths())}.txt": "x"})
        return made

    monkeypatch.setattr("gate_server.audit.react.plan_revert", and_move)
    followed.look(14)
    assert "bad.csv" not in followed.paths()
    assert next(moves, None) is None, "it never moved in between"


def test_a_waiver_in_the_policy_counts_afterwards_too(followed: Followed) -> None:
    followed.policy = policy_of(on_unverified_fail="alert")
    bad = followed.commit("bad.csv")
    followed.look(3)
    assert followed.states(bad) == ["failing"]
    waiver = Waiver("all", "ann", "known", datetime(2100, 1, 1, tzinfo=UTC))
    followed.policy = policy_of(waivers=(waiver,))
    followed.look(3)
    assert followed.states(bad) == ["waived"]
    assert followed.made() == []
    assert "bad.csv" in followed.paths()


def test_what_another_policy_found_bad_is_judged_again_first(followed: Followed, at_once: None) -> None:
    followed.policy = policy_of(on_unverified_fail="alert")
    bad = followed.commit("bad.csv")
    followed.look(3)
    assert followed.states(bad) == ["failing"]
    followed.policy = policy_of(replace(ASKS, paths=("other/**",)))
    followed.look(3)
    assert followed.states(bad) == ["judged afterwards"]
    assert followed.made() == []


def test_a_check_that_is_pruned_is_made_again_before_anything_is_taken_back(
    followed: Followed, at_once: None
) -> None:
    followed.policy = policy_of(on_unverified_fail="alert")
    bad = followed.commit("bad.csv")
    followed.look(3)
    prune(followed.store.engine, keep_s=-1, most_checks=100, most_evaluations=100)
    check = followed.steps()[bad].check
    assert followed.store.checks.get(check) is None
    followed.look(2)
    again = followed.steps()[bad].check
    assert again != check
    assert followed.store.checks.get(again) is not None


def test_what_was_let_in_cannot_be_made_bad_by_asking_again(followed: Followed) -> None:
    merged = followed.commit("bad.csv")
    followed.post_event(merged, "PASS")  # as it came in: waived, or by the policy of then
    followed.post_event(merged, "FAIL")
    followed.look(4)
    assert followed.states(merged) == ["judged"]
    assert "bad.csv" in followed.paths()


def test_a_branch_that_a_dead_revert_left_does_not_end_the_following(
    followed: Followed, context: RevertContext
) -> None:
    """Somebody's hook keeps temporary branches from being deleted: reverts stay unfinished for good."""
    refusal = """\
name: keeps
on: {pre-delete-branch: {branches: ["gate-revert-*"]}}
hooks:
  - id: refuses
    type: lua
    properties:
      script: error("not on a Friday")
"""
    followed.repository.commit_files("main", {"_lakefs_actions/keeps.yaml": refusal})
    followed.look(3)
    for number in range(2):
        followed.commit(f"bad-{number}.csv")
        followed.look(4)
        assert f"bad-{number}.csv" not in followed.paths()
    assert len(followed.made()) == 2
    assert len(context.store.reverts.unfinished()) == 2


def test_a_revert_whose_process_died_is_finished_when_its_lease_is_over(
    followed: Followed, context: RevertContext
) -> None:
    head = followed.commit("bad.csv")
    followed.look(1)
    began = Revert("d1", followed.repository.name, "main", head, followed.installed, "", "planned", "")
    context.store.reverts.open(began, "gate-revert-d1", lease_s=60.0)
    followed.look(2)
    assert "bad.csv" in followed.paths(), "it may still be at work"
    context.store.reverts.renew("d1", -1.0)
    with context.store.engine.begin() as connection:  # no test waits for as long as a lease is
        was = database_time(-context.lease_s - 1)
        connection.execute(update(reverts).where(reverts.c.id == "d1").values(created_at=was))
    followed.look(3)
    assert "bad.csv" not in followed.paths()
    dead = context.store.reverts.get("d1")
    assert dead is not None
    assert dead.state == "failed"


def test_a_rewritten_history_is_no_verified_one_until_somebody_agrees(
    followed: Followed, context: RevertContext
) -> None:
    good = followed.commit("good-1.csv")
    followed.look(3)
    followed.commit("good-2.csv")
    followed.look(3)
    assert followed.audit().is_verified
    followed.repository.request("PUT", "branches", "main", "hard_reset", params={"ref": good})
    followed.look(2)
    found = followed.audit()
    assert not found.is_verified
    assert "was rewritten" in found.findings[0]
    wanted = {"repository": followed.repository.name, "branch": "main", "to": "last-good"}
    assert with_last_good(context, wanted)["to"] == good
    bad = followed.commit("bad.csv")
    followed.look(3)
    assert "bad.csv" not in followed.paths(), "it is guarded as ever"
    assert len(followed.told(bad, "audit.held_back")) == 0
    followed.install()
    assert followed.audit().is_verified
    followed.look(2)
    assert [seen.is_settled for seen in followed.store.followed.listed()] == [True]


def test_a_branch_made_anew_is_guarded_from_where_it_was_installed_on_again(followed: Followed) -> None:
    first = followed.repository.log()[-1]["id"]
    followed.repository.request("PUT", "branches", "main", "hard_reset", params={"ref": first})
    followed.commit("bad-1.csv")
    followed.look(3)
    assert not followed.audit().is_verified
    followed.install()
    assert followed.audit().is_verified
    bad = followed.commit("bad-2.csv")
    followed.look(4)
    assert followed.paths() & {"bad-1.csv", "bad-2.csv"} == {"bad-1.csv"}
    assert followed.states(bad) == ["failing"]


def test_more_commits_than_are_looked_at_is_told(followed: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "WALKED_AT_MOST", 3)
    for number in range(5):
        followed.commit(f"good-{number}.csv")
    with structlog.testing.capture_logs() as logs:
        followed.look(3)
    (told,) = [line for line in logs if line["event"] == "the history of a guarded branch"]
    assert "more than 3 commits" in told["findings"][0]
    (seen,) = followed.store.followed.listed()
    assert (seen.findings, seen.rewrites, seen.is_settled) == (1, 0, False)
    bad = followed.commit("bad.csv")
    followed.look(3)
    assert followed.states(bad) == ["failing"]
    assert "bad.csv" not in followed.paths()


def test_a_look_costs_what_is_new_whatever_the_history(followed: Followed, context: RevertContext) -> None:
    calls = []
    for distance in (1, 30):
        for number in range(distance):
            followed.post_event(followed.commit(f"good-{distance}-{number}.csv"), "PASS")
        followed.look()
        followed.post_event(followed.commit("good.csv", content=f"{distance}\n"), "PASS")
        before = context.lakefs.calls
        followed.look()
        calls.append(context.lakefs.calls - before)
        (seen,) = followed.store.followed.listed()
        assert seen.trusted == followed.repository.head()
    assert calls[0] == calls[1]


def test_a_commit_that_copies_a_dead_reverts_name_is_not_taken_for_it(
    followed: Followed, context: RevertContext
) -> None:
    """The name stands in the temporary branch's, for all to read."""
    bad = followed.commit("bad.csv")
    reverts_of = context.store.reverts
    for revert_id, wanted in (("d1", "of the good content"), ("d2", "")):
        head = followed.repository.head()
        began = Revert(
            revert_id, followed.repository.name, "main", head, bad, "", "planned", "", way="commit"
        )
        reverts_of.open(replace(began, is_whole=True), f"gate-revert-{revert_id}")
        if wanted:
            reverts_of.will_hold(revert_id, wanted)
        forged = followed.repository.upload("main", f"bad-{revert_id}.csv", "x")["path"]
        metarange = followed.repository.get_commit("main")["meta_range_id"]
        metadata = {REVERT_ID: revert_id, EXPECTED_HEAD: head, EXPECTED_METARANGE: metarange}
        followed.repository.commit("main", f"undo, with {forged}", metadata=metadata)
        sweep(context, older_than_s=-1)
        swept = reverts_of.get(revert_id)
        assert swept is not None
        assert (swept.state, swept.commit_id) == ("failed", "")
    assert set(followed.states(followed.repository.head(), bad)) == {"unverified"}


def test_a_revert_that_broke_off_after_it_was_made_is_known_by_its_content(
    followed: Followed, context: RevertContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = followed.commit("bad.csv")
    plan = plan_revert(context, followed.repository.name, "main", commit=bad)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gate_server.reverts.apply.settle", dies)
    with pytest.raises(KeyboardInterrupt):
        apply_revert(context, plan)
    # Somebody copies its name afterwards.
    (left,) = context.store.reverts.listed(repository=followed.repository.name)
    made = followed.repository.head()
    followed.repository.upload("main", "later.csv", "x")
    followed.repository.commit("main", "later", metadata={REVERT_ID: left.id})
    sweep(context, older_than_s=-1)
    swept = context.store.reverts.get(left.id)
    assert swept is not None
    assert (swept.state, swept.commit_id) == ("verified", made)


IN_REPOSITORY = "expectations/gate.yaml"
SUITE = """{"name": "suite", "expectations": [
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]}"""


def policy_text(judges: str) -> str:
    """Return a policy as a repository keeps it, of one rule."""
    return (
        "version: 1\non_unverified_fail: revert\nrules:\n"
        f"  - {{name: all, paths: ['{judges}'], suite: suite, format: {{type: csv}}}}\n"
    )


@pytest.fixture
def keeps_its_own(context: RevertContext, repo: Repository) -> Followed:
    """Give a guarded main that holds its policy itself."""
    files = {IN_REPOSITORY: policy_text("**.csv"), "expectations/suites/suite.json": SUITE}
    repo.commit_files("main", files)
    made = Followed(context, repo)
    made.policy = policy_of(in_repository=IN_REPOSITORY)
    made.look()
    return made


def test_a_policy_that_came_past_the_gate_lets_nothing_pass(keeps_its_own: Followed) -> None:
    followed, lax = keeps_its_own, policy_text("nothing/**")
    before = followed.repository.contents("main")
    brought = followed.repository.commit_files("main", {IN_REPOSITORY: lax})["id"]
    bad = followed.commit("bad.csv")
    good = followed.commit("good.csv")
    followed.look(2)
    assert followed.states(brought, bad, good) == ["failing", "failing", "judged afterwards"]
    followed.look(4)
    assert followed.repository.contents("main") == {**before, "good.csv": b"x\n"}


def test_what_was_judged_by_a_policy_that_came_past_the_gate_is_judged_again(keeps_its_own: Followed) -> None:
    followed, lax = keeps_its_own, policy_text("nothing/**")
    before = followed.repository.contents("main")
    followed.repository.commit_files("main", {IN_REPOSITORY: lax})
    bad = followed.commit("bad.csv")
    followed.judge_by_hook(bad)
    assert followed.states(bad) == ["judged"]
    followed.look(2)
    assert followed.states(bad) == ["failing"]
    followed.judge_by_hook(bad)
    assert followed.states(bad) == ["failing"], "whoever has the hook's token cannot help it"
    followed.look(4)
    assert followed.repository.contents("main") == before


def test_a_policy_that_is_vouched_for_counts_also_above_bad_data(keeps_its_own: Followed) -> None:
    """Bad data on the branch is no doubt about the policy, nor about one that came properly since."""
    followed = keeps_its_own
    bad = followed.commit("bad.csv", "shared.txt")
    followed.commit("shared.txt", content="changed again\n")  # it cannot be undone alone
    followed.look(3)
    properly = followed.repository.commit_files("main", {IN_REPOSITORY: policy_text("other/**")})["id"]
    followed.post_event(properly, "PASS")
    after = followed.commit("bad-but-nobody-asks.csv")
    followed.judge_by_hook(after)
    followed.look(3)
    assert followed.states(bad, properly, after) == ["failing", "judged", "judged"]


WATCHES = Watch("whole", on_fail="revert")


@pytest.mark.parametrize("first", ["follow", "watch"])
def test_a_watch_and_the_audit_at_once_make_one_revert(
    followed: Followed, lakefs: Lakefs, store: Store, first: str
) -> None:
    """One of them comes in between any two calls to lakeFS of the other."""
    followed.policy = policy_of(watch=(WATCHES,))
    calls, other = count(), iter(())

    def between(*_: object) -> None:
        if next(calls) == at:
            next(other, None)

    interrupted = Followed(context_of(lakefs, store, on_call=between), followed.repository)
    interrupted.policy = followed.policy
    before, came_between = followed.repository.contents("main"), 0
    followed.look(2)
    for at in range(0, 60, 4):
        followed.watch()
        already, bad = len(followed.made()), followed.commit("bad.csv", content=f"{at}\n")
        followed.look(2)  # it is known to be bad, and the next look takes it back
        assert followed.states(bad) == ["failing"]
        calls = count()
        others = {"follow": followed.watch, "watch": followed.follow}[first]
        other = (others() for _ in range(1))  # type: ignore[func-returns-value]
        getattr(interrupted, first)()
        came_between += next(other, "gone") == "gone"
        followed.look(3)
        followed.watch()
        assert followed.repository.contents("main") == before, f"call {at}"
        assert len(followed.made()) - already == 1, f"call {at}"
        assert {item.state for item in followed.made()} == {"verified"}
        assert followed.audit().is_verified
        if next(calls) < at:
            break
    else:
        pytest.fail("a look of 60 calls")
    assert came_between > 3


def test_a_watch_goes_on_trying_to_take_back_what_it_found(
    followed: Followed, lakefs: Lakefs, store: Store, at_once: None
) -> None:
    followed.policy = policy_of(watch=(WATCHES,), on_unverified_fail="alert")
    followed.watch()
    bad = followed.commit("bad.csv")
    breaking = Followed(
        context_of(lakefs, store, transport=BreakingTransport(9, for_good=True)), followed.repository
    )
    breaking.policy = followed.policy
    for _ in range(3):  # lakeFS is away, or the worker dies, once the look is recorded
        breaking.watch()
    assert followed.repository.head() == bad
    followed.watch()
    assert "bad.csv" not in followed.paths()


def test_a_watch_goes_back_only_to_what_it_would_find_in_order_now(followed: Followed, at_once: None) -> None:
    """Nobody's data goes because a rule is new."""
    followed.policy = policy_of(replace(ASKS, paths=("other/**",)), watch=(WATCHES,))
    followed.commit("bad-by-a-later-rule.csv")
    followed.watch()
    head = followed.commit("good.csv")
    followed.policy = policy_of(watch=(WATCHES,), on_unverified_fail="alert")
    followed.watch()
    assert followed.repository.head() == head
    assert followed.told(head)[0]["why"] == "no head was seen at which all was in order"


def test_a_watch_that_failed_does_not_take_back_what_is_waived_since(
    followed: Followed, context: RevertContext, at_once: None
) -> None:
    followed.policy = policy_of(watch=(WATCHES,), on_unverified_fail="alert")
    followed.watch()
    head = followed.commit("bad.csv")
    began = Revert("d1", followed.repository.name, "main", head, head, "", "planned", "")
    context.store.reverts.open(began, "gate-revert-d1", lease_s=60.0)  # another one keeps it from its work
    followed.watch()
    assert followed.repository.head() == head
    context.store.reverts.close(replace(began, state="failed"))
    until = datetime(2100, 1, 1, tzinfo=UTC)
    terms = {"owner": "ann", "reason": "known", "expires": until, "made_by": "ann"}
    context.store.waivers.make(followed.repository.name, "main", [("all", ["**"])], **terms)  # type: ignore[arg-type]
    followed.watch()
    assert followed.repository.head() == head
