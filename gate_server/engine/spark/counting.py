"""What is counted on Spark: in one job all facts, in one more different values, in one the rows that fail."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import narwhals as nw
import pyarrow as pa

from gate_server.engine import states
from gate_server.engine.native.ask import FIRST_ROWS, PIECES, ROW, ROWS, Facts, count
from gate_server.engine.native.compiling import Part, columns_needed
from gate_server.engine.native.frames import beyond
from gate_server.engine.run import Unanswered
from gate_server.engine.spark.frames import BLOCK, BLOCK_BITS, FILE, moments
from gate_server.engine.spark.groups import Group

# Within a block a sum adds value by value, and a deviation rounds a few times for each.
_ROUNDINGS_A_ROW = 4
_FACTS = "facts "


def facts_of_files(
    frame: nw.LazyFrame[Any], parts: Sequence[Part], schema: pa.Schema
) -> tuple[dict[str, int], dict[str, dict[Part, Facts | None]]]:
    """Return, by file, its rows and the facts of each part, in one job.

    A file without rows is not among them. Facts are None where a column holds moments that Python has no
    values for.
    """
    wanted = [(part, name, fact) for part in parts for name, fact in part.facts.items()]
    dates = moments(schema, {name for part in parts for name in columns_needed(part.asked)})
    counted = frame.group_by(FILE, BLOCK).agg(
        nw.len().alias(ROWS),
        *(fact.alias(f"{_FACTS}{place}") for place, (_, _, fact) in enumerate(wanted)),
        *(count(nw.col(beyond(name))).alias(beyond(name)) for name in dates),
    )
    by_file: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows_of(counted.to_native()):
        by_file[row[FILE]].append(row)
    numbers = {
        part: [(name, place) for place, (own, name, _) in enumerate(wanted) if own is part] for part in parts
    }
    rows: dict[str, int] = {}
    found: dict[str, dict[Part, Facts | None]] = {}
    for file, blocks in by_file.items():
        blocks.sort(key=lambda one: one[BLOCK])
        rows[file] = sum(one[ROWS] for one in blocks)
        if any(one[ROWS] > 1 << BLOCK_BITS for one in blocks):
            raise Unanswered("Spark counted more rows in a block than it has")
        broken = {name for name in dates if any(one[beyond(name)] for one in blocks)}
        found[file] = {
            part: None
            if broken & set(columns_needed(part.asked))
            else _of_blocks(part, numbers[part], blocks)
            for part in parts
        }
    return rows, found


def _of_blocks(part: Part, names: Sequence[tuple[str, int]], blocks: Sequence[Mapping[str, Any]]) -> Facts:
    several = [
        {name: one[f"{_FACTS}{place}"] for name, place in names} | {PIECES: _ROUNDINGS_A_ROW * one[ROWS]}
        for one in blocks
    ]
    return several[0] if len(several) == 1 else states.merge(part, [(one, 0) for one in several])


def first_failing(frame: nw.LazyFrame[Any], failing: Sequence[Part]) -> dict[tuple[Part, str], list[int]]:
    """Return the first rows that fail each part, of each file, in one job."""
    from pyspark.sql import Window, functions

    if not failing:
        return {}
    masks = [(place, part.compiled.unexpected) for place, part in enumerate(failing)]
    marked = frame.select(
        FILE, ROW, *(mask.alias(f"fails {place}") for place, mask in masks if mask is not None)
    )
    numbers = (functions.when(functions.col(f"fails {place}"), functions.lit(place)) for place, _ in masks)
    own = marked.to_native().select(
        FILE, ROW, functions.explode(functions.array_compact(functions.array(*numbers)))
    )
    in_order = Window.partitionBy(FILE, "col").orderBy(ROW)
    first = own.withColumn("nth", functions.row_number().over(in_order)).filter(f"nth <= {FIRST_ROWS}")
    parts = list(failing)
    found: dict[tuple[Part, str], list[int]] = defaultdict(list)
    for row in rows_of(first):
        found[parts[row["col"]], row[FILE]].append(row[ROW])
    return {key: sorted(rows) for key, rows in found.items()}


def groups_of(frame: nw.LazyFrame[Any], groups: Sequence[Group]) -> list[tuple[int, int, int]]:
    """Return, of each, the number of groups, of rows that are not alone in theirs, and of all, in one job."""
    from pyspark.sql import functions

    times = functions.col(_TIMES)
    asked = [
        _grouped(frame, group).agg(
            functions.lit(place).alias("number"),
            functions.count("*").alias("distinct"),
            functions.coalesce(functions.sum(functions.when(times > 1, times)), functions.lit(0)).alias(
                "repeated"
            ),
            functions.coalesce(functions.sum(times), functions.lit(0)).alias("rows"),
        )
        for place, group in enumerate(groups)
    ]
    rows = sorted(
        rows_of(reduce(lambda one, other: one.unionAll(other), asked)), key=lambda one: one["number"]
    )
    if [row["number"] for row in rows] != list(range(len(groups))):
        raise Unanswered("Spark did not count each group")
    return [(row["distinct"], row["repeated"], row["rows"]) for row in rows]


def repeated_by_file(frame: nw.LazyFrame[Any], group: Group) -> dict[str, int]:
    """Return how many rows of each file are not alone in their group."""
    from pyspark.sql import functions

    found = _not_alone(frame, group).groupBy(FILE).agg(functions.count("*").alias(ROWS))
    return {row[FILE]: row[ROWS] for row in rows_of(found)}


def first_repeated(frame: nw.LazyFrame[Any], group: Group, file: str) -> list[int]:
    """Return the first rows of a file that are not alone in their group."""
    from pyspark.sql import functions

    found = _not_alone(frame, group).filter(functions.col(FILE) == functions.lit(file))
    return [row[ROW] for row in rows_of(found.select(ROW).orderBy(ROW).limit(FIRST_ROWS))]


_TIMES = "__times__"


def _keyed(frame: nw.LazyFrame[Any], group: Group) -> tuple[Any, list[str]]:
    names = [f"key {place}" for place in range(len(group.keys))]
    own = frame if group.among is None else frame.filter(group.among)
    keys = (values.alias(name) for name, values in zip(names, group.keys, strict=True))
    return own.select(FILE, ROW, *keys).to_native(), names


def _grouped(frame: nw.LazyFrame[Any], group: Group) -> Any:
    from pyspark.sql import functions

    keyed, names = _keyed(frame, group)
    return keyed.groupBy(*names).agg(functions.count("*").alias(_TIMES))


def _not_alone(frame: nw.LazyFrame[Any], group: Group) -> Any:
    from pyspark.sql import functions

    keyed, names = _keyed(frame, group)
    several = _grouped(frame, group).filter(functions.col(_TIMES) > 1)
    others = several.select(*(functions.col(name).alias(f"other {name}") for name in names))
    same = [functions.col(name).eqNullSafe(functions.col(f"other {name}")) for name in names]
    return keyed.join(others, reduce(lambda one, other: one & other, same), "left_semi")


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """Return a small frame's rows, their moments in the zones of its columns: UTC, or none."""
    zoned = [field.name for field in frame.schema.fields if field.dataType.typeName() == "timestamp"]
    rows = [row.asDict() for row in frame.collect()]
    for row in rows:
        row |= {name: row[name].replace(tzinfo=dt.UTC) for name in zoned if row[name] is not None}
    return rows
