"""`gate report`: a check as a file to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gate_server.cli.options import server, settings_for
from gate_server.cli.output import console, shown
from gate_server.cli.remote import gate_of
from gate_server.errors import UsageError
from gate_server.settings import Settings

if TYPE_CHECKING:
    from gate_server.reports.kept import Form

DATA_DOCS = "data-docs"
FORMS: Mapping[str, Form] = {"html": "html", "junit": "xml", "json": "json", DATA_DOCS: "json"}


@click.command("report")
@click.argument("check_id", metavar="CHECK")
@click.option(
    "--format", "form", type=click.Choice(list(FORMS)), default="html", show_default=True,
    help="json is Great Expectations', data-docs a folder of its pages.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
    help="Where to; stdout without (data-docs: the folder, gate-check-CHECK without).",
)  # fmt: skip
@server
def command(check_id: str, form: str, output: Path | None, server: str) -> None:
    """Write the report of CHECK, which `gate checks list` lists. Cell values are in none.

    \b
    Examples:
      gate report 3f0c9a1b2d4e5f60 -o report.html
      gate report 3f0c9a1b2d4e5f60 --format junit -o gate.xml --server http://gate:8090
      gate report 3f0c9a1b2d4e5f60 --format data-docs -o docs

    Exit codes: 0 it was written, whatever the verdict; 3 the check has no verdict yet.
    """
    settings = settings_for(server)
    content = _report(settings, check_id, FORMS[form])
    try:
        if form == DATA_DOCS:
            from gate_server.reports.data_docs import write_data_docs

            output = write_data_docs(json.loads(content), output or Path(f"gate-check-{check_id}"))
        elif output is None:
            click.echo(content, nl=False)
            return
        else:
            output.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{error.filename or output} cannot be written ({error.strerror})") from error
    console.print(f"wrote {shown(str(output))}")


def _report(settings: Settings, check_id: str, form: Form) -> bytes:
    if settings.url:
        with gate_of(settings) as gate:
            return gate.get_report(check_id, form)
    from gate_server.app import make_services
    from gate_server.reports.kept import kept_report, no_verdict_yet

    checks = make_services(settings).checks
    check = checks.get(check_id)
    verdict = checks.verdict_of(check)
    if verdict is None:
        raise no_verdict_yet(check_id)
    return kept_report(form, check, verdict, "", checks.policy_content(check))
