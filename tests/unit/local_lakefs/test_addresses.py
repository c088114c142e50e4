from __future__ import annotations

import pytest

from local_lakefs.errors import BadRequest, Forbidden, LakeFSError
from local_lakefs.versioning.addresses import Namespace

S3 = Namespace("s3://bucket/repo", "/srv/objects")
LOCAL = Namespace("local://repo/", "/srv/objects")


def test_on_an_object_store() -> None:
    assert S3.shown("data/x", relative=True) == "s3://bucket/repo/data/x" == S3.key("data/x", relative=True)
    assert S3.own("s3://bucket/repo/data/x") == ("data/x", True)
    assert S3.own("s3://bucket/elsewhere/data/x") == ("s3://bucket/elsewhere/data/x", False)
    S3.check_staged("s3://another/x")


def test_on_the_local_block_store() -> None:
    told = LOCAL.shown("data/x", relative=True)
    assert told == "local:///srv/objects/repo/data/x"
    assert LOCAL.own(told) == (told, False)
    assert LOCAL.key(told, relative=False) == LOCAL.key("data/x", relative=True)
    assert LOCAL.shown(told, relative=False) == "local:///srv/objects/srv/objects/repo/data/x"


def test_the_directory_may_be_moved() -> None:
    moved = Namespace(LOCAL.uri, "/elsewhere")
    assert moved.key("data/x", relative=True) == LOCAL.key("data/x", relative=True)


@pytest.mark.parametrize("path", ["/etc/passwd", "/srv/objects/../x", "/srv/objectsx/a"])
def test_paths_outside_are_forbidden(path: str) -> None:
    with pytest.raises(Forbidden):
        LOCAL.check_staged(f"local://{path}")


@pytest.mark.parametrize(
    ("address", "error"),
    [("s3://bucket/x", BadRequest), ("nonsense", LakeFSError), ("local://repo/data/x", LakeFSError)],
)
def test_addresses_of_another_kind(address: str, error: type[LakeFSError]) -> None:
    with pytest.raises(error):
        LOCAL.check_staged(address)
