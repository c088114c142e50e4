"""What the embedded server refuses, each with the HTTP status and the words that lakeFS uses.

LakeFSError
├── NotFound            404
├── BadRequest          400
│   ├── NoChanges
│   └── DirtyBranch
├── Unauthorized        401
├── Forbidden           403   protected branch, read-only repository, default branch
├── Conflict            409   not unique
│   └── MergeConflict
├── Gone                410
├── Refused             412   a hook said no, or a precondition does not hold
├── TooManyTries        429
├── CutOff              499   the client hung up
├── NotOffered          501
└── PredicateFailed     500   somebody else moved the branch
"""

from __future__ import annotations

from typing import Self


class LakeFSError(Exception):
    """Base of all: answered as ``{"message": ...}`` with ``status``."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def within(self, context: str) -> Self:
        """Put what was being done before the message, keeping type and status."""
        self.message = f"{context}: {self.message}"
        self.args = (self.message,)
        return self


class NotFound(LakeFSError):
    status = 404


class BadRequest(LakeFSError):
    status = 400


class NoChanges(BadRequest):
    def __init__(self, message: str = "no changes") -> None:
        super().__init__(message)


class DirtyBranch(BadRequest):
    def __init__(self, message: str = "uncommitted changes (dirty branch)") -> None:
        super().__init__(message)


class Unauthorized(LakeFSError):
    status = 401


class Forbidden(LakeFSError):
    status = 403


class Conflict(LakeFSError):
    status = 409


class MergeConflict(Conflict):
    def __init__(self, message: str = "conflict found") -> None:
        super().__init__(message)


class Gone(LakeFSError):
    status = 410


class Refused(LakeFSError):
    status = 412


class TooManyTries(LakeFSError):
    status = 429

    def __init__(self) -> None:
        super().__init__("Too many attempts, try again later")

    def within(self, context: str) -> Self:  # noqa: ARG002 - lakeFS says no more than this
        return self


class CutOff(LakeFSError):
    status = 499

    def __init__(self) -> None:
        super().__init__("status code 499")


class NotOffered(LakeFSError):
    status = 501


class PredicateFailed(LakeFSError):
    """The branch changed between reading and writing it."""

    def __init__(self, message: str = "predicate failed") -> None:
        super().__init__(message)
