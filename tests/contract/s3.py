"""A client of the S3 gateway that shows status, code and headers, and signs as it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from unittest.mock import patch
from urllib.parse import quote
from xml.etree import ElementTree

import boto3
import httpx
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.contract.harness import Lakefs, Repository

REGION = "us-east-1"


@dataclass(frozen=True)
class S3:
    """One repository by S3; `boto` is the official client."""

    lakefs: Lakefs
    repository: Repository

    @property
    def bucket(self) -> str:
        return self.repository.name

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.lakefs.access_key_id, self.lakefs.secret_access_key)

    @cached_property
    def boto(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.lakefs.url,
            aws_access_key_id=self.lakefs.access_key_id,
            aws_secret_access_key=self.lakefs.secret_access_key,
            region_name=REGION,
            config=Config(
                signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0}
            ),
        )

    def url(self, key: str | None = None, **query: str) -> str:
        """Return the address of a key, or of the bucket."""
        path = self.bucket if key is None else f"{self.bucket}/{key}"
        text = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in query.items())
        return f"{self.lakefs.url}/{quote(path, safe='/-_.~')}" + (f"?{text}" if text else "")

    def signed(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        at: datetime | None = None,
        payload: str | None = None,
        expires_s: int | None = None,
        credentials: Credentials | None = None,
    ) -> httpx.Request:
        """Return a request signed by botocore.

        Parameters
        ----------
        at : datetime
            When it says to be signed; now unless given.
        payload : str
            What stands for the body; its SHA-256 unless given.
        expires_s : int
            Pre-signed: the signature is in the query.
        """
        request = AWSRequest(
            method=method, url=url, data=body if expires_s is None else b"", headers=dict(headers or {})
        )
        by = credentials or self.credentials
        if expires_s is None:
            auth = _HeaderAuth(by, payload)
        else:
            auth = S3SigV4QueryAuth(by, "s3", REGION, expires=expires_s)
        with patch("botocore.auth.get_current_datetime", return_value=at or datetime.now(UTC)):
            auth.add_auth(request)
        found = {name.lower(): value for name, value in request.headers.items()}
        if body or method in ("PUT", "POST"):
            found["content-length"] = str(len(body))
        return httpx.Request(method, request.url, headers=found, content=body)

    def send(self, request: httpx.Request) -> httpx.Response:
        return self.lakefs.http.send(request, auth=None)

    def call(
        self,
        method: str,
        key: str | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> httpx.Response:
        return self.send(self.signed(method, self.url(key, **query), body, headers))

    def put(self, key: str, body: bytes = b"", **headers: str) -> httpx.Response:
        response = self.call("PUT", key, body, headers)
        assert response.status_code == 200, response.text
        return response


def code(response: httpx.Response, status: int) -> str:
    """Return the code of an answer that must be an error with this status."""
    assert response.status_code == status, f"expected {status}: {response.status_code} {response.text}"
    root = ElementTree.fromstring(response.text)
    assert root.tag == "Error"
    return root.findtext("Code", "")


class _HeaderAuth(S3SigV4Auth):  # type: ignore[misc]
    def __init__(self, credentials: Credentials, payload: str | None) -> None:
        super().__init__(credentials, "s3", REGION)
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:
        return self._payload or str(super().payload(request))
