"""A lakeFS by plain HTTP: status codes and messages are what is tested, and the SDK hides them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx

from tests.contract.answered import note

Json = dict[str, Any]
T = TypeVar("T")

WAIT_S = 120.0
"""How long a test waits at most: for what lakeFS caches (H1: 5 to 7.5 s, R3: 5 s) and for a busy machine."""


def eventually(probe: Callable[[], T], *, timeout_s: float = WAIT_S) -> T:
    """Call `probe` until its answer is truthy, and return that answer.

    Raises
    ------
    AssertionError
        After `timeout_s` seconds; the last answer stands in the message.
    """
    end = time.monotonic() + timeout_s
    while not (answer := probe()):
        assert time.monotonic() < end, f"not within {timeout_s} s; the last answer was {answer!r}"
        time.sleep(0.05)
    return answer


def success(response: httpx.Response) -> Any:
    """Return the JSON of an answer that must be a success; its text where it is no JSON."""
    assert response.is_success, (
        f"{response.request.method} {response.url}: {response.status_code} {response.text}"
    )
    if response.headers.get("content-type", "").startswith("application/json"):
        return response.json()
    return response.text


def refused(response: httpx.Response, status: int) -> str:
    """Return the message of an answer that must be an error with this status."""
    assert response.status_code == status, f"expected {status}: {response.status_code} {response.text}"
    assert set(response.json()) == {"message"}
    message = response.json()["message"]
    assert isinstance(message, str)
    return message


@dataclass
class Lakefs:
    """One server under test; `kind` is `embedded` or `real`."""

    kind: str
    url: str
    access_key_id: str
    secret_access_key: str
    http: httpx.Client = field(init=False)
    created: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.http = httpx.Client(
            base_url=self.url.rstrip("/") + "/api/v1",
            auth=(self.access_key_id, self.secret_access_key),
            timeout=600,
            trust_env=False,
            event_hooks={"response": [lambda response: note(self.kind, response)]},
        )

    def create_repository(
        self, *, files: Mapping[str, str | bytes] | None = None, **options: Any
    ) -> Repository:
        """Make a repository of a unique name; `files` are its first commit on `main`."""
        name = f"contract-{uuid4().hex[:16]}"
        body = {"name": name, "storage_namespace": f"local://{name}", "default_branch": "main"} | options
        success(self.http.post("/repositories", json=body))
        self.created.append(name)
        repository = Repository(self, name)
        if files:
            repository.commit_files("main", files)
        return repository


@dataclass(frozen=True)
class Repository:
    """One repository; methods assert success, `request` leaves the judgement to the test."""

    lakefs: Lakefs
    name: str

    def request(self, method: str, *path: str, **options: Any) -> httpx.Response:
        """Call an operation of this repository; each element of `path` is quoted whole."""
        url = "/".join(["/repositories", self.name, *(quote(part, safe="") for part in path)])
        return self.lakefs.http.request(method, url, **options)

    def pages(self, *path: str, amount: int = 1000, **params: Any) -> list[Any]:
        """Return the results of all pages of a listing, `amount` a page."""
        found: list[Any] = []
        after = params.pop("after", "")
        while True:
            query = params | {"amount": amount, "after": after}
            page = success(self.request("GET", *path, params=query))
            assert set(page) == {"pagination", "results"}
            assert page["pagination"]["results"] == len(page["results"]) <= amount
            found += page["results"]
            if not page["pagination"]["has_more"]:
                assert page["pagination"]["next_offset"] == ""
                return found
            assert page["pagination"]["next_offset"] not in ("", after)
            after = page["pagination"]["next_offset"]

    # objects

    def try_upload(self, branch: str, path: str, content: str | bytes = "", **options: Any) -> httpx.Response:
        headers = {"content-type": "application/octet-stream"} | options.pop("headers", {})
        params = {"path": path} | options.pop("params", {})
        return self.request(
            "POST", "branches", branch, "objects", params=params, content=content, headers=headers, **options
        )

    def upload(self, branch: str, path: str, content: str | bytes = "", **options: Any) -> Json:
        stats: Json = success(self.try_upload(branch, path, content, **options))
        return stats

    def delete(self, branch: str, path: str) -> None:
        success(self.request("DELETE", "branches", branch, "objects", params={"path": path}))

    def try_read(self, ref: str, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", "refs", ref, "objects", params={"path": path}, **options)

    def read(self, ref: str, path: str) -> bytes:
        response = self.try_read(ref, path)
        success(response)
        return response.content

    def stat(self, ref: str, path: str) -> Json:
        stats: Json = success(self.request("GET", "refs", ref, "objects", "stat", params={"path": path}))
        return stats

    def listing(self, ref: str, **params: Any) -> list[Json]:
        return self.pages("refs", ref, "objects", "ls", **params)

    def paths(self, ref: str, **params: Any) -> list[str]:
        return [entry["path"] for entry in self.listing(ref, **params)]

    def contents(self, ref: str) -> dict[str, bytes]:
        return {path: self.read(ref, path) for path in self.paths(ref)}

    def stage(
        self, branch: str, path: str, *, address: str, checksum: str, size_bytes: int, **more: Any
    ) -> Json:
        body = {"physical_address": address, "checksum": checksum, "size_bytes": size_bytes} | more
        stats: Json = success(
            self.request("PUT", "branches", branch, "objects", params={"path": path}, json=body)
        )
        return stats

    # commits and branches

    def try_commit(
        self, branch: str, message: str = "a commit", *, params: Json | None = None, **body: Any
    ) -> httpx.Response:
        return self.request(
            "POST", "branches", branch, "commits", json={"message": message} | body, params=params
        )

    def commit(self, branch: str, message: str = "a commit", **options: Any) -> Json:
        commit: Json = success(self.try_commit(branch, message, **options))
        return commit

    def commit_files(
        self, branch: str, files: Mapping[str, str | bytes], message: str = "files", **options: Any
    ) -> Json:
        for path, content in files.items():
            self.upload(branch, path, content)
        return self.commit(branch, message, **options)

    def create_branch(self, name: str, source: str = "main", **body: Any) -> str:
        """Make a branch and return the id of the commit that it points to."""
        response = self.request("POST", "branches", json={"name": name, "source": source} | body)
        return str(success(response))

    def delete_branch(self, name: str) -> None:
        success(self.request("DELETE", "branches", name))

    def head(self, branch: str = "main") -> str:
        return str(success(self.request("GET", "branches", branch))["commit_id"])

    def get_commit(self, ref: str) -> Json:
        commit: Json = success(self.request("GET", "commits", ref))
        return commit

    def log(self, ref: str = "main", **params: Any) -> list[Json]:
        return self.pages("refs", ref, "commits", **params)

    def diff(self, left: str, right: str, *, type: str = "two_dot", **params: Any) -> list[tuple[str, str]]:
        entries = self.pages("refs", left, "diff", right, type=type, **params)
        return [(entry["type"], entry["path"]) for entry in entries]

    def uncommitted(self, branch: str) -> list[tuple[str, str]]:
        return [(entry["type"], entry["path"]) for entry in self.pages("branches", branch, "diff")]

    def try_merge(self, source: str, destination: str = "main", **body: Any) -> httpx.Response:
        return self.request("POST", "refs", source, "merge", destination, json=body)

    def merge(self, source: str, destination: str = "main", **body: Any) -> str:
        """Merge and return the id of the merge commit."""
        return str(success(self.try_merge(source, destination, **body))["reference"])

    def try_revert(self, branch: str, ref: str, parent_number: int = 0, **body: Any) -> httpx.Response:
        return self.request(
            "POST", "branches", branch, "revert", json={"ref": ref, "parent_number": parent_number} | body
        )

    def revert(self, branch: str, ref: str, parent_number: int = 0, **body: Any) -> Json:
        """Revert and return the branch's new head commit; the call itself answers nothing (R4)."""
        response = self.try_revert(branch, ref, parent_number, **body)
        success(response)
        assert response.status_code == 204
        return self.get_commit(branch)

    # protection and runs

    def protect(self, *patterns: str) -> None:
        """Set the protection rules and wait until the first pattern, taken as a name, is protected (R3)."""
        rules = [{"pattern": pattern} for pattern in patterns]
        success(self.request("PUT", "settings", "branch_protection", json=rules))
        if patterns:
            name = patterns[0].replace("*", "main")
            eventually(lambda: self.write_is_refused(name))

    def write_is_refused(self, branch: str) -> bool:
        """Tell whether a write would be refused, by deleting what is not there."""
        response = self.request("DELETE", "branches", branch, "objects", params={"path": "not/there"})
        return response.status_code == 403

    def runs(self, **params: Any) -> list[Json]:
        return self.pages("actions", "runs", **params)

    def hook_runs(self, run_id: str) -> list[Json]:
        return self.pages("actions", "runs", run_id, "hooks")

    def output(self, run_id: str, hook_run_id: str) -> str:
        return str(success(self.request("GET", "actions", "runs", run_id, "hooks", hook_run_id, "output")))
