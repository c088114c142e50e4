"""Asks the hooks of a repository at the places where lakeFS does (``pkg/graveler/hooks_handler.go``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local_lakefs.actions import ActionsError, ActionsService, HookEvent, HooksFailed
from local_lakefs.actions.runs import new_run_id
from local_lakefs.actions.service import ListActions, ReadObject
from local_lakefs.errors import LakeFSError, NotFound, Refused
from local_lakefs.storage.objects import ObjectFiles
from local_lakefs.versioning import tree
from local_lakefs.versioning.references import resolve

if TYPE_CHECKING:
    from local_lakefs.versioning.commits import Commit
    from local_lakefs.versioning.repositories import Repository

ACTIONS_PREFIX = "_lakefs_actions/"


@dataclass(frozen=True)
class Happening:
    """What an event is about. Actions are read from ``source_ref``.

    ``commit`` is the commit that came or would come of it; ``commit_id`` is told to hooks only where lakeFS
    tells it, before a merge and after everything.
    """

    source_ref: str
    branch_id: str = ""
    commit: Commit | None = None
    commit_id: str = ""
    merge_source: str = ""
    tag_id: str = ""


class Hooks:
    def __init__(self, actions: ActionsService, objects: ObjectFiles, username: str) -> None:
        self._actions = actions
        self._objects = objects
        self._username = username

    def before(self, repository: Repository, event_type: str, happening: Happening) -> str:
        """Run the hooks of a pre event; return the run's id, in lakeFS there is one even of none.

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
        event = self._event(repository, event_type, happening)
        try:
            run_id = self._actions.run(event, *self._readers(repository, happening.source_ref))
        except HooksFailed as failure:
            aborted = f"{event_type} hook aborted, run id '{failure.run_id}'"
            raise Refused(f"{aborted}: {failure}") from failure
        except ActionsError as failure:
            raise LakeFSError(str(failure)) from failure
        except LakeFSError as failure:
            aborted = f"{event_type} hook aborted, run id '{new_run_id()}'"
            raise failure.within(aborted) from None
        return run_id or new_run_id()

    def after(
        self, repository: Repository, event_type: str, happening: Happening, pre_run_id: str = ""
    ) -> None:
        """Start the hooks of a post event, which cannot refuse anything."""
        if repository.read_only:
            return
        event = replace(self._event(repository, event_type, happening), pre_run_id=pre_run_id)
        self._actions.run_later(event, *self._readers(repository, happening.source_ref))

    def _event(self, repository: Repository, event_type: str, happening: Happening) -> HookEvent:
        commit = happening.commit
        return HookEvent(
            event_type=event_type,
            repository_id=repository.id,
            branch_id=happening.branch_id,
            source_ref=happening.source_ref,
            merge_source=happening.merge_source,
            commit_id=happening.commit_id,
            commit_message=commit.message if commit else "",
            committer=commit.committer if commit else "",
            commit_metadata=commit.metadata if commit else {},
            commit=_for_lua(commit) if commit else {},
            tag_id=happening.tag_id,
            storage_namespace=repository.namespace.uri,
            username=self._username,
        )

    def _readers(self, repository: Repository, ref: str) -> tuple[ListActions, ReadObject]:
        return lambda: self._list(repository, ref), lambda path: self._read(repository, ref, path)

    def _list(self, repository: Repository, ref: str) -> Iterator[tuple[str, bytes]]:
        """Read the action files of a ref. A folder among them fails everything, as in lakeFS."""
        try:
            reference = resolve(repository, ref)
        except LakeFSError as error:
            raise error.within("list actions from commit: listing actions") from None
        for path, entry in tree.entries(repository, reference, ACTIONS_PREFIX):
            if not path.startswith(ACTIONS_PREFIX):
                return
            name, slash, _ = path.removeprefix(ACTIONS_PREFIX).partition("/")
            if slash:
                folder = f"{ACTIONS_PREFIX}{name}/"
                problem = f"loading file {folder}: get action file metadata {folder}: not found"
                raise NotFound(f"1 error occurred:\n\t* {problem}\n\n")
            yield path, self._objects.read(repository.key_of(entry))

    def _read(self, repository: Repository, ref: str, path: str) -> bytes:
        try:
            entry = tree.get(repository, ref, path)
        except NotFound:
            raise KeyError(path) from None
        return self._objects.read(repository.key_of(entry))


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
