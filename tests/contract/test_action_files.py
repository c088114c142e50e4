"""From where action files are read, which branches they match, and what fails when one is broken."""

import pytest

from tests.contract.action_files import FOLDER, action, lua, ready_to_merge, webhook
from tests.contract.harness import Lakefs, eventually, refused
from tests.contract.webhooks import Receiver


@pytest.mark.behaviour("H1")
def test_a_merge_reads_the_actions_of_its_source(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = lakefs.create_repository(files={"a": "1"})
    repo.create_branch("work")
    gate = action("gate", ["pre-merge"], webhook("ask_gate", endpoint.url), branches=["main"])
    repo.commit_files("work", {FOLDER + "gate.yaml": gate})
    repo.merge("work")
    assert len(endpoint.received) == 1


@pytest.mark.behaviour("H1")
@pytest.mark.parametrize("way", ["delete", "rewrite"])
def test_a_branch_without_the_action_merges_unasked(lakefs: Lakefs, webhooks: Receiver, way: str) -> None:
    endpoint = webhooks.endpoint(status=500)
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    if way == "delete":
        repo.delete("work", FOLDER + "gate.yaml")
    else:
        repo.upload("work", FOLDER + "gate.yaml", action("gate", ["post-merge"]))
    repo.commit("work", "no gate")
    repo.merge("work")
    assert endpoint.received == []


@pytest.mark.behaviour("H1")
def test_a_commit_reads_the_actions_of_its_branch_in_the_end(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = lakefs.create_repository(files={"a": "1"})
    repo.create_branch("work")
    late = action("late", ["pre-commit"], webhook("late", endpoint.url), branches=["main"])
    repo.commit_files("work", {FOLDER + "late.yaml": late})
    repo.commit("main", allow_empty=True)  # what the branch has now is cached
    repo.merge("work")

    def fires() -> bool:
        repo.commit("main", allow_empty=True)
        return bool(endpoint.received)

    eventually(fires)


@pytest.mark.behaviour("H1")
@pytest.mark.parametrize(
    ("patterns", "asked"),
    [
        (["main"], ["main"]),
        (["gate-canary-*"], ["gate-canary-1"]),
        (["other", "*"], ["gate-canary-1", "main"]),
        (["gate-canary-?", "m[a-z]in"], ["gate-canary-1", "main"]),
        (["!main"], []),
        (["{main,other}"], []),
        (["mai"], []),
    ],
)
def test_branch_patterns(lakefs: Lakefs, webhooks: Receiver, patterns: list[str], asked: list[str]) -> None:
    endpoint = webhooks.endpoint()
    gate = action("gate", ["pre-merge"], webhook("ask_gate", endpoint.url), branches=patterns)
    repo = lakefs.create_repository(files={FOLDER + "gate.yaml": gate})
    for name in ("gate-canary-1", "work"):
        repo.create_branch(name)
    repo.commit_files("work", {"b": "1"})
    repo.merge("work")
    repo.merge("work", "gate-canary-1")
    assert sorted(event["branch_id"] for event in endpoint.events) == asked


BROKEN = {
    "no YAML": ("name: [", "parsing file _lakefs_actions/x.yaml: "),
    "no mapping": ("just a text", "parsing file _lakefs_actions/x.yaml: "),
    "no name": (action("", ["pre-merge"]), "'name' is required: invalid action"),
    "a name of one letter": (action("x", ["pre-merge"]), "'name' is invalid: invalid action"),
    "no event": (action("xx", []), "'on' is required: invalid action"),
    "an unknown event": (action("xx", ["pre-lunch"]), "event 'pre-lunch' is not supported: invalid action"),
    "an id of one letter": (action("xx", ["pre-merge"], lua("h", "")), "hook[0] missing ID: invalid action"),
    "an id twice": (
        action("xx", ["pre-merge"], lua("hh", ""), lua("hh", "")),
        "hook[1] duplicate ID 'hh': invalid action",
    ),
    "an unknown type": (
        action("xx", ["pre-merge"], {"id": "hh", "type": "smoke"}),
        "hook[0] type 'hh' unknown: invalid action",
    ),
    "no address": (
        action("xx", ["pre-merge"], {"id": "hh", "type": "webhook", "properties": {"x": 1}}),
        "hook[0] type 'webhook': 'url' must be supplied in properties: invalid action",
    ),
    "no script": (
        action("xx", ["pre-merge"], lua("hh", other=1)),
        "hook[0] type 'lua': 'script' or 'script_path' must be supplied in properties: invalid action",
    ),
}


@pytest.mark.behaviour("H2")
@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_does_not_parse_fails_the_commit(lakefs: Lakefs, broken: str) -> None:
    content, reason = BROKEN[broken]
    repo = lakefs.create_repository()
    repo.upload("main", FOLDER + "x.yaml", content)
    message = refused(repo.try_commit("main"), 500)
    assert message.startswith("prepare-commit hook aborted, run id '")
    assert reason in message
    assert repo.log("main")[0]["message"] == "Repository created"


@pytest.mark.behaviour("H2")
def test_every_file_there_is_an_action_whatever_its_name(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository()
    repo.upload("main", FOLDER + "README.md", "# not an action")
    assert "parsing file _lakefs_actions/README.md" in refused(repo.try_commit("main"), 500)


@pytest.mark.behaviour("H2")
def test_a_folder_there_fails_everything(lakefs: Lakefs) -> None:
    repo = lakefs.create_repository()
    repo.upload("main", FOLDER + "scripts/x.lua", "print(1)")
    assert refused(repo.try_commit("main"), 404)


@pytest.mark.behaviour("H2")
def test_two_actions_of_one_name_fail_merge_commit_and_revert(lakefs: Lakefs) -> None:
    same = action("same", ["post-merge"])
    repo = lakefs.create_repository(files={"a": "1"})
    for name in ("work", "other"):
        repo.create_branch(name)
    repo.commit_files("work", {FOLDER + "x.yaml": same})
    repo.commit_files("main", {FOLDER + "y.yaml": same})
    repo.merge("work")  # each side alone is fine
    reason = "action name 'same' already loaded: invalid action"
    assert reason in refused(repo.try_merge("main", "other"), 500)

    def fails(*path: str, **body: object) -> bool:
        response = repo.request("POST", "branches", "main", *path, json=body)
        return response.status_code == 500 and reason in response.json()["message"]

    eventually(lambda: fails("commits", message="empty", allow_empty=True))
    eventually(lambda: fails("revert", ref="main", parent_number=1, allow_empty=True))
