"""How objects are read: what their bytes mean, and how much may be spent on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from gate_server.model.codec import STRICT

ColumnType = Literal["string", "integer", "number", "decimal", "boolean", "date", "timestamp"]


@dataclass(frozen=True)
class Format:
    """How the bytes of an object become a table.

    Parameters
    ----------
    header
        Whether the first record names the columns; else they are ``_c0``, ``_c1``, ...
    types
        Column -> type. Without it and without ``infer`` every column of CSV and TSV is text, one of JSON
        lines what its values are.
    infer
        Whether types of CSV and TSV are those that all values of a column have.
    delimiter
        A comma, in TSV a tab, where it is empty.
    quote
        What stands around a field that holds delimiters or line ends.
    encoding
        Of CSV and TSV, as Python names it.
    partitions
        ``hive``: folders such as ``day=2026-11-20`` give columns.
    """

    __pydantic_config__ = STRICT

    type: Literal["csv", "tsv", "jsonl", "parquet", "orc", "arrow", "delta", "iceberg"]
    header: bool = True
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    infer: bool = False
    delimiter: Annotated[str, Field(max_length=1)] = ""
    quote: Annotated[str, Field(min_length=1, max_length=1)] = '"'
    encoding: str = "utf-8"
    partitions: Literal["", "hive"] = ""

    def __post_init__(self) -> None:
        """Say which delimiter it is."""
        if not self.delimiter:
            object.__setattr__(self, "delimiter", "\t" if self.type == "tsv" else ",")

    @property
    def is_delimited(self) -> bool:
        """Whether it is a text of records whose fields a delimiter parts."""
        return self.type in {"csv", "tsv"}

    @property
    def is_table(self) -> bool:
        """Whether it is a folder whose log says which files make the table."""
        return self.type in {"delta", "iceberg"}

    @property
    def is_text(self) -> bool:
        """Whether it is read line by line, may be compressed, and gets its types from rule or values."""
        return self.is_delimited or self.type == "jsonl"


@dataclass(frozen=True)
class Limits:
    """Bounds of one obligation. The first five are limits of the data (FAIL), the rest of the run (ERROR).

    Parameters
    ----------
    size_bytes, decompressed_bytes
        Of one object, as it lies there and unpacked.
    rows, columns, field_bytes
        Of one table, and of one field of it.
    time_s, memory_bytes, disk_bytes
        Of the process that judges.
    """

    __pydantic_config__ = STRICT

    size_bytes: Annotated[int, Field(gt=0)] = 2_000_000_000
    decompressed_bytes: Annotated[int, Field(gt=0)] = 4_000_000_000
    rows: Annotated[int, Field(gt=0)] = 100_000_000
    columns: Annotated[int, Field(gt=0)] = 10_000
    field_bytes: Annotated[int, Field(gt=0)] = 1_000_000
    time_s: Annotated[float, Field(gt=0)] = 300.0
    memory_bytes: Annotated[int, Field(gt=0)] = 4_000_000_000
    disk_bytes: Annotated[int, Field(gt=0)] = 8_000_000_000
