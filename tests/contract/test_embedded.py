"""What concerns the embedded server alone."""

import signal
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from local_lakefs.testing import RunningServer, lakefs_server
from tests.contract.action_files import FOLDER, action, lua, ready_to_merge
from tests.contract.harness import Lakefs, Repository, refused, success
from tests.contract.s3 import S3
from tests.contract.test_imports import start as start_import


def client(server: RunningServer) -> Lakefs:
    return Lakefs("embedded", server.url, server.access_key_id, server.secret_access_key)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/auth/users", "listUsers"),
        ("POST", "/repositories/{repo}/gc/prepare_commits", "prepareGarbageCollectionCommits"),
    ],
)
def test_embedded_says_which_operation_it_does_not_offer(
    embedded: Lakefs, method: str, path: str, operation: str
) -> None:
    name = embedded.create_repository().name
    assert operation in refused(embedded.http.request(method, path.format(repo=name)), 501)


def test_who_sends_much_hears_that_it_was_refused(embedded: Lakefs) -> None:
    """Hadoop's S3A takes a connection that breaks for a fault that passes, and tries for minutes."""
    large = bytes(32 << 20)
    host = embedded.url.removeprefix("http://")
    s3 = S3(embedded, embedded.create_repository())
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"  # as AWS's SDK sends checksums without TLS
    request = s3.signed("PUT", s3.url("main/large"), large, {"x-amz-content-sha256": kind}, payload=kind)
    connection = HTTPConnection(host, timeout=300)
    for _ in range(2):  # and the connection is as good as before
        connection.request("PUT", request.url.raw_path.decode(), large, dict(request.headers))
        answer = connection.getresponse()
        assert (answer.status, b"AccessDenied" in answer.read()) == (403, True)
    connection.close()


def test_lua_has_no_request_unless_allowed(tmp_path: Path) -> None:
    with lakefs_server(tmp_path) as server:
        repo = ready_to_merge(client(server), lua("ask_lua", "require('net/http')"))
        assert "module 'net/http' not found" in refused(repo.try_merge("work"), 412)


def test_lua_gets_no_object_that_is_too_large_for_it(embedded: Lakefs) -> None:
    script = "require('lakefs').get_object(action.repository_id, action.commit_id, 'large')"
    repo = ready_to_merge(embedded, lua("ask_lua", script))
    repo.commit_files("work", {"large": bytes(17 << 20)})
    message = refused(repo.try_merge("work"), 412)
    assert "large is larger than 16777216 bytes: the embedded lakeFS gives a script no more" in message


def test_hooks_that_call_themselves_come_to_an_end(embedded: Lakefs) -> None:
    script = """
    local status, answer = require("lakefs").create_tag(action.repository_id, "main", action.tag_id .. "x")
    if status ~= 201 then require("hook").fail(answer.message) end
    """
    files = {FOLDER + "tag.yaml": action("tag", ["pre-create-tag"], lua("tag_more", script))}
    repo = embedded.create_repository(files=files)
    message = refused(repo.request("POST", "tags", json={"id": "v", "ref": "main"}), 412)
    assert "hooks that call hooks: more than 4 deep" in message
    assert repo.pages("tags") == []


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_acknowledged_outlives_the_process(tmp_path: Path, end: signal.Signals) -> None:
    with lakefs_server(tmp_path) as server:
        lakefs = client(server)
        repo = lakefs.create_repository(files={"a": "1"})
        repo.create_branch("work")
        repo.commit_files("work", {"b": "2"})
        merge = repo.merge("work")
        repo.protect("work")
        repo.upload("main", "staged", "3")
        pull = {"title": "a wish", "source_branch": "work", "destination_branch": "main"}
        pull_id = success(repo.request("POST", "pulls", json=pull))["id"]
        address = lakefs.create_repository(files={"there": "4"}).stat("main", "there")["physical_address"]
        repo.create_branch("more")
        imported = start_import(repo, ("object", address, "imported"), branch="more")
        failed = start_import(repo, ("object", "local:///nowhere", "x"))
        assert (imported["completed"], failed["completed"]) == (True, False)
        gateway = S3(lakefs, repo)
        created = gateway.call("POST", "main/parts", headers={"x-amz-meta-a": "1"}, uploads="").text
        upload = created.partition("<UploadId>")[2].partition("<")[0]
        gateway.call("PUT", "main/parts", b"one, ", partNumber="1", uploadId=upload)
        process = psutil.Process(server.pid)
        for one in [*process.children(recursive=True), process]:
            one.send_signal(end)
        process.wait(120)
    with lakefs_server(tmp_path) as server:
        again = Repository(client(server), repo.name)
        assert server.secret_access_key == lakefs.secret_access_key
        assert again.head() == merge
        assert again.contents("main") == {"a": b"1", "b": b"2", "staged": b"3"}
        assert again.uncommitted("main") == [("added", "staged")]
        assert again.write_is_refused("work")
        assert success(again.request("GET", "pulls", pull_id))["title"] == "a wish"
        for told in (imported, failed):
            asked = {"id": told.pop("id")}
            assert success(again.request("GET", "branches", "work", "import", params=asked)) == told
        gateway = S3(again.lakefs, again)
        gateway.call("PUT", "main/parts", b"two", partNumber="2", uploadId=upload)
        gateway.call("POST", "main/parts", b"<CompleteMultipartUpload/>", uploadId=upload)
        assert again.read("main", "parts") == b"one, two"
        assert again.stat("main", "parts")["metadata"] == {"X-Amz-Meta-a": "1"}
