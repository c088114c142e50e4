"""Rows as people see them: at their places, as text, masked, bounded."""

from __future__ import annotations

import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from gate_server.engine.objects import DataObject
from gate_server.engine.sampling import MASKED, MOST_CHARS, MOST_COLUMNS, sample
from gate_server.model import Format, Limits

LIMITS = Limits()
CSV = Format("csv")


def data(content: bytes, path: str = "a.csv") -> DataObject:
    return DataObject(path, len(content), "", lambda: io.BytesIO(content))


def parquet(**columns: list[object]) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written)
    return written.getvalue()


def test_rows_with_their_lines_as_they_stand_there() -> None:
    content = b'id,note\n1,"two\nlines"\n007,\n3,<b>\n'
    found = sample([data(content)], replace(CSV, types={"id": "integer"}), LIMITS, [1, 2], "note", ())
    assert found.columns == ("note", "id")
    assert [(row.path, row.number, row.line, row.cells) for row in found.rows] == [
        ("a.csv", 2, 4, (None, "007")),
        ("a.csv", 3, 5, ("<b>", "3")),
    ]


def test_what_the_rule_masks_is_hidden_whatever_its_case() -> None:
    content = b"id,Email,home_phone\n1,ann@example.org,4711\n,,\n"
    found = sample([data(content)], CSV, LIMITS, [0, 1], "id", ("email", "*_PHONE"))
    assert [row.cells for row in found.rows] == [("1", MASKED, MASKED), (None, MASKED, MASKED)]


def test_a_mask_holds_for_the_column_that_is_asked_for_too() -> None:
    found = sample([data(b"id\n1\n")], CSV, LIMITS, [0], "id", ("*",))
    assert [row.cells for row in found.rows] == [(MASKED,)]


def test_several_objects_and_other_formats() -> None:
    objects = [data(parquet(a=[1, 2], b=[b"\x00\xff", None]), "p/1"), data(parquet(a=[3], b=[b"x"]), "p/2")]
    found = sample(objects, Format("parquet"), LIMITS, [0, 2], "", ())
    assert [(row.path, row.cells) for row in found.rows] == [("p/1", ("1", "00 ff")), ("p/2", ("3", "78"))]


def test_wide_and_long_is_cut_with_a_word() -> None:
    names = [f"c{number}" for number in range(100)]
    content = f"{','.join(names)}\n{','.join(['x' * 1000] * 100)}\n".encode()
    found = sample([data(content)], CSV, LIMITS, [0], "c99", ())
    assert (found.columns[0], len(found.columns), found.more_columns) == ("c99", MOST_COLUMNS, 70)
    assert found.rows[0].cells[0] == "x" * MOST_CHARS + "…"


def test_what_cannot_be_read_is_told() -> None:
    for content, rows in ((b"", [0]), (b"a,b\n1\n", [0]), (b"a\n1\n", [5])):
        assert sample([data(content)], CSV, LIMITS, rows, "a", ()).problem
    bounded = sample([data(b"a\n1\n")], CSV, replace(LIMITS, size_bytes=2), [0], "a", ())
    assert bounded.problem is not None
    assert bounded.problem.code != "no_rows"
