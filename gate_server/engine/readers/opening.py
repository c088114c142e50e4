"""Objects of any format as a scan, and a scan as a table."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import polars.selectors as cs
import pyarrow as pa

from gate_server.engine.native.frames import frame_of
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.plain_csv import scan_csv
from gate_server.engine.readers.scan import NotPlain, Scan
from gate_server.engine.readers.table import Table
from gate_server.model import Format


def open_scan(objects: Sequence[DataObject], fmt: Format, allowance: Allowance) -> Scan | None:
    """Return objects that are read from their first byte on (all but Parquet), in the given order.

    None when all of them hold nothing.

    Raises
    ------
    NotPlain
        They can only be read in full, by `table.read_table`.
    ReadFailure
        With the path of the object concerned.
    """
    if fmt.is_delimited:
        return scan_csv(objects, fmt, allowance)
    raise NotPlain(f"{fmt.type} is read in full")


def scan_table(scan: Scan, needed: Sequence[str], *, read_before: bool = True) -> Table:
    """Return the `needed` columns of a scan as a table, its first one if none is.

    Raises
    ------
    NotPlain, ReadFailure
        What was read is not what the objects hold.
    """
    fresh = scan.again() if scan.again and read_before else scan
    names = list(needed) or fresh.frame.collect_schema().names()[:1]
    try:
        frame = fresh.frame.select(cs.by_name(*names)).collect(engine="streaming")
        located = fresh.verify()
        if frame.height != located.rows:
            raise NotPlain("it holds another number of rows than its parts say")
        schema = pa.schema([scan.schema.field(name) for name in names])
        return Table(frame.to_arrow().cast(schema), located.parts)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException) as error:
        fresh.verify()
        raise NotPlain(f"no table of it could be made ({type(error).__name__})") from error


def in_memory(table: Table) -> Scan:
    """Return a table as a scan, without the columns that Polars does not hold."""
    return Scan(table.data.schema, frame_of(table.data), lambda: table.located)
