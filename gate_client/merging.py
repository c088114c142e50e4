"""A merge through the gate: judged ahead, merged by commit, and never made twice.

A merge is known by its source's commit: once that is a later parent on the destination's first-parent line,
it is done. So it can be asked for again after whatever happened, by whoever comes next.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gate_client.client import GateClient
from gate_client.errors import (
    Conflict,
    CouldNotTell,
    GateError,
    GateUnreachable,
    LakeFSError,
    MergeUnknown,
    NotFound,
    NotGuarded,
    Unauthorized,
)
from gate_client.failures import require_allowed
from gate_client.lakefs import PASSING, LakeFS
from gate_client.landing import find_merge
from gate_client.wire import CheckBody

# As `gate install` writes them; the pre-merge action is what asks the gate.
ACTION = "_lakefs_actions/gate_pre_merge.yaml"
GATE_FILES = ("_lakefs_actions/gate_", "_gate/")
CHECK_KEY = "gate.check"
# A merge answers after its hooks: lakeFS waits for the gate for 60 s, then says what went wrong.
MERGE_TIMEOUT_S = 75.0
AWAY_S = 60.0
PAUSE_S = 1.0
_RUN_ID = re.compile(r"run id '([a-z0-9]+)'")
_CHECK_ID = re.compile(r"/checks/([0-9a-f]{16})\b")


@dataclass(frozen=True)
class Merged:
    """What came of a merge.

    Parameters
    ----------
    state
        ``merged`` now; ``found``: it had been before; ``unchanged``: there was nothing to merge.
    commit_id
        The merge commit; the destination's head where nothing was to be merged.
    source_commit
        What was merged.
    check
        The judgement made ahead; None where it was found.
    """

    state: Literal["merged", "found", "unchanged"]
    commit_id: str
    source_commit: str
    check: CheckBody | None = None


def merge(
    gate: GateClient,
    lakefs: LakeFS,
    repository: str,
    source: str,
    destination: str,
    *,
    message: str = "",
    metadata: Mapping[str, str] | None = None,
    timeout_s: float = 900.0,
    merge_timeout_s: float = MERGE_TIMEOUT_S,
    away_s: float = AWAY_S,
    on_check: Callable[[CheckBody], None] | None = None,
) -> Merged:
    """Merge `source` into `destination` if the gate says so.

    The candidate is judged before lakeFS is asked to merge, so that no merge waits for a long check; lakeFS's
    own hook then judges what really lands. What was lost on the way (a timeout, lakeFS away) is looked for in
    the destination's log before anything is tried again. The source branch is left as it is.

    Parameters
    ----------
    source
        A branch, or any ref. Merged is the commit that it names now.
    metadata
        For the merge commit.
    timeout_s
        For all of it.
    merge_timeout_s
        For one call of lakeFS's merge; longer than its hooks take.
    away_s
        For how long a gate or a lakeFS that does not answer is waited for; it may be starting anew.
    on_check
        Called with the judgement made ahead, whatever it is.

    Raises
    ------
    GateRefused
        When the data is bad; with the check and what failed.
    NotGuarded
        When lakeFS would not ask the gate: its action is missing, or not the same on both sides.
    Conflict
        When lakeFS cannot merge the two, the source has uncommitted changes, another hook refused, or the
        source was merged before and then taken back by a revert: as in Git, nothing of it would come again.
    MergeUnknown
        When whether it was merged could not be read in time.
    GateUnreachable
        When no gate answers. Nothing is merged.
    CouldNotTell
        When it is not merged, and no judgement was possible in time.
    """
    job = _Merge(gate, lakefs, repository, source, destination, away_s, time.monotonic() + timeout_s)
    source_commit = job.source_commit()
    found = find_merge(lakefs, repository, destination, source_commit)
    if found and found.taken_back_by:
        raise Conflict(
            f"{job.what} was merged by {found.commit_id} and taken back by {found.taken_back_by}: lakeFS "
            "would bring nothing of it again",
            f"`gate reapply lakefs://{repository}/{source} --into {destination}` brings its changes again",
        )
    if found:
        return Merged("found", found.commit_id, source_commit)
    require_guard(lakefs, repository, source_commit, destination)
    check = job.judged_ahead()
    if on_check:
        on_check(check)
    require_allowed(check, job.what)
    if check.source_commit and check.source_commit != source_commit:
        raise Conflict(
            f"{source} moved: {check.source_commit} was judged, and {source_commit} was to be merged",
            "merge again when nobody writes to it",
        )
    body = {
        "message": message or f"Merge '{source}' into '{destination}'",
        "metadata": {CHECK_KEY: check.check, **(metadata or {})},
    }
    state, commit_id = job.run(source_commit, body, merge_timeout_s)
    return Merged(state, commit_id, source_commit, check)


def require_guard(lakefs: LakeFS, repository: str, source: str, destination: str) -> None:
    """Refuse a merge about which lakeFS would not ask the gate: it takes its actions from the source (H1).

    Raises
    ------
    NotGuarded
        Naming the files.
    """
    theirs = _gate_files(lakefs, repository, destination)
    if ACTION not in theirs:
        raise NotGuarded(
            f"no gate stands before lakefs://{repository}/{destination}: it holds no {ACTION}",
            f"`gate install lakefs://{repository}/{destination}` puts it there",
        )
    ours = _gate_files(lakefs, repository, source)
    differing = sorted(path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path))
    if differing:
        raise NotGuarded(
            f"lakeFS would not ask the gate as {destination} does: {source} differs from it in "
            f"{', '.join(differing)}",
            f"merge {destination} into the branch first, which brings it the gate's own files",
        )


def _gate_files(lakefs: LakeFS, repository: str, ref: str) -> dict[str, str]:
    at = str(lakefs.commit_of(repository, ref)["id"])  # a branch's name would show what is staged, too (C4)
    return {
        item["path"]: item["checksum"]
        for prefix in GATE_FILES
        for item in lakefs.pages(repository, "refs", at, "objects", "ls", prefix=prefix)
    }


@dataclass
class _Merge:
    """One merge on its way."""

    gate: GateClient
    lakefs: LakeFS
    repository: str
    source: str
    destination: str
    away_s: float
    deadline: float
    told: set[str] = field(default_factory=set)
    lost: GateError | None = None

    @property
    def what(self) -> str:
        return f"lakefs://{self.repository}/{self.source} into {self.destination}"

    def left_s(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def patient_until(self) -> float:
        return min(time.monotonic() + self.away_s, self.deadline)

    def source_commit(self) -> str:
        head = self.lakefs.branch_head(self.repository, self.source)
        if head is None:
            return str(self.lakefs.commit_of(self.repository, self.source)["id"])
        if self.lakefs.is_dirty(self.repository, self.source):
            raise Conflict(
                f"lakefs://{self.repository}/{self.source} has uncommitted changes, which a merge leaves out",
                "commit them, or drop them, and merge again",
            )
        return head

    def judged_ahead(self) -> CheckBody:
        patient_until = self.patient_until()
        while True:
            try:
                return self.gate.judge(
                    self.repository, self.source, self.destination, timeout_s=self.left_s()
                )
            except GateUnreachable:
                if time.monotonic() >= patient_until:
                    raise
            time.sleep(PAUSE_S)

    def run(
        self, source_commit: str, body: Mapping[str, object], merge_timeout_s: float
    ) -> tuple[Literal["merged", "unchanged"], str]:
        path = ("refs", source_commit, "merge", self.destination)
        while True:
            try:
                done = self.lakefs.send(
                    "POST", self.repository, *path, body=dict(body), timeout_s=merge_timeout_s
                )
                if done.get("reference"):
                    return "merged", str(done["reference"])
                raise LakeFSError("lakeFS's answer to the merge names no commit")
            except LakeFSError as error:
                landed = self._landed(source_commit, error)
                if landed:
                    return "merged", landed
                if error.status == 400 and "no changes" in error.message:
                    head = self.lakefs.branch_head(self.repository, self.destination)
                    return "unchanged", head or ""
                self._judge_failure(error)
            time.sleep(min(PAUSE_S, self.left_s()))

    def _landed(self, source_commit: str, failure: LakeFSError) -> str:
        """Look for the merge, for as long as lakeFS is away; empty where it is not there."""
        if failure.status not in (409, 412, 429):  # in these lakeFS says that it did not merge
            self.lost = failure
        patient_until = self.patient_until()
        while True:
            try:
                found = find_merge(self.lakefs, self.repository, self.destination, source_commit)
                return found.commit_id if found else ""
            except LakeFSError as error:
                if error.status not in PASSING or time.monotonic() >= patient_until:
                    raise self._unknown(error) from failure
            time.sleep(min(PAUSE_S, self.left_s()))

    def _judge_failure(self, error: LakeFSError) -> None:
        """Return where the merge is to be tried again, else raise."""
        if error.status == 409:
            raise Conflict(
                f"{self.what}: both sides changed the same objects",
                f"`lakectl diff lakefs://{self.repository}/{self.destination} "
                f"lakefs://{self.repository}/{self.source}` lists them",
            ) from error
        if error.status == 412:
            self._refused(error)
            return
        if error.status not in PASSING:
            raise error
        if not self.left_s():
            if self.lost:
                raise self._unknown(self.lost) from error
            raise CouldNotTell(
                f"{self.what} was not merged: {error.message}", "others merge all the time: merge again"
            ) from error

    def _refused(self, error: LakeFSError) -> None:
        """Find out why a hook refused: return where it was for time, raise where the gate said no."""
        check_id = self._check_of(error)
        if not check_id:
            raise CouldNotTell(
                f"lakeFS refused to merge {self.what}, and no check says why: {error.message}",
                "does lakeFS reach the gate? the run stands under the repository's Actions",
            ) from error
        check = self.gate.wait_for_check(check_id, timeout_s=self.left_s())
        require_allowed(check, self.what)
        if check_id in self.told:
            raise Conflict(
                f"another hook of lakeFS's refused {self.what}, which the gate allows: {error.message}",
                "the run stands under the repository's Actions",
            ) from error
        self.told.add(check_id)  # it was still running when lakeFS asked; now its verdict is known

    def _check_of(self, error: LakeFSError) -> str:
        """Return the check that lakeFS's run of the hooks names."""
        run = _RUN_ID.search(error.message)
        if run is None:
            return ""
        path = ("actions", "runs", run.group(1), "hooks")
        try:
            hooks = list(self.lakefs.pages(self.repository, *path))
            outputs = [
                self.lakefs.text(self.repository, *path, hook["hook_run_id"], "output")
                for hook in hooks
                if hook["status"] in ("completed", "failed")
            ]
        except (LakeFSError, NotFound, Unauthorized):
            return ""  # the run may not be read with these keys; who asks says that no check tells why
        found = _CHECK_ID.findall("\n".join(outputs))
        return found[-1] if found else ""

    def _unknown(self, error: GateError) -> MergeUnknown:
        return MergeUnknown(
            f"whether {self.what} was merged could not be told: {error.message}",
            f"look for it in the log of lakefs://{self.repository}/{self.destination}, or merge again: what "
            "was merged is found, not merged twice",
        )
