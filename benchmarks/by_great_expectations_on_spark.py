"""Great Expectations on Spark, as one would write it, on Parquet that Spark reads by lakeFS's S3 gateway."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import psutil
from great_expectations.data_context.types.base import ProgressBarsConfig

from benchmarks.engine import high_water_bytes
from benchmarks.spark import LARGE
from tests.spark.harness import local_spark, running_spark, s3a


def main() -> None:
    """Judge what the first argument says; print seconds, memory and success as JSON."""
    asked = json.loads(sys.argv[1])
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        running_spark(local_spark(Path(folder)) | LARGE | s3a(os.environ)) as spark,
    ):
        batch = (
            context.data_sources.add_spark("s")
            .add_dataframe_asset("a")
            .add_batch_definition_whole_dataframe("b")
            .get_batch(batch_parameters={"dataframe": spark.read.parquet(f"s3a://{asked['uri']}")})
        )
        suite = gx.ExpectationSuite("s")
        for kind, kwargs in asked["expectations"]:
            if kwargs.get("column") == "day":
                kwargs["min_value"] = dt.date.fromisoformat(kwargs["min_value"])
            name = "".join(part.capitalize() for part in kind.split("_"))
            suite.add_expectation(getattr(gx.expectations, name)(**kwargs))
        found = batch.validate(suite)
        seconds = time.perf_counter() - started
        family = [os.getpid(), *(one.pid for one in psutil.Process().children(recursive=True))]
        peak_bytes = max(high_water_bytes(pid) for pid in family)
    success = bool(found.success)
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes, "success": success}))
    if not success:
        print(found, file=sys.stderr)


if __name__ == "__main__":
    main()
