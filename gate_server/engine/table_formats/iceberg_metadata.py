"""The metadata of an Iceberg table: which of its files is the current one, found without a catalog.

https://iceberg.apache.org/spec/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gate_server.engine.naming import plain
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.table_formats.contents import read_all

FOLDER = "metadata/"
HINT = "version-hint.text"
VERSIONS = (1, 2, 3)
_NAME = re.compile(r"(?:v(\d{1,18})|(\d{1,18})-[^/]+?)(\.gz)?\.metadata\.json(\.gz)?")


def current(root: str, below: Mapping[str, DataObject], allowance: Allowance) -> tuple[str, dict[str, Any]]:
    """Return the name of the current metadata file and what it holds.

    A catalog knows which one it is; here it is that of the highest number, if all others led to it.

    Parameters
    ----------
    below
        The objects below `FOLDER`, by their names there.

    Raises
    ------
    ReadFailure
        ``unreadable``: it does not parse, or the hint points to nothing; ``error``: it cannot be told.
    """
    numbers = {name: number for name in below if (number := _number_of(name)) is not None}
    if not numbers:
        raise ReadFailure(
            "unreadable",
            "iceberg_no_metadata",
            f"this is no Iceberg table: nothing in {FOLDER} is called *.metadata.json",
            hint="`dataset:` of the rule names the table's root, such as tables/{table}/",
            path=f"{root}{FOLDER}",
        )
    _check_hint(root, below, set(numbers.values()), allowance)
    newest = sorted(name for name in numbers if numbers[name] == max(numbers.values()))
    name = newest[0]
    path = below[name].path
    if len(newest) > 1:
        raise _unclear(path, f"{len(newest)} files are its version {numbers[name]}: {', '.join(newest[:3])}")
    if ".gz" in name:
        what = "compressed metadata, which the gate does not read"
        raise ReadFailure("error", "iceberg_unsupported", what, path=path)
    (content,) = read_all([below[name]], allowance)
    found = _parsed(content, path)
    before = {str(one.get("metadata-file", "")).rpartition("/")[2] for one in found.get("metadata-log") or ()}
    known = [numbers[one] for one in before if one in numbers]
    strays = [
        one for one in numbers if one not in before and one != name and numbers[one] > min(known, default=-1)
    ]
    if strays and before:
        raise _unclear(path, f"{plain(sorted(strays)[0])} is no version that it came from")
    return name, found


def _number_of(name: str) -> int | None:
    found = _NAME.fullmatch(name)
    return int(found[1] or found[2]) if found else None


def _unclear(path: str, what: str) -> ReadFailure:
    return ReadFailure(
        "error",
        "iceberg_versions",
        f"which version is current cannot be told: {what}",
        hint="two branches committed to the table, or a writer died: merge main into the branch, write the "
        "change anew on what is there, and delete the metadata file that nobody's catalog points to",
        path=path,
    )


def _check_hint(root: str, below: Mapping[str, DataObject], numbers: set[int], allowance: Allowance) -> None:
    if HINT not in below:
        return
    (content,) = read_all([below[HINT]], allowance)
    told = content.strip()
    name = told.decode("utf-8", "replace")
    number = int(told) if told.isdigit() else _number_of(name)
    if number not in numbers:
        what = f"{HINT} points to version {plain(name)}, and there is none"
        raise ReadFailure("unreadable", "iceberg_missing", what, path=f"{root}{FOLDER}{HINT}")


def _parsed(content: bytes, path: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        what = "the table's metadata is no JSON: its writer may have died"
        raise ReadFailure("unreadable", "iceberg_metadata", what, path=path) from error
    if not isinstance(found, dict):
        raise ReadFailure(
            "unreadable", "iceberg_metadata", "the table's metadata is no JSON object", path=path
        )
    if found.get("format-version") not in VERSIONS:
        what = f"format-version {plain(found.get('format-version'))}, and the gate knows 1, 2 and 3"
        raise ReadFailure("error", "iceberg_unsupported", what, path=path)
    return found
