"""Looking ahead: what may be merged soon is judged before anybody asks, so that the merge only looks it up.

The gate makes no branch and no merge of what nobody judged: that would run the source's actions with the
gate's rights. A candidate is predicted from commits (`lakefs.three_way`), and its verdict answers no merge;
what is kept for the merge are the evaluations (D5).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from gate_server.checks.repository_policies import RepositoryPolicies
from gate_server.errors import GateError, LakeFSUnreachable
from gate_server.lakefs import overview
from gate_server.lakefs.answers import PullRequest
from gate_server.lakefs.candidates import predict
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.model import Ahead, Enforcement, Policy
from gate_server.policy.globs import matches
from gate_server.store.store import Store
from gate_server.store.times import now
from gate_server.telemetry.requests import request_id

MOST_WAITING = 20
REMEMBERED = 50_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
DAY_S = 86_400.0
PRINCIPAL = "gate"

log = structlog.get_logger()


@dataclass(frozen=True)
class _Wanted:
    """A merge that may come: of a branch's head into another's."""

    source: str
    source_commit: str
    destination: str
    base_commit: str
    days: float | None = None  # how old the source commit may be


class LooksAhead:
    """Asks for what the policy's ``ahead:`` names, once for each pair of heads; to be called again and again.

    An unchanged repository costs a listing of its branches and one of its pull requests, whatever their
    number; a moved branch a few calls. No more than `MOST_WAITING` such checks wait at a time: the rest comes
    with the next calls.

    Parameters
    ----------
    policy
        Gives what the gate asks by at the moment.
    """

    def __init__(self, lakefs: LakeFS, store: Store, policy: Callable[[], Policy]) -> None:
        self._lakefs = lakefs
        self._store = store
        self._policy = policy
        self._commits = Commits(lakefs)
        self._in_repository = RepositoryPolicies(lakefs, Listings(lakefs), store.policies)
        self._seen: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._pauses = _Pauses()
        self._turn = 0

    def __call__(self) -> None:
        """Look once."""
        policy = self._policy()
        ahead = policy.ahead
        if ahead is None or self._pauses.holds(""):
            return
        try:
            names = overview.repositories(self._lakefs)
        except GateError as error:
            self._pauses.failed("", error)
            return
        self._pauses.went_well("")
        names = [name for name in names if _looks_at(policy, ahead, name)]
        self._turn = (self._turn + 1) % max(len(names), 1)  # one that has much to ask for is not always first
        for repository in (*names[self._turn :], *names[: self._turn]):
            if not self._pauses.holds(repository):
                try:
                    self._look(policy, ahead, repository)
                except GateError as error:  # one that is broken, or forbidden, harms no other
                    self._pauses.failed(repository, error)
                else:
                    self._pauses.went_well(repository)

    def _look(self, policy: Policy, ahead: Ahead, repository: str) -> None:
        for wanted in self._wanted(policy, ahead, repository):
            key = (policy.digest, repository, wanted.destination, wanted.base_commit, wanted.source_commit)
            if key in self._seen:
                self._seen.move_to_end(key)
                continue
            if self._store.ahead.waiting() >= MOST_WAITING:
                return
            try:
                self._ask(policy, repository, wanted)
            except LakeFSUnreachable:
                raise
            except (
                GateError
            ) as error:  # a branch that went, a policy that is wrong: the next one is asked for
                log.warning(
                    "could not look ahead",
                    repository=repository,
                    source=wanted.source,
                    destination=wanted.destination,
                    reason=error.message[:500],
                )
            self._seen[key] = None
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)

    def _wanted(self, policy: Policy, ahead: Ahead, repository: str) -> Iterator[_Wanted]:
        """Yield what may be merged, pull requests first."""
        heads = overview.heads(self._lakefs, repository)
        into = {name for name in heads if _is_destination(policy, ahead, repository, name)}
        if ahead.pull_requests and into:
            for pull in self._pull_requests(repository):
                source, destination = pull.source_branch, pull.destination_branch
                if destination in into and source in heads and source != destination:
                    yield _Wanted(source, heads[source], destination, heads[destination])
        for source, commit_id in heads.items():
            if matches(source, ahead.branches):
                for destination in into - {source}:
                    yield _Wanted(source, commit_id, destination, heads[destination], ahead.days)

    def _pull_requests(self, repository: str) -> list[PullRequest]:
        """Return what is open; nothing, for a while, where lakeFS has no pull requests or forbids them."""
        name = f"{repository}/pulls"
        if self._pauses.holds(name):
            return []
        try:
            found = overview.open_pull_requests(self._lakefs, repository)
        except LakeFSUnreachable:
            raise
        except GateError as error:
            self._pauses.failed(name, error)
            return []
        self._pauses.went_well(name)
        return found

    def _ask(self, policy: Policy, repository: str, wanted: _Wanted) -> None:
        base = self._commits.get(repository, wanted.base_commit)
        judges = self._in_repository.governing(repository, wanted.destination, base, policy)
        asked = self._store.ahead.sources(repository, wanted.destination, base, judges.digest)
        if wanted.source_commit in asked:
            return
        source = self._commits.get(repository, wanted.source_commit)
        if wanted.days is not None and source.created_at < now().timestamp() - wanted.days * DAY_S:
            return
        candidate = predict(self._commits, repository, source.id, wanted.destination, base)
        if candidate.merge_base == source:
            return  # all of it is there already
        check = self._store.checks.create(
            candidate, wanted.source, judges.digest, request_id=request_id(), ahead=True
        )
        details = {"repository": repository, "source": wanted.source, "destination": wanted.destination}
        self._store.asks.create("ahead", PRINCIPAL, details, check.id)
        log.info("looks ahead", check=check.id, **details)


class _Pauses:
    """How long what failed is left alone: longer each time."""

    def __init__(self) -> None:
        self._failed: dict[str, tuple[int, float]] = {}

    def holds(self, name: str) -> bool:
        return name in self._failed and time.monotonic() < self._failed[name][1]

    def failed(self, name: str, error: GateError) -> None:
        times, _ = self._failed.get(name, (0, 0.0))
        pause_s = min(FIRST_PAUSE_S * 2**times, LONGEST_PAUSE_S)
        self._failed[name] = (min(times + 1, 10), time.monotonic() + pause_s)
        log.warning("could not look ahead", repository=name, reason=error.message[:500], pause_s=pause_s)

    def went_well(self, name: str) -> None:
        self._failed.pop(name, None)


def _looks_at(policy: Policy, ahead: Ahead, repository: str) -> bool:
    if ahead.repositories:
        return matches(repository, ahead.repositories)
    return any(matches(repository, rule.repositories) for rule in policy.rules)


def _is_destination(policy: Policy, ahead: Ahead, repository: str, branch: str) -> bool:
    if ahead.into:
        return matches(branch, ahead.into)
    return any(
        matches(repository, rule.repositories) and matches(branch, rule.branches)
        for rule in policy.rules
        if rule.enforcement is not Enforcement.OFF
    )
