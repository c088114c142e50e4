"""Objects as one table on Spark, each of whose rows says where it stands."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import narwhals as nw
import pyarrow as pa

from gate_server.engine.native.ask import ROW, Derived
from gate_server.engine.native.compiling import Part, columns_needed
from gate_server.engine.native.frames import beyond
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.moments import FIRST_DAY, LAST_DAY, TICKS_A_DAY
from gate_server.engine.run import Unanswered
from gate_server.engine.spark.cluster import Cluster
from gate_server.engine.spark.types import as_ddl

# Beside `ROW`, a row's place in its file: the file, as Spark spells its address, and the block of the file.
FILE, BLOCK = "__file__", "__block__"
_NOTHING = "__nothing__"
BLOCK_BITS = 20  # so few rows of a block that adding up their values rounds little
PAGE_CHECKSUMS = "parquet.page.verify-checksum.enabled"
_GLOB = frozenset("{}[]*?\\")


@dataclass(frozen=True)
class Files:
    """Objects, each under the address by which Spark reads it."""

    by_address: Mapping[str, DataObject]

    def of(self, told: str) -> DataObject:
        """Return the object that a file is, as Spark spells its address; raises `Unanswered` for none."""
        found = self.by_address.get(_plain(unquote(told)))
        if found is None:
            raise Unanswered("Spark read a file that was not asked for")
        return found


def files_of(objects: Sequence[DataObject]) -> Files:
    """Return objects by their addresses; raises `Unanswered` where Spark could not read one."""
    for data in objects:
        if not data.uri:
            raise Unanswered(f"{data.path} has no address that a cluster reads")
        if any(ord(character) < ord(" ") for character in data.path) or "\\" in data.path:
            raise Unanswered(f"the name of {data.path!r} is none that Spark reads: rename it")
        if data.path.rsplit("/", 1)[-1].startswith(("_", ".")):
            raise Unanswered(
                f"Spark passes over {data.path}, as its name begins with {data.path.rsplit('/', 1)[-1][0]}: "
                "rename it, or set `hidden: skip` in the rule"
            )
    return Files({_plain(data.uri): data for data in objects})


def read(
    cluster: Cluster, objects: Sequence[DataObject], schema: pa.Schema, parts: Sequence[Part]
) -> nw.LazyFrame[Any]:
    """Return the columns that parts need, with `FILE`, `BLOCK` and `ROW` beside them, as pandas has them.

    NaN is null; `beyond` says where a moment is outside of the years that Python knows.
    """
    from pyspark.sql import functions

    wanted = {name for part in parts for name in columns_needed(part.asked)}
    names = [name for name in schema.names if name in wanted]
    options = {**cluster.settings.read_options, "mergeSchema": "false", PAGE_CHECKSUMS: "true"}
    reader = cluster.session.read.options(**options)
    addresses = [_escaped(data.uri) for data in objects]
    # A schema of no column is none: then one that no file has, and that nobody asks for.
    frame = reader.schema(as_ddl(schema, names) or f"`{_NOTHING}` BOOLEAN").parquet(*addresses)
    row = functions.col("_metadata.row_index")
    columns = [column for name in names for column in _as_pandas_has_it(name, schema.field(name).type)]
    frame = frame.select(
        functions.col("_metadata.file_path").alias(FILE),
        functions.shiftright(row, BLOCK_BITS).alias(BLOCK),
        row.alias(ROW),
        *columns,
    )
    return with_derived(frame, {name: one for part in parts for name, one in part.compiled.derived.items()})


def with_derived(frame: Any, derived: Mapping[str, Derived]) -> nw.LazyFrame[Any]:
    """Return the frame with the columns that expectations derive."""
    from pyspark.sql import functions

    made_of: nw.LazyFrame[Any] = nw.from_native(frame)
    if not derived:
        return made_of
    column: Any = functions.col  # Polars' column elsewhere
    frame = made_of.with_columns(**{name: one.values for name, one in derived.items()}).to_native()
    frame = frame.withColumns({name: one.native(column(name)) for name, one in derived.items()})
    again: nw.LazyFrame[Any] = nw.from_native(frame)
    return again


def moments(schema: pa.Schema, names: Collection[str]) -> list[str]:
    """Return which of these columns hold dates or timestamps."""
    return [name for name in schema.names if name in names and pa.types.is_temporal(schema.field(name).type)]


def _as_pandas_has_it(name: str, kind: pa.DataType) -> list[Any]:
    from pyspark.sql import functions

    values = functions.col(name)
    if pa.types.is_floating(kind):
        return [functions.when(~functions.isnan(values), values).alias(name)]
    if not pa.types.is_temporal(kind):
        return [values]
    if pa.types.is_date(kind):
        stored, a_day = functions.unix_date(values).cast("bigint"), 1
    else:
        stored, a_day = functions.unix_micros(values.cast("timestamp")), TICKS_A_DAY["us"]
    within = stored.between(FIRST_DAY * a_day, (LAST_DAY + 1) * a_day - 1)
    outside = functions.coalesce(~within, functions.lit(False)).alias(beyond(name))
    return [outside, functions.when(within, values).alias(name)]


def _escaped(address: str) -> str:
    """Return an address that Hadoop takes for that of one file, whatever characters are in it."""
    return "".join(f"\\{character}" if character in _GLOB else character for character in address)


def _plain(address: str) -> str:
    """Return an address in one spelling: Hadoop writes an empty host with one slash, others with three."""
    scheme, colon, rest = address.partition(":")
    return scheme + colon + "/" + rest.lstrip("/") if scheme == "file" else address
