"""Parquet -> a table. The footer is checked against the limits before a page is decoded."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.parquet

from gate_server.engine.readers.decoding import (
    BATCH_ROWS,
    decoded_bytes,
    decoding,
    is_text,
    plain_type,
    require_unique,
)
from gate_server.engine.readers.failure import Allowance, ReadFailure

MAGIC = b"PAR1"
ENCRYPTED_MAGIC = b"PARE"
# Rows decoded at a time where text is spelled out at once, so that it is long before its length is known.
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
    with decoding("Parquet", "parquet"):
        table = _decoded(file, allowance)
        table.validate(full=True)
    require_unique(table.column_names)
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
    texts = [field.name for field in footer.schema.to_arrow_schema() if by_dictionary and is_text(field.type)]
    with pyarrow.parquet.ParquetFile(
        source, read_dictionary=texts, page_checksum_verification=True
    ) as parquet:
        schema = pa.schema([field.with_type(plain_type(field.type)) for field in parquet.schema_arrow])
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
