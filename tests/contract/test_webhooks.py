"""Webhooks: what they get, what refuses, redirects, environment."""

import socket
import threading

import pytest

from tests.contract.action_files import FOLDER, action, ready_to_merge, refusal, webhook
from tests.contract.harness import Lakefs, refused
from tests.contract.webhooks import Received, Receiver


@pytest.mark.behaviour("H4")
def test_body_of_pre_merge(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    merge = repo.merge("work", message="the message", metadata={"k": "v"})
    [request] = endpoint.received
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    event = request.event
    assert event.pop("event_time").endswith("Z")
    assert event == {
        "event_type": "pre-merge",
        "action_name": "gate",
        "hook_id": "ask_gate",
        "repository_id": repo.name,
        "branch_id": "main",
        "source_ref": repo.head("work"),
        "merge_source": "work",
        "commit_id": merge,
        "commit_message": "the message",
        "committer": repo.get_commit(merge)["committer"],
        "commit_metadata": {".lakefs.merge.strategy": "default", "k": "v"},
    }


@pytest.mark.behaviour("H4")
def test_merge_source_is_the_reference_as_asked(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    source = repo.head("work")
    repo.merge(source[:10])
    assert endpoint.events[0]["merge_source"] == source[:10]
    assert endpoint.events[0]["source_ref"] == source


@pytest.mark.behaviour("H3", "C2")
@pytest.mark.parametrize("squash", [False, True])
def test_the_merge_commit_can_be_read_during_the_hook(
    lakefs: Lakefs, webhooks: Receiver, squash: bool
) -> None:
    endpoint = webhooks.endpoint()
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    repo.commit_files("main", {"late": "late"})
    before = repo.head()
    seen: dict[str, object] = {}

    def look(request: Received) -> None:
        commit = repo.get_commit(request.event["commit_id"])
        seen["parents"] = commit["parents"]
        seen["contents"] = repo.contents(commit["id"])
        seen["diff"] = repo.diff(commit["parents"][0], commit["id"])
        seen["main"] = repo.head()

    endpoint.during = look
    merge = repo.merge("work", squash_merge=squash)
    assert merge == endpoint.events[0]["commit_id"] == repo.head()
    assert seen["parents"] == ([before] if squash else [before, repo.head("work")])
    assert seen["diff"] == [("added", "new")]
    assert seen["contents"] == repo.contents("main")
    assert seen["main"] == before


@pytest.mark.behaviour("H9", "K2")
@pytest.mark.parametrize("status", [400, 412, 500, 503, 304])
def test_any_status_but_2xx_refuses(lakefs: Lakefs, webhooks: Receiver, status: int) -> None:
    endpoint = webhooks.endpoint(status=status, body=b"" if status == 304 else b'{"reason": "the reason"}')
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    before = repo.head()
    message = refused(repo.try_merge("work"), 412)
    [run] = repo.runs()
    reason = f"webhook request failed (status code: {status})"
    expected = refusal("pre-merge", "ask_gate", reason, run_id=run["run_id"])
    assert message == f"update branch main: {expected}"
    assert repo.head() == before
    assert len(endpoint.received) == 1  # no retry
    if status != 304:
        assert "the reason" in repo.output(run["run_id"], "0000_0000")  # only there


@pytest.mark.behaviour("H9")
@pytest.mark.parametrize("status", [200, 201, 202])
def test_2xx_lets_it_through_whatever_the_body(lakefs: Lakefs, webhooks: Receiver, status: int) -> None:
    endpoint = webhooks.endpoint(status=status, body=b'{"allowed": false}')
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    repo.merge("work")


@pytest.mark.behaviour("H9")
def test_no_answer_in_time_refuses(lakefs: Lakefs, webhooks: Receiver) -> None:
    answered = threading.Event()
    endpoint = webhooks.endpoint(during=lambda _: answered.wait(20))
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url, timeout="300ms"))
    before = repo.head()
    try:
        message = refused(repo.try_merge("work"), 412)
    finally:
        answered.set()
    assert "hook 'ask_gate': action failed: " in message
    assert repo.head() == before
    assert len(endpoint.received) <= 1  # on a busy machine the time may be over before it came


@pytest.mark.behaviour("H9")
def test_nobody_there_refuses(lakefs: Lakefs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    repo = ready_to_merge(lakefs, webhook("ask_gate", f"http://127.0.0.1:{port}/"))
    before = repo.head()
    assert "hook 'ask_gate': action failed: " in refused(repo.try_merge("work"), 412)
    assert repo.head() == before


@pytest.mark.behaviour("H9")
@pytest.mark.parametrize(
    ("status", "method"), [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
)
def test_a_redirect_to_a_page_that_answers_200_lets_it_through(
    lakefs: Lakefs, webhooks: Receiver, status: int, method: str
) -> None:
    page = webhooks.endpoint(body=b"<html>please log in</html>")
    endpoint = webhooks.endpoint(status=status, headers={"location": page.url})
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    repo.merge("work")
    [request] = page.received
    assert request.method == method
    assert bool(request.content) is (method == "POST")


@pytest.mark.behaviour("H9")
def test_redirects_without_end_refuse(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=302)
    endpoint.headers = {"location": endpoint.url}
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    assert "hook 'ask_gate': action failed: " in refused(repo.try_merge("work"), 412)


@pytest.mark.behaviour("H10")
def test_environment_in_headers_and_query_but_not_in_the_address(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    value = "{{ ENV.LAKEFSACTION_CONTRACT }}"
    hook = webhook(
        "ask_gate",
        f"{endpoint.url}?address={value}",
        headers={
            "Authorization": f"Bearer {value}",
            "X-Other": "[{{ ENV.OTHER_SECRET }}]",
            "X-Plain": "plain",
        },
        query_params={"token": "{{ENV.LAKEFSACTION_CONTRACT}}", "plain": "plain"},
    )
    repo = ready_to_merge(lakefs, hook)
    repo.merge("work")
    [request] = endpoint.received
    assert request.headers["authorization"] == "Bearer contract-value"
    assert request.headers["x-other"] == "[]"  # only LAKEFSACTION_ variables are given away
    assert request.headers["x-plain"] == "plain"
    assert request.query == {"address": value, "token": "contract-value", "plain": "plain"}
    output = repo.output(repo.runs()[0]["run_id"], "0000_0000")
    assert "contract-value" not in output
    assert "Authorization: *******" in output


@pytest.mark.behaviour("H10")
def test_any_branch_can_send_the_environment_anywhere(lakefs: Lakefs, webhooks: Receiver) -> None:
    anywhere = webhooks.endpoint()
    hook = webhook("thief", anywhere.url, headers={"X-Token": "{{ ENV.LAKEFSACTION_CONTRACT }}"})
    repo = lakefs.create_repository(files={"a": "1"})
    repo.create_branch("work")
    repo.create_branch("mine")
    repo.commit_files("work", {FOLDER + "thief.yaml": action("thief", ["pre-merge"], hook), "b": "1"})
    repo.merge("work", "mine")
    assert anywhere.received[0].headers["x-token"] == "contract-value"


@pytest.mark.behaviour("H10")
def test_a_variable_that_is_not_set(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint()
    hook = webhook("ask_gate", endpoint.url, headers={"X-Token": "{{ ENV.LAKEFSACTION_NOT_SET }}"})
    repo = ready_to_merge(lakefs, hook)
    before = repo.head()
    assert "LAKEFSACTION_NOT_SET not found: missing env var" in refused(repo.try_merge("work"), 500)
    assert repo.head() == before
    assert endpoint.received == []


@pytest.mark.behaviour("H3")
def test_a_refused_merge_commit_can_still_be_read(lakefs: Lakefs, webhooks: Receiver) -> None:
    endpoint = webhooks.endpoint(status=412)
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    refused(repo.try_merge("work"), 412)
    refused_commit = endpoint.events[0]["commit_id"]
    assert repo.contents(refused_commit)["new"] == b"new"
    assert refused_commit not in [commit["id"] for commit in repo.log("main")]


@pytest.mark.behaviour("H7", "H12")
@pytest.mark.parametrize("option", ["force", "allow_empty"])
def test_no_option_of_a_merge_spares_the_hook(lakefs: Lakefs, webhooks: Receiver, option: str) -> None:
    endpoint = webhooks.endpoint(status=412)
    repo = ready_to_merge(lakefs, webhook("ask_gate", endpoint.url))
    refused(repo.try_merge("work", "main", **{option: True}), 412)
    assert len(endpoint.received) == 1
