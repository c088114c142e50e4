"""Plots as numbers for inline SVG, each with the same as text: only of what was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gate_server.model import Outcome
from gate_server.reports.results import TONES, Tone

WIDTH, HEIGHT = 600.0, 96.0
GAP_SHARE = 0.25
_FROM_BELOW = (Outcome.PASS, Outcome.WARN, Outcome.ERROR, Outcome.FAIL)


@dataclass(frozen=True)
class Bar:
    """A part of a day's bar, in the plot's own units."""

    tone: Tone
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bars:
    """How often what came out, by day. ``rows``: the days on which anything did, with counts by outcome."""

    width: float
    height: float
    most: int
    first_day: str
    last_day: str
    bars: tuple[Bar, ...]
    rows: tuple[tuple[str, dict[str, int]], ...]
    totals: dict[str, int]


def bars_by_day(days: Sequence[str], counts: Iterable[tuple[str, str, int]]) -> Bars:
    """Return bars for `days`, in order, of (day, outcome, count)."""
    by_day: dict[str, Counter[str]] = {day: Counter() for day in days}
    for day, outcome, count in counts:
        if day in by_day:
            by_day[day][outcome] += count
    most = max((found.total() for found in by_day.values()), default=0)
    step = WIDTH / max(len(days), 1)
    bars = []
    for number, found in enumerate(by_day.values()):
        top = HEIGHT
        for outcome in _FROM_BELOW:
            if count := found[outcome.value]:
                height = HEIGHT * count / most
                top -= height
                width = step * (1 - GAP_SHARE)
                bars.append(
                    Bar(
                        TONES[outcome],
                        round(number * step, 2),
                        round(top, 2),
                        round(width, 2),
                        round(height, 2),
                    )
                )
    totals: Counter[str] = sum(by_day.values(), Counter())
    rows = tuple((day, dict(found)) for day, found in by_day.items() if found)
    return Bars(WIDTH, HEIGHT, most, days[0], days[-1], tuple(bars), rows, dict(totals))
