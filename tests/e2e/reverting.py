"""What tests of reverts share: a lakeFS (a real one as well, where given), a repository, what a gate has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from gate_server.lakefs.branches import Branches
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listings
from gate_server.model import Revert
from gate_server.reverts import RevertContext, apply_revert, plan_revert
from gate_server.setup.gate_files import GUARDS, gate_files
from gate_server.setup.proof import wait_until_guarded
from gate_server.store.store import Store, open_store
from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs, Repository

REAL_URL = os.environ.get("GATE_TEST_LAKEFS_URL", "")


@pytest.fixture(params=["embedded", "real"] if REAL_URL else ["embedded"])
def lakefs(request: pytest.FixtureRequest) -> Lakefs:
    """Give a lakeFS."""
    if request.param == "embedded":
        server: RunningServer = request.getfixturevalue("server")
        return Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
    keys = (os.environ[f"GATE_TEST_LAKEFS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    return Lakefs("real", REAL_URL, *keys)


@pytest.fixture
def repo(lakefs: Lakefs) -> Repository:
    """Give a repository whose main holds two objects."""
    return lakefs.create_repository(files={"a": "good", "dir/b": "good"})


@pytest.fixture
def store(new_database: Callable[[], str]) -> Iterator[Store]:
    """Give an empty database."""
    opened = open_store(new_database())
    yield opened
    opened.engine.dispose()


def context_of(
    lakefs: Lakefs, store: Store, *, keep: tuple[str, ...] = (), **client: object
) -> RevertContext:
    """Return what a gate of its own would revert with: nothing remembered but the store."""
    way = LakeFS(lakefs.url, lakefs.access_key_id, lakefs.secret_access_key, **client)  # type: ignore[arg-type]
    return RevertContext(way, Commits(way), Listings(way), store, "http://gate.example", keep)


@pytest.fixture
def context(lakefs: Lakefs, store: Store) -> RevertContext:
    """Give what a revert works with."""
    return context_of(lakefs, store)


def change(repo: Repository, files: Mapping[str, str | None], branch: str = "main") -> str:
    """Bring files to `branch` by a merge, None deletes; return the new head."""
    name = f"change-{os.urandom(4).hex()}"
    repo.create_branch(name, branch)
    for path, content in files.items():
        if content is None:
            repo.delete(name, path)
        else:
            repo.upload(name, path, content)
    repo.commit(name)
    merged = repo.merge(name, branch)
    repo.delete_branch(name)
    return merged


def install_guards(repo: Repository, context: RevertContext) -> dict[str, str]:
    """Put the guards on main as `gate install` does, without the gate itself; wait until they are heeded."""
    files = {GUARDS: gate_files("main", "http://x", lua=False, allow_plain_revert=False)[GUARDS]}
    head = change(repo, files)
    context.store.installations.record(repo.name, "main", files, head)
    wait_until_guarded(Branches(context.lakefs, repo.name), "main", False)
    return files


def entries(repo: Repository, ref: str) -> dict[str, tuple[object, ...]]:
    """Return the whole identity of each object."""
    keys = ("physical_address", "checksum", "size_bytes", "content_type", "metadata")
    return {item["path"]: tuple(str(item.get(key)) for key in keys) for item in repo.listing(ref)}


def temporary_branches(repo: Repository) -> list[str]:
    """Return what reverts left."""
    every = repo.pages("branches", show_hidden=True)
    return [branch["id"] for branch in every if branch["id"].startswith("gate-revert-")]


def revert(context: RevertContext, repo: Repository, to: str, **more: object) -> Revert:
    """Plan and apply."""
    plan = plan_revert(context, repo.name, "main", to, **more)  # type: ignore[arg-type]
    return apply_revert(context, plan, principal="tester")
