"""Where a shortcut would answer otherwise than Great Expectations, it is not taken."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.readers import parquet_object
from gate_server.model import Evaluation, Format, Limits

Judge = Any
PARQUET = Format("parquet")
NUMBER = Format("csv", types={"x": "number"})


def asked(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_column_{kind}", "kwargs": kwargs}


def successes(evaluation: Evaluation) -> list[bool]:
    assert evaluation.status == "answered", evaluation.problem
    return [result.success for result in evaluation.results]


def written(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="none", **options)
    return sink.getvalue()


@pytest.mark.parametrize("name", ["^a$", "*", "__beyond__ a", "__0__ read", "__row__"])
def test_a_column_is_taken_for_no_other(name: str, judge: Judge) -> None:
    content = f"a,{name}\n1,\n2,\n".encode()
    asks = [asked("values_to_not_be_null", column=name), asked("values_to_be_json_parseable", column="a")]
    assert successes(judge(content, *asks)) == [False, True]


def test_a_footer_that_lies_is_not_believed_where_the_column_is_read(judge: Judge) -> None:
    told = written(pa.table({"a": pa.array([1, 2, 123_456_789])}))
    length = int.from_bytes(told[-8:-4], "little")
    body, footer = told[: -8 - length], told[-8 - length :]
    highest = (123_456_789).to_bytes(8, "little")
    assert highest in footer
    lying = body + footer.replace(highest, (3).to_bytes(8, "little"))
    asks = [
        asked("values_to_be_between", column="a", min_value=0, max_value=10),
        asked("max_to_be_between", column="a", max_value=10),
    ]
    assert successes(judge(lying, *asks, fmt=PARQUET, path="x.parquet")) == [False, False]


def test_what_old_writers_told_too_short_is_read_to_its_end(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PARQUET-816: PyArrow reads up to 100 bytes beyond the length that an old parquet-mr told."""
    monkeypatch.setattr(parquet_object, "WHOLE_BYTES", 0)
    rows = 60_000
    table = pa.table({"a": [0] * (rows - 5) + [999] * 5, "b": list(range(rows))})
    whole = written(table, use_dictionary=False, write_statistics=False, row_group_size=rows)
    column = pq.read_metadata(io.BytesIO(whole)).row_group(0).column(0)
    length = int.from_bytes(whole[-8:-4], "little")
    body, footer = whole[: -8 - length], whole[-8 - length :]
    told = varint(2 * column.total_compressed_size)
    place = footer.find(told, footer.find(told) + 1)  # the first is the uncompressed size
    shorter = varint(2 * (column.total_compressed_size - 100))
    footer = footer[:place] + shorter + footer[place + len(told) :]
    writer = pq.read_metadata(io.BytesIO(whole)).created_by.encode()
    footer = footer.replace(writer, b"parquet-mr version 1.2.8".ljust(len(writer)))
    content = body + footer
    assert pq.read_metadata(io.BytesIO(content)).row_group(0).column(0).total_compressed_size == (
        column.total_compressed_size - 100
    )
    data = DataObject(
        "x.parquet",
        len(content),
        "",
        lambda: io.BytesIO(content),
        lambda first, count: content[first : first + count],
    )
    suite = make_suite(asked("values_to_be_between", column="a", min_value=0, max_value=10))
    found = evaluate(suite, [data], PARQUET, {}, Limits())
    assert successes(found) == [False]
    assert found.results[0].unexpected_count == 5


def varint(number: int) -> bytes:
    """Return LEB128, as Thrift's compact protocol writes numbers."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def test_equal_values_in_many_pieces_are_added_up_as_pandas_does(make_suite: Any) -> None:
    content = b"x\n" + b"0.7\n" * 3
    objects = [
        DataObject(f"{place:06}.csv", len(content), "", lambda: io.BytesIO(content)) for place in range(4000)
    ]
    suite = make_suite(asked("mean_to_be_between", column="x", max_value=0.7))
    (result,) = evaluate(suite, objects, NUMBER, {}, Limits()).results
    # NumPy's sum is a little above 0.7 on average; piece by piece it would be a little below.
    assert (result.success, result.answered_from) == (False, "great_expectations")


def test_an_integer_that_no_double_holds_is_in_no_set_of_another(judge: Judge) -> None:
    content = b"x\n9007199254740992\n1\n"
    asks = [
        asked("values_to_be_in_set", column="x", value_set=[2**53 + 1, 1, 2**63]),
        asked("distinct_values_to_be_in_set", column="x", value_set=[2**53 + 1, 1, 2**63]),
    ]
    assert successes(judge(content, *asks, fmt=NUMBER)) == [False, False]


def test_a_repetition_that_pandas_takes_for_text_is_text(judge: Judge) -> None:
    found = judge(b"x\nABCD\nxyz\n", asked("values_to_match_regex", column="x", regex="A{,3}"))
    assert successes(found) == [False]


def test_two_readings_without_a_checksum_are_not_mixed(make_suite: Any) -> None:
    contents = [b"x\n1\n1\n3\n", b"x\n1\n2\n3\n"]
    opened: list[int] = []

    def changing() -> io.BytesIO:
        opened.append(1)
        return io.BytesIO(contents[min(len(opened), 2) - 1])

    data = DataObject("a.csv", len(contents[0]), "an-etag-3", changing)
    suite = make_suite(asked("values_to_be_unique", column="x"))
    found = evaluate(suite, [data], Format("csv"), {}, Limits())
    # All of it from the second reading, in which nothing is repeated.
    assert found.read_in_full
    assert successes(found) == [True]
