"""What is made of answers that lakeFS does not give: a proxy's pages, and pages without end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gate_client.errors import LakeFSError, LakeFSUnreachable, NotFound, Unauthorized, UsageError
from gate_client.lakefs import LakeFS


def answering(*answers: httpx.Response | Exception) -> tuple[LakeFS, list[httpx.Request]]:
    """Return a client that gets these answers, the last one again and again."""
    left: list[httpx.Response | Exception] = list(answers)
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return LakeFS("http://lakefs:8000/api/v1/", "key", "secret", transport=httpx.MockTransport(answer)), asked


def page(*results: Any, after: str = "") -> httpx.Response:
    pagination = {"has_more": bool(after), "next_offset": after}
    return httpx.Response(200, json={"results": results, "pagination": pagination})


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>a page of a proxy</html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"results": [], "pagination": None}),
        httpx.Response(302, headers={"location": "/login"}),
        httpx.Response(400, json={"message": "what is wrong"}),
    ],
)
def test_what_is_no_page_is_an_error(answer: httpx.Response) -> None:
    lakefs, asked = answering(answer)
    with pytest.raises(LakeFSError, match=r"http://lakefs:8000|lakeFS answered"):
        list(lakefs.pages("sales", "branches"))
    assert len(asked) == 1


def test_pages_are_followed_and_a_page_that_comes_again_ends_it() -> None:
    lakefs, asked = answering(page(1, after="a"), page(2, after="b"), page(3))
    assert list(lakefs.pages("sales", "branches", prefix="x")) == [1, 2, 3]
    assert [request.url.params["after"] for request in asked] == ["", "a", "b"]
    for_ever, _ = answering(page(1, after="a"))
    with pytest.raises(LakeFSError, match="again and again"):
        list(for_ever.pages("sales", "branches"))


@pytest.mark.parametrize(
    ("answer", "kind", "calls"),
    [
        (httpx.Response(401), Unauthorized, 1),
        (httpx.Response(404, json={"message": "not found"}), NotFound, 1),
        (httpx.Response(503, text="starting"), LakeFSError, 3),
        (httpx.Response(429), LakeFSError, 3),
        (httpx.ConnectError("nobody there"), LakeFSUnreachable, 3),
        (httpx.ReadTimeout("slow"), LakeFSUnreachable, 3),
    ],
)
def test_a_reading_call_is_tried_again_on_what_passes_and_a_changing_one_never(
    answer: httpx.Response | Exception, kind: type[Exception], calls: int
) -> None:
    lakefs, asked = answering(answer)
    with pytest.raises(kind):
        lakefs.get("sales", "branches", "main")
    assert len(asked) == calls
    with pytest.raises(kind):
        lakefs.send("POST", "sales", "refs", "a", "merge", "main", body={})
    assert len(asked) == calls + 1


def test_a_range_that_is_not_honoured_is_cut_out() -> None:
    whole, _ = answering(httpx.Response(200, content=b"0123456789"))
    part, asked = answering(httpx.Response(206, content=b"234"))
    for lakefs in (whole, part):
        assert lakefs.read("sales", "main", "a b", start=2, end=5) == b"234"
    assert asked[0].headers["range"] == "bytes=2-4"


def test_names_are_quoted_whole_and_keys_never_shown() -> None:
    lakefs, asked = answering(httpx.Response(200, json={}))
    lakefs.get("sales", "branches", "../../x?y")
    assert asked[0].url.raw_path == b"/api/v1/repositories/sales/branches/..%2F..%2Fx%3Fy"
    with pytest.raises(UsageError, match="no name in lakeFS"):
        lakefs.get("sales", "branches", "..")
    assert "secret" not in repr(lakefs)


def test_what_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVER_ENDPOINT_URL", "CREDENTIALS_ACCESS_KEY_ID", "CREDENTIALS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"LAKECTL_{name}", raising=False)
    with pytest.raises(UsageError, match=r"LAKECTL_SERVER_ENDPOINT_URL, .*SECRET_ACCESS_KEY missing"):
        LakeFS()
    with pytest.raises(UsageError, match="no lakeFS's address"):
        LakeFS("lakefs:8000", "key", "secret")
