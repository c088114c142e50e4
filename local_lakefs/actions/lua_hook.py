"""Hooks of type ``lua``: each runs in a process of its own, which is killed when its time is over."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import local_lakefs
from local_lakefs.actions.action import HookSpec
from local_lakefs.actions.duration import parse_duration_s
from local_lakefs.actions.endpoint import Ask, Call
from local_lakefs.actions.model import HookEvent, HookRefused, InvalidAction
from local_lakefs.actions.runs import NO_TIME
from local_lakefs.actions.templating import LUA_PREFIX, Environment

# lakeFS sets a Lua hook no limit of time or output. Here an end comes in any case: a check may take hours.
DEFAULT_TIMEOUT_S = 24 * 3600.0
START_LIMIT_S = 60.0
OUTPUT_LIMIT_BYTES = 1 << 20
# What the child gets of the server's environment: its way out, and nothing secret.
_PASSED_ON = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
Write = Callable[[str], None]
ReadObject = Callable[[str], bytes]


class Children:
    """The processes that run Lua, one for each hook, and one that waits for the next: starting takes a while.

    Parameters
    ----------
    http : bool
        Whether scripts may use ``net/http``.
    """

    def __init__(self, *, http: bool) -> None:
        self._command = [
            sys.executable,
            "-P",
            "-m",
            "local_lakefs.actions.lua_child",
            *(["--http"] if http else []),
        ]
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._spare: subprocess.Popen[bytes] | None = None
        self._closed = False

    def take(self) -> subprocess.Popen[bytes]:
        """Give a child that waits for a job; raises HookRefused after `close`."""
        with self._lock:
            if self._closed:
                raise HookRefused("the server is ending")
            child, self._spare = self._spare, None
            if child is None or child.poll() is not None:
                child = self._start()
            self._running.add(child)
        return child

    def finish(self, child: subprocess.Popen[bytes]) -> None:
        """Make sure that a child is gone."""
        child.kill()
        for stream in (child.stdin, child.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # it died with a part of its job unread
                    stream.close()
        child.wait()
        with self._lock:
            self._running.discard(child)
            if self._spare is None and not self._closed:
                self._spare = self._start()

    def close(self) -> None:
        """Kill all of them, and start none any more."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
            for child in self._running:
                child.kill()
        if spare is not None:
            self.finish(spare)

    def _start(self) -> subprocess.Popen[bytes]:
        passed_on = {name: value for name, value in os.environ.items() if name.upper() in _PASSED_ON}
        root = str(Path(local_lakefs.__file__).parents[1])
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**passed_on, "PYTHONPATH": root},
            cwd="/",
        )


@dataclass(frozen=True)
class LuaHook:
    """A Lua hook ready to run."""

    action_name: str
    hook_id: str
    script: str
    script_path: str
    args: dict[str, Any]
    timeout_s: float

    @classmethod
    def build(cls, action_name: str, hook: HookSpec, variables: Mapping[str, str]) -> LuaHook:
        """Read the hook's properties; raises InvalidAction, as lakeFS does when the event occurs."""
        args = hook.properties.get("args", {})
        if not isinstance(args, dict):
            raise InvalidAction("'args' should be a map: wrong value type")
        try:
            args = Environment(variables, LUA_PREFIX).fill_all(args)
        except InvalidAction as error:
            raise InvalidAction(f"error parsing args: {error}") from error
        script = _text(hook.properties, "script")
        path = "" if script else _text(hook.properties, "script_path")
        if not script and not path:
            raise InvalidAction("'script' or 'script_path' must be supplied: wrong value type")
        return cls(action_name, hook.id, script, path, args, _timeout_s(hook.properties.get("timeout")))

    def run(
        self,
        event: HookEvent,
        run_id: str,
        write: Write,
        read_object: ReadObject,
        children: Children,
        ask: Ask,
    ) -> None:
        """Run the script, what it prints going to `write`, its calls to `ask`; raises HookRefused."""
        code = self.script.encode()
        if self.script_path:
            try:
                code = read_object(self.script_path)
            except KeyError as error:
                problem = f"could not load script_path {self.script_path}: HTTP 404: invalid action"
                raise HookRefused(problem) from error
        job = {
            "code": code.decode("latin-1"),
            "variables": {
                "action": action_table(self.action_name, self.hook_id, run_id, event),
                "args": _no_dates(self.args),
                "username": event.username,
            },
            "timeout_s": self.timeout_s,
            "output_limit_bytes": OUTPUT_LIMIT_BYTES,
        }
        self._run_child(json.dumps(job).encode() + b"\n", write, children, ask)

    def _run_child(self, job: bytes, write: Write, children: Children, ask: Ask) -> None:
        child = children.take()
        assert child.stdin is not None  # noqa: S101 - both are pipes
        assert child.stdout is not None  # noqa: S101
        timed_out = threading.Event()

        def stop() -> None:
            timed_out.set()
            child.kill()

        def stop_after(seconds: float) -> threading.Timer:
            timer = threading.Timer(seconds, stop)
            timer.daemon = True
            timer.start()
            return timer

        timer = stop_after(self.timeout_s + START_LIMIT_S)
        problem: str | None = "the process of the Lua hook ended before the script did"
        try:
            child.stdin.write(job)
            child.stdin.flush()  # and left open: its end would tell the child that the server is gone
            for line in child.stdout:
                message = json.loads(line)
                if "begun" in message:  # the script's time: to start the process may take longer
                    timer.cancel()
                    timer = stop_after(self.timeout_s)
                elif "print" in message:
                    write(message["print"])
                elif "call" in message:
                    status, body = ask(Call(*message["call"]))
                    child.stdin.write(json.dumps([status, len(body)]).encode() + b"\n" + body)
                    child.stdin.flush()
                else:
                    problem = message["error"]
        except (OSError, ValueError) as error:  # killed halfway through its job, or through a line
            problem = f"{problem}: {error}"
        finally:
            timer.cancel()
            children.finish(child)
        if problem is not None:
            late = (
                timed_out.is_set() or child.returncode == -signal.SIGALRM
            )  # by the server's clock or its own
            raise HookRefused(f"script ran longer than {self.timeout_s:g}s" if late else problem)


def action_table(action_name: str, hook_id: str, run_id: str, event: HookEvent) -> dict[str, Any]:
    """Make the global `action` of a script. Of a commit lakeFS shows these fields, and no others."""
    commit = event.commit
    created = commit.get("creation_date", NO_TIME)
    if isinstance(created, int | float):
        created = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "action_name": action_name,
        "hook_id": hook_id,
        "run_id": run_id,
        "pre_run_id": event.pre_run_id,
        "event_type": event.event_type,
        "commit_id": event.commit_id,
        "branch_id": event.branch_id,
        "source_ref": event.source_ref,
        "tag_id": event.tag_id,
        "merge_source": event.merge_source,
        "repository_id": event.repository_id,
        "storage_namespace": event.storage_namespace,
        "commit": {
            "message": commit.get("message", event.commit_message),
            "meta_range_id": commit.get("meta_range_id", ""),
            "creation_date": created,
            "version": commit.get("version", 0),
            "metadata": dict(commit.get("metadata") or event.commit_metadata),
            "parents": list(commit.get("parents") or []),
        },
    }


def _text(properties: dict[str, Any], name: str) -> str:
    value = properties.get(name, "")
    if not isinstance(value, str):
        raise InvalidAction(f"value of {name} is not of type string: wrong value type")
    return value


def _timeout_s(given: Any) -> float:
    if not isinstance(given, str) or not given:
        return DEFAULT_TIMEOUT_S
    try:
        timeout_s = parse_duration_s(given)
    except ValueError as error:
        raise InvalidAction(f"lua hook duration: {error}") from error
    return timeout_s if timeout_s > 0 else DEFAULT_TIMEOUT_S


def _no_dates(value: Any) -> Any:
    """Refuse what YAML reads as a date: it cannot pass into Lua (and ends the process of lakeFS 1.84)."""
    if isinstance(value, date):
        raise HookRefused("runtime error: contains unsupported type: time.Time")
    if isinstance(value, dict):
        return {str(key): _no_dates(item) for key, item in value.items()}
    return [_no_dates(item) for item in value] if isinstance(value, list) else value
