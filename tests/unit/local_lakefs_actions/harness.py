"""Short ways to run hooks, and what HTTP servers of a test answer and got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from local_lakefs.actions import ActionsService, HookEvent

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server on loopback; `answer` writes each response, `requests` are those that came."""

    answer: Answer
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def respond(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


EVENT = HookEvent(
    event_type="pre-merge",
    repository_id="demo",
    branch_id="main",
    source_ref="a1" * 32,
    merge_source="feature",
    commit_id="c1" * 32,
    commit_message="Merge",
    committer="someone",
    commit_metadata={"key": "value"},
    commit={
        "message": "Merge",
        "committer": "someone",
        "meta_range_id": "mr",
        "parents": ["p1", "p2"],
        "metadata": {"key": "value"},
        "creation_date": 1_700_000_000,
        "version": 1,
        "generation": 5,
    },
)


@dataclass
class Hooks:
    """A service, with short ways to run action files given as text."""

    service: ActionsService
    objects: dict[str, bytes] = field(default_factory=dict)

    def run(self, *files: str, event: HookEvent = EVENT) -> str | None:
        named = [(f"_lakefs_actions/{index}.yaml", text.encode()) for index, text in enumerate(files)]
        return self.service.run(event, lambda: named, lambda path: self.objects[path])

    def output(self, run_id: str | None, hook_run_id: str = "0000_0000") -> str:
        assert run_id is not None
        return self.service.output("demo", run_id, hook_run_id)

    def lua(self, script: str, **properties: str) -> str:
        """Run a script as the only hook; give what it printed."""
        return self.output(self.run(lua_action(script, **properties)))


def lua_action(script: str, **properties: str) -> str:
    lines = [f"      {line}" for line in script.strip("\n").split("\n")]
    more = [f"    {name}: {value}" for name, value in properties.items()]
    head = [
        "name: lua action",
        "on: {pre-merge: }",
        "hooks:",
        "- id: the_hook",
        "  type: lua",
        "  properties:",
    ]
    return "\n".join([*head, *more, "    script: |", *lines])


def webhook_action(url: str, properties: str = "") -> str:
    return (
        "name: web action\non: {pre-merge: {branches: [main]}}\nhooks:\n- id: the_hook\n  type: webhook\n"
        f"  properties: {{url: '{url}'{', ' if properties else ''}{properties}}}"
    )
