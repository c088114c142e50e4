"""After a merge was taken back: merging its branch again is refused, and its changes come another way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lakefs.exceptions import ServerException

from local_lakefs.testing import RunningServer
from tests.e2e.harness import GOOD, Gate, World
from tests.e2e.test_hooks import ACTION

ACTION_PATH = "_lakefs_actions/gate_pre_merge.yaml"
REAPPLY = "/api/v1/reapplications"
NAME = "lakefs_test.csv"
MORE = GOOD + GOOD


class Reverted:
    """A guarded main, put back after `work` was merged, and something else since."""

    def __init__(self, server: RunningServer, gate: Gate) -> None:
        self.gate = gate
        self.world = World(server)
        self.world.commit(
            self.world.main, {ACTION_PATH: ACTION.format(url=gate.url).encode(), "old.txt": b"1"}
        )
        self.before = self.head()
        self.work = self.world.branch("work", lakefs_test_dot_csv=GOOD, old_dot_txt=None)
        self.first = self.head("work")
        self.merged = str(self.work.merge_into("main"))
        self.revert = self.put_back(self.before)

    def head(self, branch: str = "main") -> str:
        return str(self.world.repository.branch(branch).get_commit().id)

    def put_back(self, to: str = "", **way: Any) -> dict[str, Any]:
        body = {"repository": self.world.name, "branch": "main", **({"to": to} if to else {}), **way}
        answer = self.gate.api.post("/api/v1/reverts", json=body)
        assert answer.status_code == 201, answer.text
        done: dict[str, Any] = answer.json()["revert"]
        return done

    def more(self, **objects: bytes | None) -> None:
        """Commit to `work`."""
        paths = {key.replace("_dot_", "."): value for key, value in objects.items()}
        self.world.commit(self.work, paths)

    def judged(self, source: str = "work") -> tuple[str, str]:
        found = self.gate.ask(self.world.name, source)
        return found["verdict"], found["summary"]

    def reapplied(self, source: str = "work") -> dict[str, Any]:
        body = {"repository": self.world.name, "source": source, "destination": "main"}
        answer = self.gate.api.post(REAPPLY, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()["reapplied"]
        return made

    def merge(self, branch: str) -> None:
        self.world.repository.branch(branch).merge_into("main")


@pytest.fixture
def reverted(server: RunningServer, gate: Gate) -> Reverted:
    return Reverted(server, gate)


def test_what_is_only_partly_new_is_refused_and_said(reverted: Reverted) -> None:
    reverted.more(new_dot_txt=b"2")
    verdict, summary = reverted.judged()
    assert verdict == "FAIL"
    assert f"partly reverted: merge {reverted.merged[:12]}" in summary
    assert reverted.revert["id"] in summary
    check = reverted.gate.ask(reverted.world.name, "work")["check"]
    (detail,) = reverted.gate.api.get(f"/api/v1/checks/{check}").json()["details"]
    assert f"gate reapply lakefs://{reverted.world.name}/work --into main" in detail["hint"]
    assert not detail["waivable"]
    with pytest.raises(ServerException, match="status code: 412"):  # lakeFS's own merge asks the gate
        reverted.merge("work")
    # A branch made of that one is no better off; one of main, or of main as it was, is.
    reverted.world.branch("child", "work", child_dot_txt=b"3")
    reverted.world.branch("fresh", reverted.before, fresh_dot_txt=b"3")
    reverted.world.branch("of-the-merge", reverted.merged, of_dot_txt=b"3")
    assert [reverted.judged(name)[0] for name in ("child", "fresh", "of-the-merge")] == [
        "FAIL",
        "PASS",
        "PASS",
    ]


def test_all_of_it_comes_again_and_only_once(reverted: Reverted) -> None:
    reverted.more(new_dot_txt=b"2")
    reverted.world.branch("other", other_dot_txt=b"4")
    reverted.merge("other")
    made = reverted.reapplied()
    assert made == reverted.reapplied(), "made twice"
    assert (made["base_commit"], made["merge_commit"]) == (reverted.before, reverted.merged)
    assert (made["source_commit"], made["revert"]) == (reverted.head("work"), reverted.revert["id"])
    assert reverted.judged(made["branch"])[0] in ("PASS", "WARN")
    reverted.merge(made["branch"])
    found = reverted.world.contents("main")
    assert {path for path in found if not path.startswith("_")} == {NAME, "new.txt", "other.txt"}
    assert found[NAME] == GOOD
    # Once main is merged into it, the branch goes on as before.
    reverted.world.main.merge_into("work")
    reverted.more(lakefs_test_dot_csv=MORE)
    assert reverted.judged()[0] == "PASS"
    reverted.merge("work")
    assert reverted.world.contents("main")[NAME] == MORE


def test_what_was_brought_back_is_not_missing(reverted: Reverted) -> None:
    reverted.more(new_dot_txt=b"2")
    assert reverted.judged()[0] == "FAIL"
    reverted.put_back(reverted.revert["from_commit"])  # the undo
    assert reverted.judged()[0] == "PASS"
    body = {"repository": reverted.world.name, "source": "work", "destination": "main"}
    answer = reverted.gate.api.post(REAPPLY, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    reverted.put_back(reverted.before)
    assert reverted.judged()[0] == "FAIL"
    made = reverted.reapplied()
    reverted.merge(made["branch"])
    assert reverted.world.contents("main")[NAME] == GOOD


def test_one_merge_that_was_undone_alone_and_what_undoes_that(reverted: Reverted) -> None:
    reverted.put_back(undo=reverted.revert["id"])
    reverted.more(new_dot_txt=b"2")
    assert reverted.judged()[0] == "PASS"
    reverted.world.branch("other", other_dot_txt=b"4")
    reverted.merge("other")
    alone = reverted.put_back(commit=reverted.merged)
    verdict, summary = reverted.judged()
    assert (verdict, alone["id"] in summary) == ("FAIL", True)
    reverted.world.commit(reverted.world.repository.branch("other"), {"more.txt": b"5"})
    assert reverted.judged("other")[0] == "PASS"
    again = reverted.put_back(undo=alone["id"])
    assert reverted.judged()[0] == "PASS"
    reverted.put_back(undo=again["id"])
    assert reverted.judged()[0] == "FAIL"
    reverted.merge(reverted.reapplied()["branch"])
    found = reverted.world.contents("main")
    assert {path for path in found if not path.startswith("_")} == {NAME, "new.txt", "other.txt"}


def test_what_some_paths_were_put_back_of_is_partly_reverted_too(reverted: Reverted) -> None:
    reverted.put_back(undo=reverted.revert["id"])
    elsewhere = reverted.put_back(reverted.before, paths=["old.txt"])
    reverted.more(new_dot_txt=b"2")
    verdict, summary = reverted.judged()
    assert (verdict, elsewhere["id"] in summary) == ("FAIL", True)
    made = reverted.reapplied()
    assert made["revert"] == elsewhere["id"]
    assert reverted.judged(made["branch"])[0] in ("PASS", "WARN")
    # Who put it back may change his mind, or more may be put back.
    reverted.put_back(undo=elsewhere["id"])
    assert reverted.judged()[0] == "PASS"
    both = reverted.put_back(reverted.before, paths=["old.txt", NAME])
    verdict, summary = reverted.judged()
    assert (verdict, both["id"] in summary) == ("FAIL", True)
    reverted.merge(made["branch"])
    found = reverted.world.contents("main")
    assert {path for path in found if not path.startswith("_")} == {NAME, "new.txt"}


def test_paths_that_main_changed_since_they_were_put_back_are_merged_as_ever(reverted: Reverted) -> None:
    reverted.put_back(undo=reverted.revert["id"])
    reverted.put_back(reverted.before, paths=["old.txt"])
    reverted.more(new_dot_txt=b"2")
    assert reverted.judged()[0] == "FAIL"
    reverted.world.branch("other", old_dot_txt=b"2", unmerged_dot_txt=b"3")
    reverted.merge("other")
    reverted.put_back(reverted.before, paths=["unmerged.txt"])  # what `work` never had
    assert reverted.judged()[0] == "PASS"


def test_what_main_changed_since_is_a_conflict_and_never_overwritten(reverted: Reverted) -> None:
    reverted.world.branch("other", lakefs_test_dot_csv=MORE)
    reverted.merge("other")
    made = reverted.reapplied()
    assert reverted.judged(made["branch"])[0] == "ERROR"
    assert reverted.world.contents("main")[NAME] == MORE


def test_what_is_not_committed_or_not_there_is_told(reverted: Reverted) -> None:
    reverted.work.object("staged.txt").upload(b"5")
    for source, destination, status in (("work", "main", 409), ("gone", "main", 404), ("work", "gone", 404)):
        body = {"repository": reverted.world.name, "source": source, "destination": destination}
        assert reverted.gate.api.post(REAPPLY, json=body).status_code == status
    # A branch of that name with something else on it is left alone.
    reverted.work.reset_changes()
    made = reverted.reapplied()
    other = reverted.world.repository.branch(made["branch"])
    reverted.world.commit(other, {"theirs.txt": b"6"})
    theirs = reverted.head(made["branch"])
    body = {"repository": reverted.world.name, "source": "work", "destination": "main"}
    assert reverted.gate.api.post(REAPPLY, json=body).status_code == 409
    assert reverted.head(made["branch"]) == theirs


def test_the_command_merges_through_the_gate(reverted: Reverted) -> None:
    reverted.more(new_dot_txt=b"2")
    uri = f"lakefs://{reverted.world.name}/work"
    here = reverted.gate.run("reapply", uri, "--into", "main", GATE_URL="")
    assert (here.returncode, "gate check lakefs://" in here.stdout) == (0, True), here.stderr
    assert NAME not in reverted.world.contents("main")
    done = reverted.gate.run("reapply", uri, "--into", "main", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["merge_commit"] == reverted.head()
    assert reverted.world.contents("main")[NAME] == GOOD
    assert reverted.gate.run("reapply", uri, "--into", "gone").returncode == 2


def test_a_merge_that_was_undone_alone_counts_as_taken_back_until_that_is_undone(reverted: Reverted) -> None:
    """What came before and after the undone merge does not."""

    def revert(**how: str) -> str:
        body = {"repository": reverted.world.name, "branch": "main", **how}
        answer = reverted.gate.api.post("/api/v1/reverts", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["revert"]["id"])

    alone = reverted.world.branch("alone", alone_dot_txt=b"1")
    merged = str(alone.merge_into("main"))
    later = reverted.world.branch("later", later_dot_txt=b"1")
    later.merge_into("main")
    undone = revert(commit=merged)
    for branch in (alone, later):
        reverted.world.commit(branch, {f"more-{branch.id}.txt": b"2"})
    assert [reverted.judged(name)[0] for name in ("alone", "later")] == ["FAIL", "PASS"]
    assert f"partly reverted: merge {merged[:12]}" in reverted.judged("alone")[1]
    revert(undo=undone)
    assert reverted.judged("alone")[0] == "PASS"
