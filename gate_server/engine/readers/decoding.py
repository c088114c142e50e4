"""What the readers of binary formats share: Arrow's complaints as ours, batches -> a table within limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from gate_server.engine.naming import quoted
from gate_server.engine.readers.failure import Allowance, ReadFailure

# Rows decoded at a time, between which the limits are looked at again.
BATCH_ROWS = 65_536


@contextmanager
def decoding(name: str, code: str) -> Iterator[None]:
    """Call broken what Arrow cannot decode. Its own words are left out, as they may hold values.

    Raises
    ------
    ReadFailure
        ``unreadable``, and ``error`` where the memory does not suffice.
    """
    try:
        yield
    except MemoryError as error:
        raise ReadFailure("error", "memory", f"no memory left to decode the {name} file") from error
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError, IndexError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk's, not Arrow's for broken data
            raise
        raise ReadFailure("unreadable", code, f"corrupt {name}: it cannot be decoded") from error


def require_unique(names: list[str]) -> None:
    """Raise ReadFailure where two columns have one name."""
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ReadFailure("unreadable", "header", f"two columns are named {quoted(twice)}")


def collected(batches: Iterable[pa.RecordBatch], schema: pa.Schema, allowance: Allowance) -> pa.Table:
    """Return all batches as one table without dictionaries and views; each is counted before it is kept."""
    schema = pa.schema([field.with_type(plain_type(field.type)) for field in schema])
    tables = [schema.empty_table()]
    for batch in batches:
        allowance.take_rows(batch.num_rows)
        batch.validate(full=True)
        allowance.take_decompressed(sum(decoded_bytes(column, allowance) for column in batch.columns))
        tables.append(pa.Table.from_batches([batch]).cast(schema))
    return pa.concat_tables(tables)


def decoded_bytes(column: pa.Array, allowance: Allowance) -> int:
    """Return how many bytes the column takes spelled out; raises ReadFailure where a field is too long."""
    by_dictionary = pa.types.is_dictionary(column.type)
    texts = column.dictionary if by_dictionary else column
    if not is_text(texts.type):
        return int(column.nbytes)
    lengths = pc.binary_length(texts)
    if (pc.max(lengths).as_py() or 0) > allowance.limits.field_bytes:
        allowance.field_too_long()
    each = pc.take(lengths, column.indices) if by_dictionary else lengths
    return int(pc.sum(each).as_py() or 0)


def is_text(kind: pa.DataType) -> bool:
    """Whether values are as long as they like."""
    types = pa.types
    checks = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return any(check(kind) for check in checks)


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column once its values are spelled out."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind
