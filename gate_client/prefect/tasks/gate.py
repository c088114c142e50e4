"""The gate: ask it, merge through it, put a branch back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gate_client.errors import GateRefused
from gate_client.merging import Merged, merge
from gate_client.prefect.artifacts import show_branch, show_revert, show_verdict
from gate_client.prefect.blocks import GateCredentials, LakeFSCredentials
from gate_client.prefect.retrying import asking, asking_once
from gate_client.prefect.runs import commit_metadata, commit_page, say
from gate_client.revert_wire import RevertBody
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


@asking_once
def revert(
    repository: str,
    branch: str,
    to: str,
    gate_credentials: GateCredentials,
    reason: str = "",
    expected_head: str = "",
    keep: Sequence[str] = (),
) -> RevertBody:
    """Put a branch back to the commit that `to` names, by one new commit, verified by the gate.

    Parameters
    ----------
    expected_head
        Refuse unless the branch's head is this commit.
    keep
        Paths, or patterns of paths, that stay as they are.

    Raises
    ------
    NotReverted
        When the branch is not what was asked for.
    """
    with gate_credentials.get_client() as gate:
        done = gate.revert(repository, branch, to, reason=reason, expected_head=expected_head, keep=keep)
    assert done.revert is not None  # noqa: S101 - only a dry run brings none
    text = f"lakefs://{repository}/{branch} is back at {to}: {done.revert.state}"
    show_revert(text, [done.revert.message, f"commit {done.revert.commit_id}", f"undo: {done.revert.undo}"])
    say(text)
    return done.revert
