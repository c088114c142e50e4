"""HTTP as a hook sends it: one deadline over everything, redirects followed as Go's client follows them."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address

import httpx

MAX_REDIRECTS = 10
LOOK_EVERY_S = 0.05
# Go forwards these only to the host they were meant for, or one below it; the port does not matter.
_FOR_ONE_HOST = ("authorization", "cookie", "www-authenticate")


class RequestFailed(Exception):
    """No answer came; the message reads like the error of Go's client."""


@dataclass
class Answer:
    """What came back. `body_problem` tells why the body is not whole; empty when it is."""

    status_code: int
    reason: str
    http_version: str
    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)
    body_problem: str = ""


def send(
    method: str,
    url: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    content: bytes | None = None,
    timeout_s: float | None,
    body_limit_bytes: int,
    cancelled: Callable[[], bool] = lambda: False,
) -> Answer:
    """Send a request and follow redirects.

    The status counts as soon as it is there, also when the body then breaks off or does not end in time:
    that is what a webhook of lakeFS goes by.

    Raises
    ------
    RequestFailed
        Connection refused, time over before the headers, too many redirects, and the like; `cancelled` says
        that nobody waits for it any more.
    """
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    exchange = _exchange(method, url, encoded, content, timeout_s, body_limit_bytes)
    try:
        return asyncio.run(_unless(cancelled, exchange))
    except asyncio.CancelledError as error:
        raise RequestFailed(_said(method, url, "context canceled")) from error
    except TimeoutError as error:
        reason = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise RequestFailed(_said(method, url, reason)) from error
    except Exception as error:  # a group of them, for one: whatever it is, no answer came
        raise RequestFailed(_said(method, url, _reason(error, url))) from error


async def _unless(cancelled: Callable[[], bool], exchange: Coroutine[None, None, Answer]) -> Answer:
    task = asyncio.create_task(exchange)
    while not (await asyncio.wait([task], timeout=LOOK_EVERY_S))[0]:
        if cancelled():
            task.cancel()
    return task.result()


async def _exchange(
    method: str,
    url: str,
    headers: list[tuple[bytes, bytes]],
    content: bytes | None,
    timeout_s: float | None,
    body_limit_bytes: int,
) -> Answer:
    answer: Answer | None = None
    try:
        async with (
            asyncio.timeout(timeout_s),
            httpx.AsyncClient(verify=tls_context(), trust_env=not _is_loopback(url), timeout=None) as client,  # noqa: S113
        ):
            response = await _follow(
                client, client.build_request(method, url, headers=headers, content=content)
            )
            answer = Answer(
                response.status_code, response.reason_phrase, response.http_version, _headers(response)
            )
            async for chunk in response.aiter_bytes():
                answer.body += chunk
                if len(answer.body) > body_limit_bytes:
                    answer.body_problem = f"body larger than {body_limit_bytes} bytes"
                    break
            await response.aclose()
    except TimeoutError:
        if answer is None:
            raise
        answer.body_problem = (
            "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
        )
    except httpx.HTTPError as error:
        if answer is None:
            raise
        answer.body_problem = str(error) or type(error).__name__
    return answer


async def _follow(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    meant_for = request.url.host
    bound = [(name, request.headers[name]) for name in _FOR_ONE_HOST if name in request.headers]
    for _ in range(MAX_REDIRECTS):
        response = await client.send(request, stream=True)
        if response.next_request is None:
            return response
        await response.aclose()
        before, request = request, response.next_request
        if request.method != before.method:
            request.headers.pop("content-type", None)
        if (before.url.scheme, request.url.scheme) != ("https", "http"):
            request.headers["referer"] = str(before.url.copy_with(userinfo=b"", fragment=None))
        if request.url.host != meant_for and not request.url.host.endswith(f".{meant_for}"):
            bound = []
        request.headers.update(bound)
    raise httpx.TooManyRedirects(f"stopped after {MAX_REDIRECTS} redirects")


def _headers(response: httpx.Response) -> list[tuple[str, str]]:
    return [
        ("-".join(part.capitalize() for part in name.decode("latin-1").split("-")), value.decode("latin-1"))
        for name, value in response.headers.raw
    ]


@cache
def tls_context() -> ssl.SSLContext:
    """Load the certificates that requests trust, once."""
    return httpx.create_ssl_context()


def _is_loopback(url: str) -> bool:
    """Go asks no proxy for the machine itself."""
    host = httpx.URL(url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _said(method: str, url: str, reason: str) -> str:
    try:
        parsed = httpx.URL(url)
        shown = str(parsed.copy_with(username=parsed.username, password="***")) if parsed.password else url  # noqa: S106
    except httpx.InvalidURL:
        shown = url
    return f'{method.capitalize()} "{shown}": {reason}'


def _reason(error: BaseException, url: str) -> str:
    if isinstance(error, httpx.UnsupportedProtocol):
        return f'unsupported protocol scheme "{httpx.URL(url).scheme}"'
    causes = list(_causes(error))
    system = next((cause for cause in causes if isinstance(cause, OSError) and cause.errno), None)
    if isinstance(error, httpx.ConnectError) and system is not None:
        parsed = httpx.URL(url)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        return f"dial tcp {parsed.host}:{port}: connect: {os.strerror(system.errno or 0).lower()}"
    return str(error) or type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Every error behind an error, those of a group among them."""
    seen: list[BaseException] = [error]
    for one in seen:
        yield one
        behind = [
            one.__cause__,
            one.__context__,
            *(one.exceptions if isinstance(one, BaseExceptionGroup) else ()),
        ]
        seen.extend(cause for cause in behind if cause is not None and cause not in seen)
