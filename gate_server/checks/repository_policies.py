"""Policies that repositories keep themselves: the base commit's counts, never the candidate's (D2)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from gate_server.checks.policies import keep_policy
from gate_server.engine.suites import read_suite
from gate_server.errors import CouldNotTell
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.listings import Listings
from gate_server.lakefs.objects import read_object
from gate_server.model import Commit, ObjectIdentity, Policy, digest
from gate_server.policy.document import PolicyErrors
from gate_server.policy.load import load_policy
from gate_server.store.policies import Policies

REMEMBERED = 100
MOST_BYTES = 1_000_000  # of one file
MOST_BYTES_TOGETHER = 10_000_000


class RepositoryPolicies:
    """Reads policies by commit id; remembers them by the identity of all their files."""

    def __init__(self, lakefs: LakeFS, listings: Listings, policies: Policies) -> None:
        self._lakefs = lakefs
        self._listings = listings
        self._policies = policies
        self._known: OrderedDict[str, Policy | PolicyErrors] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, repository: str, commit: Commit, path: str) -> Policy | None:
        """Return the policy that `commit` holds at `path`, None where it holds none or `path` is empty.

        Raises
        ------
        PolicyErrors
            With every finding, as ``lakefs://repository/commit/path:line: what is wrong``.
        CouldNotTell
            When lakeFS does not give it.
        """
        files = self._files(repository, commit, path) if path else {}
        if not files:
            return None
        key = digest(repository, path, sorted(files.items()))
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = self._read(repository, commit, path, files)
            with self._lock:
                self._known[key] = found
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        if isinstance(found, PolicyErrors):
            raise PolicyErrors([f"lakefs://{repository}/{commit.id[:12]}/{line}" for line in found.findings])
        return found

    def governing(self, repository: str, branch: str, head: Commit, otherwise: Policy) -> Policy:
        """Return the policy that `head` of `branch` holds, else the operator's, which is `otherwise`.

        Raises
        ------
        CouldNotTell
            When the one that it holds is wrong, or lakeFS does not give it: never the operator's then.
        """
        try:
            found = self.of(repository, head, otherwise.in_repository)
        except PolicyErrors as error:
            raise CouldNotTell(
                f"the policy in the repository is wrong: {'; '.join(error.findings)}",
                f"repair it on {branch}, or put that back (gate revert)",
            ) from error
        return found or otherwise

    def _files(self, repository: str, commit: Commit, path: str) -> dict[str, ObjectIdentity]:
        listed = self._listings.of(repository, commit, path)
        if path not in listed:
            return {}
        suites = self._listings.of(repository, commit, f"{path.rpartition('/')[0]}/suites/")
        return {path: listed[path], **suites}

    def _read(
        self, repository: str, commit: Commit, path: str, files: Mapping[str, ObjectIdentity]
    ) -> Policy | PolicyErrors:
        left_bytes = MOST_BYTES_TOGETHER

        def read(name: str) -> bytes:
            nonlocal left_bytes
            identity = files.get(name)
            if identity is None:
                raise FileNotFoundError(name)
            if identity.linked:
                raise PolicyErrors([f"{name}: lies outside the repository's own data, so it can change"])
            content = read_object(self._lakefs, repository, commit.id, name, MOST_BYTES + 1)
            left_bytes -= len(content)
            if len(content) > MOST_BYTES or left_bytes < 0:
                raise PolicyErrors([f"{name}: is too large, or all are (limit {MOST_BYTES:,} bytes a file)"])
            if len(content) != identity.size_bytes:
                raise CouldNotTell(f"{name} of {repository} was not read whole", "ask again")
            return content

        try:  # the same policy of two repositories is one row: it names neither
            policy = load_policy(path, read, read_suite, in_repository=path)
        except PolicyErrors as error:
            return error
        if policy.ahead:
            return PolicyErrors(
                [f"{path}:{policy.ahead.line}: `ahead:` is the operator's, whose gate it works"]
            )
        if policy.notices:
            line = policy.notices[0].line
            return PolicyErrors([f"{path}:{line}: `notices:` is the operator's, whose targets they are"])
        keep_policy(self._policies, policy)
        return policy
