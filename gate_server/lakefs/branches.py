"""The calls that change something in lakeFS, one method each. None is tried again by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gate_server.errors import LakeFSError
from gate_server.lakefs.answers import Deleted, Merged, Page, as_shape
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.lakefs.commits import parse_commit
from gate_server.model import Commit

DELETED_A_CALL = 1000
OCTETS = {"content-type": "application/octet-stream"}


class Branches:
    """Changes branches of one repository.

    All methods raise `LakeFSError` with lakeFS's status when lakeFS refuses.

    Parameters
    ----------
    lakefs
        The server.
    repository
        The repository's name.
    """

    def __init__(self, lakefs: LakeFS, repository: str) -> None:
        self._lakefs = lakefs
        self._repository = repository

    def create(self, name: str, source: str, *, hidden: bool = False) -> None:
        """Make branch `name` at the commit that `source` names."""
        self._lakefs.send("POST", self._url("branches"), {"name": name, "source": source, "hidden": hidden})

    def delete(self, name: str) -> None:
        """Delete a branch."""
        self._lakefs.send("DELETE", self._url("branches", name))

    def upload(self, branch: str, path: str, content: bytes) -> None:
        """Stage an object."""
        self._lakefs.send("POST", self._objects(branch), content=content, headers=OCTETS, path=path)

    def copy(self, branch: str, path: str, source_ref: str) -> None:
        """Stage a copy of what `source_ref` holds at `path`."""
        body = {"src_path": path, "src_ref": source_ref}
        self._lakefs.send("POST", f"{self._objects(branch)}/copy", body, dest_path=path)

    def delete_object(self, branch: str, path: str) -> None:
        """Stage the deletion of an object."""
        self._lakefs.send("DELETE", self._objects(branch), path=path)

    def delete_objects(self, branch: str, paths: Sequence[str]) -> None:
        """Stage the deletion of objects, `DELETED_A_CALL` a call; one that is not there is no error."""
        for start in range(0, len(paths), DELETED_A_CALL):
            body = {"paths": list(paths[start : start + DELETED_A_CALL])}
            done = self._lakefs.send("POST", f"{self._objects(branch)}/delete", body)
            if failed := as_shape(Deleted, done, f"the deletion of objects on {branch}").errors:
                raise LakeFSError(f"lakeFS could not delete {len(failed)} objects on {branch}", "try again")

    def reset(self, branch: str) -> None:
        """Forget what is staged."""
        self._lakefs.send("PUT", self._url("branches", branch), {"type": "reset"})

    def hard_reset(self, branch: str, commit_id: str) -> None:
        """Set a branch to a commit; no hook is asked (H7)."""
        self._lakefs.send("PUT", self._url("branches", branch, "hard_reset"), ref=commit_id)

    def is_dirty(self, branch: str) -> bool:
        """Whether something is staged and not committed."""
        found = self._lakefs.get(self._url("branches", branch, "diff"), amount=1)
        return bool(as_shape(Page, found, f"what is staged on {branch}").results)

    def commit(
        self,
        branch: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        source_metarange: str = "",
        allow_empty: bool = False,
    ) -> Commit:
        """Commit what is staged, or all that `source_metarange` holds."""
        body = {"message": message, "metadata": dict(metadata or {}), "allow_empty": allow_empty}
        params: dict[str, Any] = {"source_metarange": source_metarange} if source_metarange else {}
        return parse_commit(
            self._lakefs.send("POST", self._url("branches", branch, "commits"), body, **params)
        )

    def merge(
        self,
        source: str,
        destination: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        strategy: str = "",
    ) -> str:
        """Merge `source` into `destination`; return the merge commit's id."""
        body: dict[str, Any] = {"message": message, "metadata": dict(metadata or {})}
        if strategy:
            body["strategy"] = strategy
        done = self._lakefs.send("POST", self._url("refs", source, "merge", destination), body)
        return as_shape(Merged, done, f"the merge into {destination}").reference

    def revert(
        self,
        branch: str,
        commit_id: str,
        *,
        parent_number: int,
        message: str,
        metadata: Mapping[str, str],
        allow_empty: bool = False,
    ) -> None:
        """Undo a commit on `branch`, relative to its parent number `parent_number` (from 1).

        lakeFS answers nothing (R4): read the branch's head for what came of it.
        """
        body = {
            "ref": commit_id,
            "parent_number": parent_number,
            "allow_empty": allow_empty,
            "commit_overrides": {"message": message, "metadata": dict(metadata)},
        }
        self._lakefs.send("POST", self._url("branches", branch, "revert"), body)

    def cherry_pick(self, branch: str, commit_id: str) -> None:
        """Apply a commit on `branch`."""
        self._lakefs.send("POST", self._url("branches", branch, "cherry-pick"), {"ref": commit_id})

    def protect(self, pattern: str) -> bool:
        """Add a protection rule, keep all others; return False when it was there.

        Raises
        ------
        LakeFSError
            Also with status 412 when somebody changed the rules at the same time.
        """
        path = self._url("settings", "branch_protection")
        rules, etag = self._lakefs.get_with_etag(path)
        if any(rule["pattern"] == pattern for rule in rules):
            return False
        headers = {"if-match": etag} if etag else {}
        self._lakefs.send("PUT", path, [*rules, {"pattern": pattern}], headers=headers)
        return True

    def hook_outputs(self, run_id: str) -> list[str]:
        """Return what the hooks of an action run printed."""
        run = self._url("actions", "runs", run_id, "hooks")
        hooks = self._lakefs.pages(run)
        # A hook that was skipped has neither status nor output.
        ran = [hook["hook_run_id"] for hook in hooks if hook["status"] in ("completed", "failed")]
        return [self._lakefs.text(f"{run}/{quote(hook, safe='')}/output") for hook in ran]

    def _url(self, *parts: str) -> str:
        return repository_url(self._repository, *parts)

    def _objects(self, branch: str) -> str:
        return self._url("branches", branch, "objects")
