"""A small model of lakeFS's rules: what each operation answers, and what is there afterwards.

A version is a dict from path to checksum. Every content that a test puts is its own, so that what lakeFS
takes for the same by its content alone (C1, C3) stays out of it; each version keeps `KEPT`, so that none is
empty. Ranges and addresses are not modelled at all.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from tests.contract.harness import Json, Repository, success

KEPT = "kept"
Version = dict[str, str]
T = TypeVar("T")
BRANCHES = "branches"


@dataclass(frozen=True)
class Commit:
    contents: Version
    parents: tuple[str, ...]


@dataclass
class Branch:
    """`staged` holds checksums by path; None is a deletion."""

    head: str
    staged: dict[str, str | None] = field(default_factory=dict)


@dataclass
class State:
    """What there is in a repository."""

    commits: dict[str, Commit]
    branches: dict[str, Branch]
    tags: dict[str, str] = field(default_factory=dict)

    def committed(self, branch: str) -> Version:
        return self.commits[self.branches[branch].head].contents

    def view(self, branch: str) -> Version:
        return changed(self.committed(branch), self.branches[branch].staged)

    def is_clean(self, branch: str) -> bool:
        return self.view(branch) == self.committed(branch)

    def put_on(self, branch: str, contents: Version, *other_parents: str) -> Callable[[State, str], None]:
        """Return what makes a new commit the branch's head."""
        parents = (self.branches[branch].head, *other_parents)

        def apply(state: State, commit_id: str) -> None:
            state.commits[commit_id] = Commit(contents, parents)
            state.branches[branch] = Branch(commit_id)

        return apply

    def ancestors(self, commit_id: str) -> set[str]:
        """Return a commit's ancestors, itself among them."""
        found, waiting = set(), [commit_id]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.commits[one].parents
        return found


def changed(version: Version, staged: dict[str, str | None]) -> Version:
    return {path: value for path, value in {**version, **staged}.items() if value is not None}


def nothing(_: State, __: str) -> None:
    """Change nothing."""


@dataclass(frozen=True)
class Step:
    """One call: what is sent, the status that lakeFS answers, what it changes.

    `apply` gets the id of the commit that it made, on the branch `commits_on`.
    """

    method: str
    path: tuple[str, ...]
    options: dict[str, Any]
    status: int
    apply: Callable[[State, str], None] = nothing
    commits_on: str = ""

    def send(self, repo: Repository) -> httpx.Response:
        response = repo.request(self.method, *self.path, **self.options)
        assert response.status_code == self.status, f"{self}: {response.status_code} {response.text}"
        return response

    def after(self, state: State, commit_id: str) -> State:
        """Return what is there once it was done; `state` stays as it is."""
        new = copy.deepcopy(state)
        if self.status < 400:
            self.apply(new, commit_id)
        return new


def checksum(content: str) -> str:
    return hashlib.md5(content.encode()).hexdigest()


def first_state(repo: Repository) -> State:
    """Commit `KEPT`; return what is there then."""
    made = repo.commit_files("main", {KEPT: repo.name})
    first = made["parents"][0]
    commits = {first: Commit({}, ()), made["id"]: Commit({KEPT: checksum(repo.name)}, (first,))}
    return State(commits, {"main": Branch(made["id"])})


def told(repo: Repository) -> Json:
    """Return what lakeFS tells of all names, and of the branches' content with and without what is staged."""
    heads = {item["id"]: item["commit_id"] for item in repo.pages(BRANCHES)}
    tags = {item["id"]: item["commit_id"] for item in repo.pages("tags")}
    versions = {name: (_version(repo, name), _version(repo, f"{name}@")) for name in heads}
    return {"heads": heads, "tags": tags, "versions": versions}


def expected(state: State) -> Json:
    """Return what it should tell."""
    heads = {name: branch.head for name, branch in state.branches.items()}
    versions = {name: (state.view(name), state.committed(name)) for name in heads}
    return {"heads": heads, "tags": state.tags, "versions": versions}


def _version(repo: Repository, ref: str) -> Version:
    return {item["path"]: item["checksum"] for item in repo.listing(ref)}


# objects


def _stages(branch: str, path: str, value: str | None) -> Callable[[State, str], None]:
    def apply(state: State, _: str) -> None:
        state.branches[branch].staged[path] = value

    return apply


def upload(_: State, branch: str, path: str, content: str) -> Step:
    options = {"params": {"path": path}, "content": content}
    apply = _stages(branch, path, checksum(content))
    return Step("POST", (BRANCHES, branch, "objects"), options, 201, apply)


def stage(state: State, branch: str, path: str, address: Json, claimed: str) -> Step:
    """Link what lies at an address that lakeFS gave out for this path."""
    body = {"staging": address, "checksum": claimed, "size_bytes": 1}
    options = {"params": {"path": path}, "json": body}
    return Step("PUT", (BRANCHES, branch, "staging", "backing"), options, 200, _stages(branch, path, claimed))


def delete(_: State, branch: str, path: str) -> Step:
    options = {"params": {"path": path}}
    return Step("DELETE", (BRANCHES, branch, "objects"), options, 204, _stages(branch, path, None))


def reset(_: State, branch: str) -> Step:
    def apply(state: State, _: str) -> None:
        state.branches[branch].staged.clear()

    return Step("PUT", (BRANCHES, branch), {"json": {"type": "reset"}}, 204, apply)


def reset_under(_: State, branch: str, path: str, *, prefix: bool) -> Step:
    def apply(state: State, _: str) -> None:
        staged, committed = state.branches[branch].staged, state.committed(branch)
        for item in staged:
            if item.startswith(path) if prefix else item == path:
                staged[item] = committed.get(item)

    body = {"type": "common_prefix" if prefix else "object", "path": path}
    return Step("PUT", (BRANCHES, branch), {"json": body}, 204, apply)


# names


def create_branch(state: State, name: str, source: str) -> Step:
    def apply(state: State, _: str) -> None:
        state.branches[name] = Branch(state.branches[source].head)

    status = 409 if name in state.branches else 201
    return Step("POST", (BRANCHES,), {"json": {"name": name, "source": source}}, status, apply)


def delete_branch(state: State, name: str) -> Step:
    status = 403 if name == "main" else 204 if name in state.branches else 404
    return Step("DELETE", (BRANCHES, name), {}, status, lambda state, _: _forget(state.branches, name))


def create_tag(state: State, name: str, source: str) -> Step:
    def apply(state: State, _: str) -> None:
        state.tags[name] = state.branches[source].head

    status = 409 if name in state.tags else 201
    return Step("POST", ("tags",), {"json": {"id": name, "ref": source}}, status, apply)


def delete_tag(state: State, name: str) -> Step:
    status = 204 if name in state.tags else 404
    return Step("DELETE", ("tags", name), {}, status, lambda state, _: _forget(state.tags, name))


def _forget(named: dict[str, T], name: str) -> None:
    del named[name]


def hard_reset(state: State, branch: str, ref: str) -> Step:
    """Move a branch on which nothing is staged, be it without effect."""

    def apply(state: State, _: str) -> None:
        state.branches[branch] = Branch(ref)

    return Step("PUT", (BRANCHES, branch, "hard_reset"), {"params": {"ref": ref}}, 204, apply)


# commits


def commit(state: State, branch: str) -> Step:
    status = 400 if state.is_clean(branch) else 201
    apply = state.put_on(branch, state.view(branch))
    return Step("POST", (BRANCHES, branch, "commits"), {"json": {"message": "m"}}, status, apply, branch)


def merge_base(state: State, repo: Repository, source: str, destination: str) -> str:
    """Ask lakeFS for the base of a merge, which must be a past that both have in common.

    Which one it takes of several is its own affair.
    """
    base = success(repo.request("GET", "refs", source, "merge", destination))["base_commit_id"]
    common = state.ancestors(state.branches[source].head) & state.ancestors(state.branches[destination].head)
    assert base in common
    return str(base)


def merge(state: State, source: str, destination: str, base: str, strategy: str = "") -> Step:
    theirs, past = state.committed(source), state.commits[base].contents
    contents = three_way(past, theirs, state.committed(destination), strategy)
    status = 200
    if not state.is_clean(destination) or theirs == past:
        status = 400
    elif contents is None:
        status = 409
    apply = state.put_on(destination, contents or {}, state.branches[source].head)
    body = {"strategy": strategy} if strategy else {}
    path = ("refs", source, "merge", destination)
    return Step("POST", path, {"json": body}, status, apply, destination)


def revert(state: State, branch: str, commit_id: str) -> Step:
    """Undo a commit as seen from its first parent."""
    undone, ours = state.commits[commit_id], state.committed(branch)
    before = state.commits[undone.parents[0]].contents
    contents = three_way(undone.contents, before, ours)
    status = 204
    if not state.is_clean(branch) or before == undone.contents or contents == ours:
        status = 400
    elif contents is None:
        status = 409
    body = {"ref": commit_id, "parent_number": 1 if len(undone.parents) > 1 else 0}
    apply = state.put_on(branch, contents or {})
    return Step("POST", (BRANCHES, branch, "revert"), {"json": body}, status, apply, branch)


def cherry_pick(state: State, branch: str, commit_id: str) -> Step:
    """Do what a commit did, as seen from its first parent."""
    picked = state.commits[commit_id]
    before = state.commits[picked.parents[0]].contents
    contents = three_way(before, picked.contents, state.committed(branch))
    status = 201
    if not state.is_clean(branch) or before == picked.contents:
        status = 400
    elif contents is None:
        status = 409
    body = {"ref": commit_id, "parent_number": 1}
    apply = state.put_on(branch, contents or {})
    return Step("POST", (BRANCHES, branch, "cherry-pick"), {"json": body}, status, apply, branch)


def three_way(base: Version, source: Version, destination: Version, strategy: str = "") -> Version | None:
    """Merge versions; None is a conflict."""
    result: dict[str, str | None] = {}
    for path in base.keys() | source.keys() | destination.keys():
        before, theirs, ours = base.get(path), source.get(path), destination.get(path)
        if theirs in (ours, before):
            result[path] = ours
        elif ours == before or strategy == "source-wins":
            result[path] = theirs
        elif strategy == "dest-wins":
            result[path] = ours
        else:
            return None
    return changed({}, result)
