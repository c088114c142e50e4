"""Tags."""

from __future__ import annotations

from lakefs_sdk.models import Ref, TagCreation

from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.calls import Calls
from gate_client.prefect.failures import LakeFSFailed
from gate_client.prefect.retrying import reading, settling, writing
from gate_client.prefect.runs import branch_page, say, was_tried_before


@reading
def list_tags(
    repository: str, lakefs_credentials: LakeFSCredentials, prefix: str = "", limit: int | None = None
) -> list[Ref]:
    """Return the tags whose names begin with `prefix`, each with its ``commit_id``."""
    calls = Calls(lakefs_credentials)
    return calls.all(calls.tags.list_tags, repository, prefix=prefix, limit=limit)


@reading
def get_tag(repository: str, tag: str, lakefs_credentials: LakeFSCredentials) -> Ref:
    """Return a tag with its ``commit_id``."""
    found: Ref = Calls(lakefs_credentials).tags.get_tag(repository, tag)
    return found


@settling
def create_tag(repository: str, tag: str, ref: str, lakefs_credentials: LakeFSCredentials) -> Ref:
    """Tag the commit that `ref` names.

    Raises
    ------
    LakeFSFailed
        Also when the tag is taken (409).
    """
    calls = Calls(lakefs_credentials)
    commit_id = calls.commits.get_commit(repository, ref).id
    try:
        made: Ref = calls.tags.create_tag(repository, TagCreation(id=tag, ref=commit_id))
    except LakeFSFailed as error:
        if error.status != 409 or not was_tried_before():
            raise
        made = calls.tags.get_tag(repository, tag)
        if made.commit_id != commit_id:
            raise
    say(f"tagged lakefs://{repository}/{tag}: {branch_page(lakefs_credentials, repository, tag)}")
    return made


@writing
def delete_tag(repository: str, tag: str, lakefs_credentials: LakeFSCredentials) -> None:
    """Delete a tag."""
    Calls(lakefs_credentials).tags.delete_tag(repository, tag)
    say(f"deleted tag {tag} of lakefs://{repository}")
