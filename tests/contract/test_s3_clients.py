"""What data people use, on the S3 gateway: Polars, PyArrow, pandas with s3fs, Hadoop's S3A by its calls."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import pandas
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
import pytest
import s3fs
from pyarrow.fs import FileSelector, FileType, S3FileSystem

from tests.contract.s3 import REGION, S3

ROWS = 10_000


@pytest.fixture(scope="module")
def s3(lakefs: Any) -> S3:
    """A repository with a table in two parts and a CSV file."""
    repo = lakefs.create_repository()
    table = pyarrow.table({"id": range(ROWS), "name": [f"näme {number}" for number in range(ROWS)]})
    for number in range(2):
        sink = io.BytesIO()
        pyarrow.parquet.write_table(table.slice(number * ROWS // 2, ROWS // 2), sink, row_group_size=1000)
        repo.upload("main", f"table/part-{number}.parquet", sink.getvalue())
    repo.upload("main", "table/_SUCCESS")
    repo.upload("main", "people.csv", "name,age\nAda,36\nGrace,85\n")
    repo.commit("main")
    return S3(lakefs, repo)


@pytest.fixture(scope="module")
def polars_options(s3: S3) -> dict[str, str]:
    return {
        "aws_endpoint_url": s3.lakefs.url,
        "aws_access_key_id": s3.lakefs.access_key_id,
        "aws_secret_access_key": s3.lakefs.secret_access_key,
        "aws_region": REGION,
        "aws_allow_http": "true",
        "aws_virtual_hosted_style_request": "false",
    }


@pytest.mark.behaviour("C6")
def test_polars_reads(s3: S3, polars_options: dict[str, str]) -> None:
    options = {"storage_options": polars_options}
    frame = polars.scan_parquet(f"s3://{s3.bucket}/main/table/*.parquet", **options)
    assert frame.select(polars.len(), polars.col("id").sum()).collect().row(0) == (ROWS, sum(range(ROWS)))
    one = polars.scan_parquet(f"s3://{s3.bucket}/{s3.repository.head()}/table/part-1.parquet", **options)
    assert one.filter(polars.col("id") == ROWS - 1).collect()["name"].to_list() == [f"näme {ROWS - 1}"]
    people = polars.scan_csv(f"s3://{s3.bucket}/main/people.csv", **options)
    assert people.collect()["age"].to_list() == [36, 85]


def test_polars_writes(s3: S3, polars_options: dict[str, str]) -> None:
    frame = polars.DataFrame({"a": [1, 2, 3]})
    target = f"s3://{s3.bucket}/main/polars/written.parquet"
    frame.write_parquet(target, storage_options=polars_options)
    assert polars.read_parquet(io.BytesIO(s3.repository.read("main", "polars/written.parquet"))).equals(frame)


@pytest.fixture(scope="module")
def arrow(s3: S3) -> S3FileSystem:
    return S3FileSystem(
        access_key=s3.lakefs.access_key_id,
        secret_key=s3.lakefs.secret_access_key,
        endpoint_override=urlsplit(s3.lakefs.url).netloc,
        scheme="http",
        region=REGION,
        connect_timeout=30,  # seconds; its own are 1 and 3
        request_timeout=60,
    )


def test_pyarrow_reads(s3: S3, arrow: S3FileSystem) -> None:
    dataset = pyarrow.dataset.dataset(f"{s3.bucket}/main/table", filesystem=arrow, format="parquet")
    assert dataset.count_rows() == ROWS
    assert dataset.to_table(filter=pyarrow.dataset.field("id") < 3)["id"].to_pylist() == [0, 1, 2]
    found = {info.base_name: info for info in arrow.get_file_info(FileSelector(f"{s3.bucket}/main"))}
    assert found["table"].type == FileType.Directory
    assert (found["people.csv"].type, found["people.csv"].size) == (FileType.File, 25)
    nothing = arrow.get_file_info(f"{s3.bucket}/main/nothing")
    assert nothing.type == FileType.NotFound
    branches = [info.base_name for info in arrow.get_file_info(FileSelector(s3.bucket))]
    assert branches == ["main"]


def test_pyarrow_writes(s3: S3, arrow: S3FileSystem) -> None:
    table = pyarrow.table({"a": [1, 2]})
    pyarrow.parquet.write_table(table, f"{s3.bucket}/main/arrow/one.parquet", filesystem=arrow)
    read = pyarrow.parquet.read_table(io.BytesIO(s3.repository.read("main", "arrow/one.parquet")))
    assert read.equals(table)
    large = bytes(11 << 20)  # in parts
    with arrow.open_output_stream(f"{s3.bucket}/main/arrow/large", metadata={"k": "v"}) as stream:
        stream.write(large)
    assert s3.repository.read("main", "arrow/large") == large
    arrow.move(f"{s3.bucket}/main/arrow/one.parquet", f"{s3.bucket}/main/arrow/two.parquet")
    arrow.delete_file(f"{s3.bucket}/main/arrow/two.parquet")
    assert [path for path in s3.repository.paths("main", prefix="arrow/") if path != "arrow/"] == [
        "arrow/large"
    ]


@pytest.fixture(scope="module")
def fsspec_options(s3: S3) -> dict[str, Any]:
    return {
        "key": s3.lakefs.access_key_id,
        "secret": s3.lakefs.secret_access_key,
        "client_kwargs": {"endpoint_url": s3.lakefs.url, "region_name": REGION},
    }


def test_pandas_with_s3fs(s3: S3, fsspec_options: dict[str, Any]) -> None:
    options = {"storage_options": fsspec_options}
    people = pandas.read_csv(f"s3://{s3.bucket}/main/people.csv", **options)
    assert people["age"].sum() == 121
    assert len(pandas.read_parquet(f"s3://{s3.bucket}/main/table/part-0.parquet", **options)) == ROWS // 2
    people.to_csv(f"s3://{s3.bucket}/main/pandas/people.csv", index=False, **options)
    assert s3.repository.read("main", "pandas/people.csv") == b"name,age\nAda,36\nGrace,85\n"
    people.to_parquet(f"s3://{s3.bucket}/main/pandas/people.parquet", **options)
    written = pandas.read_parquet(io.BytesIO(s3.repository.read("main", "pandas/people.parquet")))
    assert written.equals(people)


def test_s3fs(s3: S3, fsspec_options: dict[str, Any]) -> None:
    system = s3fs.S3FileSystem(**fsspec_options, use_listings_cache=False, skip_instance_cache=True)
    root = f"{s3.bucket}/main/s3fs"
    system.pipe_file(f"{root}/a", b"12345")
    system.copy(f"{root}/a", f"{root}/d/b")
    assert sorted(system.find(root)) == [f"{root}/a", f"{root}/d/b"]
    assert sorted(system.ls(root, detail=False)) == [f"{root}/a", f"{root}/d"]
    assert (system.isdir(f"{root}/d"), system.exists(f"{root}/x")) == (True, False)
    assert system.cat_ranges([f"{root}/a"] * 2, [0, 3], [2, 5]) == [b"12", b"45"]
    with system.open(f"{root}/large", "wb") as file:  # in parts
        for _ in range(11):
            file.write(b"x" * (1 << 20))
    assert system.size(f"{root}/large") == 11 << 20
    system.rm(root, recursive=True)
    assert s3.repository.paths("main", prefix="s3fs") == []


def test_what_hadoop_s3a_asks(s3: S3) -> None:
    """`getFileStatus`, `mkdirs`, `rename` and `delete` of S3A, as the calls that it makes."""
    boto, bucket = s3.boto, s3.bucket

    def status(path: str) -> str:
        """Tell what a path is as S3A does: an object, else whatever a listing below it shows."""
        if s3.call("HEAD", path).status_code == 200:
            return "file"
        page = boto.list_objects_v2(Bucket=bucket, Prefix=f"{path}/", Delimiter="/", MaxKeys=2)
        if page["KeyCount"] == 0:
            return "nothing"
        keys = [item["Key"] for item in page.get("Contents", [])]
        return "empty folder" if keys == [f"{path}/"] and "CommonPrefixes" not in page else "folder"

    def rename(source: str, target: str) -> None:
        page = boto.list_objects_v2(Bucket=bucket, Prefix=f"{source}/", MaxKeys=5000)
        keys = [item["Key"] for item in page["Contents"]]
        for key in keys:
            renamed = target + key.removeprefix(source)
            boto.copy_object(Bucket=bucket, Key=renamed, CopySource={"Bucket": bucket, "Key": key})
        answer = boto.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        assert "Errors" not in answer

    assert status("main/out") == "nothing"
    boto.put_object(Bucket=bucket, Key="main/out/_temporary/0/", ContentType="application/x-directory")
    assert status("main/out/_temporary/0") == "empty folder"
    assert status("main/out") == "folder"
    boto.put_object(Bucket=bucket, Key="main/out/_temporary/0/task/part-0", Body=b"rows")
    boto.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "main/out/_temporary/0/"}], "Quiet": True})
    rename("main/out/_temporary/0/task", "main/out/final")
    assert status("main/out/_temporary/0/task") == "nothing"
    boto.put_object(Bucket=bucket, Key="main/out/_SUCCESS", Body=b"")
    assert s3.repository.paths("main", prefix="out/") == ["out/_SUCCESS", "out/final/part-0"]
    assert status("main/out/final/part-0") == "file"
    boto.delete_object(Bucket=bucket, Key="main/out/")
    page = boto.list_objects(Bucket=bucket, Prefix="main/out/", Delimiter="/", MaxKeys=1)
    assert (page["IsTruncated"], page["NextMarker"]) == (True, "main/out/_SUCCESS")
    # It asks for the bucket and its top, before anything else.
    boto.head_bucket(Bucket=bucket)
    assert status("main") == "folder"
