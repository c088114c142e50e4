"""A gate over HTTP, as the commands call it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from gate_server.errors import AccessDenied, Conflict, CouldNotTell, GateError, UsageError
from gate_server.settings import Settings

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 120.0


class RemoteGate:
    """The gate at `url`, asked with the API token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise UsageError(f"{self.url!r} is no gate's address", "such as http://127.0.0.1:8090")
        if not token:
            raise AccessDenied(
                f"the gate at {self.url} wants a token",
                "set GATE_API_TOKEN to the gate's, or to one of `gate tokens`",
            )
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_keepalive_connections=0),  # few calls: leave nothing open
        )

    @classmethod
    def of(cls, settings: Settings) -> RemoteGate:
        """Return the gate that the settings name."""
        return cls(settings.url, settings.api_token.get_secret_value() if settings.api_token else "")

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **params: Any
    ) -> dict[str, Any]:
        """Return the JSON of an answer that is no error.

        Raises
        ------
        GateError
            The one that the gate answered with; `CouldNotTell` where no gate answers.
        """
        try:
            answer = self._http.request(method, path, json=body, params=params)
        except httpx.InvalidURL as error:
            raise UsageError(f"{self.url!r} is no gate's address ({error})") from error
        except httpx.TransportError as error:
            raise CouldNotTell(
                f"the gate does not answer at {self.url} ({type(error).__name__})",
                "is `gate serve` running there? set --server or GATE_URL",
            ) from error
        try:
            data = answer.json()
            if not isinstance(data, dict):
                raise TypeError(type(data).__name__)
            # A revert that was refused is a 409 that holds what was done, not an error.
            if answer.status_code < 300 or (answer.status_code == Conflict.status and "error" not in data):
                return data
            raise _error(answer.status_code, data["error"])
        except (ValueError, KeyError, TypeError) as error:
            raise CouldNotTell(
                f"{self.url} answers {answer.status_code}, but not as a gate does",
                "set --server or GATE_URL to the gate's own address",
            ) from error


def _error(status: int, said: Mapping[str, Any]) -> GateError:
    message, hint, code = str(said["message"]), str(said.get("hint", "")), str(said["code"])
    if status == AccessDenied.status:
        return AccessDenied(
            message, "set GATE_API_TOKEN to the gate's, or to one that `gate tokens create` made"
        )
    for kind in _kinds(GateError):
        if kind.code == code and kind.__module__ == GateError.__module__:
            return kind(message, hint)
    return (UsageError if status < 500 else GateError)(message, hint)


def _kinds(kind: type[GateError]) -> Iterator[type[GateError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _kinds(child)
