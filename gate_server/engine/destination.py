"""Expectations that only a gate can answer: what is judged, beside what the destination holds.

An append that ran twice, a key that is lost, a mean that jumped: each such file is right in itself, only
beside main's it is seen. The classes are registered with Great Expectations by being imported, so that a
suite with them loads in a notebook as well, and is checked as any other. They are answered in `comparison`;
Great Expectations alone, which has no destination, answers them with an exception.
"""

from __future__ import annotations

from typing import Any, NoReturn

from great_expectations.compatibility import pydantic
from great_expectations.expectations.expectation import BatchExpectation


class _AnsweredByTheGate:
    """No class of Great Expectations, which would register it."""

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: Any = None,
        execution_engine: Any = None,
    ) -> NoReturn:
        raise NotImplementedError("only lakefs-gate can answer this: it needs what the destination holds")


class _Band(BatchExpectation):
    """Bounds, inclusive unless ``strict_min`` or ``strict_max``; at least one is needed."""

    min_value: float | None = None
    max_value: float | None = None
    strict_min: bool = False
    strict_max: bool = False


class _ColumnBand(_Band):
    column: str


class _Keys(BatchExpectation):
    column_list: list[str]
    mostly: float = pydantic.Field(default=1, ge=0, le=1)


class ExpectTableRowCountRatioToDestinationToBeBetween(_AnsweredByTheGate, _Band):
    """Expect the number of rows, divided by the destination's, to be between bounds."""


class ExpectTableRowCountDifferenceToDestinationToBeBetween(_AnsweredByTheGate, _Band):
    """Expect the number of rows, less the destination's, to be between bounds: below 0 where rows go."""


class ExpectTableColumnsToIncludeThoseOfDestination(_AnsweredByTheGate, BatchExpectation):
    """Expect every column of the destination, with its type; further columns may be there.

    Parameters
    ----------
    except_columns
        Columns that may go, or be of another type.
    check_types
        Whether the types are compared, or the names alone.
    """

    except_columns: list[str] | None = None
    check_types: bool = True


class ExpectTableRowsToNotRepeatThoseOfDestination(_AnsweredByTheGate, BatchExpectation):
    """Expect that no whole row is one that the destination holds; nulls equal each other.

    Looked at are the objects that the destination does not hold as they are: for tables that only grow.
    """

    mostly: float = pydantic.Field(default=1, ge=0, le=1)


class ExpectCompoundColumnsToIncludeThoseOfDestination(_AnsweredByTheGate, _Keys):
    """Expect every key of the destination to be among the keys.

    Parameters
    ----------
    column_list
        The columns that make the key; nulls equal each other.
    mostly
        The share of the destination's distinct keys that has to be there.
    """


class ExpectCompoundColumnsToNotRepeatThoseOfDestination(_AnsweredByTheGate, _Keys):
    """Expect that no row has a key that the destination holds, in objects that it does not hold as they are.

    Parameters
    ----------
    column_list
        The columns that make the key; nulls equal each other.
    mostly
        The share of the rows that has to be new.
    """


class ExpectColumnProportionOfNullValuesDifferenceToDestinationToBeBetween(_AnsweredByTheGate, _ColumnBand):
    """Expect the share of nulls (0 to 1), less the destination's, to be between bounds."""


class ExpectColumnMeanRatioToDestinationToBeBetween(_AnsweredByTheGate, _ColumnBand):
    """Expect the mean, divided by the destination's, to be between bounds."""


class ExpectColumnMeanDifferenceToDestinationToBeBetween(_AnsweredByTheGate, _ColumnBand):
    """Expect the mean, less the destination's, to be between bounds."""


class ExpectColumnMedianRatioToDestinationToBeBetween(_AnsweredByTheGate, _ColumnBand):
    """Expect the median, divided by the destination's, to be between bounds."""


class ExpectColumnSumRatioToDestinationToBeBetween(_AnsweredByTheGate, _ColumnBand):
    """Expect the sum, divided by the destination's, to be between bounds."""


class ExpectColumnMaxToBeNewerThanDestination(_AnsweredByTheGate, BatchExpectation):
    """Expect the largest value to be beyond the destination's largest.

    Parameters
    ----------
    or_equal
        Whether it may also be the same.
    """

    column: str
    or_equal: bool = False


class ExpectColumnMaxAgeAtCommitToBeBetween(_AnsweredByTheGate, _ColumnBand):
    """Expect the age of the newest date or timestamp, in hours, to be between bounds.

    Its age when the judged commit was made: no clock is read. What has no zone is read as UTC; below 0 is the
    future.
    """
