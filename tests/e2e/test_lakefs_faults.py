"""lakeFS answers slowly, wrongly or not at all, at each point of a check: never a pass, nothing remembered.

Door and judge run in the tests' own process, as web and worker do, over a proxy on loopback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import delete

from gate_server.checks.active import ActivePolicy
from gate_server.checks.judge import Judge
from gate_server.checks.policies import KnownPolicies, keep_policy
from gate_server.checks.service import Asked, CheckService
from gate_server.engine.version import ENGINE_VERSION
from gate_server.lakefs import client
from gate_server.lakefs.client import LakeFS
from gate_server.model import Evaluation, EvaluationTask, Event, Outcome
from gate_server.parts import read_policy
from gate_server.policy.decide import answer
from gate_server.store.store import Store, open_store
from gate_server.store.tables import checks, evaluations
from gate_server.workers.child import evaluate_task, readable
from local_lakefs.testing import RunningServer
from tests.e2e import spoiling
from tests.e2e.harness import GOOD, ROOT, World
from tests.e2e.spoiling import Spoiling, spoiling_way

POLICY = read_policy(ROOT / "expectations" / "gate.yaml")
TIMEOUT_S = 0.5
PATIENCE_S = 60.0
CUT = (spoiling.is_cut, spoiling.is_shorter, spoiling.is_empty)
OF_JSON = (*spoiling.NO_ANSWER, *CUT, *spoiling.RESHAPED, spoiling.is_encoded_wrongly)
OF_PAGES = (*OF_JSON, *spoiling.PAGES)
# How long the reading of an object may take is the rule's to say (limits.time_s), not the client's.
OF_OBJECTS = (
    *(spoil for spoil in spoiling.NO_ANSWER if spoil is not spoiling.trickles),
    *CUT,
    spoiling.is_longer,
    spoiling.has_other_bytes,
)
SPOILT = {
    "commit": OF_JSON,
    "branch": OF_JSON,
    "repository": OF_JSON,
    "merge base": OF_JSON,
    "listing": OF_PAGES,
    # Other paths in the diff only count elsewhere: under the rules it is the listings that say what changed.
    "diff": OF_JSON,
    "object": OF_OBJECTS,
}
ROW = GOOD.splitlines()[0] + b"\n"


@dataclass
class Asking:
    """A door and a judge on a way to lakeFS that can be spoilt, and a merge to ask about."""

    way: Spoiling
    store: Store
    world: World
    merge: Event

    def begin(self) -> None:
        """Forget everything: new processes on an empty database."""
        with self.store.engine.begin() as connection:
            for table in (checks, evaluations):
                connection.execute(delete(table))
        keep_policy(self.store.policies, POLICY)
        active = ActivePolicy(POLICY, self.store.policies, lambda: POLICY)
        self.door = CheckService(self._lakefs(), self.store, active)
        lakefs = self._lakefs()

        def evaluate(repository: str, tasks: list[EvaluationTask], _told: object = None) -> list[Evaluation]:
            return [evaluate_task(task, readable(lakefs, repository)) for task in tasks]

        policies = KnownPolicies(self.store.policies, lambda _: ())
        self.judge = Judge(self._lakefs(), self.store, policies, evaluate, ENGINE_VERSION)

    def _lakefs(self) -> LakeFS:
        server = self.way.server
        made = LakeFS(self.way.url, server.access_key_id, server.secret_access_key, timeout_s=TIMEOUT_S)
        made.reads_tried = 2
        return made

    def by_hook(self) -> tuple[int, str]:
        """Ask as lakeFS does."""
        return self._answer(self.door.ask_by_hook(self.merge, "test"))

    def ahead(self) -> tuple[int, str]:
        """Ask what a merge would be."""
        return self._answer(self.door.ask_ahead("api", "test", self.world.name, "ahead", "main"))

    def _answer(self, asked: Asked) -> tuple[int, str]:
        verdict = asked.verdict
        if verdict is None and asked.check is not None:
            claimed = self.store.checks.claim("test", 60)
            assert claimed is not None
            assert claimed.id == asked.check.id
            self.judge.judge(claimed)
            verdict = self.door.verdict_of(self.door.get(claimed.id))
        assert verdict is not None
        self.door.answered(asked, verdict)
        return answer(verdict)[0], verdict.outcome.value


@pytest.fixture(scope="module")
def asking(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    world = World(server)
    world.commit(world.main, {"lakefs_test_a.csv": GOOD})
    work = world.branch("work", "main", lakefs_test_b_dot_csv=GOOD)
    world.commit(world.main, {"lakefs_test_d.csv": ROW * 3, "other": b"x"})
    work.merge_into("main")
    head: Any = world.main.get_commit()
    world.branch("ahead", "work", lakefs_test_e_dot_csv=ROW * 2)
    merge = Event("pre-merge", world.name, "main", head.parents[1], commit_id=head.id)
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('faults')}/gate.db")
    with spoiling_way(server) as way:
        yield Asking(way, store, world, merge)
    store.engine.dispose()


@pytest.mark.parametrize("point", SPOILT)
def test_a_spoilt_answer_is_no_pass_and_not_remembered(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setattr(client, "RETRY_AFTER_AT_MOST_S", 0.05)
    asking.begin()
    ask = asking.ahead if point == "branch" else asking.by_hook
    for spoil in SPOILT[point]:
        with asking.way.spoilt_at(point, spoil):
            said = asked_while(ask, lambda: not asking.way.spoilt)
        assert asking.way.spoilt, f"{spoil.__name__}: an earlier answer was remembered"
        # Bytes that are not the object's are bad data, as long as they are not.
        other = spoil is spoiling.has_other_bytes
        expected = (412, Outcome.FAIL.value) if other else (503, Outcome.ERROR.value)
        assert said == expected, spoil.__name__
    assert asked_while(ask, lambda: True) == (200, Outcome.PASS.value)


def asked_while(ask: Callable[[], tuple[int, str]], holds: Callable[[], bool]) -> tuple[int, str]:
    """Ask, and again after an error as long as `holds`: under load whole answers come late, too."""
    deadline = time.monotonic() + PATIENCE_S
    while (said := ask()) == (503, Outcome.ERROR.value) and holds():
        assert time.monotonic() < deadline
    return said
