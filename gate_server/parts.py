"""What commands, worker and web service are put together of, without a web framework."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from threading import Lock

from gate_server.checks.judge import Judge
from gate_server.checks.looking import ReadRows
from gate_server.checks.policies import KnownPolicies
from gate_server.engine.suites import read_suite
from gate_server.engine.version import ENGINE_VERSION
from gate_server.errors import CouldNotTell
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.model import Policy, Sample, SampleTask
from gate_server.policy.document import PolicyErrors
from gate_server.policy.load import load_policy
from gate_server.reverts.context import RevertContext
from gate_server.settings import Settings
from gate_server.setup.doctor import Ground
from gate_server.setup.lint import lint_policy
from gate_server.store.store import Store
from gate_server.workers.child import LintTask
from gate_server.workers.runner import Runner

OTHERS_LOOK_S = 10.0


def read_policy(path: Path, in_repository: str = "") -> Policy:
    """Return the policy in a file, with the suites beside it.

    Parameters
    ----------
    in_repository
        Where repositories may keep a policy of their own.

    Raises
    ------
    PolicyErrors
        With every finding.
    """
    return load_policy(
        str(path), lambda name: Path(name).read_bytes(), read_suite, in_repository=in_repository
    )


def write_digest(kept: Path, digest: str) -> None:
    """Write which policy is asked by, whole or not at all; raises `CouldNotTell`."""
    try:
        new = kept.with_suffix(".new")
        new.write_text(digest, encoding="ascii")
        new.replace(kept)
    except OSError as error:
        raise CouldNotTell(f"{kept} cannot be written ({error.strerror})", "is there room?") from error


def make_revert_context(lakefs: LakeFS, store: Store, settings: Settings) -> RevertContext:
    """Return what a revert works with."""
    return RevertContext(
        lakefs, Commits(lakefs), Listings(lakefs), store, settings.public_url, settings.revert_keep
    )


def make_known_policies(store: Store, runner: Runner) -> KnownPolicies:
    """Return the policies of checks, looked at in children."""
    return KnownPolicies(store.policies, lambda policy: find_in_suites(policy, runner))


def make_judge(
    lakefs: LakeFS, store: Store, policies: KnownPolicies, runner: Runner, *, lends: bool = True
) -> Judge:
    """Return a judge that evaluates in children, and lends what rules say runs elsewhere."""
    return Judge(lakefs, store, policies, runner.evaluate, ENGINE_VERSION, lends=lends)


def find_in_suites(policy: Policy, runner: Runner) -> list[str]:
    """Look at every suite as its rule uses it; return what is wrong."""
    return lint_policy(policy, lambda uses: runner.lint([LintTask(*use) for use in uses]))


def check_suites(policy: Policy, runner: Runner) -> None:
    """Look at every suite as its rule uses it; raises `PolicyErrors` with what is wrong."""
    if findings := find_in_suites(policy, runner):
        raise PolicyErrors(findings)


def row_reader(lakefs: LakeFS, settings: Settings) -> ReadRows:
    """Return what reads rows for people in children, whose parent is started with the first look.

    One look at a time: each may take as much memory as a check.
    """
    one_at_a_time = Lock()

    @cache
    def runner() -> Runner:
        return Runner(lakefs, settings.lakefs_timeout_s)

    def read(repository: str, task: SampleTask) -> Sample:
        if not one_at_a_time.acquire(timeout=OTHERS_LOOK_S):
            raise CouldNotTell("others are looking at rows just now", "try again in a moment")
        try:
            return runner().sample(repository, task)
        finally:
            one_at_a_time.release()

    return read


def doctors_ground(lakefs: LakeFS, settings: Settings) -> Ground:
    """Return what a doctor in the gate's own process looks at: the lakeFS that the gate asks."""
    return Ground(
        settings,
        lakefs.with_timeout,
        lambda: read_policy(settings.policy, settings.policy_in_repository),
        lambda uses: Runner(None).lint([LintTask(*use) for use in uses]),
    )
