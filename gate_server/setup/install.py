"""`gate install`: puts the gate before a branch, and proves that it is in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gate_server.errors import CouldNotTell, LakeFSError
from gate_server.lakefs.branches import Branches
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.objects import read_object
from gate_server.model import Commit
from gate_server.setup.explain import refused_merge
from gate_server.setup.gate_files import ALL_PATHS, MAX_WAIT_S, gate_files
from gate_server.setup.proof import prove, wait_until_guarded, wait_until_protected
from gate_server.setup.temporary import temporary_branch, temporary_name

TRIES = 3
Tell = Callable[[str], None]


class Registrar(Protocol):
    """The gate that is asked to let exactly this change of its files through."""

    def register(self, repository: str, base_commit: str, source_commit: str) -> None:
        """Announce the merge of `source_commit` onto `base_commit`."""

    def record(self, repository: str, branch: str, files: Mapping[str, str], commit_id: str) -> None:
        """Remember what is installed, so that a revert can put it back."""


@dataclass(frozen=True)
class Installation:
    """What came of an installation that is in force.

    ``changed`` are the paths that were written or removed; ``protected`` says that the rule is new.
    """

    repository: str
    branch: str
    commit_id: str
    changed: tuple[str, ...]
    protected: bool
    proofs: tuple[str, ...]


def install(
    lakefs: LakeFS,
    commits: Commits,
    registrar: Registrar,
    *,
    repository: str,
    branch: str,
    gate_url: str,
    lua: bool = False,
    max_wait_s: int = MAX_WAIT_S,
    allow_plain_revert: bool = False,
    tell: Tell = lambda _: None,
) -> Installation:
    """Put the gate before `branch` of `repository`; twice changes nothing.

    Parameters
    ----------
    gate_url
        The address at which lakeFS reaches the gate.
    lua
        Ask by the Lua client in place of a webhook.
    max_wait_s
        How long the Lua client asks again.
    allow_plain_revert
        Let reverts pass that do not say what they expect.
    tell
        Called with each step in a few words.

    Raises
    ------
    NotFound
        When lakeFS does not have the repository or the branch.
    CouldNotTell
        When the gate could not be put in force, or could not be seen to be; the hint says what to set.
    """
    files = gate_files(
        branch, gate_url, lua=lua, allow_plain_revert=allow_plain_revert, max_wait_s=max_wait_s
    )
    branches = Branches(lakefs, repository)
    place = f"lakefs://{repository}/{branch}"
    for _ in range(TRIES):
        head = commits.head(repository, branch)
        changed = _differing(lakefs, repository, head, files)
        if not changed:
            tell(f"{place} holds the gate's files already")
            break
        tell(f"{place}: {', '.join(changed)}")
        merged = _merge_files(
            commits, branches, registrar, repository, branch, head, files, changed, gate_url
        )
        if merged:
            head = commits.get(repository, merged)
            tell(f"merged as {head.id}")
            break
    else:
        raise CouldNotTell(f"{branch} moved {TRIES} times while its files were merged", "install again")
    registrar.record(repository, branch, files, head.id)
    protected = _protect(branches, branch)
    tell(f"{branch} is {'now' if protected else 'already'} protected: only merges and reverts change it")
    wait_until_protected(branches, branch)
    wait_until_guarded(branches, branch, allow_plain_revert)
    tell("lakeFS heeds the protection and the guards")
    proofs = []
    for proof in prove(branches, head, gate_url):
        tell(proof)
        proofs.append(proof)
    return Installation(repository, branch, head.id, changed, protected, tuple(proofs))


def _differing(lakefs: LakeFS, repository: str, head: Commit, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths at which `head` is not as it has to be."""
    found = {path: _read(lakefs, repository, head, path) for path in ALL_PATHS}
    wanted = {path: files[path].encode("utf-8") if path in files else None for path in ALL_PATHS}
    return tuple(path for path in ALL_PATHS if found[path] != wanted[path])


def _read(lakefs: LakeFS, repository: str, commit: Commit, path: str) -> bytes | None:
    try:
        return read_object(lakefs, repository, commit.id, path)
    except LakeFSError as error:
        if error.http_status == 404:
            return None
        raise


def _merge_files(
    commits: Commits,
    branches: Branches,
    registrar: Registrar,
    repository: str,
    branch: str,
    head: Commit,
    files: Mapping[str, str],
    changed: tuple[str, ...],
    gate_url: str,
) -> str:
    """Merge the files into `branch`; return the merge commit, or "" when the branch moved meanwhile."""
    name = temporary_name("install")
    message = f"Put the gate before {branch}"
    with temporary_branch(branches, name, head.id):
        for path in changed:
            if path in files:
                branches.upload(name, path, files[path].encode("utf-8"))
            else:
                branches.delete_object(name, path)
        source = branches.commit(name, message)
        registrar.register(repository, head.id, source.id)
        try:
            return branches.merge(source.id, branch, message)
        except LakeFSError as error:
            if commits.head(repository, branch).id != head.id:
                return ""
            raise refused_merge(error, branches, gate_url) from error


def _protect(branches: Branches, branch: str) -> bool:
    """Protect `branch`, keeping other rules; return whether that is new."""
    for _ in range(TRIES):
        try:
            return branches.protect(branch)
        except LakeFSError as error:
            if error.http_status != 412:  # the rules were changed between reading and writing
                raise
    raise CouldNotTell(f"the protection rules changed {TRIES} times while one was added", "install again")
