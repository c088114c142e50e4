"""What there is: repositories, heads of branches, open pull requests. A page of each is one call."""

from __future__ import annotations

from gate_server.lakefs.answers import Named, NamedHead, PullRequest, as_shape
from gate_server.lakefs.client import LakeFS, repository_url, url


def repositories(lakefs: LakeFS) -> list[str]:
    """Return the names of all repositories that the gate's key may see."""
    path = url("repositories")
    return [as_shape(Named, item, f"GET {path}").id for item in lakefs.pages(path)]


def heads(lakefs: LakeFS, repository: str) -> dict[str, str]:
    """Return branch -> commit id, of all branches that are not hidden."""
    path = repository_url(repository, "branches")
    found = (as_shape(NamedHead, item, f"GET {path}") for item in lakefs.pages(path))
    return {branch.id: branch.commit_id for branch in found}


def open_pull_requests(lakefs: LakeFS, repository: str) -> list[PullRequest]:
    """Return the open pull requests."""
    path = repository_url(repository, "pulls")
    return [as_shape(PullRequest, item, f"GET {path}") for item in lakefs.pages(path, status="open")]
