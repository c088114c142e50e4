"""What the destination holds of a table that is judged, as far as suites look into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gate_server.engine.comparison import Beside, needed
from gate_server.engine.objects import DataObject
from gate_server.engine.partitions import with_partitions
from gate_server.engine.questions import Asked
from gate_server.engine.readers.failure import Allowance, ReadFailure
from gate_server.engine.readers.opening import open_scan, scan_table
from gate_server.engine.readers.parquet_object import WHOLE_BYTES
from gate_server.engine.readers.parquet_scan import open_parquet
from gate_server.engine.readers.scan import NotPlain, Scan
from gate_server.engine.readers.source import MD5
from gate_server.engine.readers.table import Table, read_table
from gate_server.engine.run import Unanswered
from gate_server.engine.table_formats.live import live
from gate_server.model import COMPARING, Format


def read_beside(
    asked: Sequence[Asked],
    objects: Sequence[DataObject],
    reference: Sequence[DataObject],
    fmt: Format,
    allowance: Allowance,
    committed_at: int,
) -> Beside:
    """Return what the destination holds; what cannot be read there is no fault of what is judged."""
    compares = any(one.type in COMPARING for one in asked)
    try:
        reference, fmt = live(reference, fmt, allowance)
        held = with_partitions(reference, fmt) if compares else []
        table = _there(asked, held, fmt, allowance) if held else None
    except ReadFailure as failure:
        told = failure.problem(reference[0].path).text
        raise Unanswered(f"what the destination holds could not be read: {told}") from failure
    return Beside(table, _unchanged(objects, reference, fmt), committed_at, decided_by_data=fmt.is_text)


def _unchanged(objects: Sequence[DataObject], reference: Sequence[DataObject], fmt: Format) -> frozenset[str]:
    """Return the paths at which the destination holds the same content.

    A checksum may be what somebody claims (C1). It shows the same content only where it was compared with the
    bytes: of an MD5, of objects that were read as a whole.
    """
    same = {(item.path, item.identity) for item in reference if item.identity}
    alike = {(item.path, item.size_bytes, item.checksum) for item in reference}
    return frozenset(
        item.path
        for item in objects
        if (item.path, item.identity) in same
        or (
            (fmt.type != "parquet" or item.size_bytes <= WHOLE_BYTES)
            and MD5.fullmatch(item.checksum)
            and (item.path, item.size_bytes, item.checksum) in alike
        )
    )


def _there(
    asked: Sequence[Asked], held: Sequence[DataObject], fmt: Format, allowance: Allowance
) -> Table | None:
    """Return the columns of the destination that are looked into; of what is plain no other is read."""
    try:
        if fmt.type == "parquet":
            footers = open_parquet(held, allowance)
            scan: Scan | None = footers.scan(needed(asked, footers.schema.names))
        else:
            scan = open_scan(held, fmt, allowance)
        return scan_table(scan, needed(asked, scan.schema.names), read_before=False) if scan else None
    except NotPlain:
        table = read_table(held, fmt, allowance.afresh())
        if table is None:
            return None
        return replace(table, data=table.data.select(needed(asked, table.data.column_names)))
