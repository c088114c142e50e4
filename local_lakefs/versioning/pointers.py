"""Making and deleting branches and tags, which are names for commits."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from local_lakefs.errors import Conflict, Forbidden, LakeFSError, NotFound
from local_lakefs.versioning import branches, commits, references
from local_lakefs.versioning.hooks import Happening, Hooks
from local_lakefs.versioning.references import resolve

if TYPE_CHECKING:
    from local_lakefs.versioning.repositories import Repository


def _require_no_commit(repository: Repository, name: str) -> None:
    if commits.find(repository, name) is not None:
        raise Conflict(f"commit ID {name}: conflict found")


def create_branch(
    repository: Repository, hooks: Hooks, name: str, source: str, *, hidden: bool, force: bool
) -> str:
    """Make a branch at what ``source`` means; return its commit's id.

    Raises
    ------
    Conflict
        When a branch, a tag or a commit has that name.
    """
    _require_no_commit(repository, name)
    if find_tag(repository, name) is not None:
        raise Conflict(f"tag ID {name}: conflict found")
    repository.require_writable(force)
    try:
        reference = resolve(repository, source)
    except LakeFSError as error:
        raise error.within(f"source reference '{source}'") from None
    if reference.staging_only:
        raise LakeFSError(f"source reference '{source}': can't create a branch without commit")
    if branches.find(repository, name) is not None:
        raise Conflict("branch already exists: not unique")
    commit_id = reference.commit_id
    run_id = hooks.before(
        repository, "pre-create-branch", Happening(source_ref=source, branch_id=name, commit_id=commit_id)
    )
    with repository.database.writing() as connection:
        branches.insert(connection, repository.uid, repository.id, name, commit_id, hidden=hidden)
    hooks.after(
        repository,
        "post-create-branch",
        Happening(source_ref=source, branch_id=name, commit_id=commit_id),
        run_id,
    )
    return commit_id


def delete_branch(repository: Repository, hooks: Hooks, name: str, *, force: bool) -> None:
    """Delete a branch and what is staged on it, protected or not; raises Forbidden for the default one."""
    repository.require_writable(force)
    if repository.default_branch == name:
        raise Forbidden("cannot delete repository default branch")
    branch = branches.get(repository, name)
    run_id = hooks.before(
        repository, "pre-delete-branch", Happening(source_ref=branch.commit_id, branch_id=name)
    )
    branches.delete(repository, branches.get(repository, name))
    hooks.after(
        repository, "post-delete-branch", Happening(source_ref=branch.commit_id, branch_id=name), run_id
    )


def find_tag(repository: Repository, name: str) -> str | None:
    row = repository.database.one(
        "SELECT commit_id FROM tags WHERE repository = ? AND id = ?", (repository.uid, name)
    )
    return None if row is None else str(row["commit_id"])


def get_tag(repository: Repository, name: str) -> str:
    """Return the commit of a tag; raises NotFound."""
    commit_id = find_tag(repository, name)
    if commit_id is None:
        raise NotFound("tag not found")
    return commit_id


def tags_page(
    repository: Repository, prefix: str, after: str, amount: int
) -> tuple[list[tuple[str, str]], bool]:
    """Return one page of tags and their commits, and whether there are more."""
    rows = repository.database.all(
        "SELECT id, commit_id FROM tags WHERE repository = ? AND id > ? AND substr(id, 1, ?) = ?"
        " ORDER BY id LIMIT ?",
        (repository.uid, after, len(prefix), prefix, amount + 1),
    )
    return [(row["id"], row["commit_id"]) for row in rows[:amount]], len(rows) > amount


def create_tag(repository: Repository, hooks: Hooks, name: str, ref: str, *, force: bool) -> str:
    if branches.find(repository, name) is not None:
        raise Conflict(f"branch name {name}: conflict found")
    _require_no_commit(repository, name)
    commit_id = references.commit_id(repository, ref)
    repository.require_writable(force)
    if find_tag(repository, name) is not None:
        raise Conflict("tag already exists: not unique")
    run_id = hooks.before(
        repository, "pre-create-tag", Happening(source_ref=commit_id, commit_id=commit_id, tag_id=name)
    )
    with repository.database.writing() as connection:
        try:
            connection.execute("INSERT INTO tags VALUES (?, ?, ?)", (repository.uid, name, commit_id))
        except sqlite3.IntegrityError:
            raise Conflict("tag already exists: not unique") from None
    hooks.after(
        repository,
        "post-create-tag",
        Happening(source_ref=commit_id, commit_id=commit_id, tag_id=name),
        run_id,
    )
    return commit_id


def delete_tag(repository: Repository, hooks: Hooks, name: str, *, force: bool) -> None:
    repository.require_writable(force)
    commit_id = get_tag(repository, name)
    run_id = hooks.before(
        repository, "pre-delete-tag", Happening(source_ref=commit_id, commit_id=commit_id, tag_id=name)
    )
    with repository.database.writing() as connection:
        connection.execute("DELETE FROM tags WHERE repository = ? AND id = ?", (repository.uid, name))
    hooks.after(
        repository,
        "post-delete-tag",
        Happening(source_ref=commit_id, commit_id=commit_id, tag_id=name),
        run_id,
    )
