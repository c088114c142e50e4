"""Sends what is due to one target, in a process of its own that is ended where it hangs."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import structlog

from gate_server.model.notices import Notice
from gate_server.store.notices import Notices

AT_ONCE = 50
START_S = 60.0  # for importing apprise on a machine that has much to do
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 3600.0
_CHILD = "from gate_server.notices.child import main; main()"
# What it needs of our environment: neither our keys nor our tokens.
_PASSED_ON = (
    *("PATH", "HOME", "LANG", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
)

log = structlog.get_logger()


@dataclass(frozen=True)
class Told:
    """What came of a notice.

    ``is_away``: the target has trouble, others would fare no better. ``retry_after_s`` is what it asked for.
    """

    id: str
    sent: bool
    reason: str = ""
    is_away: bool = False
    retry_after_s: float = 0.0


class Sender:
    """The duty of one target: whatever it does, others are not waiting for it.

    Parameters
    ----------
    addresses
        In apprise's form. A notice is sent when all have taken it; else it goes to all of them again.
    timeout_s
        How long a notice may take; then the process is ended.
    give_up_s
        How old a notice gets for which there is another attempt.
    """

    def __init__(
        self, outbox: Notices, target: str, addresses: Sequence[str], *, timeout_s: float, give_up_s: float
    ) -> None:
        self._outbox = outbox
        self._target = target
        self._addresses = addresses
        self._timeout_s = timeout_s
        self._give_up_s = give_up_s
        self._failures = 0
        self._pause_until = 0.0

    def is_wanted(self) -> bool:
        """Whether there is something to send, and the target is not left alone just now."""
        return time.monotonic() >= self._pause_until and self._outbox.is_due(self._target)

    def __call__(self) -> None:
        """Send what is due, until nothing is, or the target has trouble."""
        while time.monotonic() >= self._pause_until:
            due = self._outbox.claim(self._target, AT_ONCE)
            if not due:
                return
            self._send(due)

    def _send(self, due: Sequence[Notice]) -> None:
        left = {notice.id: notice for notice in due}
        try:
            for told in send(self._addresses, due, self._timeout_s):
                notice = left.pop(told.id)
                if told.sent:
                    self._failures = 0
                    self._outbox.sent(notice.id)
                    continue
                self._failed(notice, told)
                if told.is_away:
                    return
        finally:
            self._outbox.untouched(list(left))

    def _failed(self, notice: Notice, told: Told) -> None:
        again_s = max(_pause_s(notice.attempts), told.retry_after_s)
        if told.is_away:
            self._failures += 1
            pause_s = max(_pause_s(self._failures), told.retry_after_s)
            self._pause_until = time.monotonic() + pause_s
        is_over = self._outbox.failed(notice, told.reason, again_s=again_s, give_up_s=self._give_up_s)
        tell = log.error if is_over else log.warning
        tell(
            "a notice was given up" if is_over else "a notice could not be sent",
            notice=notice.id,
            target=notice.target,
            reason=told.reason,
            attempts=notice.attempts,
            again_s=None if is_over else round(again_s),
        )


def send(addresses: Sequence[str], due: Sequence[Notice], timeout_s: float) -> Iterator[Told]:
    """Send notices one after the other, in a process of their own; yield what came of each.

    It ends after the one that took longer than `timeout_s`, with the process.
    """
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD],
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert child.stdin is not None  # noqa: S101 - asked for above
    assert child.stdout is not None  # noqa: S101
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(child.stdout, answers), daemon=True)
    reader.start()
    try:
        for number, notice in enumerate(due):
            try:
                answer = "" if number else _asked(child.stdin, answers, list(addresses), START_S)
                if number or answer:
                    answer = _asked(child.stdin, answers, _line(notice), timeout_s)
            except queue.Empty:
                yield Told(notice.id, sent=False, reason=f"took longer than {timeout_s:g} s", is_away=True)
                return
            except OSError:
                answer = ""
            if not answer:
                yield Told(notice.id, sent=False, reason="the process that sends died", is_away=True)
                return
            yield _told(json.loads(answer))
    finally:
        _end(child)


def _asked(child: IO[str], answers: queue.SimpleQueue[str], what: object, within_s: float) -> str:
    """Write a line and return the next answer, empty where there is none any more.

    Raises
    ------
    queue.Empty
        When it does not come in time.
    OSError
        When nobody reads.
    """
    child.write(json.dumps(what) + "\n")
    child.flush()
    return answers.get(timeout=within_s)


def _line(notice: Notice) -> Mapping[str, str]:
    # The id lets a receiver know a notice that comes twice.
    body = f"{notice.body}\n\nnotice {notice.id}"
    return {"id": notice.id, "title": notice.title, "body": body, "tone": notice.tone}


def _told(answer: Mapping[str, object]) -> Told:
    return Told(
        str(answer["id"]),
        sent=answer["sent"] is True,
        reason=str(answer.get("reason", ""))[:200],
        is_away=answer.get("is_away") is True,
        retry_after_s=min(float(str(answer.get("retry_after", 0))), LONGEST_PAUSE_S),
    )


def _read(stream: Iterator[str], answers: queue.SimpleQueue[str]) -> None:
    with suppress(ValueError):  # closed
        for line in stream:
            answers.put(line)
    answers.put("")


def _end(child: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        with suppress(OSError):  # what was not flushed has no reader
            if pipe is not None:
                pipe.close()


def _pause_s(failures: int) -> float:
    """Return how long to wait: longer each time, and not all at the same moment."""
    longest = min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE_S)
    return random.uniform(longest / 2, longest)  # noqa: S311 - no secret
