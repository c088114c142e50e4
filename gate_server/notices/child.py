"""The process that sends: apprise is imported here alone, and it can be ended while an address hangs.

It reads a line with the addresses and says that it is ready; each further line is a notice, and is answered.
No secret is in its arguments or environment, and nothing that apprise says leaves it. It ends with its
parent.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import dataclass
from typing import Any

TRIED_AGAIN = {408, 425, 429}


@dataclass
class _Seen:
    """What the last HTTP request came to; apprise itself only says yes or no."""

    status: int = 0
    retry_after: str = ""
    error: str = ""


def main() -> None:
    """Send what comes in, until there is no more."""
    import apprise
    import requests

    logging.disable(logging.CRITICAL)
    seen = _Seen()
    send = requests.Session.send

    def send_and_look(self: Any, request: Any, **options: Any) -> Any:
        try:
            answer = send(self, request, **options)
        except requests.RequestException as error:
            seen.error = type(error).__name__
            raise
        seen.status, seen.retry_after = answer.status_code, answer.headers.get("Retry-After", "")
        return answer

    requests.Session.send = send_and_look  # type: ignore[method-assign]
    # No redirects: an address is what the operator wrote, and not what it answers.
    asset = apprise.AppriseAsset(http_redirects=False, async_mode=False, app_id="lakefs-gate", app_desc="")
    targets = []
    for address in json.loads(sys.stdin.readline()):
        target = apprise.Apprise(asset=asset)
        targets.append(target if target.add(address) else None)
    print("ready", flush=True)  # noqa: T201 - importing apprise is not what a target's time is for
    for line in sys.stdin:
        message = json.loads(line)
        told = [_told(target, message, seen) for target in targets]
        bad = [said for said in told if not said["sent"]]
        answer = {"id": message["id"], **(bad[0] if bad else {"sent": True})}
        print(json.dumps(answer), flush=True)  # noqa: T201
    os._exit(0)  # whatever threads its plugins left


def _told(target: Any, message: dict[str, str], seen: _Seen) -> dict[str, Any]:
    if target is None:
        return {"sent": False, "reason": "its address is none that apprise knows", "is_away": False}
    seen.status, seen.retry_after, seen.error = 0, "", ""
    try:
        sent = target.notify(
            body=message["body"],
            title=message["title"],
            notify_type=message["tone"],
            body_format="text",
            interpret_escapes=False,
        )
    except Exception as error:
        return {"sent": False, "reason": f"failed ({type(error).__name__})", "is_away": True}
    if sent and not 300 <= seen.status < 600:
        return {"sent": True}
    if seen.error:
        return {"sent": False, "reason": f"does not answer ({seen.error})", "is_away": True}
    if not seen.status:
        return {"sent": False, "reason": "did not take it", "is_away": True}
    is_away = seen.status >= 500 or seen.status in TRIED_AGAIN
    said = {"sent": False, "reason": f"answered {seen.status}", "is_away": is_away}
    return {**said, "retry_after": seen.retry_after} if seen.retry_after.isdigit() else said
