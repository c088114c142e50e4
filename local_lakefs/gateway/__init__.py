"""lakeFS's S3 gateway over the embedded server: repositories as buckets, ``REFERENCE/PATH`` as keys.

It shares its port with the API: what is signed as AWS signs, or asks for the gateway's domain, is for it.
Requests are verified by Signature Version 4 alone; lakeFS takes Version 2 as well.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from local_lakefs import incoming
from local_lakefs.errors import CutOff, LakeFSError, NotFound
from local_lakefs.gateway import buckets, documents
from local_lakefs.gateway.body import open_body
from local_lakefs.gateway.documents import Node
from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.gateway.operation import Answer, Call
from local_lakefs.gateway.request import Environ, S3Request
from local_lakefs.gateway.routing import operation
from local_lakefs.gateway.signature import Claim, is_signed, read_claim, verify
from local_lakefs.service import LocalLakeFS
from local_lakefs.storage.objects import Readable
from local_lakefs.versioning.repositories import Repository

REGION = "us-east-1"
API_PREFIX = "/api/v1"
XML_TYPES = ("application/xml", "text/xml")
SNIFFED_XML = "text/xml; charset=utf-8"

StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

logger = logging.getLogger(__name__)


class Gateway:
    """WSGI: answers what is meant for the gateway, hands everything else to the API."""

    def __init__(self, server: LocalLakeFS, api: Application) -> None:
        self._server = server
        self._api = api

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = S3Request(environ)
        if not request.by_domain and not is_signed(request):
            return self._api(environ, start_response)
        answer = self._answer(request)
        if answer.status_code >= 400:
            incoming.drain(environ)
        return answer(environ, start_response)

    def _answer(self, request: S3Request) -> Answer:
        try:
            claim, body = self._admit(request)
            if not request.bucket:
                return _finished(request, self._answer_root(request))
            repository = self._repository(request)
        except S3Error as error:
            # As lakeFS: refused before an operation begins, an answer has no id, and another type.
            answer = _refusal(error, request)
            answer.headers["Content-Type"] = SNIFFED_XML
            return answer
        return _finished(request, _answer_call(Call(self._server, request, claim, body, repository)))

    def _admit(self, request: S3Request) -> tuple[Claim, Readable]:
        """Verify the signature; return what it said, and the body. Raises S3Error."""
        claim = read_claim(request)
        credentials = self._server.credentials
        known = hmac.compare_digest(
            claim.access_key_id.encode("utf-8", "replace"), credentials.access_key_id.encode()
        )
        if not known:
            raise S3Error(Code.ACCESS_DENIED, bare=True)
        key = verify(request, claim, credentials.secret_access_key, datetime.now(UTC))
        return claim, open_body(request, incoming.body(request.environ), claim.signature, key)

    def _answer_root(self, request: S3Request) -> Answer:
        if request.method != "GET":
            return Answer(status=404)
        try:
            return buckets.list_buckets(self._server, request)
        except S3Error as error:
            return _refusal(error, request)

    def _repository(self, request: S3Request) -> Repository:
        try:
            return self._server.repositories.get(request.bucket)
        except NotFound as error:
            if request.url_path.startswith(API_PREFIX):
                raise S3Error(Code.NO_BUCKET_BUT_API, bare=True) from error
            if request.method == "PUT" and not request.ref and not request.path:
                raise S3Error(Code.NOT_IMPLEMENTED, bare=True) from error
            raise S3Error(Code.NO_BUCKET, bare=True) from error
        except LakeFSError as error:
            raise S3Error(Code.INTERNAL, bare=True) from error


def _answer_call(call: Call) -> Answer:
    try:
        return operation(call.request)(call)
    except S3Error as error:
        return _refusal(error, call.request, call.repository)
    except CutOff as error:
        return Answer(status=error.status)
    except Exception:
        logger.exception("unexpected error")
        return _refusal(S3Error(Code.INTERNAL), call.request, call.repository)


def _refusal(error: S3Error, request: S3Request, repository: Repository | None = None) -> Answer:
    content: list[Node] = [("Code", error.code), ("Message", error.message)]
    if repository is None or error.bare:
        content.append(("Resource", ""))
    elif request.path:
        content.append(("Key", request.path))
        content.append(("BucketName", repository.id))
        content.append(("Resource", f"{request.ref}@{repository.id}"))
    else:
        content.append(("BucketName", repository.id))
        content.append(("Resource", repository.id))
    content.append(("Region", REGION))
    content.append(("RequestId", str(uuid.uuid4())))
    content.append(("HostId", secrets.token_hex(8).upper()))
    return Answer(documents.render("Error", content), status=error.status)


def _finished(request: S3Request, answer: Answer) -> Answer:
    """Set what every operation's answer has: an id, and XML's type unless it is an object's."""
    answer.headers["X-Amz-Request-Id"] = str(uuid.uuid4())
    if "Content-Type" not in answer.headers:
        accepted = request.environ.get("HTTP_ACCEPT")
        named = re.split(r",\s*", accepted or XML_TYPES[0])
        chosen = next((name for name in XML_TYPES if name in named), None)
        if chosen is not None:
            answer.headers["Content-Type"] = chosen
        elif answer.content_length:
            answer.headers["Content-Type"] = SNIFFED_XML
    return answer
