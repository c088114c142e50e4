"""A folder that a real writer of tables left, as objects of a store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from gate_server.engine.datasets import Kept
from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.readers.failure import Allowance
from gate_server.engine.readers.table import read_table
from gate_server.engine.suites import read_suite
from gate_server.engine.table_formats.live import live
from gate_server.model import Evaluation, Format, Limits


@dataclass
class Folder:
    """What lies below `root`, called ``t/...``, and which of it was opened."""

    root: Path
    fmt: Format
    opened: list[str] = field(default_factory=list)

    @property
    def objects(self) -> list[DataObject]:
        """All of it, as a listing has it."""
        files = sorted(path for path in self.root.rglob("*") if path.is_file())
        return [self._object(path) for path in files]

    def _object(self, file: Path) -> DataObject:
        content, path = file.read_bytes(), f"t/{file.relative_to(self.root)}"

        def opened() -> Any:
            self.opened.append(path)
            return file.open("rb")

        checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return DataObject(path, len(content), checksum, opened, identity=f"{path} {checksum}")

    def rows(self) -> pl.DataFrame:
        """Return the table as the gate reads it."""
        files, read_as = live(self.objects, self.fmt, Allowance(Limits()))
        table = read_table(files, read_as, Allowance(Limits())) if files else None
        return pl.DataFrame() if table is None else as_polars(table.data)

    def judged(self, *expectations: dict[str, Any], kept: Kept | None = None) -> Evaluation:
        """Return what the gate says of the table."""
        asked = expectations or (
            {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 0}},
        )
        text = json.dumps({"expectations": asked})
        suite = read_suite("test", text, "suites/test.json")
        return evaluate(suite, self.objects, self.fmt, {}, Limits(), kept=kept)

    def answers(self, *expectations: dict[str, Any]) -> list[Any]:
        """Return what is observed, by states and by all files together, which is the same."""
        whole, kept = self.judged(*expectations), Kept()
        again = self.judged(*expectations, kept=kept)
        assert whole.status == again.status == "answered", (whole.problem, again.problem)
        told = [[(one.success, one.observed) for one in each.results] for each in (whole, again)]
        assert told[0] == told[1]
        assert (whole.rows, whole.columns) == (again.rows, again.columns)
        return [one.observed for one in whole.results]


def as_polars(table: pa.Table) -> pl.DataFrame:
    """Return a table for comparison."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def same_rows(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    """Whether two tables hold the same rows, in whatever order."""
    if not one.height and not other.height:
        return True
    return one.columns == other.columns and bool(
        one.sort(one.columns, nulls_last=True).equals(other.sort(other.columns, nulls_last=True))
    )
