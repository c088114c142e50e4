"""Looks at a guarded branch that change nothing, and what the gate's key may do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

from gate_server.errors import CouldNotTell, LakeFSError, UsageError
from gate_server.lakefs.branches import Branches
from gate_server.lakefs.client import LakeFS, repository_url
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.objects import read_object
from gate_server.model import Commit
from gate_server.policy.globs import matches
from gate_server.setup.doctor.finding import Finding, Ground, Place, fine, found, unseen
from gate_server.setup.doctor.of_lakefs import LakeFSState
from gate_server.setup.gate_files import ALL_PATHS, GUARDS, MAX_WAIT_S, PRE_MERGE, gate_files
from gate_server.setup.temporary import temporary_name

NOT_TRIED = "not tried: it would make branches (--read-only)"
_ADDRESS = re.compile(r'url: "([^"]*)/hooks/lakefs"')
_MAX_WAIT = re.compile(r"max_wait_s: (\d{1,9})")


@dataclass
class Head:
    """A branch's head and the gate's files there, read when first asked for."""

    state: LakeFSState
    place: Place

    @property
    def lakefs(self) -> LakeFS:
        """Raises `CouldNotTell` where lakeFS does not answer."""
        return self.state.lakefs

    @property
    def branches(self) -> Branches:
        """What changes branches of the repository."""
        return Branches(self.lakefs, self.place.repository)

    @cached_property
    def commit(self) -> Commit:
        """The head; raises `NotFound` for a branch that is not there."""
        return Commits(self.lakefs).head(self.place.repository, self.place.branch)

    @cached_property
    def files(self) -> dict[str, str]:
        """Path -> text of the gate's files that are there."""
        read = {path: self._read(path) for path in ALL_PATHS}
        return {path: text for path, text in read.items() if text is not None}

    def _read(self, path: str) -> str | None:
        try:
            content = read_object(self.lakefs, self.place.repository, self.commit.id, path)
        except LakeFSError as error:
            if error.http_status == 404:
                return None
            raise
        return content.decode("utf-8", errors="replace")

    @property
    def is_lua(self) -> bool:
        """Whether the gate is asked by Lua."""
        return "type: lua" in self.files.get(PRE_MERGE, "")

    @property
    def max_wait_s(self) -> int:
        """How long the Lua client asks again."""
        found = _MAX_WAIT.search(self.files.get(PRE_MERGE, ""))
        return int(found.group(1)) if found else MAX_WAIT_S

    @property
    def gate_url(self) -> str:
        """The address that the action asks; empty where none is to be seen."""
        found = _ADDRESS.search(self.files.get(PRE_MERGE, ""))
        return found.group(1) if found else ""


def protection(head: Head) -> Iterator[Finding]:
    """Yield D202."""
    place = head.place
    rules, _ = head.lakefs.get_with_etag(repository_url(place.repository, "settings", "branch_protection"))
    patterns = [str(rule["pattern"]) for rule in rules]
    if matches(place.branch, patterns):
        yield fine("D202", place, "a protection rule names it")
    else:
        yield found("D202", place, f"protected are: {', '.join(patterns) or 'no branches'}")


def files(ground: Ground, head: Head) -> Iterator[Finding]:
    """Yield D203 and D204."""
    place = head.place
    if PRE_MERGE not in head.files:
        yield found("D203", place, f"{PRE_MERGE} is not there: merges ask nobody")
        yield unseen("D204", place, "there is no action to compare (D203)")
        return
    yield fine("D203", place, f"{PRE_MERGE} is there")
    try:
        expected = gate_files(
            place.branch,
            head.gate_url,
            lua=head.is_lua,
            allow_plain_revert="allow_plain_revert: false" not in head.files.get(GUARDS, ""),
            max_wait_s=head.max_wait_s,
        )
    except UsageError:
        yield found("D204", place, f"{PRE_MERGE} asks no address of a gate")
        return
    differing = [path for path in ALL_PATHS if head.files.get(path) != expected.get(path)]
    wanted = ground.settings.public_url.rstrip("/")
    if differing:
        lacking = [f"{path} ({'differs' if path in head.files else 'is missing'})" for path in differing]
        yield found("D204", place, ", ".join(lacking))
    elif wanted and wanted != head.gate_url:
        yield found("D204", place, f"the action asks {head.gate_url}, GATE_PUBLIC_URL is {wanted}")
    else:
        yield fine("D204", place, f"as this version writes them; they ask {head.gate_url}")


def rights(ground: Ground, head: Head) -> Iterator[Finding]:
    """Yield D201: what checks read is read, what reverts do is done, on two branches of our own."""
    place = head.place
    trial = _Trial(head)
    trial.read()
    if ground.tries:
        trial.write()
    if trial.lacking:
        yield found("D201", place, "; ".join([f"refused: {', '.join(trial.lacking)}", *trial.failed]))
    elif not ground.tries:
        yield unseen("D201", place, f"reading is allowed; changing was {NOT_TRIED}")
    elif trial.failed:
        yield unseen("D201", place, "; ".join(trial.failed))
    else:
        yield fine("D201", place, "it may read, make, change, merge, revert and delete branches")


class _Trial:
    """Calls one by one; which were refused for want of a right, and which failed otherwise."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self.lacking: list[str] = []
        self.failed: list[str] = []

    def read(self) -> None:
        """Make the calls of a check."""
        get, repository, commit = self._head.lakefs.get, self._head.place.repository, self._head.commit.id

        def path(*parts: str) -> str:
            return repository_url(repository, *parts)

        listed = path("refs", commit, "objects", "ls")
        self._try("fs:ListBranches", lambda: get(path("branches"), amount=1))
        self._try("fs:ListObjects", lambda: get(listed, amount=1))
        self._try("fs:ReadBranch", lambda: get(path("refs", self._head.place.branch, "commits"), amount=1))
        self._try("branches:GetBranchProtectionRules", lambda: get(path("settings", "branch_protection")))
        self._try("ci:ReadAction", lambda: get(path("actions", "runs"), amount=1))

    def write(self) -> None:
        """Make the calls of a revert, on branches that go again."""
        branches, commit = self._head.branches, self._head.commit
        one, other = temporary_name("doctor"), temporary_name("doctor")
        path = f"_gate/doctor-{secrets.token_hex(8)}"
        made: list[str] = []
        try:
            for name in (one, other):
                if self._try("fs:CreateBranch", partial(branches.create, name, commit.id, hidden=True)):
                    made.append(name)
            if len(made) == 2:
                self._change(branches, one, other, path)
        finally:
            for name in made:
                if not self._try("fs:DeleteBranch", partial(branches.delete, name)):
                    self.failed.append(f"branch {name} is left, delete it")

    def _change(self, branches: Branches, one: str, other: str, path: str) -> None:
        merged: list[str] = []
        if not self._try("fs:WriteObject", lambda: branches.upload(one, path, b"-\n")):
            return
        if self._try("fs:CreateCommit", lambda: branches.commit(one, "gate doctor")):
            merge = "fs:CreateCommit (merge)"
            self._try(merge, lambda: merged.append(branches.merge(one, other, "gate doctor")))
        self._try("fs:DeleteObject", lambda: branches.delete_object(one, path))
        if merged:
            self._try(
                "fs:RevertBranch",
                lambda: branches.revert(
                    other, merged[0], parent_number=1, message="gate doctor", metadata={}
                ),
            )

    def _try(self, right: str, call: Callable[[], object]) -> bool:
        try:
            call()
        except LakeFSError as error:
            if error.http_status in (401, 403) and "protected branch" not in error.message:
                self.lacking.append(right)
            else:
                self.failed.append(f"{right}: {error.message}")
            return False
        return True


def only_where_tried(ground: Ground) -> None:
    """Raise `CouldNotTell` where no branch may be made."""
    if not ground.tries:
        raise CouldNotTell(NOT_TRIED)
