"""The official clients: how they find a server and what they make of its answers."""

# The generated client knows no types, and gives its defaults in ways that mypy does not see.
# mypy: disable-error-code="no-untyped-call,attr-defined,call-arg"

import json
from pathlib import Path

import lakefs as sdk
import lakefs_sdk
import pytest
from lakefs.exceptions import ConflictException, NotAuthorizedException, NotFoundException, ServerException

from tests.contract.action_files import lua, ready_to_merge
from tests.contract.harness import Lakefs, Repository, refused


@pytest.fixture
def client(lakefs: Lakefs) -> sdk.Client:
    return sdk.Client(host=lakefs.url, username=lakefs.access_key_id, password=lakefs.secret_access_key)


@pytest.mark.behaviour("K1")
@pytest.mark.parametrize("ending", ["", "/", "/api/v1"])
def test_server_and_keys_from_the_environment(
    lakefs: Lakefs, repo: Repository, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setenv("LAKECTL_SERVER_ENDPOINT_URL", lakefs.url + ending)
    monkeypatch.setenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", lakefs.access_key_id)
    monkeypatch.setenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", lakefs.secret_access_key)
    assert sdk.Repository(repo.name, client=sdk.Client()).branch("main").get_commit().id == repo.head()


@pytest.mark.behaviour("K1")
def test_server_and_keys_from_the_file(
    lakefs: Lakefs, repo: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SERVER_ENDPOINT_URL", "CREDENTIALS_ACCESS_KEY_ID", "CREDENTIALS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"LAKECTL_{name}", raising=False)
    keys = {"access_key_id": lakefs.access_key_id, "secret_access_key": lakefs.secret_access_key}
    settings = {"credentials": keys, "server": {"endpoint_url": f"{lakefs.url}/api/v1"}}
    (tmp_path / ".lakectl.yaml").write_text(json.dumps(settings))  # JSON is YAML
    monkeypatch.setattr("lakefs.config._LAKECTL_YAML_PATH", str(tmp_path / ".lakectl.yaml"))
    assert sdk.Repository(repo.name, client=sdk.Client()).branch("main").get_commit().id == repo.head()


def test_the_usual_way(client: sdk.Client, lakefs: Lakefs) -> None:
    name = lakefs.create_repository().name
    repository = sdk.Repository(name, client=client)
    branch = repository.branch("work").create("main")
    branch.object("dir/a b.csv").upload(b"1,2\n", content_type="text/csv", metadata={"owner": "me"})
    assert [change.path for change in branch.uncommitted()] == ["dir/a b.csv"]
    commit = branch.commit("the message", metadata={"k": "v"}).get_commit()
    assert commit.message == "the message"
    main = repository.branch("main")
    assert [(change.type, change.path) for change in main.diff(branch)] == [("added", "dir/a b.csv")]
    merge = branch.merge_into(main)
    assert main.get_commit().id == merge
    with main.object("dir/a b.csv").reader("rb") as reader:
        assert reader.read(2) == b"1,"
        assert reader.read() == b"2\n"
    stats = main.object("dir/a b.csv").stat()
    assert (stats.size_bytes, stats.metadata, stats.content_type) == (4, {"owner": "me"}, "text/csv")
    assert [found.path for found in main.objects()] == ["dir/a b.csv"]
    assert [found.message for found in main.log(max_amount=1)] == [main.get_commit().message]
    assert main.revert(merge, parent_number=1).parents == [merge]
    assert list(main.objects()) == []
    branch.delete()


def test_repositories(client: sdk.Client, repo: Repository) -> None:
    again = sdk.Repository(repo.name, client=client)
    with pytest.raises(ConflictException):
        again.create(storage_namespace=f"local://{repo.name}-other")
    again.create(storage_namespace=f"local://{repo.name}-other", exist_ok=True)
    assert repo.name in [found.id for found in sdk.repositories(client=client, prefix=repo.name)]


def test_transactions(client: sdk.Client, repo: Repository) -> None:
    main = sdk.Repository(repo.name, client=client).branch("main")
    with main.transact(commit_message="all at once") as transaction:
        transaction.object("a").upload(b"1")
        transaction.object("b").upload(b"2")
    assert repo.paths("main@") == ["a", "b"]
    assert [branch["id"] for branch in repo.pages("branches", show_hidden=True)] == ["main"]


def test_exceptions(client: sdk.Client, lakefs: Lakefs, repo: Repository) -> None:
    with pytest.raises(NotFoundException):
        sdk.Repository("no-such-one", client=client).branch("main").get_commit()
    with pytest.raises(NotFoundException):
        sdk.Repository(repo.name, client=client).ref("main").object("nope").stat()
    stranger = sdk.Client(host=lakefs.url, username="nobody", password="nothing")
    with pytest.raises(NotAuthorizedException):
        sdk.Repository(repo.name, client=stranger).branch("main").get_commit()


@pytest.mark.behaviour("K2")
def test_a_refused_merge(client: sdk.Client, lakefs: Lakefs) -> None:
    repo = ready_to_merge(lakefs, lua("ask_lua", "require('hook').fail('bad data')"))
    main = sdk.Repository(repo.name, client=client).branch("main")
    with pytest.raises(ServerException) as caught:
        sdk.Repository(repo.name, client=client).branch("work").merge_into(main)
    assert caught.value.status_code == 412
    assert set(caught.value.body) == {"message"}
    assert "action failed: bad data" in caught.value.body["message"]


@pytest.mark.behaviour("R10")
def test_reverts_with_overrides_need_the_generated_client(client: sdk.Client, repo: Repository) -> None:
    repo.commit_files("main", {"a": "1"})
    button = {"::lakefs::Gate::url[url:ui]": "http://gate.example/reverts/1"}
    answer = client.sdk_client.branches_api.revert_branch(
        repo.name,
        "main",
        lakefs_sdk.RevertCreation(
            ref="main",
            parent_number=1,
            commit_overrides=lakefs_sdk.CommitOverrides(message="back", metadata=button),
        ),
    )
    assert answer is None
    assert repo.get_commit("main")["metadata"] == button


def test_addresses_for_objects_written_elsewhere(client: sdk.Client, repo: Repository) -> None:
    staging = client.sdk_client.staging_api
    location = staging.get_physical_address(repo.name, "main", "linked")
    assert location.presigned_url is None
    metadata = lakefs_sdk.StagingMetadata(staging=location, checksum="claimed", size_bytes=3)
    assert staging.link_physical_address(repo.name, "main", "linked", metadata).path == "linked"
    assert refused(repo.try_read("main", "linked"), 410)
