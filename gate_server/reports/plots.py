"""Plots as numbers for inline SVG, each with the same as text: only of what was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from gate_server.model import Outcome
from gate_server.reports.results import TONES, Tone
from gate_server.reports.wording import count
from gate_server.store.history import RowCount

WIDTH, HEIGHT = 600.0, 96.0
GAP_SHARE = 0.25
WIDEST_BAR = 48.0  # two checks are no two walls
LEAST_HEIGHT = 1.0  # of a check without rows: it was there
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
class RowBars:
    """How many rows a rule judged, check by check; ``counts`` the same, the last being the check's own."""

    rule: str
    width: float
    height: float
    bars: tuple[Bar, ...]
    counts: tuple[RowCount, ...]

    @property
    def told(self) -> str:
        """The same in words."""
        *before, last = (item.row_count for item in self.counts)
        low, middle, high = min(before), round(median(before)), max(before)
        earlier = f"in the {len(before)} checks before" if len(before) > 1 else "in the check before"
        span = f"{low:,}" if low == high else f"{low:,} to {high:,}, in the middle {middle:,}"
        return f"{count(last, 'row')}; {earlier} {span}"


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


def bars_by_check(rule: str, counts: Sequence[RowCount], check_id: str) -> RowBars | None:
    """Return bars for the checks of `counts`, in order, which should end with the check's own.

    None where that is not known, or where there is nothing to compare it with.
    """
    if len(counts) < 2 or counts[-1].check_id != check_id:
        return None
    most = max(item.row_count for item in counts) or 1
    width = min(WIDTH / len(counts) * (1 - GAP_SHARE), WIDEST_BAR)
    step = (WIDTH - width) / (len(counts) - 1)  # the last one ends at the right, where its name stands
    bars = tuple(
        Bar(
            TONES[Outcome(item.outcome)],
            round(number * step, 2),
            round(HEIGHT - height, 2),
            round(width, 2),
            round(height, 2),
        )
        for number, item in enumerate(counts)
        for height in [max(HEIGHT * item.row_count / most, LEAST_HEIGHT)]
    )
    return RowBars(rule, WIDTH, HEIGHT, bars, tuple(counts))


def bars_by_day(days: Sequence[str], counts: Iterable[tuple[str, str, int]]) -> Bars:
    """Return bars for `days`, in order, of (day, outcome, count)."""
    by_day: dict[str, Counter[str]] = {day: Counter() for day in days}
    for day, outcome, number in counts:
        if day in by_day:
            by_day[day][outcome] += number
    most = max((found.total() for found in by_day.values()), default=0)
    step = WIDTH / max(len(days), 1)
    bars = []
    for number, found in enumerate(by_day.values()):
        top = HEIGHT
        for outcome in _FROM_BELOW:
            if often := found[outcome.value]:
                height = HEIGHT * often / most
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
