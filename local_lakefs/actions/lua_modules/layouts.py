"""Times as Go writes and reads them, by the layout of one moment: ``2006-01-02T15:04:05Z07:00``."""

from __future__ import annotations

import re
from calendar import day_abbr, day_name, month_abbr, month_name, monthrange
from collections.abc import Iterator
from datetime import date, datetime

_TOKEN = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|__2|0[1-6]|15|1|2006|2|_2(?!006)|[345]|PM|pm"
    r"|[-Z]07(?:0000|:00:00|00|:00)?|[.,](?:0+|9+)(?!\d)"
)
_GREGORIAN_CYCLE_YEARS, _GREGORIAN_CYCLE_DAYS = 400, 146_097
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_TWO, _ONE_OR_TWO = r"\d\d", r"\d{1,2}"
_VALUES = {
    "2006": r"\d{4}",
    "06": _TWO,
    "01": _TWO,
    "1": _ONE_OR_TWO,
    "02": _TWO,
    "2": _ONE_OR_TWO,
    "_2": rf" ?{_ONE_OR_TWO}",
    "002": r"\d{3}",
    "__2": r" {0,2}\d{1,3}",
    "15": _ONE_OR_TWO,
    "03": _TWO,
    "3": _ONE_OR_TWO,
    "04": _TWO,
    "4": _ONE_OR_TWO,
    "05": _TWO,
    "5": _ONE_OR_TWO,
    "PM": "AM|PM",
    "pm": "am|pm",
    "MST": r"GMT[+-]\d{1,2}|ChST|MeST|WITA|[A-Z]{4}(?<=T)|[A-Z]{3}|[+-]\d\d",
    "January": "|".join(month_name[1:]),
    "Jan": "|".join(month_abbr[1:]),
    "Monday": "|".join(day_name),
    "Mon": "|".join(day_abbr),
}
# What a number means, and its bounds where it is looked at alone.
_MEANING = {
    "2006": ("year", 0, 9999),
    "06": ("year", 0, 99),
    **dict.fromkeys(("01", "1"), ("month", 1, 12)),
    **dict.fromkeys(("02", "2", "_2"), ("day", 0, 99)),
    **dict.fromkeys(("002", "__2"), ("day-of-year", 1, 366)),
    "15": ("hour", 0, 23),
    **dict.fromkeys(("03", "3"), ("hour", 0, 12)),
    **dict.fromkeys(("04", "4"), ("minute", 0, 59)),
    **dict.fromkeys(("05", "5"), ("second", 0, 59)),
}


def pieces(layout: str) -> Iterator[tuple[str, str]]:
    """Split a layout into pairs of what stands as it is and the token after it; the last token is empty."""
    at = 0
    for found in _TOKEN.finditer(layout):
        yield layout[at : found.start()], found.group()
        at = found.end()
    yield layout[at:], ""


def format_time(moment: datetime, layout: str) -> str:
    """Write a moment, of whole seconds, that knows its zone."""
    return "".join(text + _formatted(moment, token) for text, token in pieces(layout))


def _formatted(moment: datetime, token: str) -> str:
    if token.startswith(("-", "Z")):
        return _zone(moment, token)
    if token.startswith((".", ",")):
        return token if token[1] == "0" else ""
    hour = moment.hour % 12 or 12
    day_of_year = moment.timetuple().tm_yday
    written = {
        "": "",
        "2006": f"{moment.year:04d}",
        "06": f"{moment.year % 100:02d}",
        "01": f"{moment.month:02d}",
        "1": str(moment.month),
        "January": month_name[moment.month],
        "Jan": month_abbr[moment.month],
        "02": f"{moment.day:02d}",
        "2": str(moment.day),
        "_2": f"{moment.day:2d}",
        "002": f"{day_of_year:03d}",
        "__2": f"{day_of_year:3d}",
        "Monday": day_name[moment.weekday()],
        "Mon": day_abbr[moment.weekday()],
        "15": f"{moment.hour:02d}",
        "03": f"{hour:02d}",
        "3": str(hour),
        "04": f"{moment.minute:02d}",
        "4": str(moment.minute),
        "05": f"{moment.second:02d}",
        "5": str(moment.second),
        "PM": "PM" if moment.hour >= 12 else "AM",
        "pm": "pm" if moment.hour >= 12 else "am",
        "MST": moment.tzname() or "",
    }
    return written[token]


def _zone(moment: datetime, token: str) -> str:
    offset = moment.utcoffset()
    offset_s = int(offset.total_seconds()) if offset else 0
    if token.startswith("Z") and offset_s == 0:
        return "Z"
    hours, minutes, seconds = abs(offset_s) // 3600, abs(offset_s) // 60 % 60, abs(offset_s) % 60
    parts = [f"{part:02d}" for part in (hours, minutes, seconds)]
    count = (len(token.replace(":", "")) - 1) // 2
    return ("-" if offset_s < 0 else "+") + (":" if ":" in token else "").join(parts[:count])


def parse_time(layout: str, value: str) -> int:
    """Read a time into nanoseconds of the Unix epoch; raises ValueError in Go's words."""
    fields: dict[str, int] = {}
    rest = value
    tokens = list(pieces(layout))
    for at, (text, token) in enumerate(tokens):
        rest = _without(text, rest, f"parsing time {_quoted(value)} as {_quoted(layout)}")
        if not token:
            break
        next_token = tokens[at + 1][1] if not tokens[at + 1][0] else ""
        found = re.match(_value_pattern(token, next_token), rest, re.IGNORECASE if token[0] in "JM" else 0)
        if not found:
            where = f"cannot parse {_quoted(rest)} as {_quoted(token)}"
            raise ValueError(f"parsing time {_quoted(value)} as {_quoted(layout)}: {where}")
        rest = rest[found.end() :]
        problem = _take(fields, token, found.group())
        if problem:
            raise ValueError(f"parsing time {_quoted(value)}: {problem} out of range")
    if rest:
        raise ValueError(f"parsing time {_quoted(value)}: extra text: {_quoted(rest)}")
    try:
        return _nanoseconds(fields)
    except ValueError as error:
        raise ValueError(f"parsing time {_quoted(value)}: {error}") from error


def _without(text: str, rest: str, doing: str) -> str:
    """Take what stands as it is off; a space there means any number of them."""
    pattern = "".join(" +" if part.isspace() else re.escape(part) for part in re.findall(r" +|[^ ]+", text))
    found = re.match(re.sub(r" \+$", " *", pattern) if not rest.strip() else pattern, rest)
    if not found:
        raise ValueError(f"{doing}: cannot parse {_quoted(rest)} as {_quoted(text)}")
    return rest[found.end() :]


def _value_pattern(token: str, next_token: str) -> str:
    if token.startswith(("-", "Z")):
        colon = ":" if ":" in token else ""
        count = (len(token.replace(":", "")) - 1) // 2
        return ("Z|" if token[0] == "Z" else "") + r"[+-]" + colon.join([r"\d\d"] * count)
    if token.startswith((".", ",")):
        return rf"[.,]\d{{{len(token) - 1}}}" if token[1] == "0" else r"(?:[.,]\d+)?"
    if token in ("05", "5") and not next_token.startswith((".", ",")):
        return rf"(?:{_VALUES[token]})(?:[.,]\d+)?"  # a fraction may stand there unasked
    return f"(?:{_VALUES[token]})"


def _take(fields: dict[str, int], token: str, text: str) -> str:
    """Keep what a token's text says; return what of it is out of range, empty when nothing is."""
    if token.startswith((".", ",")):
        fields["nanosecond"] = int(text[1:10].ljust(9, "0"))
    elif token.startswith(("-", "Z")):
        digits = [int(part) for part in re.findall(r"\d\d", text)]
        offset_s = sum(part * unit for part, unit in zip(digits, (3600, 60, 1), strict=False))
        fields["offset"] = -offset_s if text.startswith("-") else offset_s
    elif token == "MST":  # noqa: S105 - a time zone; an unknown one counts as UTC
        fields["offset"] = int(text[3:]) * 3600 if text[3:4] in ("+", "-") else 0
    elif token in ("PM", "pm"):
        fields["afternoon"] = text.lower() == "pm"
    elif token in ("January", "Jan"):
        fields["month"] = [name[:3].lower() for name in month_name].index(text[:3].lower())
    elif token in _MEANING:
        whole, *fraction = re.split("[.,]", text)
        name, least, most = _MEANING[token]
        fields[name] = number = int(whole)
        if not least <= number <= most:
            return name
        if token == "06":  # noqa: S105
            fields["year"] = number + (1900 if number >= 69 else 2000)
        if fraction:
            fields["nanosecond"] = int(fraction[0][:9].ljust(9, "0"))
    return ""


def _nanoseconds(fields: dict[str, int]) -> int:
    year = fields.get("year", 0)
    # Go knows a year 0, datetime does not
    shifted = year + _GREGORIAN_CYCLE_YEARS
    if "day-of-year" in fields:
        day = date(shifted, 1, 1).toordinal() + fields["day-of-year"] - 1
        if date.fromordinal(day).year != shifted:
            raise ValueError("day-of-year out of range")
    else:
        month, of_month = fields.get("month", 1), fields.get("day", 1)
        if not 1 <= of_month <= monthrange(shifted, month)[1]:
            raise ValueError("day out of range")
        day = date(shifted, month, of_month).toordinal()
    hour = fields.get("hour", 0)
    if "afternoon" in fields:
        hour = hour % 12 + 12 if fields["afternoon"] else hour % 12
    seconds = (day - _GREGORIAN_CYCLE_DAYS - _EPOCH_DAY) * 86_400
    seconds += hour * 3600 + fields.get("minute", 0) * 60 + fields.get("second", 0) - fields.get("offset", 0)
    total = seconds * 1_000_000_000 + fields.get("nanosecond", 0)
    return (total + 2**63) % 2**64 - 2**63  # as 64 bits hold it


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
