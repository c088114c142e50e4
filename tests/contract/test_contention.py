"""What happens while a merge waits for its hook."""

import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.action_files import FOLDER, action, lua, webhook
from tests.contract.harness import Json, Lakefs, Repository, eventually, refused, success
from tests.contract.webhooks import Received, Receiver


def prepared(lakefs: Lakefs, hook: Json) -> Repository:
    """Only `work` holds the hook, so that `main` can be moved by merging `quick` unasked."""
    repo = lakefs.create_repository(files={"a": "1"})
    for name in ("quick", "work"):
        repo.create_branch(name)
    repo.commit_files("quick", {"quick": "quick"})
    gate = action("gate", ["pre-merge"], hook)
    repo.commit_files("work", {FOLDER + "gate.yaml": gate, "new": "new"})
    return repo


@pytest.mark.behaviour("H12")
def test_a_merge_is_tried_again_when_main_moved(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = prepared(lakefs, webhook("ask_gate", endpoint.url))
    first = repo.get_commit("main")
    moved: list[str] = []

    def move(_: Received) -> None:
        if not moved:
            moved.append(repo.merge("quick"))

    endpoint.during = move
    merge = repo.merge("work")
    asked = [event["commit_id"] for event in endpoint.events]
    assert len(asked) == 2
    assert asked[1] == merge == repo.head()
    assert repo.get_commit(asked[0])["parents"][0] == first["id"]
    assert repo.get_commit(merge)["parents"] == [moved[0], repo.head("work")]
    assert repo.paths("main") == [FOLDER + "gate.yaml", "a", "new", "quick"]


@pytest.mark.behaviour("H12")
def test_after_ten_times_it_gives_up(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = prepared(lakefs, webhook("ask_gate", endpoint.url))
    endpoint.during = lambda _: success(repo.try_commit("main", "moved", allow_empty=True))
    assert refused(repo.try_merge("work"), 429) == "Too many attempts, try again later"
    assert len(endpoint.received) == 10
    assert repo.get_commit("main")["message"] == "moved"
    assert "new" not in repo.paths("main")


@pytest.mark.behaviour("H12", "C4")
def test_uploads_meanwhile_do_not_disturb(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = prepared(lakefs, webhook("ask_gate", endpoint.url))
    endpoint.during = lambda _: repo.upload("main", "staged", "x")
    repo.merge("work")
    assert len(endpoint.received) == 1
    assert repo.uncommitted("main") == [("added", "staged")]
    assert "staged" not in repo.paths("main@")


@pytest.mark.behaviour("H12")
def test_a_merge_held_by_lua_lands_although_the_client_hung_up(lakefs: Lakefs, webhooks: Receiver) -> None:
    answer = threading.Event()
    endpoint = webhooks.endpoint(during=lambda _: answer.wait(30))
    repo = prepared(lakefs, lua("ask_lua", f"require('net/http').request('{endpoint.url}')"))
    before = repo.head()
    try:
        with pytest.raises(httpx.ReadTimeout):
            repo.request("POST", "refs", "work", "merge", "main", json={}, timeout=0.5)
        assert repo.head() == before
    finally:
        answer.set()
    eventually(lambda: repo.head() != before)
    assert repo.get_commit("main")["parents"] == [before, repo.head("work")]


@pytest.mark.behaviour("H12")
def test_a_merge_held_by_a_webhook_is_cancelled_when_the_client_hangs_up(
    lakefs: Lakefs, webhooks: Receiver
) -> None:
    reached, answer = threading.Event(), threading.Event()

    def hold(_: Received) -> None:
        reached.set()
        answer.wait(60)

    endpoint = webhooks.endpoint(during=hold)
    repo = prepared(lakefs, webhook("ask_gate", endpoint.url))
    before = repo.head()
    server = urlsplit(lakefs.url)
    client = HTTPConnection(server.hostname or "", server.port or 80, timeout=60)
    keys = b64encode(f"{lakefs.access_key_id}:{lakefs.secret_access_key}".encode()).decode()
    headers = {"Authorization": f"Basic {keys}", "Content-Type": "application/json"}
    client.request("POST", f"/api/v1/repositories/{repo.name}/refs/work/merge/main", "{}", headers)
    try:
        assert reached.wait(60)
        client.close()
        # The run is recorded when the merge has ended; the hook has not answered yet.
        (run,) = eventually(lambda: repo.pages("actions", "runs"), timeout_s=60)
        assert run["status"] == "failed"
    finally:
        answer.set()
    assert repo.head() == before
    assert len(endpoint.received) == 1, "it is not tried again"
    endpoint.during = lambda _: None
    repo.merge("work")
    assert repo.head() != before


@pytest.mark.behaviour("R4")
def test_two_reverts_at_once(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    guard = action("guard", ["pre-revert"], webhook("guard", endpoint.url))
    repo = lakefs.create_repository(files={FOLDER + "guard.yaml": guard, "a": "1"})
    repo.commit_files("main", {"b": "1"})
    last = repo.commit_files("main", {"c": "2"})["id"]
    second: list[httpx.Response] = []

    def revert_too(_: Received) -> None:
        if len(endpoint.received) == 1:
            second.append(repo.try_revert("main", f"{last}~1"))

    endpoint.during = revert_too
    assert "predicate failed" in refused(repo.try_revert("main", last), 500)
    success(second[0])
    assert repo.paths("main") == [FOLDER + "guard.yaml", "a", "c"]  # the inner one alone


def test_uploads_and_commits_at_once_all_land(repo: Repository) -> None:
    def work(number: int) -> str:
        branch = f"work-{number}"
        repo.create_branch(branch)
        for part in range(5):
            repo.upload("main", f"{number}/{part}", str(number))
        return str(repo.commit_files(branch, {f"own/{number}": str(number)})["id"])

    with ThreadPoolExecutor(4) as pool:
        commits = list(pool.map(work, range(4)))
    assert repo.paths("main") == [f"{number}/{part}" for number in range(4) for part in range(5)]
    assert [repo.head(f"work-{number}") for number in range(4)] == commits


def test_merges_at_once_land_or_are_refused_whole(repo: Repository) -> None:
    for number in range(4):
        repo.create_branch(f"work-{number}")
        repo.commit_files(f"work-{number}", {f"new/{number}": str(number)})
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda number: repo.try_merge(f"work-{number}"), range(4)))
    landed = [f"new/{number}" for number, response in enumerate(responses) if response.is_success]
    assert {response.status_code for response in responses} <= {200, 429}
    assert repo.paths("main") == landed != []
    assert len(repo.log("main", first_parent=True)) == 1 + len(landed)


@pytest.mark.behaviour("H12")
def test_sixteen_clients_on_one_branch_lose_nothing(repo: Repository) -> None:
    """Half of them upload to the branch and commit there, half merge into it, each twice."""

    def uploaded(path: str) -> bool:
        answer = repo.try_upload("main", path, path)
        assert answer.is_success or answer.status_code == 429, answer.text  # a real one under load
        return answer.is_success

    def commit(number: int) -> set[str]:
        mine = {f"direct/{number}/{turn}" for turn in range(2)}
        for path in sorted(mine):
            eventually(partial(uploaded, path), timeout_s=120)
            answer = repo.try_commit("main")
            # 400 "no changes": another one's commit took this upload with it. 429, and from a real one also
            # 500 "predicate failed": too many others; what was uploaded stays staged.
            assert answer.status_code in {201, 400, 429} or "predicate failed" in answer.text, answer.text
        return mine

    def merge(number: int) -> set[str]:
        mine = {f"merged/{number}/{turn}" for turn in range(2)}
        for path in sorted(mine):
            repo.commit_files(f"work-{number}", {path: path})
            # 400: what others have staged is not committed yet.
            eventually(lambda: repo.try_merge(f"work-{number}").is_success, timeout_s=120)
        return mine

    for number in range(8):
        repo.create_branch(f"work-{number}")
    with ThreadPoolExecutor(16) as pool:
        committing = [pool.submit(commit, number) for number in range(8)]
        merging = [pool.submit(merge, number) for number in range(8)]
        done = set[str]().union(*(one.result() for one in committing))
        while not all(one.done() for one in merging):
            repo.try_commit("main")  # else what a refused commit left staged keeps all merges out
        done |= set[str]().union(*(one.result() for one in merging))
    repo.try_commit("main")
    assert set(repo.paths("main@")) == done
    assert repo.uncommitted("main") == []
    heads = [parent for commit in repo.log("main", first_parent=True) for parent in commit["parents"][1:]]
    assert {repo.head(f"work-{number}") for number in range(8)} <= set(heads)
    assert len(heads) == 16
