"""Great Expectations on pandas, as one would write it, on an object that the official SDK reads."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import sys
import time

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import lakefs
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig

from benchmarks.engine import high_water_bytes


def main() -> None:
    """Judge what the first argument says; print seconds, memory and success as JSON."""
    asked = json.loads(sys.argv[1])
    repository, commit, path = asked["uri"].split("/", 2)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    started = time.perf_counter()
    content = io.BytesIO(lakefs.repository(repository).ref(commit).object(path).reader("rb").read())
    if path.endswith(".csv"):
        frame = pd.read_csv(content, dtype_backend="numpy_nullable", parse_dates=["day"])
    else:
        frame = pd.read_parquet(content, dtype_backend="numpy_nullable")
        frame["day"] = pd.to_datetime(frame["day"])
    batch = (
        context.data_sources.add_pandas("p")
        .add_dataframe_asset("a")
        .add_batch_definition_whole_dataframe("b")
        .get_batch(batch_parameters={"dataframe": frame})
    )
    suite = gx.ExpectationSuite("s")
    for kind, kwargs in asked["expectations"]:
        if kwargs.get("column") == "day":
            kwargs["min_value"] = dt.datetime.fromisoformat(kwargs["min_value"])
        name = "".join(part.capitalize() for part in kind.split("_"))
        suite.add_expectation(getattr(gx.expectations, name)(**kwargs))
    success = bool(batch.validate(suite).success)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_bytes": high_water_bytes(os.getpid()), "success": success}))


if __name__ == "__main__":
    main()
