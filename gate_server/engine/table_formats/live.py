"""Objects of any format as those that hold rows, and how these are read."""

from __future__ import annotations

from collections.abc import Sequence

from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.model import Format

_FILES = Format("parquet")


def live(
    objects: Sequence[DataObject], fmt: Format, allowance: Allowance
) -> tuple[Sequence[DataObject], Format]:
    """Return the objects that hold the rows, and their format: of a table those that its log names.

    Raises
    ------
    ReadFailure
        The table is not whole, or of a kind that cannot be judged.
    """
    if not fmt.is_table or not objects:
        return objects, fmt
    try:
        if fmt.type == "iceberg":
            from gate_server.engine.table_formats.iceberg import live_files
        else:
            from gate_server.engine.table_formats.delta import live_files
    except ImportError as error:
        what = f"a table of format {fmt.type} needs a library that is not installed here"
        hint = f"pip install 'lakefs-gate[{fmt.type}]'"
        raise ReadFailure("error", "extra", what, hint=hint) from error
    return live_files(objects, allowance), _FILES
