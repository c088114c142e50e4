"""Imports: each a thread that looks through local files and commits what it found."""

from __future__ import annotations

import hashlib
import logging
import posixpath
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local_lakefs.actions.runs import new_run_id
from local_lakefs.errors import BadRequest, Conflict, LakeFSError, NotFound
from local_lakefs.storage.entries import Entry, Metadata
from local_lakefs.storage.objects import ObjectFiles
from local_lakefs.versioning import branches, commits
from local_lakefs.versioning.addresses import LOCAL
from local_lakefs.versioning.commits import Commit
from local_lakefs.versioning.hooks import Hooks
from local_lakefs.versioning.importing import import_entries
from local_lakefs.versioning.repositories import Repository

CANCELED = "Canceled"
CONTENT_TYPE = "application/octet-stream"
DEFAULT_MESSAGE = "Import objects"
KEPT = timedelta(days=1)
NOTED_EACH = timedelta(seconds=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """What is imported: a file, or with ``is_prefix`` all files under a folder, to a place in the branch."""

    address: str
    destination: str
    is_prefix: bool


@dataclass(frozen=True)
class Request:
    sources: tuple[Source, ...]
    committer: str
    message: str
    metadata: Metadata
    force: bool


@dataclass
class Status:
    """How an import goes. ``error`` is set where it failed or was cancelled."""

    id: str
    found: int = 0
    error: str = ""
    commit: Commit | None = None
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))


class Cancelled(Exception):
    """Somebody cancelled the import."""


class Imports:
    """Starts imports, and says how they go, also after a restart.

    As in lakeFS, one that a server's end broke off stays as it was last noted, neither completed nor failed,
    and what is older than a day is forgotten.
    """

    def __init__(self, objects: ObjectFiles, hooks: Hooks) -> None:
        self._objects = objects
        self._hooks = hooks
        self._lock = threading.Lock()

    def start(self, repository: Repository, branch: str, request: Request) -> str:
        """Begin an import; return its id.

        Raises
        ------
        NotFound
            There is no such branch.
        BadRequest
            A source lies in the repository's own storage namespace, or around it.
        """
        branches.get(repository, branch)
        for source in request.sources:
            _check_outside(repository.namespace.uri, source)
        status = Status(new_run_id())
        with repository.database.writing() as connection:
            connection.execute(
                "DELETE FROM imports WHERE updated < ?", ((status.updated - KEPT).isoformat(),)
            )
            connection.execute(
                "INSERT INTO imports VALUES (?, ?, 0, '', '', ?)",
                (repository.uid, status.id, status.updated.isoformat()),
            )
        threading.Thread(target=self._run, args=(repository, branch, request, status), daemon=True).start()
        return status.id

    def status(self, repository: Repository, import_id: str) -> Status:
        """Say how an import goes; raises NotFound."""
        row = repository.database.one(
            "SELECT * FROM imports WHERE repository = ? AND id = ?", (repository.uid, import_id)
        )
        if row is None:
            raise NotFound("not found")
        commit = commits.get(repository, row["commit_id"]) if row["commit_id"] else None
        return Status(row["id"], row["found"], row["error"], commit, datetime.fromisoformat(row["updated"]))

    def cancel(self, repository: Repository, import_id: str) -> None:
        """Stop an import before it commits; raises Conflict when it has committed."""
        with self._lock:
            status = self.status(repository, import_id)
            if status.commit is not None:
                raise Conflict("conflict found")
            status.error = CANCELED
            _save(repository, status)

    def _run(self, repository: Repository, branch: str, request: Request, status: Status) -> None:
        try:
            status.commit = self._import(repository, branch, request, status)
            self._note(repository, status)
        except Cancelled:
            return
        except LakeFSError as error:
            status.error = error.message
        except Exception as error:
            _log.exception("import %s", status.id)
            status.error = f"{type(error).__name__}: {error}"
        if status.error:
            with suppress(Cancelled, NotFound):  # NotFound: the repository was deleted meanwhile
                self._note(repository, status)

    def _import(self, repository: Repository, branch: str, request: Request, status: Status) -> Commit:
        found: dict[str, Entry] = {}
        try:
            for source in request.sources:
                for path, entry in self._entries(repository, source):
                    found[path] = entry
                    status.found += 1
                    if datetime.now(UTC) - status.updated > NOTED_EACH:
                        self._note(repository, status)
        except (LakeFSError, OSError) as error:
            raise LakeFSError(f"error on ingest: {error}") from error
        self._note(repository, status)
        try:
            return import_entries(
                repository,
                self._hooks,
                branch,
                found,
                [source.destination for source in request.sources],
                committer=request.committer,
                message=request.message or DEFAULT_MESSAGE,
                metadata=request.metadata,
                force=request.force,
            )
        except LakeFSError as error:
            raise error.within("merge import") from None

    def _note(self, repository: Repository, status: Status) -> None:
        """Keep how far an import is; raises Cancelled unless it has committed, NotFound where it is gone."""
        with self._lock:
            if self.status(repository, status.id).error == CANCELED and status.commit is None:
                raise Cancelled
            _save(repository, status)

    def _entries(self, repository: Repository, source: Source) -> Iterator[tuple[str, Entry]]:
        """Find files as lakeFS's local block store does: no hidden ones, no links."""
        scheme, _, address = source.address.partition("://")
        if f"{scheme}://" != LOCAL:
            raise LakeFSError(f"creating object-store walker on path {source.address}: unsupported storage")
        root = posixpath.normpath(address)
        try:
            file = self._objects.path_of(repository.namespace.key(LOCAL + root, relative=False))
        except LakeFSError as error:
            raise error.within(f"creating object-store walker on path {source.address}") from None
        if not source.is_prefix or file.is_file():
            yield source.destination, _entry(file, LOCAL + root)
            return
        prefix = source.destination
        prefix += "/" if prefix and not prefix.endswith("/") else ""
        file.stat()  # one that is not there is said
        for path in sorted(file.rglob("*")):
            relative = path.relative_to(file)
            is_hidden = any(part.startswith(".") for part in relative.parts)
            if path.is_file() and not path.is_symlink() and not is_hidden:
                yield prefix + relative.as_posix(), _entry(path, f"{LOCAL}{root}/{relative.as_posix()}")


def _save(repository: Repository, status: Status) -> None:
    status.updated = datetime.now(UTC)
    commit_id = "" if status.commit is None else status.commit.id
    with repository.database.writing() as connection:
        connection.execute(
            "UPDATE imports SET found = ?, error = ?, commit_id = ?, updated = ?"
            " WHERE repository = ? AND id = ?",
            (status.found, status.error, commit_id, status.updated.isoformat(), repository.uid, status.id),
        )


def _entry(file: Path, address: str) -> Entry:
    with file.open("rb") as content:
        checksum = hashlib.file_digest(content, "md5").hexdigest()
    known = file.stat()
    return Entry(
        address,
        relative=False,
        checksum=checksum,
        size_bytes=known.st_size,
        mtime=int(known.st_mtime),
        content_type=CONTENT_TYPE,
        metadata={},
    )


def _check_outside(namespace: str, source: Source) -> None:
    if source.address.startswith(namespace):
        raise BadRequest(
            f"import path ({source.address}) in repository namespace ({namespace}) is prohibited:"
            " invalid import source"
        )
    if source.is_prefix and namespace.startswith(source.address):
        raise BadRequest(
            f"prefix ({source.address}) contains repository namespace: ({namespace}), invalid import source"
        )
