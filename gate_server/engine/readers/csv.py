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
_LARGEST_BLOCK = 2**31 - 1


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
    table = _agreed(file, fmt, shape)
    if shape.stops_short:  # PyArrow takes the null for a quoted empty where the field before is quoted
        null = table.slice(table.num_rows - 1).set_column(
            len(shape.names) - 1, shape.names[-1], pa.nulls(1, pa.string())
        )
        table = pa.concat_tables([table.slice(0, table.num_rows - 1), null])
    if fmt.header:
        table = table.slice(1)
    for name in shape.names:
        longest = pc.max(pc.binary_length(table[name])).as_py()
        if longest is not None and longest > allowance.limits.field_bytes:
            allowance.field_too_long()
    return table, shape.lines


def _agreed(file: IO[bytes], fmt: Format, shape: Shape) -> pa.Table:
    """Return what PyArrow reads, header included, once it agrees with the tokeniser.

    Larger blocks are tried before the two are said to disagree: no record may be longer than a block, and
    where a quoted "\\r\\n" lies across the end of one, PyArrow drops the "\\n".
    """
    text_bytes = 4 * file.seek(0, 2)  # PyArrow cuts blocks of UTF-8, which may be longer than the file
    rows = shape.rows + bool(fmt.header)
    block_bytes = BLOCK_BYTES
    while True:
        try:
            table = _typed_read(file, fmt, shape, block_bytes)
            chars = sum(pc.sum(pc.utf8_length(column)).as_py() or 0 for column in table.columns)
            if (table.num_rows, chars) == (rows, shape.chars):
                return table
            fault = f"rows ({rows:,} and {table.num_rows:,}) or characters ({shape.chars:,} and {chars:,})"
        except pa.ArrowInvalid:
            fault = "where fields begin and end"
        if block_bytes >= min(text_bytes, _LARGEST_BLOCK):
            raise ReadFailure("error", "readers_disagree", f"two readers disagree about {fault}")
        block_bytes = min(block_bytes * 8, _LARGEST_BLOCK)


def _typed_read(file: IO[bytes], fmt: Format, shape: Shape, block_bytes: int) -> pa.Table:
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
    except UnicodeEncodeError as error:  # as the escapes of unicode_escape can
        what = f"the bytes are {fmt.encoding} for half a character (a lone surrogate)"
        raise ReadFailure("unreadable", "encoding", what) from error
