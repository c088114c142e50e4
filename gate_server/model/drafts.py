"""A suite that the gate proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gate_server.model.formats import Format
from gate_server.model.results import Problem


@dataclass(frozen=True)
class Draft:
    """What was made of some objects; ``problem`` says why there is none.

    ``format`` is what a rule has to say for the suite to hold, ``suite`` Great Expectations' JSON.
    """

    format: Format
    suite: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    problem: Problem | None = None
