"""Evaluations as they come from a worker elsewhere: JSON, gzip, base64; read strictly and up to a size."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

from gate_server.errors import LimitOfRun, UsageError
from gate_server.model import Evaluation, dump, load

MOST_BYTES = 10_000_000
MOST_PACKED = 900_000  # a request to the gate holds a megabyte
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_GZIP = 16 + zlib.MAX_WBITS


def pack(evaluations: Mapping[int, Evaluation]) -> str:
    """Return evaluations (obligation number -> evaluation) as text; raises `LimitOfRun` beyond the size."""
    plain = {str(number): dump(evaluation) for number, evaluation in evaluations.items()}
    text = json.dumps(plain, allow_nan=False).encode()
    packed = base64.b64encode(gzip.compress(text, mtime=0)).decode("ascii")
    if len(text) > MOST_BYTES or len(packed) > MOST_PACKED:
        raise LimitOfRun(
            f"the results take over {MOST_BYTES:,} bytes, or {MOST_PACKED:,} packed (limit answer_bytes)",
            "fewer expectations, or fewer objects in a merge, for a rule that runs elsewhere",
            "answer_bytes",
        )
    return packed


def unpack(packed: str) -> dict[int, Evaluation]:
    """Return what `pack` packed.

    Raises
    ------
    UsageError
        Where it is anything else, a field more or of another type included.
    """
    try:
        text = _decompressed(base64.b64decode(packed, validate=True))
        plain = json.loads(text)
        json.dumps(plain, allow_nan=False)  # no database keeps an infinite number
        return {_number(key): _evaluation(value) for key, value in plain.items()}
    except (ValueError, AttributeError, RecursionError, zlib.error) as error:
        raise UsageError(
            f"these are no results ({type(error).__name__})", "`gate worker --check` hands them in"
        ) from error


def _decompressed(data: bytes) -> bytes:
    reader = zlib.decompressobj(_GZIP)
    text = reader.decompress(data, MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError("too large")
    if not reader.eof or reader.unused_data:
        raise ValueError("cut, or more than one")
    return text


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("no number of an obligation")
    return int(text)


def _evaluation(plain: Any) -> Evaluation:
    evaluation = load(Evaluation, plain)
    if dump(evaluation) != plain:
        raise ValueError("not as an evaluation is written")
    return evaluation
