"""Repositories."""

from __future__ import annotations

from lakefs_sdk.models import Repository, RepositoryCreation

from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.calls import Calls
from gate_client.prefect.retrying import reading, writing
from gate_client.prefect.runs import branch_page, say


@reading
def list_repositories(
    lakefs_credentials: LakeFSCredentials, prefix: str = "", limit: int | None = None
) -> list[Repository]:
    """Return the repositories whose names begin with `prefix`."""
    calls = Calls(lakefs_credentials)
    return calls.all(calls.repositories.list_repositories, prefix=prefix, limit=limit)


@reading
def get_repository(repository: str, lakefs_credentials: LakeFSCredentials) -> Repository:
    """Return a repository."""
    found: Repository = Calls(lakefs_credentials).repositories.get_repository(repository)
    return found


@writing
def create_repository(
    repository: str,
    storage_namespace: str,
    lakefs_credentials: LakeFSCredentials,
    default_branch: str = "main",
) -> Repository:
    """Make a repository whose data lies at `storage_namespace`, such as ``s3://bucket/prefix``."""
    creation = RepositoryCreation(
        name=repository, storage_namespace=storage_namespace, default_branch=default_branch
    )
    made: Repository = Calls(lakefs_credentials).repositories.create_repository(creation)
    say(f"made lakefs://{repository} at {branch_page(lakefs_credentials, repository, default_branch)}")
    return made


@writing
def delete_repository(repository: str, lakefs_credentials: LakeFSCredentials) -> None:
    """Delete a repository with all its branches."""
    Calls(lakefs_credentials).repositories.delete_repository(repository)
    say(f"deleted lakefs://{repository}")
