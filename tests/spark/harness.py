"""A local Spark as its users set one up for lakeFS, and where the tests' set-up put Hadoop's S3A."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

S3A_JARS = Path(sys.prefix) / "spark" / "jars"

# Of a few rows: what compilers bring is never earned back.
INTERPRETED = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "2",
}


def s3a(lakefs: Mapping[str, str]) -> dict[str, str]:
    """Return the settings by which Spark finds a lakeFS, said as lakectl's, under ``s3a://REPOSITORY/REF/``."""
    return {
        "spark.hadoop.fs.s3a.endpoint": lakefs["LAKECTL_SERVER_ENDPOINT_URL"],
        "spark.hadoop.fs.s3a.endpoint.region": "us-east-1",
        "spark.hadoop.fs.s3a.access.key": lakefs["LAKECTL_CREDENTIALS_ACCESS_KEY_ID"],
        "spark.hadoop.fs.s3a.secret.key": lakefs["LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"],
        "spark.hadoop.fs.s3a.path.style.access": "true",
    }


def local_spark(folder: Path) -> dict[str, str]:
    """Return the settings of a small Spark of the tests' own, which keeps all in `folder`."""
    return {
        "spark.master": "local[2]",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": f"{S3A_JARS}/*",
        # Short jobs: what the second compiler and a parallel collector bring is never earned back.
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Duser.timezone=UTC",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.local.dir": str(folder),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


@contextmanager
def running_spark(settings: Mapping[str, str]) -> Iterator[SparkSession]:
    """Run a Spark in a Java process of this one's until the block ends."""
    assert (S3A_JARS.parent / ".installed").exists(), f"no S3A in {S3A_JARS}: make spark puts it there"
    builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
