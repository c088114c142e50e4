"""Runs Great Expectations on one frame: one ephemeral context, nothing written, nothing sent."""

from __future__ import annotations

import os

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when Great Expectations is imported

import logging
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import great_expectations
import pandas as pd
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

_PANDAS = PandasExecutionEngine()  # for expectations that ask whose types they are told
ROWS_KEPT = 20
NUMBER = "gate_number"
_RESULT_FORMAT = {
    "result_format": "SUMMARY",
    "partial_unexpected_count": ROWS_KEPT,
    "exclude_unexpected_values": True,
}
_EXCEPTION_CLASS = re.compile(r"(?:\w+\.)*(\w+(?:Error|Exception))(?::|$)")


@dataclass(frozen=True)
class Question:
    """One expectation of a suite, with its parameters filled in and its row condition taken out."""

    number: int
    type: str
    kwargs: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What Great Expectations says. ``exception`` is the class of what it raised, empty when it answered."""

    number: int
    success: bool
    result: Mapping[str, Any]
    exception: str = ""


class Unanswered(Exception):
    """Great Expectations dropped or repeated an expectation."""


class Frames:
    """One ephemeral context, and the frames judged in it."""

    def __init__(self) -> None:
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # its texts hold cell values
        self._context = great_expectations.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        self._source = self._context.data_sources.add_pandas("gate")
        self._count = 0

    def ask(self, frame: pd.DataFrame, questions: Sequence[Question]) -> list[Answer]:
        """Return the answer to each question, in their order.

        Raises
        ------
        Unanswered
            The number of expectations or of results is not that of the questions.
        """
        self._count += 1
        asset = self._source.add_dataframe_asset(f"frame-{self._count}")
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch(
            batch_parameters={"dataframe": frame}
        )
        suite = ExpectationSuite(f"suite-{self._count}", [_build(question) for question in questions])
        if len(suite.expectations) != len(questions):
            raise Unanswered(
                f"{len(questions)} expectations were given, {len(suite.expectations)} were taken"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = batch.validate(suite, result_format=_RESULT_FORMAT)
        answers = {}
        for result in outcome.results:
            meta = (result.expectation_config.meta if result.expectation_config else None) or {}
            number = meta[NUMBER]
            if number in answers:
                raise Unanswered(f"expectation {number} was answered twice")
            exception = _exception(result.exception_info)
            answers[number] = Answer(
                number, bool(result.success) and not exception, result.result or {}, exception
            )
        missing = [question.number for question in questions if question.number not in answers]
        if missing or len(answers) != len(questions):
            raise Unanswered(f"{len(missing)} of {len(questions)} expectations have no result")
        return [answers[question.number] for question in questions]


class _Given(dict[str, Any]):
    """Metrics, of which none may be missing: Great Expectations takes a count that is not there for 0."""

    _NOT_COMPUTED = (".unexpected_values", ".unexpected_rows", ".unexpected_index_query")

    def get(self, key: str, default: Any = None) -> Any:
        """Return a metric; only of what is never told there need be none."""
        return default if key.endswith(self._NOT_COMPUTED) else self[key]


def verdict_of(question: Question, metrics: Mapping[str, Any]) -> Answer:
    """Return what Great Expectations says of metrics that somebody else computed.

    Raises
    ------
    Unanswered
        It needs another metric, or raises on these.
    """
    expectation = _build(question)
    try:
        found = expectation._validate(_Given(metrics), {"result_format": dict(_RESULT_FORMAT)}, _PANDAS)
    except Exception as error:
        raise Unanswered(f"{question.type} could not be answered ({type(error).__name__})") from error
    return Answer(question.number, bool(found["success"]), found.get("result") or {})


def build(question: Question) -> Any:
    """Return the question as an expectation of Great Expectations; raises what that raises."""
    return _build(question)


def _build(question: Question) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        configuration = ExpectationConfiguration(
            type=question.type, kwargs=dict(question.kwargs), meta={NUMBER: question.number}
        )
        return configuration.to_domain_obj()


def _exception(info: Mapping[str, Any] | None) -> str:
    """Return the exception's class from `exception_info`, flat or keyed by metric, never its text."""
    if not info:
        return ""
    entries = (
        [info] if "raised_exception" in info else [one for one in info.values() if isinstance(one, Mapping)]
    )
    for entry in entries:
        if entry.get("raised_exception"):
            last = str(entry.get("exception_traceback") or "").strip().rsplit("\n", 1)[-1]
            name = _EXCEPTION_CLASS.match(last)
            return name[1] if name else "exception"
    return "" if any("raised_exception" in entry for entry in entries) else "exception"
