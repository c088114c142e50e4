"""CSV -> columns of text, read by PyArrow once the tokeniser has said that the shape is right."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.records import LineMap, Shape, scan
from gate_server.model import Format

BLOCK_BYTES = 16 << 20


def read_csv(file: IO[bytes], fmt: Format, allowance: Allowance) -> tuple[pa.Table, LineMap] | None:
    """Return the file as a table of strings and the line of each row; None when the file holds nothing.

    Unquoted empty is null, quoted empty is text.

    Raises
    ------
    ReadFailure
        See `records.scan`; also when the two readers disagree (``error``).
    """
    shape = scan(file, fmt, allowance)
    if shape is None:
        return None
    size = file.seek(0, 2)
    table = _typed_read(file, fmt, shape, BLOCK_BYTES, size)
    if fmt.header:
        table = table.slice(1)
    if table.num_rows != shape.rows:
        raise ReadFailure(
            "error", "readers_disagree", f"one reader finds {shape.rows:,} rows, the other {table.num_rows:,}"
        )
    for name in shape.names:
        longest = pc.max(pc.binary_length(table[name])).as_py()
        if longest is not None and longest > allowance.limits.field_bytes:
            allowance.field_too_long()
    return table, shape.lines


def _typed_read(file: IO[bytes], fmt: Format, shape: Shape, block_bytes: int, size: int) -> pa.Table:
    file.seek(0)
    try:
        return pyarrow.csv.read_csv(
            pa.PythonFile(file, mode="r"),
            read_options=pyarrow.csv.ReadOptions(
                column_names=list(shape.names),
                encoding=fmt.encoding,
                block_size=block_bytes,
                use_threads=False,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=fmt.delimiter,
                quote_char=fmt.quote,
                double_quote=True,
                newlines_in_values=True,
                # The tokeniser lets blank lines pass at the end only, or in a single column as nulls.
                ignore_empty_lines=len(shape.names) > 1,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(shape.names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if block_bytes < size and "straddl" in str(error):  # a record longer than a block
            return _typed_read(
                file, fmt, shape, min(block_bytes * 8, 2**31 - 1), size if block_bytes < 2**28 else 0
            )
        raise ReadFailure(
            "error", "readers_disagree", "two readers disagree about where fields begin and end"
        ) from error
