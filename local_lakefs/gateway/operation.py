"""What an operation of the gateway works with, and the answers that several give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from werkzeug.wrappers import Response

from local_lakefs.errors import Forbidden, LakeFSError, NotFound, Refused
from local_lakefs.gateway import documents
from local_lakefs.gateway.documents import Node
from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.gateway.request import S3Request
from local_lakefs.gateway.signature import Claim
from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.entries import Entry
from local_lakefs.storage.objects import Readable
from local_lakefs.versioning import branches, placing, tree
from local_lakefs.versioning.names import check_branch, check_path, check_ref
from local_lakefs.versioning.repositories import Repository

MAX_DOCUMENT_BYTES = 16 << 20
"""Room for 1,000 keys of 1,024 bytes, each byte escaped, and for 10,000 parts."""


class Answer(Response):
    """A response of no type of its own."""

    default_mimetype = None


@dataclass(frozen=True)
class Call:
    """A request whose signature was verified, on a repository that is there."""

    server: LocalLakeFS
    request: S3Request
    claim: Claim
    body: Readable
    repository: Repository

    @property
    def ref(self) -> str:
        return self.request.ref

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def key(self) -> str:
        """The object's key, as S3 sees it."""
        return joined(self.ref, self.path)

    def refuse_unsupported(self, *parameters: str) -> None:
        if any(name in self.request.query for name in parameters):
            raise S3Error(Code.NOT_SUPPORTED, bare=True)

    def require_writable(self) -> None:
        if self.repository.read_only:
            raise S3Error(Code.READ_ONLY)

    def require_branch(self) -> None:
        """Refuse to write anywhere but on a branch."""
        try:
            check_branch(self.ref)
        except LakeFSError as error:
            raise S3Error(Code.INTERNAL) from error
        if branches.find(self.repository, self.ref) is None:
            raise S3Error(Code.NO_BUCKET)

    def entry(self) -> Entry:
        """Return the object that is meant; raises S3Error."""
        try:
            return find_entry(self.repository, self.ref, self.path)
        except NotFound as error:
            raise S3Error(Code.NO_KEY) from error
        except LakeFSError as error:
            raise S3Error(Code.INTERNAL) from error

    def must_be_new(self) -> bool:
        """Whether nothing may be there yet (``If-None-Match: *``); refuses when something is.

        Raises
        ------
        S3Error
            Other conditions are not implemented, as in lakeFS.
        """
        condition = self.request.header("If-None-Match")
        if condition == "*":
            try:
                find_entry(self.repository, self.ref, self.path)
            except LakeFSError:
                pass
            else:
                raise S3Error(Code.PRECONDITION_FAILED)
        if self.request.header("If-Match") or condition not in ("", "*"):
            raise S3Error(Code.NOT_IMPLEMENTED)
        return condition == "*"

    def place(self, entry: Entry, *, must_be_new: bool) -> None:
        """Put an entry on the branch; raises S3Error."""
        try:
            check_path(self.path)
            placing.place(self.repository, self.ref, self.path, entry, must_be_new=must_be_new)
        except LakeFSError as error:
            raise_refusal(error)

    def document(self) -> bytes:
        """Return the whole body, which is XML; raises S3Error when it is too large."""
        pieces, size_bytes = [], 0
        while piece := self.body.read(1 << 20):
            size_bytes += len(piece)
            if size_bytes > MAX_DOCUMENT_BYTES:
                raise S3Error(Code.TOO_LARGE)
            pieces.append(piece)
        return b"".join(pieces)


def find_entry(repository: Repository, ref: str, path: str) -> Entry:
    """Return an object; raises NotFound, or LakeFSError for names that lakeFS does not take."""
    return tree.get(repository, check_ref(ref), check_path(path))


def raise_refusal(error: LakeFSError) -> NoReturn:
    """Say a refusal to write in S3's words."""
    if isinstance(error, Refused):
        raise S3Error(Code.PRECONDITION_FAILED) from error
    if isinstance(error, Forbidden):
        read_only = "read-only" in error.message
        raise S3Error(Code.READ_ONLY if read_only else Code.PROTECTED_BRANCH) from error
    raise S3Error(Code.INTERNAL) from error


def joined(ref: str, path: str) -> str:
    """Return the key under which S3 sees a path of a reference."""
    return f"{ref}{path}" if ref.endswith("/") else f"{ref}/{path}"


def etag(checksum: str) -> str:
    return checksum if checksum.startswith('"') else f'"{checksum}"'


def document(name: str, content: list[Node], *, namespace: str = "") -> Answer:
    """Answer with XML."""
    return Answer(documents.render(name, content, namespace=namespace))
