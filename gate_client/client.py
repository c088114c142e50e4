"""The clients: what `calls` says, done over HTTP, waiting for the answer or awaiting it."""

from __future__ import annotations

import functools
import ssl
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from gate_client import (
    audit_calls,
    calls,
    lease_calls,
    notice_calls,
    reapply_calls,
    revert_calls,
    waiver_calls,
)
from gate_client.exchange import Came, Connection, Flow, Pause, Request

P = ParamSpec("P")
T = TypeVar("T")
_Call = Callable[Concatenate[Connection, P], Flow[T]]


def _waiting(call: _Call[P, T]) -> Callable[Concatenate[GateClient, P], T]:
    @functools.wraps(call)
    def method(self: GateClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(call(self, *args, **kwargs))

    return method


def _awaiting(call: _Call[P, T]) -> Callable[Concatenate[AsyncGateClient, P], Coroutine[Any, Any, T]]:
    @functools.wraps(call)
    def method(self: AsyncGateClient, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self._run(call(self, *args, **kwargs))

    return method


class GateClient(Connection):
    """A gate over HTTP. Safe to share between threads; close it, or use it in a ``with``.

    Parameters
    ----------
    url, token, timeout_s, retry_for_s
        As in `Connection`.
    verify
        Whom to believe where the gate does TLS: an `ssl.SSLContext`, or True for ``SSL_CERT_FILE`` or else
        the usual authorities.
    transport
        In place of the network, for tests.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        timeout_s: float = 120.0,
        retry_for_s: float = 30.0,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, token, timeout_s=timeout_s, retry_for_s=retry_for_s)
        self._http = httpx.Client(
            base_url=self.url, headers=self._headers, verify=verify, transport=transport
        )

    check = _waiting(calls.check)
    wait_for_check = _waiting(calls.wait_for_check)
    judge = _waiting(calls.judge)
    require = _waiting(calls.require)
    get_check = _waiting(calls.get_check)
    get_report = _waiting(calls.get_report)
    list_checks = _waiting(calls.list_checks)
    list_waiting = _waiting(lease_calls.list_waiting)
    take_lease = _waiting(lease_calls.take_lease)
    get_work = _waiting(lease_calls.get_work)
    renew_lease = _waiting(lease_calls.renew_lease)
    hand_back = _waiting(lease_calls.hand_back)
    hand_in = _waiting(lease_calls.hand_in)
    plan_revert = _waiting(revert_calls.plan_revert)
    revert = _waiting(revert_calls.revert)
    undo_revert = _waiting(revert_calls.undo_revert)
    get_revert = _waiting(revert_calls.get_revert)
    list_reverts = _waiting(revert_calls.list_reverts)
    reapply = _waiting(reapply_calls.reapply)
    audit = _waiting(audit_calls.audit)
    register_merge = _waiting(calls.register_merge)
    record_installation = _waiting(calls.record_installation)
    policy = _waiting(calls.policy)
    reload_policy = _waiting(calls.reload_policy)
    create_token = _waiting(calls.create_token)
    list_tokens = _waiting(calls.list_tokens)
    revoke_token = _waiting(calls.revoke_token)
    waive = _waiting(waiver_calls.waive)
    list_waivers = _waiting(waiver_calls.list_waivers)
    end_waiver = _waiting(waiver_calls.end_waiver)
    list_notices = _waiting(notice_calls.list_notices)
    health = _waiting(calls.health)
    readiness = _waiting(calls.readiness)

    def _run(self, flow: Flow[T]) -> T:
        came: Came = None
        while True:
            try:
                step = flow.send(came)
            except StopIteration as done:
                result: T = done.value
                return result
            came = self._do(step)

    def _do(self, step: Request | Pause) -> Came:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        try:
            return self._http.request(
                step.method,
                step.path,
                json=step.body.model_dump(mode="json") if step.body else None,
                params=dict(step.params),
                headers=dict(step.headers),
                timeout=self._timeout(step),
            )
        except httpx.RequestError as error:
            return error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Give the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()


class AsyncGateClient(Connection):
    """A gate over HTTP, awaited; parameters and methods as `GateClient`. Close it, or use ``async with``."""

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        timeout_s: float = 120.0,
        retry_for_s: float = 30.0,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, token, timeout_s=timeout_s, retry_for_s=retry_for_s)
        self._http = httpx.AsyncClient(
            base_url=self.url, headers=self._headers, verify=verify, transport=transport
        )

    check = _awaiting(calls.check)
    wait_for_check = _awaiting(calls.wait_for_check)
    judge = _awaiting(calls.judge)
    require = _awaiting(calls.require)
    get_check = _awaiting(calls.get_check)
    get_report = _awaiting(calls.get_report)
    list_checks = _awaiting(calls.list_checks)
    list_waiting = _awaiting(lease_calls.list_waiting)
    take_lease = _awaiting(lease_calls.take_lease)
    get_work = _awaiting(lease_calls.get_work)
    renew_lease = _awaiting(lease_calls.renew_lease)
    hand_back = _awaiting(lease_calls.hand_back)
    hand_in = _awaiting(lease_calls.hand_in)
    plan_revert = _awaiting(revert_calls.plan_revert)
    revert = _awaiting(revert_calls.revert)
    undo_revert = _awaiting(revert_calls.undo_revert)
    get_revert = _awaiting(revert_calls.get_revert)
    list_reverts = _awaiting(revert_calls.list_reverts)
    reapply = _awaiting(reapply_calls.reapply)
    audit = _awaiting(audit_calls.audit)
    register_merge = _awaiting(calls.register_merge)
    record_installation = _awaiting(calls.record_installation)
    policy = _awaiting(calls.policy)
    reload_policy = _awaiting(calls.reload_policy)
    create_token = _awaiting(calls.create_token)
    list_tokens = _awaiting(calls.list_tokens)
    revoke_token = _awaiting(calls.revoke_token)
    waive = _awaiting(waiver_calls.waive)
    list_waivers = _awaiting(waiver_calls.list_waivers)
    end_waiver = _awaiting(waiver_calls.end_waiver)
    list_notices = _awaiting(notice_calls.list_notices)
    health = _awaiting(calls.health)
    readiness = _awaiting(calls.readiness)

    async def _run(self, flow: Flow[T]) -> T:
        came: Came = None
        while True:
            try:
                step = flow.send(came)
            except StopIteration as done:
                result: T = done.value
                return result
            came = await self._do(step)

    async def _do(self, step: Request | Pause) -> Came:
        if isinstance(step, Pause):
            import asyncio  # 40 ms that who waits does not need

            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._http.request(
                step.method,
                step.path,
                json=step.body.model_dump(mode="json") if step.body else None,
                params=dict(step.params),
                headers=dict(step.headers),
                timeout=self._timeout(step),
            )
        except httpx.RequestError as error:
            return error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Give the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()
