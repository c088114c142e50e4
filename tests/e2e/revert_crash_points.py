"""Reverts one branch again and again, and dies at another call each time; then it is swept, and asked again.

Run as a process of its own, which has one thread and so may fork: ``python -m tests.e2e.revert_crash_points``
with a JSON object (`Wanted`) on its standard input, and a gate's environment. Says what came of each point, a
JSON object a line (`Point`); the last one is the revert that nothing ended.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from gate_server.app import create_app, make_services
from gate_server.cli.main import main as run_command
from gate_server.lakefs.connect import connect
from gate_server.parts import make_revert_context
from gate_server.reverts import sweep
from gate_server.settings import read_settings, secret
from gate_server.store.store import Store, open_store
from tests.contract.harness import Lakefs, Repository
from tests.e2e.dying import KILLED, Calls, in_a_fork

KEPT = "dir/b"
ACTION = '{"name": "same name", "on": {"post-merge": null}, "hooks": []}'
Entries = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Wanted:
    """How the revert is asked for, and the repository; its main holds `a` and `dir/b`.

    ``what`` is put back: all (``to``), all but a path (``keep``), a path alone (``path``), one commit, or all
    of a main whose action files lakeFS cannot read (``past actions``).
    """

    way: str
    what: str
    repository: str
    target: str
    url: str
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class Point:
    """A call before which a revert died, and what was there before and after the sweep."""

    name: str
    left: str  # what main holds: "old", "target", or "other"
    swept: str  # what main holds after the sweep
    state: str  # what the row says then; empty where there is none
    open_rows: int
    branches: list[str]  # that are left, hidden ones among them
    again: int  # exit code of the same revert, asked again
    finally_holds: str
    rows: int


def revert(wanted: Wanted, bad: str, calls: Calls) -> int:
    """Ask as a caller does; return 0 where the branch was put back, or was there already."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    body: dict[str, Any] = {"commit": bad} if wanted.what == "commit" else {"to": wanted.target}
    body |= {"keep": [KEPT]} if wanted.what == "keep" else {}
    body |= {"paths": ["a", "new"]} if wanted.what == "path" else {}
    if wanted.way == "cli":
        calls.count()
        assert set(body) == {"to"}
        uri = f"lakefs://{wanted.repository}/main"
        return run_command(["revert", uri, "--to", wanted.target, "--yes", "--json"])
    settings = read_settings()
    caller = create_app(make_services(settings)).test_client()
    calls.count()
    answer = caller.post(
        "/api/v1/reverts",
        json={"repository": wanted.repository, "branch": "main", **body},
        headers={"Authorization": f"Bearer {secret(settings.api_token)}"},
    )
    if answer.status_code in (200, 201):
        return 0
    sys.stderr.write(f"{answer.status_code}: {answer.get_data(as_text=True)}\n")
    return 1


@dataclass
class Branch:
    """Main, as it was and as it is to be; ``bad`` is its head."""

    repository: Repository
    wanted: Wanted
    bad: str
    old: Entries
    target: Entries

    @classmethod
    def spoilt(cls, wanted: Wanted, repository: Repository, number: int) -> Branch:
        """Put bad data on main."""
        before = entries(wanted, repository, "main")
        files = {"a": f"bad {number}", KEPT: f"mine {number}", f"new/{number}": "bad"}
        bad = repository.commit_files("main", files)["id"]
        if wanted.what == "past actions":
            bad = unreadable(repository, number)
        old, target = entries(wanted, repository, "main"), entries(wanted, repository, wanted.target)
        if wanted.what == "keep":
            target[KEPT] = old[KEPT]
        elif wanted.what == "path":
            target = {**target, KEPT: old[KEPT]}
        elif wanted.what == "commit":
            target = before
        return cls(repository, wanted, bad, old, target)

    def holds(self) -> str:
        """Say which of the two main holds, addresses included."""
        now = entries(self.wanted, self.repository, "main")
        if now == self.old:
            return "old"
        return "target" if now == self.target else "other"


def unreadable(repository: Repository, number: int) -> str:
    """Bring two actions of one name to main, each by a side that is sound."""
    branch = f"side-{number}"
    repository.create_branch(branch)
    repository.commit_files(branch, {"_lakefs_actions/x.yaml": ACTION})
    repository.commit_files("main", {"_lakefs_actions/y.yaml": ACTION})
    head = repository.merge(branch)
    repository.delete_branch(branch)
    return head


def entries(wanted: Wanted, repository: Repository, ref: str) -> Entries:
    """Return each object's checksum, and the address of all but what is copied."""
    copied = {"keep": {KEPT}, "path": {"a"}}.get(wanted.what, set())
    return {
        item["path"]: ("" if item["path"] in copied else item["physical_address"], item["checksum"])
        for item in repository.listing(ref)
    }


def left_branches(repository: Repository) -> list[str]:
    found = repository.pages("branches", show_hidden=True)
    return [item["id"] for item in found if item["id"] != "main"]


def step(wanted: Wanted, repository: Repository, store: Store, number: int) -> tuple[bool, Point]:
    """Let a revert die at call `number`; say whether it did, and what came of it."""
    rows = len(store.reverts.listed(limit=1000))
    branch = Branch.spoilt(wanted, repository, number)
    store.engine.dispose()  # no connection is shared with a fork
    code, name = in_a_fork(lambda tell: revert(wanted, branch.bad, Calls(number, tell)))
    left = branch.holds()
    made = len(store.reverts.listed(limit=1000)) - rows
    settings = read_settings()
    lakefs = connect()
    sweep(make_revert_context(lakefs, store, settings), older_than_s=0)
    lakefs.close()
    swept = branch.holds()
    state = store.reverts.listed(limit=1)[0].state if made else ""
    open_rows = len(store.reverts.unfinished())
    branches = left_branches(repository)
    store.engine.dispose()
    again, _ = (
        in_a_fork(lambda tell: revert(wanted, branch.bad, Calls(0, tell))) if code == KILLED else (code, "")
    )
    return code == KILLED, Point(name, left, swept, state, open_rows, branches, again, branch.holds(), made)


def main() -> int:
    """Step through all calls."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    data: dict[str, Any] = json.load(sys.stdin)
    wanted = Wanted(**data)
    server = Lakefs("embedded", wanted.url, wanted.access_key_id, wanted.secret_access_key)
    repository = Repository(server, wanted.repository)
    store = open_store(read_settings().database)
    number, died = 0, True
    while died:
        number += 1
        died, point = step(wanted, repository, store, number)
        sys.stdout.write(json.dumps(asdict(point)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
