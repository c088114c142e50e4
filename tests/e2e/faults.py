"""A way to lakeFS that breaks at a chosen call."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx


@dataclass
class BreakingTransport(httpx.BaseTransport):
    """Passes calls on; the call number `break_at` (from 1) and, with `for_good`, all later ones are lost.

    With `after`, lakeFS does what was asked and only its answer is lost. With a `status` they are refused.
    """

    break_at: int = 0
    after: bool = False
    for_good: bool = False
    status: int = 0
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the way."""
        self._real = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a call on, or lose it."""
        self.calls.append(f"{request.method} {request.url.path}")
        number = len(self.calls)
        lost = self.break_at and (number == self.break_at or (self.for_good and number > self.break_at))
        if lost and self.status:
            refusal = httpx.ByteStream(b'{"message": "refused by the test"}')
            return httpx.Response(self.status, stream=refusal, request=request)
        if lost and not self.after:
            raise httpx.ConnectError("lost by the test", request=request)
        answer = self._real.handle_request(request)
        if lost:
            answer.read()
            raise httpx.ReadError("answer lost by the test", request=request)
        return answer

    def close(self) -> None:
        """Close the way."""
        self._real.close()
