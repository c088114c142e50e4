"""A main that the gate guards by its action alone, and the ways by which data comes to it unasked."""

from __future__ import annotations

from typing import Any

from local_lakefs.testing import RunningServer
from tests.contract.harness import Lakefs, Repository, success
from tests.e2e.harness import BAD, GOOD, Gate, World, until
from tests.e2e.test_hooks import ACTION

ACTION_PATH = "_lakefs_actions/gate_pre_merge.yaml"
PATH = "lakefs_test.csv"
WITHOUT_ACTION = {"lakefs_test_dot_csv": BAD, "_lakefs_actions__gate_pre_merge_dot_yaml": None}


class Guarded:
    """A main with the gate's action alone: nothing refuses what comes by another way."""

    def __init__(self, server: RunningServer, gate: Gate) -> None:
        self.gate = gate
        self.world = World(server)
        lakefs = Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)
        self.repository = Repository(lakefs, self.world.name)
        action = ACTION.format(url=gate.url)
        self.world.commit(self.world.main, {ACTION_PATH: action.encode()})
        self.installed = self.repository.head()
        body = {
            "repository": self.world.name,
            "branch": "main",
            "files": {ACTION_PATH: action},
            "commit_id": self.installed,
        }
        assert gate.api.put("/api/v1/installations", json=body).status_code == 200

    def audit(self, **query: str) -> dict[str, Any]:
        """Audit main through the API."""
        query = {"repository": self.world.name, "branch": "main", **query}
        answer = self.gate.api.get("/api/v1/audits", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["audit"]
        return found

    def newest(self) -> dict[str, Any]:
        """Return what is said of the head."""
        found: dict[str, Any] = self.audit()["commits"][0]
        return found

    def revert(self, **body: Any) -> dict[str, Any]:
        """Have the gate revert main."""
        body = {"repository": self.world.name, "branch": "main", **body}
        answer = self.gate.api.post("/api/v1/reverts", json=body)
        assert answer.status_code == 201, answer.text
        done: dict[str, Any] = answer.json()["revert"]
        return done

    def judged_merge(self, name: str = "good") -> str:
        """Merge good data through the gate."""
        return str(self.world.branch(name, **{f"{name}__lakefs_test_dot_csv": GOOD}).merge_into("main"))

    def direct(self, content: bytes = BAD) -> str:
        """Commit to main itself."""
        return str(self.repository.commit_files("main", {PATH: content})["id"])

    def merge_without_action(self) -> str:
        """Merge a branch that lost the gate's action (H1)."""
        self.world.branch("bypass", **WITHOUT_ACTION)
        return str(self.repository.merge("bypass"))

    def cherry_pick(self) -> str:
        """Pick a commit onto main (H7)."""
        self.world.branch("picked", lakefs_test_dot_csv=BAD)
        answer = self.repository.request("POST", "branches", "main", "cherry-pick", json={"ref": "picked"})
        return str(success(answer)["id"])

    def squash(self) -> str:
        """Squash-merge a branch that lost the gate's action."""
        self.world.branch("squashed", **WITHOUT_ACTION)
        return str(self.repository.merge("squashed", squash_merge=True))

    def import_(self) -> str:
        """Import from another branch's data."""
        self.world.branch("data", away__lakefs_test_dot_csv=BAD)
        address = self.repository.stat("data", "away/lakefs_test.csv")["physical_address"]
        body = {
            "paths": [{"path": address, "destination": PATH, "type": "object"}],
            "commit": {"message": "imported"},
        }
        before = self.repository.head()
        success(self.repository.request("POST", "branches", "main", "import", json=body))
        until(lambda: self.repository.head() != before)
        return self.repository.head()

    def plain_revert(self) -> str:
        """Take a judged merge back as lakectl does."""
        merged = self.judged_merge()
        self.repository.revert("main", merged, 1)
        return self.repository.head()

    def said(self, commit: str) -> dict[str, Any]:
        """Return what the audit says of a commit."""
        return next(item for item in self.audit()["commits"] if item["commit"] == commit)

    def reverts(self) -> list[dict[str, Any]]:
        """Return main's reverts, newest first."""
        answer = self.gate.api.get("/api/v1/reverts", params={"repository": self.world.name})
        found: list[dict[str, Any]] = answer.json()["reverts"]
        return found
