"""A child's session on a Spark cluster: begun with the keys of its reads, ended although it was killed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from gate_server.engine.spark.cluster import Cluster, ClusterSettings, at_session
from gate_server.settings import SparkSettings
from gate_server.workers.isolation import isolate


@contextlib.contextmanager
def cluster_for(
    spark: SparkSettings, repository: str, keys: Mapping[str, str], folder: str
) -> Iterator[Cluster]:
    """Give the cluster; the session on it, if one was needed, ends with the block.

    Parameters
    ----------
    keys
        lakeFS's address and the keys that read it; none where nothing is read.
    """
    read = {}
    if keys:
        bucket, endpoint = f"fs.s3a.bucket.{repository}.", spark.s3_endpoint or keys["endpoint_url"]
        read = {
            f"{bucket}endpoint": endpoint,
            f"{bucket}endpoint.region": "us-east-1",
            f"{bucket}access.key": keys["access_key_id"],
            f"{bucket}secret.key": keys["secret_access_key"],
            f"{bucket}path.style.access": "true",
            f"{bucket}connection.ssl.enabled": str(endpoint.startswith("https:")).lower(),
        }
    settings = ClusterSettings(spark.remote, spark.master, spark.conf, read)

    def begins(session_id: str) -> None:
        spark_session(folder).write_text(session_id, encoding="ascii")

    cluster = Cluster(settings, folder, begins)
    try:
        yield cluster
    finally:
        cluster.close()
        spark_session(folder).unlink(missing_ok=True)


def spark_session(folder: str | Path) -> Path:
    """Return the file with the id of the session on a Spark Connect server, there while it may last."""
    return Path(folder) / "spark-session"


def release(remote: str, session_id: str, folder: str) -> None:
    """End a session on a Spark Connect server whose owner was killed, and what still runs in it."""
    isolate(folder)
    from pyspark.sql import SparkSession

    session = SparkSession.builder.remote(at_session(remote, session_id)).create()
    session.interruptAll()
    session.stop()
