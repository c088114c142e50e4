"""Option 2 with Spark: each step reads and writes `s3a://REPOSITORY/BRANCH/` on a branch of its own.

A file comes in, its rows are appended to the table `numbers/`, and the table goes to main through the gate,
which judges it by policy/gate.yaml. What Spark needs of the cluster (its master, Hadoop's S3A) stands in
spark-defaults.conf, as for other jobs; where lakeFS is, the block says. Deployed by prefect.yaml as
`numbers-isolated/spark`.
"""

import os
from pathlib import Path

from prefect import flow, task
from pyspark.sql import SparkSession
from pyspark.sql.functions import col

from gate_client.prefect import LakeFSCredentials, delete_object, isolated, step_branch, upload_object

REPOSITORY = os.environ.get("LAKEFS_REPOSITORY", "example")
DATA = Path(__file__).parents[1] / "prefect" / "data"
COLUMNS = ("id", "b", "c", "d", "e")


def spark() -> SparkSession:
    builder = SparkSession.builder.appName("numbers")
    for name, value in LakeFSCredentials.load("lake").spark_settings(REPOSITORY).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


@task
def land(branch: str, file: str) -> None:
    lake = LakeFSCredentials.load("lake")
    with step_branch(REPOSITORY, branch, lake) as step:
        upload_object(REPOSITORY, step, f"landing/{file}", DATA / file, lake)


@task(retries=1)
def append(branch: str, file: str) -> None:
    # A second try gets a new branch of the run's branch: what the first one had written is not there.
    with step_branch(REPOSITORY, branch, "lake") as step:
        raw = spark().read.csv(f"s3a://{REPOSITORY}/{step}/landing/{file}")
        named = [col(f"_c{number}").cast("long").alias(name) for number, name in enumerate(COLUMNS)]
        raw.select(named).write.mode("append").parquet(f"s3a://{REPOSITORY}/{step}/numbers/")


@task
def tidy_up(branch: str, file: str) -> None:
    lake = LakeFSCredentials.load("lake")
    with step_branch(REPOSITORY, branch, lake) as step:
        delete_object(REPOSITORY, step, f"landing/{file}", lake)


@flow
def numbers(branch: str, file: str = "lakefs_test.csv") -> None:
    land(branch, file)
    append(branch, file)
    tidy_up(branch, file)


isolated_numbers = isolated(
    numbers, repository=REPOSITORY, lakefs_credentials="lake", gate_credentials="gate"
)
