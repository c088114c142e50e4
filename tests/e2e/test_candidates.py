"""What is judged is what main would become: lakeFS's odd cases (C1, C3, C4), and predictions."""

from __future__ import annotations

import hashlib
from typing import Any

import lakefs_sdk
import pytest
from lakefs.exceptions import ServerException

from tests.e2e.harness import BAD, GOOD, Gate, World

OTHER = b"5,4,3,2,1\n"
FORGED = BAD + b"1,2,\n"  # as long as GOOD
ACTION = "_lakefs_actions/gate_pre_merge.yaml"


def stage(world: World, branch: str, path: str, **entry: Any) -> None:
    """Put an entry that points to bytes which lie there already."""
    creation = lakefs_sdk.ObjectStageCreation(**entry)
    world.server.client.sdk_client.internal_api.stage_object(world.name, branch, path, creation)


def hook(world: World, gate: Gate, commit_id: str) -> dict[str, Any]:
    """Ask as lakeFS would, for a commit that a merge made."""
    event = {
        "event_type": "pre-merge",
        "repository_id": world.name,
        "branch_id": "main",
        "source_ref": commit_id,
        "commit_id": commit_id,
    }
    answer = gate.post_event(event)
    return {**answer.json(), "status": answer.status_code}


@pytest.mark.parametrize("elsewhere", [False, True])
def test_bytes_behind_an_old_checksum_are_seen(world: World, gate: Gate, elsewhere: bool) -> None:
    """C1: lakeFS's diff shows nothing, and main would read other bytes."""
    world.commit(world.main, {"lakefs_test.csv": GOOD})
    branch = world.repository.branch("forged").create("main")
    good = branch.object("lakefs_test.csv").stat()
    branch.object("hidden").upload(FORGED)
    address = branch.object("hidden").stat().physical_address
    if elsewhere:
        other = World(world.server)
        other.main.object("x").upload(FORGED)
        address = other.main.object("x").stat().physical_address
    branch.object("hidden").delete()
    branch.object("lakefs_test.csv").delete()
    branch.commit("gone", allow_empty=True)
    stage(world, "forged", "lakefs_test.csv", physical_address=address, checksum=good.checksum,
          size_bytes=good.size_bytes)  # fmt: skip
    branch.commit("back, it seems")
    assert list(world.main.diff("forged")) == []
    ahead = gate.ask(world.name, "forged")
    assert (ahead["verdict"], ahead["allowed"]) != ("PASS", True)
    branch.merge_into("main", allow_empty=True)  # no action stands before this main
    answer = hook(world, gate, world.main.get_commit().id)
    assert (answer["status"], answer["allowed"]) != (200, True), answer
    assert answer["verdict"] in ("FAIL", "ERROR"), answer
    assert "lakefs_test.csv" in answer["summary"]


@pytest.mark.parametrize(
    ("claimed_bytes", "of_what", "verdict"),
    [
        (len(GOOD), GOOD, "PASS"),  # the whole of what everybody reads through lakeFS
        (len(GOOD), GOOD + BAD, "FAIL"),
        (len(GOOD + BAD), GOOD + BAD, "FAIL"),
        (len(GOOD + BAD) + 6, GOOD + BAD, "ERROR"),
    ],
    ids=["short, its checksum right", "short, the object's checksum", "honest", "long"],
)
def test_what_is_judged_is_what_readers_get_whatever_size_is_claimed(
    world: World, gate: Gate, claimed_bytes: int, of_what: bytes, verdict: str
) -> None:
    """C1: lakeFS believes the size of an entry that is staged, and serves so many bytes of its object."""
    branch = world.repository.branch("claims").create("main")
    branch.object("hidden").upload(GOOD + BAD)
    address = branch.object("hidden").stat().physical_address
    branch.object("hidden").delete()
    checksum = hashlib.md5(of_what, usedforsecurity=False).hexdigest()
    stage(world, "claims", "lakefs_test.csv", physical_address=address, checksum=checksum,
          size_bytes=claimed_bytes)  # fmt: skip
    branch.commit("claimed")
    branch.merge_into("main")  # no action stands before this main
    answer = hook(world, gate, world.main.get_commit().id)
    assert (answer["verdict"], answer["allowed"]) == (verdict, verdict == "PASS"), answer
    if verdict == "PASS":
        assert world.contents("main")["lakefs_test.csv"] == GOOD


def test_an_object_that_the_merge_loses_is_missed(world: World, gate: Gate) -> None:
    """C3: the branch adds what main deleted elsewhere, and the result lacks it."""
    world.commit(world.main, {"lakefs_test_a.csv": OTHER, "lakefs_test_z.csv": GOOD})
    branch = world.repository.branch("adds").create("main")
    world.commit(branch, {"lakefs_test_m.csv": GOOD})
    world.commit(world.main, {"lakefs_test_z.csv": None})
    branch.merge_into("main")
    assert "lakefs_test_m.csv" not in world.contents("main")
    answer = hook(world, gate, world.main.get_commit().id)
    assert (answer["status"], answer["verdict"]) == (412, "FAIL")
    assert "lost by merge" in answer["summary"]
    assert "lakefs_test_m.csv" in answer["summary"]


def test_a_prediction_judges_commits_not_what_is_staged(world: World, gate: Gate) -> None:
    """C4: a branch's name reads staged data too."""
    branch = world.branch("b", lakefs_test_dot_csv=BAD)
    branch.object("lakefs_test.csv").upload(GOOD)
    assert gate.ask(world.name, "b")["verdict"] == "FAIL"
    branch.commit("good now")
    assert gate.ask(world.name, "b")["verdict"] == "PASS"


def test_a_prediction_takes_both_sides(world: World, gate: Gate) -> None:
    """Only what the branch changes is judged, each object read on its own side."""
    world.commit(world.main, {"lakefs_test_old.csv": GOOD})
    world.branch("b", lakefs_test_new_dot_csv=GOOD)
    world.commit(world.main, {"lakefs_test_main.csv": BAD})
    answer = gate.ask(world.name, "b")
    assert answer["verdict"] == "PASS"
    check = gate.api.get(f"/api/v1/checks/{answer['check']}").json()
    assert [item["target"] for item in check["plan"]["obligations"]] == ["lakefs_test_new.csv"]
    # No branch was made for it.
    assert sorted(item.id for item in world.repository.branches()) == ["b", "main"]


def test_an_evaluation_made_ahead_answers_the_merge(world: World, gate: Gate) -> None:
    branch = world.branch("b", lakefs_test_dot_csv=GOOD)
    ahead = gate.api.get(f"/api/v1/checks/{gate.ask(world.name, 'b')['check']}").json()
    branch.merge_into("main")
    answer = hook(world, gate, world.main.get_commit().id)
    merged = gate.api.get(f"/api/v1/checks/{answer['check']}").json()
    assert answer["verdict"] == "PASS"
    assert answer["check"] != ahead["check"]
    assert merged["validations"] == ahead["validations"]


def test_conflicts_are_named(world: World, gate: Gate) -> None:
    world.commit(world.main, {"lakefs_test.csv": GOOD})
    world.branch("b", lakefs_test_dot_csv=OTHER)
    world.commit(world.main, {"lakefs_test.csv": GOOD + OTHER})
    answer = gate.ask(world.name, "b")
    assert (answer["verdict"], answer["allowed"]) == ("ERROR", False)
    assert "conflict on lakefs_test.csv" in answer["summary"]


def test_what_a_merge_may_lose_is_not_promised(world: World, gate: Gate) -> None:
    """C3: lakeFS would compare the added object with one that is gone, and leave it out."""
    world.commit(world.main, {"lakefs_test_a.csv": OTHER, "lakefs_test_z.csv": GOOD})
    world.branch("adds", lakefs_test_m_dot_csv=GOOD)
    world.commit(world.main, {"lakefs_test_z.csv": None})
    answer = gate.ask(world.name, "adds")
    assert (answer["verdict"], answer["allowed"]) == ("ERROR", False)
    assert "lakefs_test_m.csv cannot be told" in answer["summary"]


def test_a_branch_with_an_older_action_has_to_merge_main_first(world: World, gate: Gate) -> None:
    """H1: lakeFS would run the branch's action, not main's."""
    branch = world.branch("b", lakefs_test_dot_csv=GOOD)
    world.commit(world.main, {ACTION: b"name: gate\non: {post-merge: {}}\nhooks: []\n"})
    answer = gate.ask(world.name, "b")
    assert answer["verdict"] == "FAIL"
    check = gate.api.get(f"/api/v1/checks/{answer['check']}").json()
    assert any("merge main into the branch" in reason["hint"] for reason in check["details"])
    world.main.merge_into("b")
    assert gate.ask(world.name, "b")["verdict"] == "PASS"
    assert branch.get_commit().id


def test_only_deletions_warn_and_are_said(world: World, gate: Gate) -> None:
    world.commit(world.main, {"lakefs_test.csv": GOOD})
    world.branch("b", lakefs_test_dot_csv=None)
    answer = gate.ask(world.name, "b")
    assert (answer["verdict"], answer["allowed"]) == ("WARN", True)
    assert "only deletions" in answer["summary"]


def test_no_rule_no_obligation(world: World, gate: Gate) -> None:
    world.branch("b", other_dot_txt=b"x")
    assert gate.ask(world.name, "b")["verdict"] == "PASS"
    world.repository.branch("dev").create("main")
    answer = gate.ask(world.name, "b", "dev")
    assert (answer["verdict"], answer["rules"]) == ("PASS", [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no rows"),
        (b"1,2,3,4,5\n1,2,3\n", "line 2"),
        (b"1,2,3,4,5\n\xff\xfe,2,3,4,5\n", "line 2"),
        (b"\x1f\x8b\x08\x00broken", "gzip"),
        (b'1,2,3,4,"5\n', "line 1"),
    ],
)
def test_data_that_cannot_be_read_is_refused_with_its_place(
    world: World, gate: Gate, content: bytes, words: str
) -> None:
    world.branch("b", lakefs_test_dot_csv=content)
    answer = gate.ask(world.name, "b")
    assert (answer["verdict"], answer["allowed"]) == ("FAIL", False)
    assert words in " ".join(answer["reasons"]), answer
    assert "Traceback" not in str(answer)


def test_a_merge_into_a_moved_main_is_judged_again(world: World, gate: Gate) -> None:
    """The base is the first parent of what is judged, so another main is another check."""
    world.commit(world.main, {"lakefs_test_a.csv": GOOD})
    first = gate.ask(world.name, world.branch("b", lakefs_test_b_dot_csv=OTHER).id)
    world.commit(world.main, {"lakefs_test_a.csv": OTHER})
    second = gate.ask(world.name, "b")
    assert first["check"] != second["check"]


def test_names_that_are_not_there(world: World, gate: Gate) -> None:
    for source, destination in (("nope", "main"), ("main", "nope")):
        body = {"repository": world.name, "source": source, "destination": destination}
        answer = gate.api.post("/api/v1/checks", json=body)
        assert answer.status_code == 404, answer.text
        assert "nope" in answer.json()["error"]["message"]


def test_a_merge_error_of_the_sdk_names_the_gate(world: World, gate: Gate) -> None:
    action = (
        "name: gate-pre-merge\non: {pre-merge: {branches: [main]}}\nhooks:\n- {id: gate, type: webhook, "
        f'properties: {{url: "{gate.url}/hooks/lakefs", headers: '
        '{Authorization: "Bearer {{ ENV.LAKEFSACTION_GATE_TOKEN }}"}}}\n'
    )
    world.commit(world.main, {ACTION: action.encode()})
    branch = world.branch("b", lakefs_test_dot_csv=BAD)
    with pytest.raises(ServerException) as refused:
        branch.merge_into("main")
    assert refused.value.status_code == 412
    assert "gate-pre-merge" in str(refused.value)


def test_a_known_verdict_does_not_hide_what_the_merge_lost(world: World, gate: Gate) -> None:
    """C3: two merges of the same base and the same result; one of them lost what its branch added."""
    world.commit(world.main, {"lakefs_test_a.csv": OTHER, "lakefs_test_z.csv": GOOD})
    world.branch("harmless", x_dot_txt=b"x")
    world.branch("adds", "harmless", lakefs_test_m_dot_csv=GOOD)
    world.commit(world.main, {"lakefs_test_z.csv": None})
    base = world.main.get_commit()
    first = world.repository.branch("first").create("main")
    world.repository.ref("harmless").merge_into("first")
    second = world.repository.branch("second").create("main")
    world.repository.ref("adds").merge_into("second")
    judged = [branch.get_commit() for branch in (first, second)]
    assert {commit.parents[0] for commit in judged} == {base.id}
    assert judged[0].meta_range_id == judged[1].meta_range_id
    assert hook(world, gate, judged[0].id)["verdict"] == "PASS"
    assert hook(world, gate, judged[1].id)["verdict"] == "FAIL"


def test_a_path_cannot_draw_on_a_terminal(world: World, gate: Gate) -> None:
    world.commit(world.repository.branch("b").create("main"), {"lakefs_test\x1b[2J.csv": BAD})
    answer = gate.ask(world.name, "b")
    assert answer["verdict"] == "FAIL"
    assert "\x1b" not in answer["summary"] + "".join(answer["reasons"])
