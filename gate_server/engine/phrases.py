"""What each expectation asks for and how its failure is told, in words. No cell value ever enters here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gate_server.engine.naming import plain
from gate_server.model import AGE_AT_COMMIT, COMPARES

Kwargs = Mapping[str, Any]
NAMES_SHOWN = 20


@dataclass(frozen=True)
class Phrase:
    """How one expectation is spoken of.

    Parameters
    ----------
    should
        What the column (or table) should do, as in "it should hold no nulls".
    fault
        What the values do that fail, as in "2 of 10 values are null".
    subject
        What an aggregate is called, as in "the mean of `price`". Empty for expectations on each value.
    """

    should: Callable[[Kwargs], str]
    fault: Callable[[Kwargs], str]
    subject: str = ""


def names(columns: Sequence[object]) -> str:
    """Return column names as one list in one pair of backticks."""
    shown = [plain(column) for column in columns[:NAMES_SHOWN]]
    more = f" and {len(columns) - NAMES_SHOWN} more" if len(columns) > NAMES_SHOWN else ""
    return f"`{', '.join(shown)}`{more}"


def count(number: int, noun: str) -> str:
    """Return such as "1 column" or "4 columns"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def number(value: Any) -> str:
    """Return an aggregate or a bound briefly."""
    if isinstance(value, float) and not isinstance(value, bool):
        return f"{value:.15g}"
    return str(value)


def span(kwargs: Kwargs) -> str:
    """Return a range as "0 to 10", "at least 0" or "at most 10"."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    low_word = "more than" if kwargs.get("strict_min") else "at least"
    high_word = "less than" if kwargs.get("strict_max") else "at most"
    if low is not None and high is not None:
        if kwargs.get("strict_min") or kwargs.get("strict_max"):
            return f"{low_word} {number(low)} and {high_word} {number(high)}"
        if low == high:
            return number(low)
        return f"{number(low)} to {number(high)}"
    if low is not None:
        return f"{low_word} {number(low)}"
    return f"{high_word} {number(high)}" if high is not None else "anything"


def be_within(kwargs: Kwargs) -> str:
    """Return such as "be between 0 and 10" or "be at least 0"."""
    text = span(kwargs)
    plain = kwargs.get("min_value") is not None and kwargs.get("max_value") is not None and " to " in text
    return f"be between {text.replace(' to ', ' and ', 1)}" if plain else f"be {text}"


def _not_within(kwargs: Kwargs) -> str:
    return f"{'outside' if ' to ' in span(kwargs) else 'not'} {span(kwargs)}"


def _outside(kwargs: Kwargs) -> str:
    return f"lie outside {span(kwargs)}" if " to " in span(kwargs) else f"are not {span(kwargs)}"


def _a_set(key: str) -> Callable[[Kwargs], str]:
    def text(kwargs: Kwargs) -> str:
        values = kwargs.get(key)
        return (
            f"the {count(len(values), 'given value')}"
            if isinstance(values, (list, tuple))
            else "the given values"
        )

    return text


def _always(text: str) -> Callable[[Kwargs], str]:
    return lambda _: text


def _filled(template: str, key: str) -> Callable[[Kwargs], str]:
    return lambda kwargs: template.format(number(kwargs.get(key)))


def _each(should: str, fault: str) -> Phrase:
    return Phrase(_always(should), _always(fault))


def _aggregate(subject: str) -> Phrase:
    return Phrase(be_within, _not_within, subject)


_IN_SET = _a_set("value_set")

PHRASES: dict[str, Phrase] = {
    "expect_column_to_exist": _each("exist", "is missing"),
    "expect_table_column_count_to_be_between": Phrase(
        lambda k: f"have {span(k)} columns", lambda k: f"{span(k)} columns expected", "column count"
    ),
    "expect_table_column_count_to_equal": Phrase(
        lambda k: f"have {count(int(k['value']), 'column')}",
        lambda k: f"{count(int(k['value']), 'column')} expected",
        "column count",
    ),
    "expect_table_columns_to_match_ordered_list": Phrase(
        lambda k: f"have the columns {names(list(k.get('column_list') or ()))} in this order", _always("")
    ),
    "expect_table_columns_to_match_set": Phrase(
        lambda k: f"have the columns {names(sorted(map(str, k.get('column_set') or ())))}", _always("")
    ),
    "expect_table_columns_to_not_include": Phrase(
        lambda k: f"have none of the columns {names(list(k.get('column_list') or ()))}", _always("")
    ),
    "expect_table_row_count_to_be_between": Phrase(
        lambda k: f"have {span(k)} rows", lambda k: f"{span(k)} rows expected", "row count"
    ),
    "expect_table_row_count_to_equal": Phrase(
        lambda k: f"have {count(int(k['value']), 'row')}",
        lambda k: f"{count(int(k['value']), 'row')} expected",
        "row count",
    ),
    "expect_column_values_to_be_null": _each("hold nulls only", "are not null"),
    "expect_column_values_to_not_be_null": _each("hold no nulls", "are null"),
    "expect_column_values_to_be_unique": _each("hold no value twice", "are not unique"),
    "expect_column_values_to_be_between": Phrase(be_within, _outside),
    "expect_column_values_to_be_in_set": Phrase(
        lambda k: f"be one of {_IN_SET(k)}", lambda k: f"are none of {_IN_SET(k)}"
    ),
    "expect_column_values_to_not_be_in_set": Phrase(
        lambda k: f"be none of {_IN_SET(k)}", lambda k: f"are one of {_IN_SET(k)}"
    ),
    "expect_column_values_to_be_of_type": Phrase(
        _filled("be of type {}", "type_"), _filled("are not of type {}", "type_")
    ),
    "expect_column_values_to_be_in_type_list": Phrase(
        lambda k: f"be of type {' or '.join(map(str, k.get('type_list') or ()))}",
        lambda k: f"are not of type {' or '.join(map(str, k.get('type_list') or ()))}",
    ),
    "expect_column_type_to_be": Phrase(_filled("be of type {}", "type_"), _filled("not {}", "type_")),
    "expect_column_values_to_be_increasing": _each("increase", "are out of order"),
    "expect_column_values_to_be_decreasing": _each("decrease", "are out of order"),
    "expect_column_value_z_scores_to_be_less_than": Phrase(
        _filled("have z-scores below {}", "threshold"), _filled("have z-scores of {} or more", "threshold")
    ),
    "expect_column_values_to_not_be_outliers": _each("hold no outliers", "are outliers"),
    "expect_column_value_lengths_to_be_between": Phrase(
        lambda k: f"have lengths of {span(k)}", lambda k: f"do not have a length of {span(k)}"
    ),
    "expect_column_value_lengths_to_equal": Phrase(
        _filled("have a length of {}", "value"), _filled("do not have a length of {}", "value")
    ),
    "expect_column_values_to_match_regex": _each(
        "match the regular expression", "do not match the regular expression"
    ),
    "expect_column_values_to_match_regex_list": _each(
        "match the regular expressions", "do not match the regular expressions"
    ),
    "expect_column_values_to_not_match_regex": _each(
        "not match the regular expression", "match the regular expression"
    ),
    "expect_column_values_to_not_match_regex_list": _each(
        "match none of the regular expressions", "match one of the regular expressions"
    ),
    "expect_column_values_to_match_strftime_format": Phrase(
        _filled("have the format {}", "strftime_format"),
        _filled("do not have the format {}", "strftime_format"),
    ),
    "expect_column_values_to_be_dateutil_parseable": _each("be dates", "are no dates"),
    "expect_column_values_to_be_json_parseable": _each("be JSON", "are not JSON"),
    "expect_column_values_to_match_json_schema": _each(
        "match the JSON schema", "do not match the JSON schema"
    ),
    "expect_column_min_to_be_between": _aggregate("minimum"),
    "expect_column_max_to_be_between": _aggregate("maximum"),
    "expect_column_mean_to_be_between": _aggregate("mean"),
    "expect_column_median_to_be_between": _aggregate("median"),
    "expect_column_stdev_to_be_between": _aggregate("standard deviation"),
    "expect_column_sum_to_be_between": _aggregate("sum"),
    "expect_column_quantile_values_to_be_between": Phrase(
        _always("have quantiles in the given ranges"), _always("lie outside the given ranges"), "quantiles"
    ),
    "expect_column_distinct_values_to_be_in_set": Phrase(
        lambda k: f"hold only {_IN_SET(k)}", lambda k: f"are not all among {_IN_SET(k)}", "distinct values"
    ),
    "expect_column_distinct_values_to_contain_set": Phrase(
        lambda k: f"hold each of {_IN_SET(k)}", lambda k: f"lack some of {_IN_SET(k)}", "distinct values"
    ),
    "expect_column_distinct_values_to_equal_set": Phrase(
        lambda k: f"hold exactly {_IN_SET(k)}", lambda k: f"are not exactly {_IN_SET(k)}", "distinct values"
    ),
    "expect_column_most_common_value_to_be_in_set": Phrase(
        lambda k: f"have one of {_IN_SET(k)} as its most common value",
        lambda k: f"is none of {_IN_SET(k)}",
        "most common value",
    ),
    "expect_column_unique_value_count_to_be_between": _aggregate("number of distinct values"),
    "expect_column_proportion_of_unique_values_to_be_between": _aggregate("proportion of distinct values"),
    "expect_column_proportion_of_non_null_values_to_be_between": _aggregate(
        "proportion of values that are not null"
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": Phrase(
        lambda k: f"be {'at least' if k.get('or_equal') else 'greater than'} `{k.get('column_B')}`",
        lambda k: f"are not {'at least' if k.get('or_equal') else 'greater than'} `{k.get('column_B')}`",
    ),
    "expect_column_pair_values_to_be_equal": Phrase(
        _filled("equal `{}`", "column_B"), _filled("do not equal `{}`", "column_B")
    ),
    "expect_column_pair_values_to_be_in_set": _each("form the given pairs", "form none of the given pairs"),
    "expect_compound_columns_to_be_unique": _each("be unique together", "are not unique"),
    "expect_multicolumn_sum_to_equal": Phrase(
        _filled("add up to {} in each row", "sum_total"), _filled("do not add up to {}", "sum_total")
    ),
    "expect_multicolumn_values_to_be_equal": _each("be equal in each row", "are not equal"),
    "expect_select_column_values_to_be_unique_within_record": _each(
        "differ from each other in each row", "repeat a value"
    ),
}


def _beside(how: str, subject: str) -> Phrase:
    return Phrase(
        lambda k: f"be {span(k)}{how} the destination's",
        lambda k: f"{span(k)}{how} the destination's expected",
        subject,
    )


# Beside the destination.
PHRASES |= {
    COMPARES: Phrase(
        lambda k: f"have {span(k)} times the destination's rows",
        lambda k: f"{span(k)} times the destination's rows expected",
        "row count",
    ),
    "expect_table_row_count_difference_to_destination_to_be_between": Phrase(
        lambda k: f"have {span(k)} rows more than the destination",
        lambda k: f"{span(k)} rows more than the destination's expected",
        "row count",
    ),
    "expect_table_columns_to_include_those_of_destination": _each("keep the destination's columns", ""),
    "expect_table_rows_to_not_repeat_those_of_destination": _each(
        "repeat no row of the destination", "are on the destination already"
    ),
    "expect_compound_columns_to_include_those_of_destination": _each(
        "hold each key of the destination", "are lost"
    ),
    "expect_compound_columns_to_not_repeat_those_of_destination": _each(
        "repeat no key of the destination", "have a key of the destination"
    ),
    "expect_column_proportion_of_null_values_difference_to_destination_to_be_between": _beside(
        " more than", "share of nulls"
    ),
    "expect_column_mean_ratio_to_destination_to_be_between": _beside(" times", "mean"),
    "expect_column_mean_difference_to_destination_to_be_between": _beside(" more than", "mean"),
    "expect_column_median_ratio_to_destination_to_be_between": _beside(" times", "median"),
    "expect_column_sum_ratio_to_destination_to_be_between": _beside(" times", "sum"),
    "expect_column_max_to_be_newer_than_destination": Phrase(
        lambda k: f"be {'at least' if k.get('or_equal') else 'beyond'} the destination's",
        lambda k: f"not {'at least' if k.get('or_equal') else 'beyond'} the destination's",
        "maximum",
    ),
    AGE_AT_COMMIT: Phrase(
        lambda k: f"be {span(k)} hours old when the commit was made",
        lambda k: f"{span(k)} hours expected",
        "newest value",
    ),
}
