"""An expectation that Great Expectations lacks: columns that may not be there, such as those of people.

Registered with Great Expectations by being imported; it answers it itself, in a notebook too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from great_expectations.expectations.expectation import BatchExpectation


class ExpectTableColumnsToNotInclude(BatchExpectation):
    """Expect that none of these columns is there, whatever its case and the spaces around it.

    Parameters
    ----------
    column_list
        The names.
    """

    column_list: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.columns",)
    success_keys: ClassVar[tuple[str, ...]] = ("column_list",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: Any = None,  # noqa: ARG002 - Great Expectations gives it by name
        execution_engine: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        found = blocked(metrics["table.columns"], self.column_list)
        return {"success": not found, "result": {"observed_value": found}}


def blocked(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the columns that are among `names`, whatever their case."""
    refused = {_plain(name) for name in names}
    return [column for column in columns if _plain(column) in refused]


def _plain(name: str) -> str:
    return name.strip().casefold()
