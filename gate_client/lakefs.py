"""As much of lakeFS's API as merging through the gate and environments take, over plain HTTP.

Not the official SDK: it takes a second to import, its merge cannot be given a time limit of its own, and a
pipeline that wants it has it anyway.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from gate_client.errors import LakeFSError, LakeFSUnreachable, NotFound, Unauthorized, UsageError

API = "/api/v1"
PAGE = 1000
READS_TRIED = 3
PASSING = (0, 429, 500, 502, 503, 504)
ADDRESS, KEY_ID, KEY = (
    "LAKECTL_SERVER_ENDPOINT_URL",
    "LAKECTL_CREDENTIALS_ACCESS_KEY_ID",
    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
)
WHAT_TO_SET = f"check {ADDRESS}, {KEY_ID} and {KEY}, or what was given in their place"

Json = dict[str, Any]


class LakeFS:
    """A lakeFS server. Safe to share between threads; close it, or use it in a ``with``.

    Parameters
    ----------
    endpoint_url
        With or without a trailing slash or ``/api/v1``; ``LAKECTL_SERVER_ENDPOINT_URL`` where it is empty.
    access_key_id, secret_access_key
        ``LAKECTL_CREDENTIALS_ACCESS_KEY_ID`` and ``..._SECRET_ACCESS_KEY`` where they are empty.
    timeout_s
        For one call.

    Raises
    ------
    UsageError
        When one of the three is missing, or the address is none.
    """

    def __init__(
        self,
        endpoint_url: str = "",
        access_key_id: str = "",
        secret_access_key: str = "",
        *,
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        given = {ADDRESS: endpoint_url, KEY_ID: access_key_id, KEY: secret_access_key}
        found = {name: value or os.environ.get(name, "") for name, value in given.items()}
        missing = [name for name, value in found.items() if not value]
        if missing:
            raise UsageError(f"lakeFS is not set: {', '.join(missing)} missing", WHAT_TO_SET)
        self.endpoint_url = found[ADDRESS].rstrip("/").removesuffix(API)
        if not self.endpoint_url.startswith(("http://", "https://")):
            raise UsageError(f"{self.endpoint_url!r} is no lakeFS's address", "such as http://lakefs:8000")
        self._http = httpx.Client(
            base_url=self.endpoint_url + API,
            auth=(found[KEY_ID], found[KEY]),
            timeout=timeout_s,
            transport=transport,
        )

    def branch_head(self, repository: str, branch: str) -> str | None:
        """Return the id of a branch's newest commit; None where there is no such branch."""
        try:
            return str(self.get(repository, "branches", branch)["commit_id"])
        except NotFound:
            return None

    def commit_of(self, repository: str, ref: str) -> Json:
        """Return the commit that `ref` names; raises `NotFound`."""
        return self.get(repository, "commits", ref)

    def is_dirty(self, repository: str, branch: str) -> bool:
        """Whether something is staged on a branch and not committed."""
        return bool(self.get(repository, "branches", branch, "diff", amount=1)["results"])

    def first_parents(self, repository: str, ref: str, *, most: int = 1000) -> Iterator[Json]:
        """Yield the newest commits of `ref`'s first-parent line, newest first."""
        path = ("refs", ref, "commits")
        for number, commit in enumerate(self.pages(repository, *path, first_parent=True)):
            if number >= most:
                return
            yield commit

    def get(self, repository: str, *path: str, **params: Any) -> Json:
        """Return the JSON of a reading call; tried again on a passing fault."""
        return self._json(self._reading(repository, *path, **params))

    def read(self, repository: str, ref: str, path: str, *, start: int, end: int) -> bytes:
        """Return the bytes of an object from `start` up to `end`, which must be more than `start`."""
        wanted = {"range": f"bytes={start}-{end - 1}"}
        answer = self._reading(repository, "refs", ref, "objects", headers=wanted, path=path)
        return answer.content if answer.status_code == 206 else answer.content[start:end]

    def text(self, repository: str, *path: str, **params: Any) -> str:
        """Return the text of a reading call."""
        return self._reading(repository, *path, **params).text

    def pages(self, repository: str, *path: str, **params: Any) -> Iterator[Json]:
        """Yield all results of a paged call."""
        after = ""
        while True:
            page = self.get(repository, *path, **params, after=after, amount=PAGE)
            try:
                results, has_more = page["results"], page["pagination"]["has_more"]
                following = page["pagination"]["next_offset"] if has_more else ""
            except (KeyError, TypeError) as error:
                raise self._odd(f"a page without {error}") from error
            yield from results
            if not has_more:
                return
            if following == after:
                raise self._odd(f"the page after {after!r} again and again")
            after = following

    def send(
        self,
        method: str,
        repository: str,
        *path: str,
        body: Any = None,
        timeout_s: float | None = None,
        **params: Any,
    ) -> Json:
        """Make a changing call, once; return its JSON, empty where it brings none.

        Raises
        ------
        LakeFSError
            With lakeFS's status; `LakeFSUnreachable`, when it may or may not have been done, with status 0.
        """
        answer = self._once(method, _url(repository, *path), params, body, timeout_s)
        is_json = "json" in answer.headers.get("content-type", "")  # a new branch's name comes as text
        return self._json(answer) if answer.content and is_json else {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> LakeFS:
        """Give it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def _json(self, answer: httpx.Response) -> Json:
        try:
            found = answer.json()
        except ValueError as error:
            raise self._odd("an answer that is no JSON", answer.status_code) from error
        if not isinstance(found, dict):
            raise self._odd("JSON that is no object", answer.status_code)
        return found

    def _odd(self, what: str, status: int = 200) -> LakeFSError:
        return LakeFSError(
            f"{self.endpoint_url} does not answer as lakeFS does: {what}", WHAT_TO_SET, status=status
        )

    def _reading(
        self, repository: str, *path: str, headers: Mapping[str, str] | None = None, **params: Any
    ) -> httpx.Response:
        url = _url(repository, *path)
        for attempt in range(READS_TRIED - 1):
            try:
                return self._once("GET", url, params, headers=headers)
            except LakeFSError as error:
                if error.status not in PASSING:
                    raise
            time.sleep(0.2 * 2**attempt)
        return self._once("GET", url, params, headers=headers)

    def _once(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any],
        body: Any = None,
        timeout_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_s is None else httpx.Timeout(timeout_s)
        try:
            answer = self._http.request(
                method, url, params=dict(params), json=body, headers=headers, timeout=timeout
            )
        except httpx.RequestError as error:
            raise LakeFSUnreachable(
                f"lakeFS does not answer at {self.endpoint_url} ({type(error).__name__})", WHAT_TO_SET
            ) from error
        if answer.status_code < 300:
            return answer
        status, said = answer.status_code, _message(answer)
        message = f"lakeFS answered {status} to {method} {url}: {said}"
        if status == 401:
            raise Unauthorized(f"lakeFS at {self.endpoint_url} refuses the keys", WHAT_TO_SET, status=status)
        if status == 404:
            raise NotFound(message, "check the names of repository, branch and commit", status=status)
        raise LakeFSError(message, status=status)


def _url(repository: str, *path: str) -> str:
    parts = ("repositories", repository, *path)
    for part in parts:
        if part in ("", ".", ".."):  # an HTTP client would fold these away, and another thing would be named
            raise UsageError(f"{part!r} is no name in lakeFS")
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase or "no message"
