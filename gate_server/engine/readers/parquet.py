"""Parquet -> a table. The footer is checked against the limits before a page is decoded."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from gate_server.engine.naming import quoted
from gate_server.engine.readers.failure import Allowance, ReadFailure

MAGIC = b"PAR1"
ENCRYPTED_MAGIC = b"PARE"
# Rows decoded at a time, between which the limits are looked at again: a footer may lie.
BATCH_ROWS = 65_536
# The same where text is spelled out at once, so that it is long before its length is known.
SPELLED_OUT_ROWS = 4_096


def read_parquet(file: IO[bytes], allowance: Allowance) -> pa.Table:
    """Return the file as a table; dictionaries are decoded.

    Raises
    ------
    ReadFailure
        No Parquet, truncated, corrupt, over a limit. Arrow's own words are left out, as they may hold values.
    """
    _check_magic(file, file.seek(0, 2))
    file.seek(0)
    try:
        table = _decoded(file, allowance)
        table.validate(full=True)
        names = table.column_names
    except MemoryError as error:
        raise ReadFailure("error", "memory", "no memory left to decode the Parquet file") from error
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's, not Arrow's for broken data
            raise
        raise ReadFailure("unreadable", "parquet", "corrupt Parquet: it cannot be decoded") from error
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ReadFailure("unreadable", "header", f"two columns are named {quoted(twice)}")
    return table


def _decoded(file: IO[bytes], allowance: Allowance) -> pa.Table:
    before = (allowance.rows, allowance.decompressed_bytes)
    try:
        return _decode(file, allowance, by_dictionary=True)
    except (OSError, pa.ArrowNotImplementedError) as error:
        if "Not yet implemented" not in str(error):  # of text in the delta encodings
            raise
    allowance.rows, allowance.decompressed_bytes = before
    return _decode(file, allowance, by_dictionary=False)


def _decode(file: IO[bytes], allowance: Allowance, *, by_dictionary: bool) -> pa.Table:
    file.seek(0)
    footer = pyarrow.parquet.read_metadata(pa.PythonFile(file, mode="r"))
    allowance.check_columns(footer.num_columns)
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    rows = [group.num_rows for group in groups]
    if footer.num_rows != sum(rows) or any(count < 0 for count in rows):
        raise ReadFailure("unreadable", "parquet", "corrupt Parquet: its footer contradicts itself")
    allowance.take_rows(footer.num_rows)
    allowance.check_decompressed(sum(max(group.total_byte_size, 0) for group in groups))
    file.seek(0)
    source = pa.PythonFile(file, mode="r")
    # Text is read as dictionaries, so that its size is known before it is spelled out: one long value,
    # repeated, is small in the file and in its footer. (The footer's entries on columns, which could say
    # where that is needed, abort the process when they are corrupt.)
    texts = [
        field.name for field in footer.schema.to_arrow_schema() if by_dictionary and _is_text(field.type)
    ]
    with pyarrow.parquet.ParquetFile(
        source, read_dictionary=texts, page_checksum_verification=True
    ) as parquet:
        schema = pa.schema([field.with_type(_plain(field.type)) for field in parquet.schema_arrow])
        batches = []
        rows_at_once = BATCH_ROWS if by_dictionary else SPELLED_OUT_ROWS
        for batch in parquet.iter_batches(rows_at_once, use_threads=False):
            allowance.take_decompressed(sum(decoded_bytes(column, allowance) for column in batch.columns))
            batches.append(pa.Table.from_batches([batch]).cast(schema))
    table = pa.concat_tables(batches) if batches else schema.empty_table()
    if table.num_rows != footer.num_rows:
        raise ReadFailure(
            "unreadable", "parquet", "corrupt Parquet: its footer announces another number of rows"
        )
    return table


def decoded_bytes(column: pa.Array, allowance: Allowance) -> int:
    """Return how many bytes the column takes spelled out; raises ReadFailure where a field is too long."""
    by_dictionary = pa.types.is_dictionary(column.type)
    texts = column.dictionary if by_dictionary else column
    if not _is_text(texts.type):
        return int(column.nbytes)
    lengths = pc.binary_length(texts)
    if (pc.max(lengths).as_py() or 0) > allowance.limits.field_bytes:
        allowance.field_too_long()
    each = pc.take(lengths, column.indices) if by_dictionary else lengths
    return int(pc.sum(each).as_py() or 0)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _check_magic(file: IO[bytes], size: int) -> None:
    file.seek(0)
    head = file.read(4)
    file.seek(max(size - 4, 0))
    tail = file.read(4)
    if ENCRYPTED_MAGIC in (head, tail):
        raise ReadFailure(
            "unreadable", "parquet", "encrypted Parquet", hint="the gate has no key to read it with"
        )
    if head != MAGIC:
        raise ReadFailure("unreadable", "parquet", "not Parquet: it does not begin with PAR1", offset_bytes=0)
    if size < 12 or tail != MAGIC:
        raise ReadFailure(
            "unreadable", "parquet", "truncated Parquet: it does not end with PAR1", offset_bytes=size
        )
