"""An expectation that Great Expectations lacks: the rows beside those of the same table on the destination.

An append that ran twice leaves a file that is right in itself; only beside main's it is seen. The class is
registered with Great Expectations by being imported, so that a suite with it loads in a notebook as well;
there `destination_row_count` is given by hand, in the gate the judged candidate's base gives it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.expectation import BatchExpectation

GIVEN_BY_THE_GATE = frozenset({"destination_row_count"})


class ExpectTableRowCountRatioToDestinationToBeBetween(BatchExpectation):
    """Expect the number of rows, divided by that of the same table on the destination, to be between bounds.

    Parameters
    ----------
    min_value, max_value
        Bounds of the ratio, inclusive unless ``strict_min`` or ``strict_max``; at least one is needed.
    destination_row_count
        Rows of the destination's table, more than 0.
    """

    min_value: float | None = None
    max_value: float | None = None
    strict_min: bool = False
    strict_max: bool = False
    destination_row_count: int | None = None

    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.row_count",)
    success_keys: ClassVar[tuple[str, ...]] = (
        "min_value",
        "max_value",
        "strict_min",
        "strict_max",
        "destination_row_count",
    )

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: Any = None,  # noqa: ARG002 - Great Expectations gives it by name
        execution_engine: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        if not self.destination_row_count:
            raise ValueError("destination_row_count is needed: the destination's rows, more than 0")
        ratio = metrics["table.row_count"] / self.destination_row_count
        found: dict[str, Any] = self._validate_metric_value_between(
            metric_name="ratio", metrics={"ratio": ratio}
        )
        found["result"]["details"] = {"destination_row_count": self.destination_row_count}
        return found
