"""A request to the gateway: which repository, reference and path it is about, its parameters and headers."""

from __future__ import annotations

import re
from email.charset import QP, Charset
from email.header import Header, decode_header, make_header
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from local_lakefs.gateway.errors import Code, S3Error
from local_lakefs.storage.entries import Metadata

Environ = dict[str, Any]

DOMAIN = "s3.local.lakefs.io"
"""lakeFS's ``gateways.s3.domain_name`` unless it is set; ``REPOSITORY.`` before it names a repository."""

METADATA_HEADER = "x-amz-meta-"
METADATA_PREFIX = "X-Amz-Meta-"
"""Before the names under which lakeFS keeps an object's metadata that came by S3."""
MAX_METADATA_BYTES = 2 * 1024
_METADATA_NAME = re.compile(r"[A-Za-z0-9\-_.#!$%&'*+^`|~]+")


def _clean(text: str) -> str:
    """Replace what no UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()


class S3Request:
    """What a WSGI environment says, in S3's words."""

    def __init__(self, environ: Environ) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.url_path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "surrogateescape")
        parts = self.url_path.removeprefix("/")
        if self._names_repository:
            parts = f"{self._host.removesuffix(f'.{DOMAIN}')}/{parts}"
        bucket, _, rest = parts.partition("/")
        ref, _, path = rest.partition("/")
        self.bucket, self.ref, self.path = _clean(bucket), _clean(ref), _clean(path)

    @property
    def _host(self) -> str:
        return re.sub(r":\d+$", "", self.header("host")).lower()

    @property
    def _names_repository(self) -> bool:
        return self._host.endswith(f".{DOMAIN}")

    @property
    def by_domain(self) -> bool:
        """Whether the host alone says that the gateway is meant."""
        return self._host == DOMAIN or self._names_repository

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters; of one that comes twice, the first, as lakeFS reads them."""
        found: dict[str, str] = {}
        text = self.environ.get("QUERY_STRING", "")
        for name, value in parse_qsl(text, keep_blank_values=True, errors="surrogateescape"):
            found.setdefault(name, value)
        return found

    def parameter(self, name: str) -> str:
        return _clean(self.query.get(name, ""))

    def header(self, name: str) -> str:
        """Return a header's value; empty without one."""
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        return str(self.environ.get(key, ""))

    def metadata(self, signed_headers: str) -> Metadata:
        """Return the object's metadata that the headers carry.

        WSGI does not tell ``a-b`` from ``a_b``; the signature, which names each header, does.

        Raises
        ------
        S3Error
            When it is too large, or does not decode.
        """
        names = {name.lower() for name in signed_headers.split(";")}
        known = {name.replace("-", "_") for name in names}
        for key in self.environ:
            name = key.removeprefix("HTTP_").lower()
            if key.startswith("HTTP_X_AMZ_META_") and name not in known:
                names.add(name.replace("_", "-"))
        metadata, size_bytes = {}, 0
        for full_name in sorted(names):
            if not full_name.startswith(METADATA_HEADER):
                continue
            name = full_name.removeprefix(METADATA_HEADER)
            value = _decoded(self.header(full_name))
            size_bytes += len(name.encode()) + len(value.encode())
            if size_bytes > MAX_METADATA_BYTES:
                raise S3Error(Code.METADATA_TOO_LARGE)
            if _METADATA_NAME.fullmatch(name):
                metadata[METADATA_PREFIX + name] = value
        return metadata


def _decoded(header: str) -> str:
    """Decode encoded words (RFC 2047) of a header, which else is UTF-8."""
    try:
        text = header.encode("latin-1").decode("utf-8", "replace")
        return _clean(str(make_header(decode_header(text)))) if "=?" in text else text
    except (LookupError, ValueError) as error:
        raise S3Error(Code.HEADER_VALUE) from error


def metadata_headers(metadata: Metadata) -> dict[str, str]:
    """Return the headers that tell an object's metadata."""
    headers: dict[str, str] = {}
    missing = 0
    for key, value in metadata.items():
        if not key.startswith(METADATA_PREFIX):
            continue
        if _METADATA_NAME.fullmatch(key.removeprefix(METADATA_PREFIX)):
            # Go's form of a header's name: clients show it as it comes.
            name = "-".join(part[:1].upper() + part[1:].lower() for part in key.split("-"))
            headers[name] = _encoded(value)
        else:
            missing += 1
    if missing:
        headers["X-Amz-Missing-Meta"] = str(missing)
    return headers


def _encoded(value: str) -> str:
    if all(" " <= character <= "~" or character == "\t" for character in value):
        return value
    charset = Charset("utf-8")
    charset.header_encoding = QP
    return Header(value, charset, maxlinelen=75).encode(linesep="").replace("\n", "")
