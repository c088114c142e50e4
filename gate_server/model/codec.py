"""The types as plain JSON data and back, and digests of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter

# Of what people write: a field that is not known is a mistake.
STRICT = ConfigDict(extra="forbid")

T = TypeVar("T")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(type, kind))


def dump(value: Any) -> Any:
    """Return `value` (any type of this module) as plain JSON data."""
    return _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")


def load(kind: type[T], data: Any) -> T:
    """Return JSON data as `kind`; raises `pydantic.ValidationError` when it does not fit."""
    loaded: T = _adapter(cast(Hashable, kind)).validate_python(data)
    return loaded


def digest(*parts: Any) -> str:
    """Return the SHA-256 (hex) of `parts` as canonical JSON."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=dump)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
