"""Hadoop's S3A in Spark's Java, driven from here: what a file system of Hadoop's says of a lakeFS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from tests.contract.harness import Lakefs, Repository


@dataclass(frozen=True)
class S3A:
    """One repository as a file system of Hadoop's; paths are ``REF/PATH``."""

    spark: SparkSession
    repository: Repository
    fs: Any

    def path(self, path: str) -> Any:
        return self.spark._jvm.org.apache.hadoop.fs.Path(self.url(path))

    def url(self, path: str) -> str:
        return f"s3a://{self.repository.name}/{path}"

    def with_options(self, **options: str) -> S3A:
        """Return another file system on the same repository (``__`` in a name is a dot)."""
        return connect(self.spark, self.repository, {n.replace("__", "."): v for n, v in options.items()})

    def of_bucket(self) -> dict[str, str]:
        """Return the settings by which a job of Spark's finds this repository, whatever holds for others."""
        found = _settings(self.repository.lakefs)
        return {f"fs.s3a.bucket.{self.repository.name}.{name}": value for name, value in found.items()}

    def write(self, path: str, content: bytes, *, overwrite: bool = True) -> None:
        stream = self.fs.create(self.path(path), overwrite)
        stream.write(content)
        stream.close()

    def read(self, path: str, start: int = 0, size_bytes: int | None = None) -> bytes:
        """Return an object's bytes, or `size_bytes` of them from `start` on."""
        if size_bytes is None:
            size_bytes = self.fs.getFileStatus(self.path(path)).getLen() - start
        stream = self.fs.open(self.path(path))
        stream.seek(start)
        content = stream.readNBytes(size_bytes)
        stream.close()
        return bytes(content)

    def status(self, path: str) -> str:
        """Tell what a path is: nothing, a folder, or a file with its size in bytes."""
        if not self.fs.exists(self.path(path)):
            return "nothing"
        status = self.fs.getFileStatus(self.path(path))
        return "folder" if status.isDirectory() else f"file of {status.getLen()}"

    def names(self, path: str) -> list[str]:
        """Return the names in a folder."""
        return sorted(item.getPath().getName() for item in self.fs.listStatus(self.path(path)))


def connect(spark: SparkSession, repository: Repository, options: Mapping[str, str]) -> S3A:
    """Return a file system of its own for a repository, by its server's address and keys."""
    jvm = spark._jvm
    conf = jvm.org.apache.hadoop.conf.Configuration(spark._jsc.hadoopConfiguration())
    for name, value in (_settings(repository.lakefs) | options).items():
        conf.set(f"fs.s3a.{name}", value)
    uri = jvm.java.net.URI(f"s3a://{repository.name}/")
    return S3A(spark, repository, jvm.org.apache.hadoop.fs.FileSystem.newInstance(uri, conf))


def _settings(lakefs: Lakefs) -> dict[str, str]:
    return {
        "endpoint": lakefs.url,
        "access.key": lakefs.access_key_id,
        "secret.key": lakefs.secret_access_key,
    }
