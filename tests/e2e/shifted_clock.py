"""A worker on a machine whose clock is wrong.

All that reads the time of the machine does so in `gate_server.store.times`, as another test holds.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, tzinfo

from gate_server.processes import Supervisor, main
from gate_server.store import times
from gate_server.telemetry.logs import set_up_logs


def command(shifted_s: float) -> list[str]:
    """Return the command of a worker under a supervisor, as `gate worker` is; not -m, as its children say."""
    return [sys.executable, "-c", f"from tests.e2e.shifted_clock import supervise; supervise({shifted_s})"]


def supervise(shifted_s: float) -> None:
    """Keep a worker running."""
    set_up_logs("info")
    work = f"from tests.e2e.shifted_clock import work; work({shifted_s})"
    sys.exit(Supervisor({"worker": [sys.executable, "-c", work]}, os.environ).run())


def work(shifted_s: float) -> None:
    """Be a worker whose clock is `shifted_s` seconds ahead."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Shifted:
            return cls.fromtimestamp((datetime.now(tz) + timedelta(seconds=shifted_s)).timestamp(), tz)

    times.datetime = Shifted  # type: ignore[misc]
    sys.exit(main(["worker"]))
