"""One Polars query, written by hand for the ten expectations of `engine`, on a Parquet object read whole."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import tempfile
import time

import lakefs
import polars as pl

from benchmarks.engine import COLUMNS, high_water_bytes


def main() -> None:
    """Judge what the first argument says; print seconds, memory and success as JSON."""
    asked = json.loads(sys.argv[1])
    repository, commit, path = asked["uri"].split("/", 2)
    is_unique = "unique" in asked["expectations"][0][0]
    started = time.perf_counter()
    with tempfile.NamedTemporaryFile() as file:
        file.write(lakefs.repository(repository).ref(commit).object(path).reader("rb").read())
        file.flush()
        frame = pl.scan_parquet(file.name)
        found = frame.select(
            pl.len().alias("rows"),
            pl.col("id").null_count(),
            pl.col("price").null_count().alias("prices"),
            (pl.col("id").n_unique() if is_unique else pl.len()).alias("ids"),
            pl.col("qty").is_between(0, 99).all(),
            pl.col("price").is_between(0, 100).all().alias("price"),
            pl.col("flag").is_in([True, False]).all(),
            pl.col("day").max(),
            pl.col("code").str.len_chars().is_between(1, 3).all(),
            pl.col("price").mean().alias("mean"),
        ).collect(engine="streaming")
        (row,) = found.to_dicts()
        success = (
            frame.collect_schema().names() == COLUMNS
            and row["rows"] >= 1
            and not row["id"]
            and not row["prices"]
            and row["ids"] == row["rows"]
            and row["qty"]
            and row["price"]
            and row["flag"]
            and row["day"] >= dt.date(2020, 1, 1)
            and row["code"]
            and 49 <= row["mean"] <= 51
        )
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_bytes": high_water_bytes(os.getpid()), "success": success}))


if __name__ == "__main__":
    main()
