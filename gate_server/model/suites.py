"""Suites, and what of their expectations decides what has to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gate_server.model.codec import digest

COMPARES = "expect_table_row_count_ratio_to_destination_to_be_between"
# The expectations that also read the destination.
COMPARING = frozenset(
    {
        COMPARES,
        "expect_table_row_count_difference_to_destination_to_be_between",
        "expect_table_columns_to_include_those_of_destination",
        "expect_table_rows_to_not_repeat_those_of_destination",
        "expect_compound_columns_to_include_those_of_destination",
        "expect_compound_columns_to_not_repeat_those_of_destination",
        "expect_column_proportion_of_null_values_difference_to_destination_to_be_between",
        "expect_column_mean_ratio_to_destination_to_be_between",
        "expect_column_mean_difference_to_destination_to_be_between",
        "expect_column_median_ratio_to_destination_to_be_between",
        "expect_column_sum_ratio_to_destination_to_be_between",
        "expect_column_max_to_be_newer_than_destination",
    }
)
# The one that asks when the judged commit was made.
AGE_AT_COMMIT = "expect_column_max_age_at_commit_to_be_between"


@dataclass(frozen=True)
class Suite:
    """A suite as its file says it: Great Expectations' JSON. ``lines`` are those of its expectations."""

    name: str
    content: Mapping[str, Any]
    path: str = ""
    lines: tuple[int, ...] = ()

    @property
    def compares(self) -> bool:
        """Whether the destination has to be read as well."""
        return not COMPARING.isdisjoint(self._types)

    @property
    def asks_when(self) -> bool:
        """Whether the answer depends on when the judged commit was made."""
        return AGE_AT_COMMIT in self._types

    @property
    def _types(self) -> set[object]:
        expectations = self.content.get("expectations") or ()
        return {str(one.get("type")) for one in expectations if isinstance(one, Mapping)}

    @property
    def digest(self) -> str:
        """Digest of the content: what a cached evaluation is keyed by."""
        return digest(self.content)
