"""Parquet -> a table. The footer is checked against the limits before a page is decoded."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.parquet

from gate_server.engine.readers.failure import Allowance, ReadFailure

MAGIC = b"PAR1"


def read_parquet(file: IO[bytes], allowance: Allowance) -> pa.Table:
    """Return the file as a table.

    Raises
    ------
    ReadFailure
        No Parquet, truncated, corrupt, over a limit; Arrow's own words are left out, they may hold values.
    """
    size = file.seek(0, 2)
    _check_magic(file, size)
    file.seek(0)
    try:
        with pyarrow.parquet.ParquetFile(
            pa.PythonFile(file, mode="r"),
            page_checksum_verification=True,
            thrift_string_size_limit=100_000_000,
            thrift_container_size_limit=1_000_000,
        ) as parquet:
            footer = parquet.metadata
            allowance.check_columns(footer.num_columns)
            allowance.take_rows(footer.num_rows)
            groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
            if any(group.num_rows < 0 for group in groups) or footer.num_rows != sum(
                one.num_rows for one in groups
            ):
                raise ReadFailure("unreadable", "parquet", "corrupt Parquet: its footer contradicts itself")
            allowance.take_decompressed(sum(max(group.total_byte_size, 0) for group in groups))
            table = parquet.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise ReadFailure("unreadable", "parquet", "corrupt Parquet: it cannot be decoded") from error
    table.validate(full=True)
    if table.num_rows != footer.num_rows:
        raise ReadFailure("unreadable", "parquet", "corrupt Parquet: its footer names another number of rows")
    if len(set(table.column_names)) != table.num_columns:
        raise ReadFailure("unreadable", "header", "two columns have the same name")
    return table.unify_dictionaries()


def _check_magic(file: IO[bytes], size: int) -> None:
    file.seek(0)
    head = file.read(4)
    file.seek(max(size - 4, 0))
    tail = file.read(4)
    if head == b"PARE" or tail == b"PARE":
        raise ReadFailure(
            "unreadable", "parquet", "encrypted Parquet", hint="the gate has no key to read it with"
        )
    if head != MAGIC:
        raise ReadFailure("unreadable", "parquet", "not Parquet: it does not begin with PAR1", offset_bytes=0)
    if size < 12 or tail != MAGIC:
        raise ReadFailure(
            "unreadable", "parquet", "truncated Parquet: it does not end with PAR1", offset_bytes=size
        )
