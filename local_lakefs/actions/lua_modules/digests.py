"""``crypto/sha256``, ``crypto/hmac`` and ``uuid``. lakeFS 1.84 gives scripts no ``crypto/md5``."""

from __future__ import annotations

import hashlib
import hmac
from uuid import uuid4

SHA256 = {"digest": lambda given: hashlib.sha256(given.bytes(1)).digest()}
HMAC = {
    "sign_sha256": lambda given: hmac.digest(key=given.bytes(2), msg=given.bytes(1), digest="sha256"),
    "sign_sha1": lambda given: hmac.digest(key=given.bytes(2), msg=given.bytes(1), digest="sha1"),
}
UUID = {"new": lambda _given: str(uuid4())}
