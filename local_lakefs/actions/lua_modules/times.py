"""``time``: nanoseconds of the Unix epoch, and what people read of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from local_lakefs.actions.lua_modules.arguments import Arguments, as_number
from local_lakefs.actions.lua_modules.layouts import format_time, parse_time
from local_lakefs.actions.lua_values import CannotConvert, kind_of

ISO = "2006-01-02T15:04:05-07:00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("hour", 3_600_000_000_000, -3), ("minute", 60_000_000_000, -2), ("second", 1_000_000_000, -1))


def _zone(name: str) -> tzinfo | None:
    if name in ("", "UTC"):
        return UTC
    if name == "Local":
        return None  # what `astimezone` takes for the machine's
    if name.startswith(("/", "\\")) or ".." in name.split("/"):
        raise CannotConvert("time: invalid location name")
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # most scripts need none

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CannotConvert(f"unknown time zone {name}") from error


def _formatted(given: Arguments, layout: str, zone: str) -> str:
    nanoseconds = given.integer(1)
    seconds = abs(nanoseconds) // 1_000_000_000 * (-1 if nanoseconds < 0 else 1)  # the fraction is cut off
    return format_time((_EPOCH + timedelta(seconds=seconds)).astimezone(_zone(zone)), layout)


def _format(given: Arguments) -> str:
    return _formatted(given, given.text(2), given.text(3))


def _format_iso(given: Arguments) -> str:
    return _formatted(given, ISO, given.text(2) if given.value(2) is not None else "")


def _add(given: Arguments) -> float:
    start, table = given.integer(1), given.value(2)
    if kind_of(table) != "table":
        raise given.wrong(2, "table")
    for name, unit_ns, place in reversed(_UNITS):
        count = table[name]
        if count is None:
            continue
        number = as_number(count)
        if number is None:
            raise CannotConvert(f"bad argument #{place} to '?' (number expected, got {kind_of(count)})")
        start += int(number) * unit_ns
    return float(start)


def _parsed(layout: str, value: str) -> float:
    try:
        return float(parse_time(layout, value))
    except ValueError as error:
        raise CannotConvert(str(error)) from error


def _sleep(given: Arguments) -> Any:
    time.sleep(max(0.0, given.number(1) / 1e9))
    return given.value(len(given))  # lakeFS leaves its last argument behind


TIME = {
    "now": lambda _given: float(time.time_ns()),
    "since": lambda given: float(time.time_ns()) - given.number(1),
    "sleep": _sleep,
    "add": _add,
    "format": _format,
    "format_iso": _format_iso,
    "parse": lambda given: _parsed(given.text(1), given.text(2)),
    "parse_iso": lambda given: _parsed(ISO, given.text(1)),
}
