"""References: branches, tags, commit ids and what may follow them."""

import pytest

from tests.contract.harness import Repository, refused, success


@pytest.fixture
def history(repo: Repository) -> dict[str, str]:
    """Return ids by name; main: root, one, two, merge (whose second parent is beside)."""
    ids = {"repository": repo.name, "root": repo.head()}
    ids["one"] = repo.commit_files("main", {"a": "1"})["id"]
    repo.create_branch("side")
    ids["beside"] = repo.commit_files("side", {"s": "1"})["id"]
    ids["two"] = repo.commit_files("main", {"b": "1"})["id"]
    ids["merge"] = repo.merge("side")
    success(repo.request("POST", "tags", json={"id": "v1.0", "ref": "main~1"}))
    return ids


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("main", "merge"),
        ("main@", "merge"),
        ("main~0", "merge"),
        ("main^0", "merge"),
        ("main~", "two"),
        ("main~1", "two"),
        ("main^", "two"),
        ("main^1", "two"),
        ("main^2", "beside"),
        ("main^2~1", "one"),
        ("main~~", "one"),
        ("main^^", "one"),
        ("main~1^1", "one"),
        ("main~3", "root"),
        ("side", "beside"),
        ("v1.0", "two"),
        ("v1.0~1", "one"),
    ],
)
def test_expressions(repo: Repository, history: dict[str, str], ref: str, name: str) -> None:
    assert repo.get_commit(ref)["id"] == history[name]


@pytest.mark.parametrize("length", [8, 20, 63, 64])
def test_commit_ids_may_be_shortened(repo: Repository, history: dict[str, str], length: int) -> None:
    short = history["two"][:length]
    assert repo.get_commit(short)["id"] == history["two"]
    assert repo.get_commit(f"{short}~1")["id"] == history["one"]
    assert repo.paths(short) == ["a", "b"]


@pytest.mark.parametrize("ref", ["nope", "main~99", "0" * 64, "HEAD", "mai", "v1"])
def test_unknown(repo: Repository, history: dict[str, str], ref: str) -> None:
    assert refused(repo.request("GET", "commits", ref), 404) == "commit not found"
    assert refused(repo.request("GET", "refs", ref, "objects", "ls"), 404)
    assert refused(repo.try_read(ref, "a"), 404)


def test_prefix_of_several_commits_is_unknown(repo: Repository) -> None:
    ids = [repo.commit("main", str(number), allow_empty=True)["id"] for number in range(17)]
    firsts = [commit[0] for commit in ids]
    ambiguous = next(first for first in firsts if firsts.count(first) > 1)
    assert refused(repo.request("GET", "commits", ambiguous), 404)


def test_upper_case_is_another_id(repo: Repository, history: dict[str, str]) -> None:
    assert refused(repo.request("GET", "commits", history["two"].upper()), 404)


@pytest.mark.parametrize("ref", ["main$", "main~1@", "main@~1", "side^2", "@", "~1", "main~x"])
def test_malformed_references_are_500(repo: Repository, history: dict[str, str], ref: str) -> None:
    assert refused(repo.request("GET", "commits", ref), 500)


def test_tags(repo: Repository) -> None:
    commit = repo.commit_files("main", {"a": "1"})["id"]
    response = repo.request("POST", "tags", json={"id": "v1", "ref": "main"})
    assert response.status_code == 201
    assert response.json() == {"id": "v1", "commit_id": commit}
    repo.commit_files("main", {"a": "2"})
    assert success(repo.request("GET", "tags", "v1"))["commit_id"] == commit
    assert repo.read("v1", "a") == b"1"
    for name in ("v2", "v3"):
        success(repo.request("POST", "tags", json={"id": name, "ref": "main~1"}))
    assert [tag["id"] for tag in repo.pages("tags", amount=2)] == ["v1", "v2", "v3"]
    assert repo.request("DELETE", "tags", "v1").status_code == 204
    assert refused(repo.request("GET", "tags", "v1"), 404) == "tag not found"
    assert refused(repo.request("DELETE", "tags", "v1"), 404) == "tag not found"


@pytest.mark.parametrize(
    ("name", "ref", "status", "message"),
    [
        ("taken", "main", 409, "tag already exists: not unique"),
        ("main", "main", 409, "branch name main: conflict found"),
        ("new", "nope", 404, "not found"),
        ("with space", "main", 400, "argument tagID: tag id: invalid value: validation error"),
        ("with/slash", "main", 400, "argument tagID: tag id: invalid value: validation error"),
    ],
)
def test_tags_that_cannot_be_made(repo: Repository, name: str, ref: str, status: int, message: str) -> None:
    success(repo.request("POST", "tags", json={"id": "taken", "ref": "main"}))
    assert refused(repo.request("POST", "tags", json={"id": name, "ref": ref}), status) == message


@pytest.mark.parametrize("kind", ["branch", "tag"])
def test_a_shortened_id_can_be_taken_over_by_a_name(repo: Repository, kind: str) -> None:
    first = repo.head()
    second = repo.commit_files("main", {"a": "1"})["id"]
    short = first[:12]
    assert repo.get_commit(short)["id"] == first
    if kind == "branch":
        repo.create_branch(short)
    else:
        success(repo.request("POST", "tags", json={"id": short, "ref": "main"}))
    assert repo.get_commit(short)["id"] == second


def test_a_full_id_cannot(repo: Repository) -> None:
    commit = repo.commit_files("main", {"a": "1"})["id"]
    expected = f"commit ID {commit}: conflict found"
    branch = repo.request("POST", "branches", json={"name": commit, "source": "main"})
    assert refused(branch, 409) == expected
    tag = repo.request("POST", "tags", json={"id": commit, "ref": "main"})
    assert refused(tag, 409) == expected
