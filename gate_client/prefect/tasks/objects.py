"""Objects."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from lakefs_sdk.models import (
    ObjectCopyCreation,
    ObjectErrorList,
    ObjectStageCreation,
    ObjectStats,
    PathList,
    UnderlyingObjectProperties,
)

from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.calls import Calls
from gate_client.prefect.failures import said_clearly
from gate_client.prefect.retrying import reading, settling
from gate_client.prefect.runs import object_page, say


@settling
def upload_object(
    repository: str,
    branch: str,
    path: str,
    content: bytes | Path,
    lakefs_credentials: LakeFSCredentials,
    content_type: str = "application/octet-stream",
    metadata: Mapping[str, str] | None = None,
) -> ObjectStats:
    """Stage an object: bytes, or a local file, which is streamed (pre-signed where lakeFS can)."""
    from lakefs import Repository

    calls = Calls(lakefs_credentials)
    place = Repository(repository, client=calls.client).branch(branch).object(path)
    with (
        said_clearly(lakefs_credentials.endpoint),
        place.writer("wb", content_type=content_type, metadata=dict(metadata or {})) as target,
    ):
        if isinstance(content, Path):
            with content.open("rb") as source:
                shutil.copyfileobj(source, target)
        else:
            target.write(content)
    say(f"wrote lakefs://{repository}/{branch}/{path}: {_page(lakefs_credentials, repository, branch, path)}")
    made: ObjectStats = calls.objects.stat_object(repository, branch, path)
    return made


@reading
def get_object(repository: str, ref: str, path: str, lakefs_credentials: LakeFSCredentials) -> bytes:
    """Return an object's bytes. A branch's name reads what is staged too; ``branch@`` what is committed."""
    return bytes(Calls(lakefs_credentials).objects.get_object(repository, ref, path))


@reading
def head_object(repository: str, ref: str, path: str, lakefs_credentials: LakeFSCredentials) -> bool:
    """Return whether there is such an object."""
    calls = Calls(lakefs_credentials)
    return calls.exists(calls.objects.head_object, repository, ref, path)


@reading
def stat_object(repository: str, ref: str, path: str, lakefs_credentials: LakeFSCredentials) -> ObjectStats:
    """Return an object's size, checksum, metadata and address."""
    found: ObjectStats = Calls(lakefs_credentials).objects.stat_object(repository, ref, path)
    return found


@reading
def get_underlying_properties(
    repository: str, ref: str, path: str, lakefs_credentials: LakeFSCredentials
) -> UnderlyingObjectProperties:
    """Return an object's storage class."""
    found: UnderlyingObjectProperties = Calls(lakefs_credentials).objects.get_underlying_properties(
        repository, ref, path
    )
    return found


@reading
def list_objects(
    repository: str,
    ref: str,
    lakefs_credentials: LakeFSCredentials,
    prefix: str = "",
    delimiter: str = "",
    limit: int | None = None,
) -> list[ObjectStats]:
    """Return the objects whose paths begin with `prefix`."""
    calls = Calls(lakefs_credentials)
    return calls.all(
        calls.objects.list_objects, repository, ref, prefix=prefix, delimiter=delimiter, limit=limit
    )


@settling
def copy_object(
    repository: str,
    branch: str,
    dest_path: str,
    src_path: str,
    lakefs_credentials: LakeFSCredentials,
    src_ref: str = "",
) -> ObjectStats:
    """Stage a copy of `src_path`, as it is at `src_ref` (the branch itself when empty)."""
    creation = ObjectCopyCreation(src_path=src_path, src_ref=src_ref or None)
    made: ObjectStats = Calls(lakefs_credentials).objects.copy_object(repository, branch, dest_path, creation)
    page = _page(lakefs_credentials, repository, branch, dest_path)
    say(f"copied {src_path} to lakefs://{repository}/{branch}/{dest_path}: {page}")
    return made


@settling
def stage_object(
    repository: str,
    branch: str,
    path: str,
    physical_address: str,
    checksum: str,
    size_bytes: int,
    lakefs_credentials: LakeFSCredentials,
) -> ObjectStats:
    """Stage an object that lies in the object store already. The gate refuses such unless `linked: allow`."""
    creation = ObjectStageCreation(
        physical_address=physical_address, checksum=checksum, size_bytes=size_bytes
    )
    made: ObjectStats = Calls(lakefs_credentials).internal.stage_object(repository, branch, path, creation)
    page = _page(lakefs_credentials, repository, branch, path)
    say(f"staged lakefs://{repository}/{branch}/{path}: {page}")
    return made


@settling
def delete_object(repository: str, branch: str, path: str, lakefs_credentials: LakeFSCredentials) -> None:
    """Stage the deletion of an object."""
    Calls(lakefs_credentials).objects.delete_object(repository, branch, path)
    say(f"deleted lakefs://{repository}/{branch}/{path}")


@settling
def delete_objects(
    repository: str, branch: str, path_list: Sequence[str], lakefs_credentials: LakeFSCredentials
) -> ObjectErrorList:
    """Stage the deletion of objects; return those that could not be deleted, and why."""
    paths = PathList(paths=list(path_list))
    done: ObjectErrorList = Calls(lakefs_credentials).objects.delete_objects(repository, branch, paths)
    say(f"deleted {len(path_list) - len(done.errors)} objects of lakefs://{repository}/{branch}")
    return done


def _page(lakefs: LakeFSCredentials, repository: str, branch: str, path: str) -> str:
    return object_page(lakefs, repository, branch, path)
