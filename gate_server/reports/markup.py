"""How templates write text, times and numbers: those of the pages, and those of reports that are kept."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from gate_server.reports import wording

_TICKED = re.compile(r"`([^`]+)`")


def set_up_templates(environment: Environment) -> None:
    """Give the templates their filters; every text that they write passes `visible`."""
    environment.finalize = _finalize
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters.update(
        breakable=breakable,
        ticked=ticked,
        short_id=wording.short_id,
        short_name=wording.short_name,
        moment=wording.moment,
        seconds=wording.seconds,
        count=wording.count,
        size=wording.size,
    )


def _finalize(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return wording.visible(value)
    return value


def ticked(text: str) -> Markup:
    """Return `text` escaped, with what stands in backticks as code."""
    pieces: list[str] = _TICKED.split(wording.visible(text))  # every second one stood in backticks
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else piece
        for number, piece in enumerate(pieces)
    )


def breakable(name: str) -> Markup:
    """Return an expectation's name, escaped, with leave to break a line after each underscore."""
    return Markup("_<wbr>").join(wording.visible(name).split("_"))
