"""The module ``lakefs``: a script asks the server that runs it."""

from __future__ import annotations

import pytest

from tests.contract.action_files import FOLDER, action, lua
from tests.contract.expressions import at, shown
from tests.contract.harness import Lakefs, Repository, eventually, success

HEX = 'require("encoding/hex").'
BINARY = bytes(range(200, 256))  # no UTF-8
JSON = 'require("encoding/json").'
API = 'require("lakefs").'


@pytest.fixture(scope="module")
def stocked(lakefs: Lakefs) -> Repository:
    repo = lakefs.create_repository(files={"a": "1", "bin": BINARY, "sp ace+%é": "odd"})
    repo.create_branch("work")
    repo.upload("work", "new", "new", headers={"x-lakefs-meta-k": "v"})
    repo.upload("work", "folder/x", "x")
    repo.commit("work")
    repo.create_branch("dirty")
    repo.upload("dirty", "staged", "1")
    return repo


SETUP = f"""
repo = action.repository_id
function paths(status, answer)
  local found = {{}}
  for at = 1, #answer.results do
    local one = answer.results[at]
    found[at] = (one.type and one.type .. " " or "") .. one.path
  end
  return status .. " " .. table.concat(found, ",") .. " " .. tostring(answer.pagination.has_more)
end
function said(status, answer)
  return status .. " " .. (type(answer) == "table" and answer.message or tostring(answer))
end
function stat(...)
  local status, text = {API}stat_object(...)
  return {JSON}unmarshal(text)
end
"""


@pytest.mark.behaviour("H3", "H11")
def test_lakefs_as_a_script_sees_it(lakefs: Lakefs, stocked: Repository) -> None:
    missing = '"{"message":"not found"}\\10"'
    cases: list[tuple[str, str]] = [
        (f'said({API}get_object(repo, action.commit_id, "new"))', '"200 new"'),
        (f'said({API}get_object(repo, "main@", "sp ace+%\\195\\169"))', '"200 odd"'),
        (f'{HEX}encode((select(2, {API}get_object(repo, "main", "bin"))))', f'"{BINARY.hex()}"'),
        (f'{API}get_object(repo, "main", "new")', "404"),
        (f'select(2, {API}get_object(repo, "nope", "a"))', missing),
        (f'select(2, {API}get_object("nope", "main", "a"))', '"{"message":"repository not found"}\\10"'),
        (f"{API}get_object(repo)", at("bad argument #2 to '?' (string expected, got no value)")),
        (f'{API}get_object(repo, "main", nil)', at("bad argument #3 to '?' (string expected, got nil)")),
        ('stat(repo, action.source_ref, "new").size_bytes', "3"),
        ('stat(repo, "work", "new").metadata', '{k="v"}'),
        ('stat(repo, "work", "new", false).metadata', "{}"),
        ('stat(repo, "work", "nope").message', '"not found"'),
        (f'paths({API}list_objects(repo, "work", "", "n", "/"))', '"200 new false"'),
        (f'paths({API}list_objects(repo, "work", "bin", "", "", 1))', '"200 folder/x true"'),
        (f'{API}list_objects(repo, "nope")', "404"),
        (f'paths({API}diff_refs(repo, "main", action.commit_id))',
         '"200 added _lakefs_actions/gate.yaml,added folder/x,added new false"'),
        (f'paths({API}diff_refs(repo, "main", "work", "", "n", "/", 5))', '"200 added new false"'),
        (f'said({API}diff_refs(repo, "main", "nope"))', '"404 get commit by ref nope: not found"'),
        (f'{API}diff_refs(repo, "main", "work", nil)',
         at("bad argument #4 to '?' (string expected, got nil)")),
        (f'paths({API}diff_branch(repo, "dirty"))', '"200 added staged false"'),
        (f'said({API}diff_branch(repo, "nope"))', '"404 branch not found"'),
        (f'{API}create_tag(repo, "main", "v1")', "201"),
        (f'said({API}create_tag(repo, "main", "v1"))', '"409 tag already exists: not unique"'),
        (f'said({API}create_tag(repo, "nope", "v2"))', '"404 not found"'),
        (f'{API}update_object_user_metadata(repo, "dirty", "a", {{k = "v", n = 5}})', "204"),
        ('stat(repo, "dirty", "a").metadata', '{k="v", n="5"}'),
        (f'{API}update_object_user_metadata(repo, "dirty", "nope", {{k = "v"}})', "404"),
        (f'{API}update_object_user_metadata(repo, "dirty", "a", {{k = true}})',
         at("value for key 'k' should be a string (true): cannot pull go type into lua")),
    ]  # fmt: skip
    found = shown(lakefs, [expression for expression, _ in cases], stocked, SETUP)
    assert found == [value for _, value in cases]
    assert success(stocked.request("GET", "tags", "v1"))["commit_id"] != stocked.head()


@pytest.mark.behaviour("H8", "H11")
def test_a_post_hook_tags_the_merge(lakefs: Lakefs) -> None:
    script = f'print({API}create_tag(action.repository_id, action.commit_id, "merged"))'
    files = {FOLDER + "tag.yaml": action("tag", ["post-merge"], lua("tag_it", script))}
    repo = lakefs.create_repository(files=files)
    repo.create_branch("work")
    repo.commit_files("work", {"new": "new"})
    merge = repo.merge("work")
    eventually(lambda: repo.request("GET", "tags", "merged").is_success)
    assert success(repo.request("GET", "tags", "merged"))["commit_id"] == merge
