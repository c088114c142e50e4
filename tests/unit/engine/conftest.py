"""Real data objects and suites for the engine."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gate_server.engine.evaluate import evaluate
from gate_server.engine.objects import DataObject
from gate_server.engine.suites import read_suite
from gate_server.model import Evaluation, Format, Limits, Suite

MakeObject = Callable[..., DataObject]
MakeSuite = Callable[..., Suite]
Judge = Callable[..., Evaluation]


def _object(content: bytes, path: str = "data.csv") -> DataObject:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return DataObject(path, len(content), md5, lambda: io.BytesIO(content))


def _suite(*expectations: Mapping[str, Any], **more: Any) -> Suite:
    text = json.dumps({"name": "test", "expectations": expectations, **more}, indent=2)
    return read_suite("test", text, "suites/test.json")


@pytest.fixture(scope="session")
def make_object() -> MakeObject:
    """`make_object(content, path="data.csv")`: a data object with its true length and checksum."""
    return _object


@pytest.fixture(scope="session")
def make_suite() -> MakeSuite:
    """`make_suite({"type": ..., "kwargs": ...}, ...)`: a suite read from JSON text."""
    return _suite


@pytest.fixture(scope="session")
def judge() -> Judge:
    """`judge(content, *expectations, fmt=..., parameters=..., limits=..., path=...)`: evaluate one object."""

    def run(
        content: bytes,
        *expectations: Mapping[str, Any],
        fmt: Format | None = None,
        parameters: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
        path: str = "data.csv",
    ) -> Evaluation:
        return evaluate(
            _suite(
                *(
                    expectations
                    or ({"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 0}},)
                )
            ),
            [_object(content, path)],
            fmt or Format("csv"),
            parameters or {},
            limits or Limits(),
        )

    return run
