"""The gate: ask it, merge through it, put a branch back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prefect.runtime import task_run

from gate_client.errors import GateRefused
from gate_client.merging import Merged, merge
from gate_client.prefect.artifacts import show_branch, show_revert, show_verdict
from gate_client.prefect.blocks import GateCredentials, LakeFSCredentials
from gate_client.prefect.retrying import asking
from gate_client.prefect.runs import commit_metadata, commit_page, say
from gate_client.reapply_wire import ReappliedBody
from gate_client.revert_wire import RevertAnswer, RevertBody
from gate_client.wire import CheckBody, VerdictBody

REPORT_BUTTON = "::lakefs::Gate::url[url:ui]"


@asking
def check(
    repository: str, source: str, gate_credentials: GateCredentials, destination: str = "main"
) -> VerdictBody:
    """Ask what merging `source` would be judged as, and do not wait: see `wait_for_check`. Nothing is merged.

    The verdict is empty while the check runs.
    """
    with gate_credentials.get_client() as gate:
        asked = gate.check(repository, source, destination)
    say(f"check {asked.check} of lakefs://{repository}/{source} into {destination}: {asked.report}")
    return asked


@asking
def wait_for_check(check_id: str, gate_credentials: GateCredentials, timeout_s: float = 600.0) -> CheckBody:
    """Wait for a check's verdict, whatever it is; a gate that is away meanwhile is waited for too.

    Raises
    ------
    StillRunning
        When there is none in time.
    """
    with gate_credentials.get_client() as gate:
        found = gate.wait_for_check(check_id, timeout_s=timeout_s)
    say(f"the gate says {found.summary}: {found.report}")
    return found


@asking
def merge_through_gate(
    repository: str,
    source: str,
    lakefs_credentials: LakeFSCredentials,
    gate_credentials: GateCredentials,
    destination: str = "main",
    message: str = "",
    metadata: Mapping[str, str] | None = None,
    timeout_s: float = 900.0,
) -> Merged:
    """Merge a branch if the gate says so. Judged ahead, so that no merge in lakeFS waits for a long check.

    Writes an artifact with what the gate said. The branch stays, merged or not.

    Raises
    ------
    GateRefused
        When the data is bad; its ``failed`` has what failed.
    NotGuarded
        When lakeFS would not ask the gate about this branch.
    CouldNotTell
        When no judgement was possible in time; the destination is as it was. A try again finds what an
        earlier one merged.
    """
    carried = commit_metadata(metadata)

    def note(judged: CheckBody) -> None:
        if judged.report:
            carried[REPORT_BUTTON] = judged.report  # for the merge commit, which is made after this
        if judged.verdict == "ERROR":
            show_verdict(lakefs_credentials, judged, repository, source, destination)

    with gate_credentials.get_client() as gate, lakefs_credentials.connect() as lakefs:
        try:
            merged = merge(
                gate,
                lakefs,
                repository,
                source,
                destination,
                message=message,
                metadata=carried,
                timeout_s=timeout_s,
                on_check=note,
            )
        except GateRefused as refused:
            if refused.check:
                show_verdict(lakefs_credentials, refused.check, repository, source, destination)
            show_branch(lakefs_credentials, repository, source, "refused by the gate, left for inspection")
            raise
    if merged.check:
        show_verdict(lakefs_credentials, merged.check, repository, source, destination, merged.commit_id)
    page = commit_page(lakefs_credentials, repository, merged.commit_id)
    say(f"{merged.state}: lakefs://{repository}/{source} into {destination} as {merged.commit_id}: {page}")
    return merged


@asking
def revert(
    repository: str,
    branch: str,
    to: str,
    gate_credentials: GateCredentials,
    reason: str = "",
    expected_head: str = "",
    keep: Sequence[str] = (),
    paths: Sequence[str] = (),
    allow_side: bool = False,
) -> RevertBody:
    """Put a branch back by one new commit, verified by the gate; a task run that is tried again does it once.

    Parameters
    ----------
    to
        Back to a commit, any ref, or a time such as ``2026-11-20T08:00Z``.
    expected_head
        Refuse unless the branch's head is this commit.
    keep
        Paths, or patterns of paths, that stay as they are.
    paths
        Only these objects and folders go back.
    allow_side
        Take also a commit that was never the branch's state.

    Raises
    ------
    NotReverted
        When the branch is not what was asked for.
    """
    with gate_credentials.get_client() as gate:
        done = gate.revert(
            repository,
            branch,
            to,
            paths=paths,
            allow_side=allow_side,
            reason=reason,
            expected_head=expected_head,
            keep=keep,
            idempotency_key=_key_of_run(),
        )
    return _shown(done)


@asking
def undo_commit(
    repository: str, branch: str, commit_id: str, gate_credentials: GateCredentials, reason: str = ""
) -> RevertBody:
    """Undo one commit or merge of a branch, by one new commit; what came after it stays.

    Raises
    ------
    NotReverted
        When the branch is not what was asked for.
    Conflict
        When others changed the same objects since.
    """
    with gate_credentials.get_client() as gate:
        done = gate.revert(repository, branch, commit=commit_id, reason=reason, idempotency_key=_key_of_run())
    return _shown(done)


@asking
def undo_revert(revert_id: str, gate_credentials: GateCredentials, reason: str = "") -> RevertBody:
    """Put back what a revert took, by one new commit; what came after it stays.

    Raises
    ------
    NotReverted
        When the branch is not what was asked for.
    Conflict
        When others changed the same objects since.
    """
    with gate_credentials.get_client() as gate:
        return _shown(gate.undo_revert(revert_id, reason=reason, idempotency_key=_key_of_run()))


@asking
def reapply(
    repository: str, source: str, gate_credentials: GateCredentials, destination: str = "main"
) -> ReappliedBody:
    """Make a branch that brings the changes of `source` again, which a revert took out of `destination`.

    To be merged as any other, by `merge_through_gate`; asked for again, the same is found.

    Raises
    ------
    Conflict
        When no revert took anything of it back, or it has uncommitted changes.
    """
    with gate_credentials.get_client() as gate:
        made = gate.reapply(repository, source, destination)
    say(f"lakefs://{repository}/{made.branch} brings lakefs://{repository}/{source} again")
    return made


def _key_of_run() -> str:
    """Return a key that every try of this task run shares."""
    run = task_run.id
    return f"prefect-{run}" if run else ""


def _shown(answer: RevertAnswer) -> RevertBody:
    done = answer.revert
    assert done is not None  # noqa: S101 - only a dry run brings none
    text = f"lakefs://{done.repository}/{done.branch}: {done.state}"
    show_revert(text, [done.message, f"commit {done.commit_id}", f"undo: {done.undo}"])
    say(text)
    return done
