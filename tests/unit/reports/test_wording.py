"""Numbers, places and names as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gate_server.reports import wording


@given(some.sets(some.integers(min_value=0, max_value=60)))
def test_spans_hold_exactly_the_numbers(numbers: set[int]) -> None:
    told: list[int] = []
    for span in filter(None, wording.spans(numbers).split(", ")):
        low, _, high = span.partition("–")
        told += range(int(low), int(high or low) + 1)
    assert told == sorted(numbers)


def test_runs_are_drawn_together() -> None:
    assert wording.spans([9, 3, 4, 5, 4]) == "3–5, 9"


@given(some.text(alphabet=some.characters(min_codepoint=0)))
def test_what_is_shown_can_be_seen_and_sent(text: str) -> None:
    shown = wording.visible(text)
    shown.encode()  # raises where it cannot be sent
    assert all(char.isprintable() or char.isspace() for char in shown)
    assert wording.visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain_ä.csv", "plain_ä.csv"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb\x00", "a\\u000ab\\u0000"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_marks_without_a_shape_are_written_out(text: str, shown: str) -> None:
    assert wording.visible(text) == shown


@pytest.mark.parametrize(
    ("lines", "rows", "unexpected", "told"),
    [
        ([], [], None, ""),
        ([7], [5], 1, "line 7"),
        ([2, 3, 4, 9], [0, 1, 2, 7], 4, "lines 2–4, 9"),
        ([2, 3], [0, 1], 1_502, "lines 2–3 and 1,500 more"),
        ([], [0, 3], 2, "rows 1, 4"),
    ],
)
def test_places(lines: list[int], rows: list[int], unexpected: int | None, told: str) -> None:
    assert wording.places(lines, rows, unexpected) == told


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.0, "0 %"),
        (0.004, "under 0.1 %"),
        (33.333, "33.3 %"),
        (50.0, "50 %"),
        (99.96, "over 99.9 %"),
        (100.0, "100 %"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(share: float, told: str) -> None:
    assert wording.percent(share) == told


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (2 * 10**9, "2.0 GB"),
        (5 * 10**15, "5,000.0 TB"),
    ],
)
def test_sizes(amount: int, told: str) -> None:
    assert wording.size(amount) == told


@pytest.mark.parametrize(
    ("duration_s", "told"), [(0.004, "0.00 s"), (9.994, "9.99 s"), (12.4, "12 s"), (200.2, "3 min 20 s")]
)
def test_durations(duration_s: float, told: str) -> None:
    assert wording.seconds(duration_s) == told


def test_times_are_utc() -> None:
    when = datetime(2026, 11, 20, 1, 2, 3, 999, tzinfo=timezone(timedelta(hours=2)))
    assert wording.moment(when) == "2026-11-19 23:02:03 UTC"
    assert wording.moment(when.astimezone(UTC)) == "2026-11-19 23:02:03 UTC"
