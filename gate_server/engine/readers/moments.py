"""The days that Python has dates for, and how dates and timestamps are stored: counted from 1970-01-01."""

from __future__ import annotations

from datetime import date

_EPOCH = date(1970, 1, 1).toordinal()
FIRST_DAY = date.min.toordinal() - _EPOCH
LAST_DAY = date.max.toordinal() - _EPOCH
TICKS_A_DAY = {"ms": 86_400_000, "us": 86_400_000_000}
