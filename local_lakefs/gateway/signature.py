"""AWS Signature Version 4 of a request, by header or by query, as lakeFS verifies it (``pkg/gateway/sig``).

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.gateway.request import S3Request

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
MAX_SKEW = timedelta(minutes=15)
MAX_EXPIRES_S = 7 * 24 * 3600

_CREDENTIAL = r"([^,\s]{3,128})/(\d{8})/([\w\-]+)/([\w\-]+)/aws4_request"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential={_CREDENTIAL},\s*SignedHeaders=([\w\-;.#!$%&'*+^`|~]+),"
    r"\s*Signature=([abcdef0123456789]{64})",
    re.ASCII,
)
_SCOPE = re.compile(_CREDENTIAL, re.ASCII)
_QUERY = ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires")
_SPACES = re.compile(r"(\s)\s+", re.ASCII)
_BLANKS = " \t\n\r\v\f"


@dataclass(frozen=True)
class Claim:
    """What a request says about its signature. ``expires_s`` is set for pre-signed ones only."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: str
    signature: str
    expires_s: int | None = None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def is_signed(request: S3Request) -> bool:
    """Tell a request to the gateway from one to the API, as lakeFS does where both share a host."""
    return (
        bool(request.header("X-Amz-Signature"))
        or request.header("Authorization").startswith(("AWS4", "AWS "))
        or bool(request.query.get("AWSAccessKeyId"))
        or bool(request.query.get("X-Amz-Credential"))
    )


def read_claim(request: S3Request) -> Claim:
    """Return what the request claims; raises S3Error."""
    authorization = request.header("Authorization")
    if authorization.startswith("AWS ") or "AWSAccessKeyId" in request.query:
        raise S3Error(Code.SIGNATURE_VERSION, bare=True)
    if authorization:
        found = _AUTHORIZATION.search(authorization)
        if found is None:
            raise S3Error(Code.MISSING_FIELDS, bare=True)
        key, date, region, service, headers, signature = found.groups()
        return Claim(key, date, region, service, headers, signature)
    query = request.query
    if "X-Amz-Algorithm" not in query:
        raise S3Error(Code.MISSING_FIELDS, bare=True)
    if query["X-Amz-Algorithm"].upper() != ALGORITHM:
        raise S3Error(Code.SIGNATURE_ALGORITHM, bare=True)
    if any(name not in query for name in _QUERY):
        raise S3Error(Code.MISSING_FIELDS, bare=True)
    if not query["X-Amz-Credential"]:
        raise S3Error(Code.CREDENTIAL_MISSING, bare=True)
    found = _SCOPE.search(query["X-Amz-Credential"])
    if found is None:
        raise S3Error(Code.CREDENTIAL_MALFORMED, bare=True)
    key, date, region, service = found.groups()
    expires_s = _expires_s(query["X-Amz-Expires"])
    headers, signature = query["X-Amz-SignedHeaders"], query["X-Amz-Signature"]
    return Claim(key, date, region, service, headers, signature, expires_s)


def _expires_s(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise S3Error(Code.EXPIRES_MALFORMED, bare=True)
    if int(text) < 0:
        raise S3Error(Code.EXPIRES_NEGATIVE, bare=True)
    if int(text) > MAX_EXPIRES_S:
        raise S3Error(Code.EXPIRES_TOO_LONG, bare=True)
    return int(text)


def verify(request: S3Request, claim: Claim, secret_access_key: str, now: datetime) -> SigningKey:
    """Verify the signature, then the time; return what signs the chunks of the body.

    Raises
    ------
    S3Error
    """
    moment = _moment(request, claim)
    key = SigningKey(claim, secret_access_key, request_date(request))
    expected = key.sign(ALGORITHM, hashlib.sha256(canonical_request(request, claim)).hexdigest())
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "replace")):
        raise S3Error(Code.SIGNATURE, bare=True)
    if now < moment - MAX_SKEW:
        raise S3Error(Code.NOT_READY_YET, bare=True)
    # As lakeFS: a pre-signed address does not outlive the skew, whatever it says.
    if now > moment + MAX_SKEW:
        raise S3Error(Code.SKEWED, bare=True)
    if claim.expires_s is not None and now > moment + timedelta(seconds=claim.expires_s):
        raise S3Error(Code.EXPIRED, bare=True)
    return key


class SigningKey:
    """Signs within one credential scope, at one time."""

    def __init__(self, claim: Claim, secret_access_key: str, date: str) -> None:
        key = f"AWS4{secret_access_key}".encode()
        for part in (claim.date, claim.region, claim.service, TERMINATOR):
            key = hmac.digest(key, part.encode(), "sha256")
        self._key, self._scope, self._date = key, claim.scope, date

    def sign(self, algorithm: str, *lines: str) -> str:
        """Return the signature, in hex, of what the lines are about."""
        text = "\n".join((algorithm, self._date, self._scope, *lines))
        return hmac.digest(self._key, text.encode(), "sha256").hex()


def request_date(request: S3Request) -> str:
    return request.query.get("X-Amz-Date") or request.header("x-amz-date") or request.header("date")


def _moment(request: S3Request, claim: Claim) -> datetime:
    date = request_date(request)
    if not date:
        raise S3Error(Code.DATE_MISSING, bare=True)
    try:
        moment = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise S3Error(Code.DATE_MALFORMED, bare=True) from None
    if moment.strftime("%Y%m%d") != claim.date:
        raise S3Error(Code.CREDENTIAL_DATE, bare=True)
    return moment


def canonical_request(request: S3Request, claim: Claim) -> bytes:
    """Return what was signed, as both sides write it."""
    query = "&".join(
        f"{_quoted(name)}={_quoted(request.query[name])}"
        for name in sorted(request.query, key=lambda name: name.encode("utf-8", "surrogateescape"))
        if name != "X-Amz-Signature"
    )
    headers = "".join(
        f"{name}:{_trimmed(request.header(name))}\n" for name in sorted(claim.signed_headers.split(";"))
    )
    lines = (
        request.method,
        _quoted(request.url_path, safe="/"),
        query,
        headers,
        claim.signed_headers,
        payload(request),
    )
    # Headers came as Latin-1, as WSGI has them: so the bytes are those that were sent.
    return "\n".join(lines).encode("latin-1", "replace")


def _trimmed(value: str) -> str:
    return _SPACES.sub(r"\1", value.strip(_BLANKS))


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=safe, errors="surrogateescape")


def payload(request: S3Request) -> str:
    """Return what stands for the body in the signature: its digest, or how it is signed."""
    return request.header("x-amz-content-sha256") or UNSIGNED_PAYLOAD
