"""A merge through the gate, from Python: with the real gate, and calls to lakeFS that get lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gate_client import Conflict, CouldNotTell, GateClient, GateError, GateRefused, GateUnreachable, NotFound
from gate_client.errors import LakeFSError, MergeUnknown, NotGuarded, Unauthorized
from gate_client.lakefs import LakeFS
from gate_client.merging import Merged, merge
from gate_client.wire import CheckBody
from local_lakefs.testing import RunningServer
from tests.contract.action_files import action, lua, webhook
from tests.contract.webhooks import Received, receiver
from tests.e2e.faults import BreakingTransport
from tests.e2e.harness import API_TOKEN, BAD, GOOD, Gate, World, free_port, running_gate
from tests.e2e.test_hooks import ACTION

ACTION_PATH = "_lakefs_actions/gate_pre_merge.yaml"
NAME = "lakefs_test.csv"


class Stage:
    """A repository before whose main the gate stands, and a way to merge."""

    def __init__(self, server: RunningServer, gate: Gate) -> None:
        self.server = server
        self.gate = gate
        self.world = World(server)
        self.world.commit(self.world.main, {ACTION_PATH: ACTION.format(url=gate.url).encode()})

    def lakefs(self, transport: BreakingTransport | None = None) -> LakeFS:
        return LakeFS(
            self.server.url, self.server.access_key_id, self.server.secret_access_key, transport=transport
        )

    def merge(
        self,
        source: str = "work",
        transport: BreakingTransport | None = None,
        gate_url: str = "",
        *,
        away_s: float = 60.0,
        merge_timeout_s: float = 75.0,
        on_check: Callable[[CheckBody], None] | None = None,
    ) -> Merged:
        with GateClient(gate_url or self.gate.url, API_TOKEN) as gate, self.lakefs(transport) as lakefs:
            return merge(
                gate,
                lakefs,
                self.world.name,
                source,
                "main",
                metadata={"run": "7"},
                away_s=away_s,
                merge_timeout_s=merge_timeout_s,
                on_check=on_check,
            )

    def other_hook(self, hook: dict[str, Any]) -> None:
        content = action("other", ["pre-merge"], hook).encode()
        self.world.commit(self.world.main, {"_lakefs_actions/other.yaml": content})

    def head(self, branch: str = "main") -> str:
        return str(self.world.repository.branch(branch).get_commit().id)

    def log(self) -> list[str]:
        return [commit.id for commit in self.world.main.log(first_parent=True)]


@pytest.fixture
def stage(server: RunningServer, gate: Gate) -> Stage:
    """Give a guarded repository."""
    return Stage(server, gate)


def test_good_data_is_merged_once(stage: Stage) -> None:
    stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    before = stage.head()
    seen: list[CheckBody] = []
    done = stage.merge(on_check=seen.append)
    assert (done.state, done.commit_id, done.source_commit) == ("merged", stage.head(), stage.head("work"))
    assert done.check is not None
    assert seen == [done.check]
    commit = stage.world.main.get_commit()
    assert commit.parents == [before, stage.head("work")]
    assert commit.message == "Merge 'work' into 'main'"
    assert commit.metadata["gate.check"] == done.check.check
    assert commit.metadata["run"] == "7"
    again = stage.merge()
    assert (again.state, again.commit_id, again.check) == ("found", done.commit_id, None)
    assert stage.head() == done.commit_id


def test_bad_data_is_refused_before_lakefs_is_asked(stage: Stage) -> None:
    stage.world.branch("work", lakefs_test_dot_csv=BAD)
    before, way = stage.head(), BreakingTransport()
    with pytest.raises(GateRefused, match="`_c4` is missing") as refused:
        stage.merge(transport=way)
    assert refused.value.failed[0].path == NAME
    assert not any(call.startswith("POST") for call in way.calls)
    assert stage.head() == before
    assert stage.world.contents("work")[NAME] == BAD


def test_what_the_hook_alone_can_see_is_refused_with_its_check(stage: Stage) -> None:
    stage.world.commit(stage.world.main, {NAME: GOOD})
    stage.world.branch("work", "main", **{"lakefs_test-2.csv": GOOD})

    def meanwhile(_: CheckBody) -> None:  # the added object looks like the one that went, and vanishes (C3)
        stage.world.commit(stage.world.main, {NAME: None})

    with pytest.raises(GateRefused, match="lost by merge") as refused:
        stage.merge(on_check=meanwhile)
    assert refused.value.check is not None
    assert refused.value.check.judged_commit
    assert NAME not in stage.world.contents("main")


def test_what_was_merged_and_taken_back_is_not_said_to_be_there(stage: Stage) -> None:
    before = stage.head()
    stage.world.branch("work", "main", **{NAME: GOOD})
    landed = stage.merge().commit_id
    with GateClient(stage.gate.url, API_TOKEN) as gate:
        back = gate.revert(stage.world.name, "main", before)
        assert NAME not in stage.world.contents("main")
        with pytest.raises(Conflict, match=f"was merged by {landed} and taken back by {stage.head()}"):
            stage.merge()
        stage.world.commit(stage.world.main, {"other.txt": b"later"})
        with pytest.raises(Conflict, match="taken back"):
            stage.merge()
        gate.revert(stage.world.name, "main", landed)  # the revert is taken back, too
        assert NAME in stage.world.contents("main")
        again = stage.merge()
    assert (again.state, again.commit_id) == ("found", landed)
    assert back.revert is not None


def test_nothing_to_merge(stage: Stage) -> None:
    stage.world.repository.branch("work").create("main")
    done = stage.merge()
    assert (done.state, done.commit_id) == ("unchanged", stage.head())


def test_a_branch_whose_action_is_not_mains_is_not_merged(stage: Stage) -> None:
    elsewhere = ACTION.format(url="http://127.0.0.1:1").encode()
    stage.world.branch("older", "main~1", lakefs_test_dot_csv=GOOD)
    stage.world.branch("without", "main", **{ACTION_PATH.replace("/", "__"): None, "data": b"x"})
    stage.world.branch("other", "main", **{"data": b"x", ACTION_PATH.replace("/", "__"): elsewhere})
    stage.world.branch("more", "main", _gate__hooks__mine=b"x", data=b"x")
    before = stage.head()
    for branch in ("older", "without", "other", "more"):
        with pytest.raises(NotGuarded, match=r"gate_pre_merge\.yaml|_gate/hooks/mine") as refused:
            stage.merge(branch)
        assert "merge main into the branch first" in refused.value.hint
    stage.world.main.merge_into("older")
    assert stage.head() == before
    assert stage.merge("older").state == "merged"


def test_a_branch_before_which_no_gate_stands(stage: Stage) -> None:
    stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    stage.world.commit(stage.world.main, {ACTION_PATH: None})
    before = stage.head()
    with pytest.raises(NotGuarded, match="no gate stands before") as refused:
        stage.merge()
    assert "gate install" in refused.value.hint
    assert stage.head() == before


def test_what_is_not_committed_is_not_left_out_in_silence(stage: Stage) -> None:
    branch = stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    branch.object("more").upload(b"x")
    with pytest.raises(Conflict, match="uncommitted changes"):
        stage.merge()


def test_a_source_that_moves_while_it_is_judged(stage: Stage) -> None:
    branch = stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    first, before = stage.head("work"), stage.head()
    done = stage.merge(on_check=lambda _: stage.world.commit(branch, {NAME: BAD}) and None)
    assert done.source_commit == first  # what was judged is what is merged
    assert stage.world.contents("main")[NAME] == GOOD
    assert stage.log()[1] == before


def test_a_call_that_is_lost_makes_no_second_merge_and_loses_none(stage: Stage) -> None:
    """Each call to lakeFS in turn is lost; the merge before lakeFS does it and after."""
    way = BreakingTransport()
    stage.world.branch("work-0", lakefs_test_dot_csv=GOOD)
    stage.merge("work-0", way)
    faults = [(number, False) for number in range(1, len(way.calls) + 1)]
    (merging,) = (number for number, call in enumerate(way.calls, 1) if call.startswith("POST"))
    for number, after in [*faults, (merging, True)]:
        name = f"work-{number}-{after}"
        stage.world.branch(name, "main", **{f"other__{name}": b"x"})
        before = stage.log()
        done = stage.merge(name, BreakingTransport(number, after=after))
        assert done.state == "merged"
        assert stage.log() == [done.commit_id, *before]


class Mumbling(BreakingTransport):
    """A way on which what a merge answers is replaced."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a call on."""
        answer = super().handle_request(request)
        return httpx.Response(200, json={}) if request.method == "POST" else answer


def test_an_answer_that_names_no_commit_is_looked_up(stage: Stage) -> None:
    stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    done = stage.merge(transport=Mumbling())
    assert (done.state, done.commit_id) == ("merged", stage.head())


@pytest.mark.parametrize("after", [False, True])
def test_a_lakefs_that_goes_away_in_the_merge_is_said_and_the_next_one_goes_on(
    stage: Stage, after: bool
) -> None:
    stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    before = stage.log()
    way = BreakingTransport(for_good=True, after=after)

    def gone(_: CheckBody) -> None:
        way.break_at = len(way.calls) + 1

    with pytest.raises(MergeUnknown, match="could not be told") as raised:
        stage.merge(transport=way, away_s=1, on_check=gone)
    assert "not merged twice" in raised.value.hint
    assert len(stage.log()) == len(before) + after
    done = stage.merge()
    assert done.state == ("found" if after else "merged")
    assert stage.log() == [done.commit_id, *before]


def test_a_merge_that_outlives_the_one_who_asked_is_not_made_twice(stage: Stage) -> None:
    """lakeFS goes on with a merge whose client hung up (H12), while the next try waits beside it."""
    with receiver() as webhooks:
        second = threading.Event()
        endpoint = webhooks.endpoint()

        def held(_: Received) -> None:
            if len(endpoint.received) > 1:
                second.set()
            second.wait(60)

        endpoint.during = held
        stage.other_hook(webhook("other", endpoint.url))
        stage.world.branch("work", lakefs_test_dot_csv=GOOD)
        before = stage.log()
        done = stage.merge(merge_timeout_s=3)
    assert len(endpoint.received) > 1
    assert done.state == "merged"
    assert stage.log() == [done.commit_id, *before]


def test_a_hook_that_does_not_wait_is_asked_again_when_the_verdict_is_there(
    server: RunningServer, tmp_path: Path
) -> None:
    with running_gate(server.environment, tmp_path, GATE_WAIT_S="0.001") as impatient:
        stage = Stage(server, impatient)
        stage.world.branch("work", lakefs_test_dot_csv=GOOD)
        before, way = stage.log(), BreakingTransport()
        done = stage.merge(transport=way)
        assert stage.log() == [done.commit_id, *before]
        assert sum(call.startswith("POST") for call in way.calls) == 2
        stage.world.branch("bad", "main", **{"lakefs_test_2.csv": BAD})
        with pytest.raises(GateRefused):
            stage.merge("bad")


def test_a_lakefs_that_is_gone_or_refuses_the_keys(stage: Stage, server: RunningServer) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with GateClient(stage.gate.url, API_TOKEN) as gate:
        with LakeFS(url, "key", "secret") as lakefs, pytest.raises(LakeFSError, match=f"answer at {url}"):
            merge(gate, lakefs, stage.world.name, "work", "main")
        with LakeFS(server.url, "key", "wrong") as lakefs, pytest.raises(Unauthorized) as refused:
            merge(gate, lakefs, stage.world.name, "work", "main")
        assert "LAKECTL_CREDENTIALS_ACCESS_KEY_ID" in refused.value.hint
        with stage.lakefs() as lakefs, pytest.raises(NotFound):
            merge(gate, lakefs, stage.world.name, "nowhere", "main")


def test_a_gate_that_is_gone_leaves_main_untouched(stage: Stage) -> None:
    stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    before, url = stage.head(), f"http://127.0.0.1:{free_port()}"
    with pytest.raises(GateUnreachable, match=f"gate unreachable at {url}"):
        stage.merge(gate_url=url, away_s=2)
    assert stage.head() == before


def test_a_gate_that_lakefs_does_not_reach_is_no_pass(stage: Stage) -> None:
    elsewhere = ACTION.format(url=f"http://127.0.0.1:{free_port()}").encode()
    stage.world.commit(stage.world.main, {ACTION_PATH: elsewhere})
    stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    before = stage.head()
    with pytest.raises(CouldNotTell, match="no check says why") as raised:
        stage.merge()
    assert "does lakeFS reach the gate?" in raised.value.hint
    assert stage.head() == before


def test_a_hook_of_somebody_else_that_refuses(stage: Stage) -> None:
    stage.other_hook(lua("other", "require('hook').fail('not today')"))
    stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    before = stage.head()
    with pytest.raises(GateError, match="not today"):
        stage.merge()
    assert stage.head() == before


def test_the_same_merge_twice_at_once_is_made_once(stage: Stage) -> None:
    stage.world.branch("work", lakefs_test_dot_csv=GOOD)
    before = stage.log()
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: stage.merge(), range(2)))
    assert {item.commit_id for item in done} == {stage.head()}
    assert stage.log() == [stage.head(), *before]
