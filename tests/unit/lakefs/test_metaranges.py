"""Metaranges as lakeFS writes them. The file is one of lakeFS 1.84: 227 ranges, 229 objects, Snappy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate_server.lakefs.metaranges import ranges_of
from local_lakefs.storage.ranges import RangeInfo
from local_lakefs.storage.sstables import meta_range_table

FILE = (Path(__file__).parent / "metarange_of_227.sst").read_bytes()
FOOTER_BYTES = 53


def test_a_metarange_of_lakefs_is_read() -> None:
    ranges = ranges_of(FILE)
    assert (len(ranges), sum(item.count for item in ranges)) == (227, 229)
    assert (ranges[0].first, ranges[0].last, ranges[0].count) == ("t/00093718", "t/00093718", 1)
    assert (ranges[-1].first, ranges[-1].last, ranges[-1].count) == ("t/2.csv", "t/3.csv", 2)
    assert len({item.id for item in ranges}) == 227
    assert all(len(item.id) == 64 for item in ranges)


@pytest.mark.parametrize("count", [0, 1, 32, 33, 100])
def test_a_metarange_of_the_embedded_server_is_read(count: int) -> None:
    infos = [RangeInfo(f"id{n}", f"k/{n:03d}/ä", f"k/{n:03d}/ö", n + 1, 10**12 * n) for n in range(count)]
    found = ranges_of(meta_range_table(infos))
    assert [(item.id, item.first, item.last, item.count) for item in found] == [
        (info.id, info.min_key, info.max_key, info.length) for info in infos
    ]


def test_one_that_is_cut_off_is_none() -> None:
    for length in [*range(0, len(FILE), 331), *range(len(FILE) - FOOTER_BYTES - 1, len(FILE))]:
        with pytest.raises(ValueError, match=r"\w"):
            ranges_of(FILE[:length])


def test_of_one_that_is_damaged_nothing_else_is_read() -> None:
    whole = ranges_of(FILE)
    refused = 0
    for at in [*range(0, len(FILE), 173), *range(len(FILE) - FOOTER_BYTES, len(FILE))]:
        damaged = bytearray(FILE)
        damaged[at] ^= 0x41
        try:
            assert ranges_of(bytes(damaged)) == whole  # a byte that says nothing
        except ValueError:
            refused += 1
    assert refused > 100


def test_ranges_out_of_order_or_upon_each_other_are_none() -> None:
    one, two = RangeInfo("a", "k/1", "k/3", 2, 0), RangeInfo("b", "k/2", "k/4", 2, 0)
    for infos in ([one, two], [two, one], [one, one], [RangeInfo("c", "k/9", "k/5", 1, 0)]):
        with pytest.raises(ValueError, match="out of order"):
            ranges_of(meta_range_table(infos))
