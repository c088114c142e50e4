"""Hooks of type ``webhook``: one POST of the event; any answer but 2xx refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit, urlunsplit

from local_lakefs.actions.action import HookSpec
from local_lakefs.actions.caller import hung_up
from local_lakefs.actions.duration import format_duration, parse_duration_s
from local_lakefs.actions.model import HookEvent, HookRefused, InvalidAction
from local_lakefs.actions.outbound import Answer, RequestFailed, send
from local_lakefs.actions.templating import WEBHOOK_PREFIX, Environment, SecureText

DEFAULT_TIMEOUT_S = 60.0
# lakeFS reads and records an answer of any size; here one that does not fit into a log is left out of it.
BODY_LIMIT_BYTES = 1 << 20
Write = Callable[[str], None]


@dataclass(frozen=True)
class Webhook:
    """A webhook ready to be called."""

    action_name: str
    hook_id: str
    url: str
    timeout_s: float | None
    query: list[tuple[str, SecureText]]
    headers: dict[str, SecureText]

    @classmethod
    def build(cls, action_name: str, hook: HookSpec, variables: Mapping[str, str]) -> Webhook:
        """Read the hook's properties; raises InvalidAction, as lakeFS does when the event occurs."""
        url = hook.properties["url"]
        if not isinstance(url, str):
            raise InvalidAction("webhook url must be string: webhook wrong format")
        environment = Environment(variables, WEBHOOK_PREFIX)
        return cls(
            action_name=action_name,
            hook_id=hook.id,
            url=url,
            timeout_s=_timeout_s(hook.properties.get("timeout")),
            query=_query(hook.properties, environment),
            headers=_headers(hook.properties, environment),
        )

    def run(self, event: HookEvent, write: Write) -> None:
        """Post the event and record the exchange by `write`; raises HookRefused."""
        body = event_body(self.action_name, self.hook_id, event)
        headers = {**self.headers, "Content-Type": SecureText("application/json")}
        write(f"Request:\nPOST {self.url}\nQuery Params:\n")
        write("".join(f"{name}: {value.shown}\n" for name, value in self.query))
        write("Headers:\n" + "".join(f"{name}: {value.shown}\n" for name, value in headers.items()))
        write(f"Request Body:\n{body}\n\n")
        started = time.monotonic()
        try:
            answer = send(
                "POST",
                _with_query(self.url, self.query),
                headers=[(name, value.value) for name, value in headers.items()],
                content=body.encode(),
                timeout_s=self.timeout_s,
                body_limit_bytes=BODY_LIMIT_BYTES,
                cancelled=hung_up.get(),
            )
        except RequestFailed as error:
            write(f"\nRequest duration: {format_duration(time.monotonic() - started)}\n")
            raise HookRefused(str(error)) from error
        write(
            f"\nRequest duration: {format_duration(time.monotonic() - started)}\n\nResponse:\n{_dump(answer)}"
        )
        if not 200 <= answer.status_code < 300:
            raise HookRefused(f"webhook request failed (status code: {answer.status_code})")


def event_body(action_name: str, hook_id: str, event: HookEvent) -> str:
    """Write the JSON that a webhook gets. What is empty is left out, but for the first five fields."""
    always = {
        "event_type": event.event_type,
        "event_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "action_name": action_name,
        "hook_id": hook_id,
        "repository_id": event.repository_id,
    }
    optional = {
        "branch_id": event.branch_id,
        "source_ref": event.source_ref,
        "tag_id": event.tag_id,
        "commit_id": event.commit_id,
        "commit_message": event.commit_message,
        "committer": event.committer,
        "commit_metadata": dict(sorted(event.commit_metadata.items())),
        "merge_source": event.merge_source,
    }
    given = {name: value for name, value in optional.items() if value}
    return json.dumps({**always, **given}, ensure_ascii=False, separators=(",", ":"))


def _timeout_s(given: Any) -> float | None:
    """Read the `timeout` property as lakeFS does: no text counts as not given, zero or less as no limit."""
    if not isinstance(given, str) or not given:
        return DEFAULT_TIMEOUT_S
    try:
        timeout_s = parse_duration_s(given)
    except ValueError as error:
        raise InvalidAction(f"webhook request duration: {error}") from error
    return timeout_s if timeout_s > 0 else None


def _query(properties: dict[str, Any], environment: Environment) -> list[tuple[str, SecureText]]:
    given = properties.get("query_params", {})
    if not isinstance(given, dict):
        raise InvalidAction("extracting query params: unsupported query params: webhook wrong format")
    query: list[tuple[str, SecureText]] = []
    for name, values in given.items():
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, str):
                kind = (
                    "query params array should contains only strings"
                    if isinstance(values, list)
                    else "query params single value should be of type string"
                )
                raise InvalidAction(f"extracting query params: {kind}: webhook wrong format")
            query.append(
                (str(name), _filled(value, environment, "extracting query params: reading query param"))
            )
    return query


def _headers(properties: dict[str, Any], environment: Environment) -> dict[str, SecureText]:
    given = properties.get("headers", {})
    if not isinstance(given, dict):
        raise InvalidAction("extracting headers: unsupported headers: webhook wrong format")
    if not all(isinstance(value, str) for value in given.values()):
        raise InvalidAction(
            "extracting headers: headers array should contains only strings: webhook wrong format"
        )
    return {
        str(name): _filled(value, environment, "extracting headers: reading header")
        for name, value in given.items()
    }


def _filled(value: str, environment: Environment, doing: str) -> SecureText:
    try:
        return environment.fill(value)
    except InvalidAction as error:
        raise InvalidAction(f"{doing}: {error}") from error


def _with_query(url: str, query: list[tuple[str, SecureText]]) -> str:
    """Add parameters to a URL's own, sorted by name as Go writes them."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True) + [(name, value.value) for name, value in query]
    pairs.sort(key=lambda pair: pair[0])
    return urlunsplit(parts._replace(query="&".join(f"{quote_plus(k)}={quote_plus(v)}" for k, v in pairs)))


def _framing_first(header: tuple[str, str]) -> tuple[bool, str]:
    return header[0] not in ("Content-Length", "Transfer-Encoding"), header[0]


def _dump(answer: Answer) -> str:
    if answer.body_problem:
        return f"Failed dumping response: {answer.body_problem}"
    lines = [f"{answer.http_version} {answer.status_code} {answer.reason}".rstrip()]
    lines += [f"{name}: {value}" for name, value in sorted(answer.headers, key=_framing_first)]
    return "\r\n".join([*lines, "", ""]) + bytes(answer.body).decode(errors="replace")
