"""lakeFS over HTTP: one table from answers to exceptions, every call counted.

Plain httpx instead of the official SDK: the SDK's models double the time of a diff and nearly triple that of
a listing, and hide statuses that a revert has to see (docs/decisions.md).
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import Any
from urllib.parse import quote

import httpx

from gate_server.errors import CouldNotTell, LakeFSError, LakeFSUnreachable, UsageError
from gate_server.lakefs.answers import Page, as_shape, json_of
from gate_server.lakefs.transport import BulkTransport
from gate_server.telemetry.requests import HEADER, request_id

API = "/api/v1"
PAGE = 1000
TRY_AGAIN = (429, 500, 502, 503, 504)
RETRY_AFTER_AT_MOST_S = 2.0
AS_STORED = {"accept-encoding": "identity"}
WHAT_TO_SET = (
    "check LAKECTL_SERVER_ENDPOINT_URL, LAKECTL_CREDENTIALS_ACCESS_KEY_ID and "
    "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY (or ~/.lakectl.yaml)"
)


class LakeFS:
    """A lakeFS server with the gate's keys. Safe to share between threads.

    Parameters
    ----------
    endpoint_url
        With or without a trailing slash or ``/api/v1`` (K1).
    timeout_s
        For one call: to connect, to begin to answer, and until all of the answer is there. What `stream`
        gives may take longer as a whole.
    reads_tried
        How often a call that only reads is tried.
    """

    def __init__(
        self,
        endpoint_url: str,
        access_key_id: str,
        secret_access_key: str,
        *,
        timeout_s: float = 30.0,
        reads_tried: int = 3,
        on_call: Callable[[str, str, int, float], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.endpoint_url = endpoint_url.rstrip("/").removesuffix(API)
        self.access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self.timeout_s = timeout_s
        self.reads_tried = reads_tried
        self._on_call = on_call
        self._of_thread = threading.local()
        client = partial(
            httpx.Client,
            base_url=self.endpoint_url + API,
            auth=(access_key_id, secret_access_key),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=True,
            verify=_tls(),
            event_hooks={"request": [_name_the_request]},
        )
        self._http = client(transport=transport)
        self._bulk = client(transport=transport or BulkTransport(_tls()))

    @property
    def calls(self) -> int:
        """How many calls this thread has made."""
        return int(getattr(self._of_thread, "calls", 0))

    @property
    def spent_s(self) -> float:
        """How long this thread has waited for those calls."""
        return float(getattr(self._of_thread, "spent_s", 0.0))

    def credentials(self) -> dict[str, str]:
        """Return what a child needs to read objects; holds the secret, so never log it."""
        return {
            "endpoint_url": self.endpoint_url,
            "access_key_id": self.access_key_id,
            "secret_access_key": self._secret_access_key,
        }

    def with_timeout(self, timeout_s: float) -> LakeFS:
        """Return the same server with the same keys, over connections of its own, with another patience."""
        keys = self.access_key_id, self._secret_access_key
        return LakeFS(self.endpoint_url, *keys, timeout_s=timeout_s, on_call=self._on_call)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._bulk.close()

    def get(self, path: str, /, **params: Any) -> Any:
        """Return the JSON of a reading call; tried again on a passing fault."""
        return json_of(self._reading("GET", path, params), f"GET {path}")

    def exists(self, path: str, /, **params: Any) -> bool:
        """Whether a GET of `path` finds something."""
        try:
            self._reading("GET", path, params)
        except LakeFSError as error:
            if error.http_status == 404:
                return False
            raise
        return True

    def pages(self, path: str, /, *, after: str = "", **params: Any) -> Iterator[dict[str, Any]]:
        """Yield all results of a paged call that come after `after`, 1,000 a page (C2)."""
        seen = {after}
        while True:
            page = as_shape(Page, self.get(path, **params, after=after, amount=PAGE), f"GET {path}")
            yield from page.results
            if not page.pagination.has_more:
                return
            after = page.pagination.next_offset
            if after in seen or not page.results:
                raise CouldNotTell(f"lakeFS's pages of {path} come to no end (after {after!r})")
            seen.add(after)

    def get_with_etag(self, path: str, /) -> tuple[Any, str]:
        """Return the JSON of a reading call and its ETag, empty when there is none."""
        answer = self._reading("GET", path, {})
        return json_of(answer, f"GET {path}"), answer.headers.get("etag", "")

    def clock(self) -> datetime | None:
        """Return the time that lakeFS's answer to our keys carries, whole seconds; one call, tried once."""
        said = self._once("GET", "/user", {}).headers.get("date", "")
        try:
            found = parsedate_to_datetime(said)
        except ValueError:
            return None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def text(self, path: str, /) -> str:
        """Return the text of a reading call."""
        return self._reading("GET", path, {}).text

    def send(
        self,
        method: str,
        path: str,
        /,
        json: Any = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,
    ) -> Any:
        """Make a changing call once; return its JSON, or None without a body."""
        answer = self._once(method, path, params, json=json, content=content, headers=headers)
        has_json = answer.content and "json" in answer.headers.get("content-type", "")
        return json_of(answer, f"{method} {path}") if has_json else None

    def content(self, path: str, /) -> bytes:
        """Return the bytes of a reading call."""
        return self._reading("GET", path, {}).content

    @contextmanager
    def stream(
        self, path: str, /, *, headers: Mapping[str, str] | None = None, **params: Any
    ) -> Iterator[httpx.Response]:
        """Give the open answer of a reading call, its body as it is stored and not yet read."""
        with ExitStack() as stack:
            yield self._trying(lambda: self._opened(stack, path, params, {**AS_STORED, **(headers or {})}))

    def _opened(
        self, stack: ExitStack, path: str, params: Mapping[str, Any], headers: Mapping[str, str]
    ) -> httpx.Response:
        started = time.monotonic()
        try:
            answer = stack.enter_context(self._bulk.stream("GET", path, params=params, headers=headers))
            if answer.status_code >= 300:
                answer = self._whole(answer, started)
        except httpx.RequestError as error:
            self._count("GET", path, 0, started)
            raise self._unreachable(error) from error
        self._count("GET", path, answer.status_code, started)
        self._raise_for(answer, "GET", path)
        return answer

    def _reading(self, method: str, path: str, params: Mapping[str, Any]) -> httpx.Response:
        return self._trying(lambda: self._once(method, path, params))

    def _trying(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        """Make a call that only reads; again on a passing fault."""
        for attempt in range(self.reads_tried):
            try:
                return call()
            except LakeFSError as error:
                passing = error.http_status in TRY_AGAIN or error.http_status == 0
                if not passing or attempt + 1 == self.reads_tried:
                    raise
                wait_s = max(0.1 * 2**attempt, min(error.retry_after_s, RETRY_AFTER_AT_MOST_S))
            time.sleep(wait_s)
        raise AssertionError("reads_tried is at least 1")

    def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        *,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        started = time.monotonic()
        try:
            with self._http.stream(
                method, path, params=dict(params), json=json, content=content, headers=headers
            ) as opened:
                answer = self._whole(opened, started)
        except httpx.RequestError as error:
            self._count(method, path, 0, started)
            raise self._unreachable(error) from error
        self._count(method, path, answer.status_code, started)
        self._raise_for(answer, method, path)
        return answer

    def _whole(self, opened: httpx.Response, started: float) -> httpx.Response:
        """Return an answer with its body; one that comes byte by byte is not waited for without end."""
        chunks = []
        for chunk in opened.iter_raw():
            chunks.append(chunk)
            if time.monotonic() - started > self.timeout_s:
                raise httpx.ReadTimeout("the answer came too slowly", request=opened.request)
        return httpx.Response(
            opened.status_code, headers=opened.headers, content=b"".join(chunks), request=opened.request
        )

    def _count(self, method: str, path: str, status: int, started: float) -> None:
        self._of_thread.calls = self.calls + 1
        self._of_thread.spent_s = self.spent_s + time.monotonic() - started
        if self._on_call:
            self._on_call(method, path, status, time.monotonic() - started)

    def _unreachable(self, error: Exception) -> LakeFSUnreachable:
        return LakeFSUnreachable(
            f"lakeFS does not answer at {self.endpoint_url} ({type(error).__name__})", WHAT_TO_SET
        )

    def _raise_for(self, answer: httpx.Response, method: str, path: str) -> None:
        status = answer.status_code
        if status < 300:
            return
        said = _message(answer)
        if status == 401:
            raise LakeFSUnreachable(
                f"lakeFS at {self.endpoint_url} refuses our keys: {said}", WHAT_TO_SET, status
            )
        if status < 400:
            raise LakeFSError(
                f"lakeFS at {self.endpoint_url} answers with a redirect", "set its final address", status
            )
        hint = {
            403: f"give key {self.access_key_id} the right for it, or see the branch's protection",
            404: "check the names of repository, branch and commit",
            412: "a lakeFS hook refused; its run stands under the repository's Actions",
            429: "lakeFS is under contention: try again",
        }.get(status, "lakeFS's log says more" if status >= 500 else "")
        wait = answer.headers.get("retry-after", "")
        raise LakeFSError(
            f"lakeFS answered {status} to {method} {path}: {said}",
            hint,
            status,
            retry_after_s=float(wait) if re.fullmatch("[0-9]{1,6}", wait) else 0.0,
        )


@cache
def _tls() -> ssl.SSLContext:
    """Return what TLS is spoken with: reading the certificates takes 0.04 s, so once, children included."""
    return httpx.create_ssl_context()


def _name_the_request(request: httpx.Request) -> None:
    if name := request_id():
        request.headers[HEADER] = name


def url(*parts: str) -> str:
    """Return a path below the API from `parts`, each quoted whole."""
    for part in parts:
        if part in ("", ".", ".."):  # an HTTP client would fold these away, and another thing would be named
            raise UsageError(f"{part!r} is no name in lakeFS")
    return "/" + "/".join(quote(part, safe="") for part in parts)


def repository_url(repository: str, *parts: str) -> str:
    """Return the path of something in a repository."""
    return url("repositories", repository, *parts)


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase or "no message"
