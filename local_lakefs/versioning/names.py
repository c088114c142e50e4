"""Which names lakeFS takes (``pkg/validator``, ``pkg/graveler/validate.go``)."""

from __future__ import annotations

import re

from local_lakefs.errors import BadRequest, LakeFSError

INVALID_VALUE = "invalid value: validation error"
REQUIRED_VALUE = "required value: validation error"
MAX_PATH_BYTES = 1024

_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}", re.ASCII)
_BRANCH = re.compile(r"\w[-\w]*", re.ASCII)
_PULL_REQUEST = re.compile(r"[0-9a-v]{19}[0g]")  # an "xid": 96 bits, in base 32
_REF = re.compile(r"\S+", re.ASCII)


def check_repository(name: str, argument: str = "repository") -> str:
    if not _REPOSITORY.fullmatch(name):
        raise BadRequest(f"argument {argument}: repository id: {INVALID_VALUE}")
    return name


def check_branch(name: str, argument: str = "branch") -> str:
    if not name:
        raise LakeFSError(f"argument {argument}: {REQUIRED_VALUE}")
    if not _BRANCH.fullmatch(name):
        raise BadRequest(f"argument {argument}: branch id: {INVALID_VALUE}")
    return name


def check_ref(name: str, argument: str = "ref") -> str:
    if not name:
        raise LakeFSError(f"argument {argument}: {REQUIRED_VALUE}")
    if not _REF.fullmatch(name):
        raise BadRequest(f"argument {argument}: ref: {INVALID_VALUE}")
    return name


def check_tag(name: str) -> str:
    if not name:
        raise LakeFSError(f"argument tagID: {REQUIRED_VALUE}")
    wrong = (
        name == "@"
        or name.endswith((".", ".lock"))
        or any(part in name for part in ("..", "/", "@{"))
        or any(character in "^:?*[\\" or character <= " " for character in name)
    )
    if wrong:
        raise BadRequest(f"argument tagID: tag id: {INVALID_VALUE}")
    return name


def check_pull_request(identity: str) -> str:
    if not _PULL_REQUEST.fullmatch(identity):
        raise BadRequest(f"argument pullRequestID: pull request id: {INVALID_VALUE}")
    return identity


def check_path(path: str, argument: str = "path") -> str:
    length = len(path.encode())
    if not length:
        raise BadRequest(f"argument {argument}: missing path: {REQUIRED_VALUE}")
    if length > MAX_PATH_BYTES:
        raise BadRequest(
            f"argument {argument}: {INVALID_VALUE}: {length} is above maximum length ({MAX_PATH_BYTES})"
        )
    return path
