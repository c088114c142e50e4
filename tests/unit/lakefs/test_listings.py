"""Listings of a repository of many objects: all of it once, then what changed (C8), whatever lakeFS says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gate_server.lakefs.candidates import candidate_of_event
from gate_server.lakefs.changes import ChangeFinder
from gate_server.lakefs.client import LakeFS
from gate_server.lakefs.commits import Commits
from gate_server.lakefs.listings import Listing, Listings
from gate_server.model import Event
from local_lakefs.testing import RunningServer, lakefs_server
from tests.e2e.filled import NAME, fill, path_of
from tests.e2e.proxy import Exchange, proxy_before

OBJECTS = 6000
PAGES = 6
PREFIX = "tables/"
METARANGE = "/metadata/object/meta_range/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("lakefs")
    fill(directory, OBJECTS)
    with lakefs_server(directory) as running:
        yield running


@pytest.fixture
def lakefs(server: RunningServer) -> LakeFS:
    return LakeFS(server.url, server.access_key_id, server.secret_access_key)


class Branch:
    """A branch that is written to by the API."""

    def __init__(self, lakefs: LakeFS, name: str) -> None:
        self._lakefs = lakefs
        self.name = name
        lakefs.send("POST", f"/repositories/{NAME}/branches", json={"name": name, "source": "main"})

    def _send(self, method: str, what: str, json: Any = None, **more: Any) -> Any:
        return self._lakefs.send(method, f"/repositories/{NAME}/branches/{self.name}/{what}", json, **more)

    def put(self, *paths: str) -> Branch:
        for path in paths:
            self._send("POST", "objects", content=b"new", path=path)
        return self

    def delete(self, path: str) -> Branch:
        self._send("DELETE", "objects", path=path)
        return self

    def link(self, path: str, checksum: str) -> Branch:
        """Put what a client says is there at an address that lakeFS gives."""
        place = self._send("GET", "staging/backing", path=path)
        body = {"staging": place, "checksum": checksum, "size_bytes": 100, "content_type": "text/csv"}
        self._send("PUT", "staging/backing", body, path=path)
        return self

    def commit(self) -> str:
        self._send("POST", "commits", {"message": "changed"})
        return self.name


def listed(lakefs: LakeFS, listings: Listings, ref: str) -> tuple[Listing, int]:
    """Return a listing, and how many calls it took."""
    commit, before = Commits(lakefs).get(NAME, ref), lakefs.calls
    found = listings.of(NAME, commit, PREFIX)
    return found, lakefs.calls - before


def whole(lakefs: LakeFS, ref: str) -> Listing:
    return listed(lakefs, Listings(lakefs), ref)[0]


def test_all_is_listed_once_and_then_what_changed(lakefs: LakeFS) -> None:
    listings = Listings(lakefs)
    first, calls = listed(lakefs, listings, "main")
    assert (len(first), calls) == (OBJECTS, PAGES + 1)  # and where the repository lies
    branch = Branch(lakefs, "some").put(path_of(10), "tables/a new one", "tables/zz", "elsewhere/x")
    found, calls = listed(lakefs, listings, branch.delete(path_of(3000)).commit())
    assert calls <= 2 + 4  # two metaranges, and a page at each place that changed
    assert list(found.items()) == list(whole(lakefs, "some").items())
    assert found.keys() - first.keys() == {"tables/a new one", "tables/zz"}
    assert first.keys() - found.keys() == {path_of(3000)}
    # The next one asks for its own metarange alone; one that changes nothing here, for nothing else.
    assert listed(lakefs, listings, branch.put(path_of(20)).commit())[1] <= 1 + 1
    assert listed(lakefs, listings, branch.put("elsewhere/y").commit())[1] <= 1 + 1


def test_what_changed_its_address_alone_is_seen(lakefs: LakeFS) -> None:
    listings, path = Listings(lakefs), path_of(77)
    before, _ = listed(lakefs, listings, "main")
    branch = Branch(lakefs, "forged").delete(path)
    branch.commit()
    found, calls = listed(lakefs, listings, branch.link(path, before[path].checksum).commit())
    assert calls < PAGES
    assert found[path].checksum == before[path].checksum
    assert {key for key in found if found[key] != before[key]} == {path}


def test_a_merge_into_what_moved_meanwhile_costs_by_what_changed(
    server: RunningServer, lakefs: LakeFS
) -> None:
    """All four versions are looked at then: the destination, the result, the source, and where they met."""
    pages: list[str] = []

    def called(_method: str, path: str, _status: int, _duration_s: float) -> None:
        pages.append(path) if path.endswith("/objects/ls") else None

    way = LakeFS(server.url, server.access_key_id, server.secret_access_key, on_call=called)
    commits = Commits(way)
    finder = ChangeFinder(way, commits, Listings(way), ["_lakefs_actions/"])

    def merged(name: str, number: int) -> tuple[str, ...]:
        source, other = Branch(lakefs, name), Branch(lakefs, f"{name}-other")
        source.put(path_of(number)).commit()
        merge_into_main(lakefs, other.put(path_of(number + 3000)).commit())
        commit = merge_into_main(lakefs, source.name)
        event = Event("pre-merge", NAME, "main", commit, commit_id=commit)
        return tuple(
            item.path for item in finder.of(candidate_of_event(commits, event), [PREFIX]).under_rules
        )

    assert merged("first", 100) == (path_of(100),)
    assert len(pages) >= PAGES
    pages.clear()
    assert merged("second", 500) == (path_of(500),)
    # Of each version two places at most, and the gate's own files of two.
    assert len(pages) <= 4 * 2 + 2


def merge_into_main(lakefs: LakeFS, name: str) -> str:
    return str(lakefs.send("POST", f"/repositories/{NAME}/refs/{name}/merge/main", json={})["reference"])


def refused(exchange: Exchange) -> None:
    exchange.answer(403, b'{"message": "no"}', {})


def of_another_kind(exchange: Exchange) -> None:
    exchange.answer(200, b"<html>a proxy's page</html>", {})


@pytest.mark.parametrize("treatment", [refused, of_another_kind])
def test_without_the_ranges_all_is_listed(
    server: RunningServer, lakefs: LakeFS, treatment: Callable[[Exchange], None]
) -> None:
    name = f"without-{treatment.__name__.replace('_', '-')}"

    def treat(exchange: Exchange) -> None:
        treatment(exchange) if METARANGE in exchange.path else exchange.pass_on()

    with proxy_before(server.url, treat) as url:
        way = LakeFS(url, server.access_key_id, server.secret_access_key)
        listings = Listings(way)
        listed(way, listings, "main")
        found, calls = listed(way, listings, Branch(lakefs, name).put(path_of(1)).commit())
    assert calls >= PAGES
    assert found == whole(lakefs, name)


def test_where_a_range_is_listed_shorter_than_it_is_all_is_listed(
    server: RunningServer, lakefs: LakeFS
) -> None:
    spoil: list[bool] = []

    def treat(exchange: Exchange) -> None:
        if not spoil or "/objects/ls" not in exchange.path:
            return exchange.pass_on()
        spoil.clear()
        answer = exchange.asked()
        body = answer.json()
        body["results"] = [item for item in body["results"] if item["path"] != path_of(4000)]
        return exchange.answer(answer.status_code, json.dumps(body).encode(), {})

    with proxy_before(server.url, treat) as url:
        way = LakeFS(url, server.access_key_id, server.secret_access_key)
        listings = Listings(way)
        listed(way, listings, "main")
        ref = Branch(lakefs, "shorter").put(path_of(4000)).commit()
        spoil.append(True)
        found, calls = listed(way, listings, ref)
    assert calls > PAGES
    assert found == whole(lakefs, ref)
