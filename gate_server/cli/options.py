"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gate_server.settings import Settings, read_settings

F = TypeVar("F", bound=Callable[..., Any])


def as_json(function: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, errors too.")(
        function
    )


def server(function: F) -> F:
    """Add ``--server``."""
    return click.option(
        "--server",
        metavar="URL",
        default="",
        help="Through the gate at URL (default: GATE_URL; its token: GATE_API_TOKEN). "
        "Without either, in this process, with lakectl's settings.",
    )(function)


def newest(function: F) -> F:
    """Add ``--repository`` and ``--limit`` of lists."""
    of_one = click.option("--repository", default="", metavar="NAME", help="Of one repository.")
    so_many = click.option(
        "--limit", default=50, type=click.IntRange(1, 1000), show_default=True, help="The newest so many."
    )
    return of_one(so_many(function))


def settings_for(server_url: str) -> Settings:
    """Return the settings; a gate that the command line names wins over ``GATE_URL``."""
    return read_settings(url=server_url) if server_url else read_settings()
