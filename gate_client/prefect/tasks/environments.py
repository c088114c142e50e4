"""Environments: branches to try things on, with an owner and an end, compared and thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.runtime import flow_run

from gate_client import environments
from gate_client.differences import Difference, difference
from gate_client.environments import Environment
from gate_client.prefect.artifacts import kept_on_failure, show_difference
from gate_client.prefect.blocks import LakeFSCredentials, loaded
from gate_client.prefect.retrying import reading, writing
from gate_client.prefect.runs import branch_page, say


@writing
def create_environment(
    repository: str,
    name: str,
    lakefs_credentials: LakeFSCredentials,
    owner: str,
    source: str = "main",
    days: float = environments.DEFAULT_DAYS,
) -> Environment:
    """Make the environment ``env-NAME`` from what `source` has committed.

    Raises
    ------
    Conflict
        When there is one of that name.
    """
    with lakefs_credentials.connect() as lakefs:
        made = environments.create(lakefs, repository, name, owner=owner, source=source, days=days)
    say(f"made {made.uri} at {branch_page(lakefs_credentials, repository, made.branch)}")
    return made


@reading
def compare_environment(
    repository: str, branch: str, lakefs_credentials: LakeFSCredentials, against: str = "main"
) -> Difference:
    """Return what a branch holds that `against` does not, by objects, rows and columns; as an artifact, too.

    What is staged counts.
    """
    with lakefs_credentials.connect() as lakefs:
        found = difference(lakefs, repository, branch, against)
    show_difference(lakefs_credentials, found)
    say(f"{len(found.objects)} objects of lakefs://{repository}/{branch} differ from {against}")
    return found


@writing
def delete_environment(repository: str, branch: str, lakefs_credentials: LakeFSCredentials) -> None:
    """Throw an environment away, with all that is on it; other branches are refused."""
    with lakefs_credentials.connect() as lakefs:
        environments.delete(lakefs, repository, branch)
    say(f"deleted lakefs://{repository}/{branch}")


@contextmanager
def test_environment(
    repository: str,
    lakefs_credentials: LakeFSCredentials | str,
    name: str = "",
    owner: str = "",
    source: str = "main",
    days: float = 1.0,
) -> Iterator[str]:
    """Give a branch to try things on; at the end it is compared with `source`, and thrown away.

    When what is tried fails, the branch stays, until its time is over and ``gate env prune`` comes.

    Parameters
    ----------
    name
        The run's name and id where it is empty.
    owner
        The flow where it is empty.
    """
    lakefs = loaded(LakeFSCredentials, lakefs_credentials)
    name = name or environments.legal_name(f"{flow_run.name or 'test'}-{str(flow_run.id or '')[-12:]}")
    owner = owner or f"flow {flow_run.flow_name or 'of nobody'}"
    made = create_environment(repository, name, lakefs, owner, source, days)
    with kept_on_failure(lakefs, repository, made.branch, "the test failed"):
        yield made.branch
        compare_environment(repository, made.branch, lakefs, source)
    delete_environment(repository, made.branch, lakefs)


test_environment.__test__ = False  # type: ignore[attr-defined]  # no test of whoever imports it under pytest
