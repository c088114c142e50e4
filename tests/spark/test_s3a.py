"""Hadoop's S3A on the S3 gateway: as Spark, Hive, Flink and `hadoop fs` use it. On a real lakeFS too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from tests.contract.harness import Lakefs
from tests.spark.hadoop import S3A, connect

PART_BYTES = 5 << 20
LARGE = bytes(range(256)) * 48_000  # 12.3 MB, three parts


@pytest.fixture
def s3a(spark: SparkSession, lakefs: Lakefs) -> Iterator[S3A]:
    """Give an empty repository."""
    connected = connect(spark, lakefs.create_repository(), {})
    yield connected
    connected.fs.close()


def java(error: pytest.ExceptionInfo[Py4JJavaError]) -> str:
    """Return the class and message of what Java threw."""
    return str(error.value.java_exception.toString())


def test_files_and_folders(s3a: S3A) -> None:
    fs = s3a.fs
    assert [s3a.status(path) for path in ("main", "main/out")] == ["nothing", "nothing"]
    assert fs.mkdirs(s3a.path("main/out/empty"))
    for path in ("main/out/empty", "main/out", "main"):
        assert s3a.status(path) == "folder"
    s3a.write("main/out/a", b"12345")
    s3a.write("main/out/deep/er/b", b"")
    assert s3a.names("main/out") == ["a", "deep", "empty"]
    assert [s3a.status(f"main/out/{path}") for path in ("a", "deep", "deep/er/b")] == [
        "file of 5",
        "folder",
        "file of 0",
    ]
    assert s3a.read("main/out/a", 1, 3) == b"234"
    found = [item.getPath().getName() for item in fs.globStatus(s3a.path("main/out/*/er/*"))]
    assert found == ["b"]
    summary = fs.getContentSummary(s3a.path("main/out"))
    assert (summary.getFileCount(), summary.getLength()) == (2, 5)

    assert fs.rename(s3a.path("main/out"), s3a.path("main/moved"))
    assert s3a.status("main/out") == "nothing"
    assert s3a.names("main/moved") == ["a", "deep", "empty"]
    assert s3a.read("main/moved/a") == b"12345"
    assert fs.delete(s3a.path("main/moved/deep"), True)
    with pytest.raises(Py4JJavaError) as error:
        fs.delete(s3a.path("main/moved"), False)
    assert "PathIsNotEmptyDirectoryException" in java(error)
    assert s3a.names("main/moved") == ["a", "empty"]
    assert s3a.repository.read("main", "moved/a") == b"12345"
    # S3A then wants to keep the folder above, which is the branch: 404, and it says that it deleted nothing.
    assert not fs.delete(s3a.path("main/moved"), True)
    assert s3a.repository.paths("main") == []


def test_a_file_is_made_once(s3a: S3A) -> None:
    s3a.write("main/a", b"first", overwrite=False)
    with pytest.raises(Py4JJavaError) as error:
        s3a.write("main/a", b"second", overwrite=False)
    assert "FileAlreadyExistsException" in java(error)
    # The same by S3's `If-None-Match: *`, without a look beforehand.
    builder = s3a.fs.createFile(s3a.path("main/a")).opt("fs.option.create.conditional.overwrite", "true")
    stream = builder.build()
    stream.write(b"second")
    with pytest.raises(Py4JJavaError) as error:
        stream.close()
    assert "Status Code: 412" in java(error)
    assert s3a.read("main/a") == b"first"
    s3a.write("main/a", b"third")
    assert s3a.read("main/a") == b"third"


def test_many_parts(s3a: S3A) -> None:
    parts = s3a.with_options(multipart__size=str(PART_BYTES), multipart__threshold=str(PART_BYTES))
    parts.write("main/large", LARGE)
    assert s3a.status("main/large") == f"file of {len(LARGE)}"
    assert s3a.read("main/large", len(LARGE) - 5, 5) == LARGE[-5:]
    assert s3a.read("main/large", PART_BYTES - 2, 4) == LARGE[PART_BYTES - 2 : PART_BYTES + 2]
    assert parts.fs.rename(s3a.path("main/large"), s3a.path("main/copied"))
    assert s3a.repository.read("main", "copied") == LARGE

    left = parts.fs.create(s3a.path("main/left"), True)
    left.write(LARGE)
    left.abort()
    left.close()
    assert s3a.repository.paths("main") == ["copied"]
    parts.fs.close()


@pytest.mark.parametrize("kind", ["classic", "prefetch", "analytics"])
def test_ways_to_read(s3a: S3A, kind: str) -> None:
    s3a.repository.upload("main", "large", LARGE)
    reader = s3a.with_options(input__stream__type=kind)
    assert reader.read("main/large", len(LARGE) - 9, 9) == LARGE[-9:]
    assert reader.read("main/large", 3, 1000) == LARGE[3:1003]
    reader.fs.close()


@pytest.mark.parametrize(
    ("committer", "options"),
    [
        ("file", {"mapreduce.fileoutputcommitter.algorithm.version": "1"}),
        ("file", {"mapreduce.fileoutputcommitter.algorithm.version": "2"}),
        ("directory", {}),
        ("magic", {}),
    ],
)
def test_committers(s3a: S3A, committer: str, options: dict[str, str]) -> None:
    rows = s3a.spark.sparkContext.parallelize([("k", str(number)) for number in range(100)], 2)
    conf = {
        "mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
        "fs.s3a.committer.name": committer,
        **options,
        **s3a.of_bucket(),
    }
    rows.saveAsNewAPIHadoopFile(
        s3a.url("main/out"),
        "org.apache.hadoop.mapreduce.lib.output.TextOutputFormat",
        "org.apache.hadoop.io.Text",
        "org.apache.hadoop.io.Text",
        conf=conf,
    )
    names = [name.removeprefix("out/") for name in s3a.repository.paths("main") if not name.endswith("/")]
    assert len(names) == 3
    assert names[0] == "_SUCCESS"
    assert names[1].startswith("part-r-00000")
    text = b"".join(s3a.repository.read("main", f"out/{name}") for name in names[1:]).decode()
    assert sorted(line.split("\t")[1] for line in text.splitlines()) == sorted(map(str, range(100)))


def of_bucket(s3a: S3A) -> dict[str, str]:
    """Return the settings of the repository's lakeFS, for it alone."""
    lakefs = s3a.repository.lakefs
    values = {
        "endpoint": lakefs.url,
        "access.key": lakefs.access_key_id,
        "secret.key": lakefs.secret_access_key,
    }
    return {f"fs.s3a.bucket.{s3a.repository.name}.{name}": value for name, value in values.items()}


def test_what_is_refused(s3a: S3A) -> None:
    s3a.write("main/a", b"1")
    head = s3a.repository.commit("main")["id"]
    assert s3a.read(f"{head}/a") == b"1"

    def refusal(call: Callable[[], Any]) -> str:
        with pytest.raises(Py4JJavaError) as error:
            call()
        return java(error)

    assert "NoSuchBucket" in refusal(lambda: s3a.write(f"{head}/b", b"2"))  # a commit is no place to write
    assert "Status Code: 400" in refusal(lambda: s3a.write("nowhere/b", b"2"))
    assert "FileNotFoundException" in refusal(lambda: s3a.read("main/nothing"))
    assert "Status Code: 400" in refusal(lambda: s3a.read("nowhere/nothing"))
    stranger = s3a.with_options(secret__key="wrong")
    assert "AccessDenied" in refusal(lambda: stranger.read("main/a"))
    stranger.fs.close()
    # Without TLS, checksums come signed, in a way that lakeFS does not know.
    summing = s3a.with_options(checksum__generation="true", create__checksum__algorithm="CRC32C")
    assert "AccessDenied" in refusal(lambda: summing.write("main/large", LARGE))
    summing.fs.close()
    assert s3a.repository.paths("main") == ["a"]
