"""Asks the hooks of a repository at the places where lakeFS does (``pkg/graveler/hooks_handler.go``)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local_lakefs.actions import ActionsService, HookEvent, HooksFailed
from local_lakefs.errors import NotFound, Refused
from local_lakefs.storage.objects import ObjectFiles
from local_lakefs.versioning import tree
from local_lakefs.versioning.references import resolve

if TYPE_CHECKING:
    from local_lakefs.versioning.commits import Commit
    from local_lakefs.versioning.repositories import Repository

ACTIONS_PREFIX = "_lakefs_actions/"


class Hooks:
    def __init__(self, actions: ActionsService, objects: ObjectFiles, username: str) -> None:
        self._actions = actions
        self._objects = objects
        self._username = username

    def before(
        self,
        repository: Repository,
        event_type: str,
        *,
        source_ref: str,
        branch_id: str = "",
        commit: Commit | None = None,
        commit_id: str = "",
        merge_source: str = "",
        tag_id: str = "",
    ) -> str:
        """Run the hooks of a pre event; return the run's id, empty when there was none.

        Hold no lock and no transaction: hooks take long and call back.

        Raises
        ------
        Refused
            A hook refused.
        LakeFSError
            The actions cannot be read.
        """
        if repository.read_only:
            return ""
        event = self._event(
            repository, event_type, source_ref, branch_id, commit, commit_id, merge_source, tag_id, ""
        )
        try:
            run_id = self._actions.run(
                event,
                lambda: self._list(repository, source_ref),
                lambda path: self._read(repository, source_ref, path),
            )
        except HooksFailed as failure:
            reason = f"{event_type} hook aborted, run id '{failure.run_id}': {failure}"
            raise Refused(reason) from failure
        return run_id or ""

    def after(
        self,
        repository: Repository,
        event_type: str,
        *,
        source_ref: str,
        branch_id: str = "",
        commit: Commit | None = None,
        commit_id: str = "",
        merge_source: str = "",
        tag_id: str = "",
        pre_run_id: str = "",
    ) -> None:
        """Start the hooks of a post event, which cannot refuse anything."""
        if repository.read_only:
            return
        event = self._event(
            repository, event_type, source_ref, branch_id, commit, commit_id, merge_source, tag_id, pre_run_id
        )
        self._actions.run_later(
            event,
            lambda: self._list(repository, source_ref),
            lambda path: self._read(repository, source_ref, path),
        )

    def _event(
        self,
        repository: Repository,
        event_type: str,
        source_ref: str,
        branch_id: str,
        commit: Commit | None,
        commit_id: str,
        merge_source: str,
        tag_id: str,
        pre_run_id: str,
    ) -> HookEvent:
        return HookEvent(
            event_type=event_type,
            repository_id=repository.id,
            branch_id=branch_id,
            source_ref=source_ref,
            merge_source=merge_source,
            commit_id=commit_id,
            commit_message=commit.message if commit else "",
            committer=commit.committer if commit else "",
            commit_metadata=commit.metadata if commit else {},
            commit=_for_lua(commit) if commit else {},
            tag_id=tag_id,
            storage_namespace=repository.storage_namespace,
            username=self._username,
            pre_run_id=pre_run_id,
        )

    def _list(self, repository: Repository, ref: str) -> Iterator[tuple[str, bytes]]:
        """The action files of a ref: objects right under the prefix."""
        for path, entry in tree.entries(repository, resolve(repository, ref), ACTIONS_PREFIX):
            if not path.startswith(ACTIONS_PREFIX):
                return
            if "/" in path.removeprefix(ACTIONS_PREFIX):
                continue
            yield path, self._objects.read(repository.address(entry.address, entry.relative))

    def _read(self, repository: Repository, ref: str, path: str) -> bytes:
        try:
            entry = tree.get(repository, ref, path)
        except NotFound:
            raise KeyError(path) from None
        return self._objects.read(repository.address(entry.address, entry.relative))


def _for_lua(commit: Commit) -> dict[str, object]:
    created = datetime.fromtimestamp(commit.creation_date, tz=UTC)
    return {
        "message": commit.message,
        "committer": commit.committer,
        "meta_range_id": commit.meta_range_id,
        "parents": list(commit.parents),
        "metadata": dict(commit.metadata),
        "creation_date": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": commit.version,
        "generation": commit.generation,
    }
