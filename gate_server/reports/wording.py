"""Numbers, times, places and names as short text, safe to show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

SHORT_ID = 12
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def visible(text: str) -> str:
    """Return `text` with what has no shape of its own written out, such as ``\\u202e``.

    Paths and column names are chosen by whoever writes the data: a control or direction mark must not
    disguise them, and a lone surrogate cannot be sent at all.
    """
    if text.isprintable():
        return text
    return "".join(_written_out(char) if unicodedata.category(char) in UNSEEN else char for char in text)


def _written_out(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def short_id(commit_id: str) -> str:
    """Return the start of a commit's id, as lakeFS shows it."""
    return commit_id[:SHORT_ID]


def short_name(ref: str) -> str:
    """Return a ref as people name it: a commit's id by its start, all else whole."""
    return short_id(ref) if re.fullmatch("[0-9a-f]{64}", ref) else ref


def count(number: int, noun: str) -> str:
    """Return such as "1 row" or "1,200 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seconds(duration_s: float) -> str:
    """Return such as "0.41 s", "12 s" or "3 min 20 s"."""
    if duration_s < 10:
        return f"{duration_s:.2f} s"
    whole = round(duration_s)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"


def size(size_bytes: int) -> str:
    """Return such as "512 bytes", "1.4 kB" or "2.0 GB"."""
    if size_bytes < 1000:
        return count(size_bytes, "byte")
    amount = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:,.1f} TB"


def percent(share: float) -> str:
    """Return such as "20 %"; never 0 or 100 for what is not quite that."""
    if 0 < share < 0.1:
        return "under 0.1 %"
    if 99.9 < share < 100:
        return "over 99.9 %"
    return f"{share:.1f}".removesuffix(".0") + " %"


def moment(when: datetime) -> str:
    """Return a time in UTC, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def spans(numbers: Iterable[int]) -> str:
    """Return numbers with runs drawn together, such as "3–5, 9"."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in runs)


def places(lines: Sequence[int], rows: Sequence[int], unexpected: int | None) -> str:
    """Return where the failing values stand: physical lines, else rows, both from 1.

    Parameters
    ----------
    rows
        Positions from 0, as they are stored.
    unexpected
        How many values failed; that more did than are listed is said.
    """
    listed = lines or [row + 1 for row in rows]
    if not listed:
        return ""
    noun = ("line" if lines else "row") + ("" if len(set(listed)) == 1 else "s")
    return f"{noun} {spans(listed)}{and_more(unexpected, len(listed))}"


def and_more(all_of_them: int | None, listed: int) -> str:
    """Return such as " and 980 more", nothing where all are listed."""
    return f" and {all_of_them - listed:,} more" if all_of_them and all_of_them > listed else ""
