"""One table, judged: what is missing, what does not fit, and what Great Expectations answers to the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import pandas as pd

from gate_server.engine import bounds, conditions, frames, results
from gate_server.engine.catalogue import Preparation
from gate_server.engine.comparison import Beside, compare
from gate_server.engine.families import Column, Family, columns_of
from gate_server.engine.fit import Unfit, fit
from gate_server.engine.questions import Asked
from gate_server.engine.readers.table import Table
from gate_server.engine.run import Answer, Frames, Question, Unanswered
from gate_server.model import AGE_AT_COMMIT, COMPARING, Result


@dataclass(frozen=True)
class _View:
    """What part of the table an expectation looks at. Expectations of one view are asked together."""

    columns: tuple[str, ...]
    condition: conditions.Condition | None
    preparation: Preparation
    less: Fraction = Fraction(0)


class Judgement:
    """Judges one table, beside what the destination holds of it.

    Each expectation gets a frame of only the columns it needs: Great Expectations copies whole frames again
    and again. Their names are neutral in it: it finds columns whatever their case and quotes, so that `a`
    would be answered from `A`.

    Parameters
    ----------
    names
        All columns of the objects, where `table` holds only those that are asked about.
    """

    def __init__(
        self, table: Table, beside: Beside | None = None, names: Sequence[str] | None = None
    ) -> None:
        self._table = table
        self._beside = beside or Beside()
        self._columns: dict[str, Column] = columns_of(table.data.schema)
        self._names = tuple(self._columns) if names is None else tuple(names)
        self._selected: dict[conditions.Condition, pd.DataFrame] = {}

    @cached_property
    def _whole(self) -> pd.DataFrame:
        return self._table.frame()

    def judge(self, asked: Sequence[Asked]) -> list[Result]:
        """Return a result for each expectation, in order.

        Raises
        ------
        Unanswered
            Great Expectations raised, or left one out.
        """
        done: dict[int, Result] = {}
        views: dict[_View, list[tuple[Asked, Question]]] = {}
        for one in asked:
            try:
                prepared = self._prepare(one)
            except Unfit as unfit:
                prepared = results.own(one, success=False, message=str(unfit))
            if isinstance(prepared, Result):
                done[one.number] = prepared
            else:
                view, question = prepared
                views.setdefault(view, []).append((one, question))
        gx = Frames()
        for view, pairs in views.items():
            answers = gx.ask(self._frame(view), [question for _, question in pairs])
            for (one, _), answer in zip(pairs, answers, strict=True):
                done[one.number] = self._result(one, answer)
        return [done[number] for number in sorted(done)]

    def _prepare(self, one: Asked) -> Result | tuple[_View, Question]:
        """Return a result that needs no run, or what to ask of which view."""
        needed = (*one.columns, *(conditions.columns_read(one.condition) if one.condition else ()))
        absent = [name for name in dict.fromkeys(needed) if name not in self._columns]
        if absent:
            return results.missing(one, absent, self._names)
        if one.type in COMPARING or one.type == AGE_AT_COMMIT:
            return compare(one, self._table, self._beside)
        question = Question(one.number, one.type, one.kwargs)
        rows = self._select(one.condition)
        if one.offer.kind == "table":
            return _View((), one.condition, ""), question
        nulls_only = all(rows[name].isna().all() for name in one.columns)
        if one.offer.kind == "map" and (rows.empty or (nulls_only and not one.offer.looks_at_nulls)):
            return results.nothing_seen(one, len(rows))
        columns = [self._columns[name] for name in one.columns]
        if not nulls_only:  # else there is no value that could be of a wrong type
            kwargs = fit(one.offer, one.kwargs, columns, results.should(one))
            question = replace(question, kwargs=kwargs)
            if broken := self._unanswerable(one, rows[one.columns[0]]):
                return broken
        view = _View(tuple(dict.fromkeys(one.columns)), one.condition, one.offer.prepare)
        if not nulls_only:
            view, question = self._exactly(one, view, question, rows)
        return view, _anonymous(question, view.columns)

    def _exactly(
        self, one: Asked, view: _View, question: Question, rows: pd.DataFrame
    ) -> tuple[_View, Question]:
        """Return what to ask so that no decimal is rounded: Great Expectations makes floats of all bounds."""
        columns = [self._columns[name] for name in view.columns]
        if one.offer.prepare == "row_sum" and any(column.family is Family.DECIMAL for column in columns):
            if all(frames.is_exact(rows[column.name], column) for column in columns):
                less = Fraction(str(question.kwargs["sum_total"])) / one.columns.count(one.columns[0])
                return replace(view, less=less), replace(question, kwargs={**question.kwargs, "sum_total": 0})
        elif columns[0].family is Family.DECIMAL:
            try:
                kwargs = bounds.parting(one.type, question.kwargs, rows[columns[0].name].dropna())
            except bounds.Inseparable:
                raise Unanswered(
                    f"{one.type} could not be answered: `{one.columns[0]}` is closer to a bound than Great "
                    "Expectations can tell (16 digits)"
                ) from None
            return view, replace(question, kwargs=kwargs)
        return view, question

    def _select(self, condition: conditions.Condition | None) -> pd.DataFrame:
        if condition is None:
            return self._whole
        if condition not in self._selected:
            self._selected[condition] = self._whole[conditions.mask(condition, self._whole, self._columns)]
        return self._selected[condition]

    def _frame(self, view: _View) -> pd.DataFrame:
        rows = self._select(view.condition)
        if not view.columns:
            return rows
        frame = rows[list(view.columns)]
        prepared = frames.prepared(
            frame, [self._columns[name] for name in view.columns], view.preparation, view.less
        )
        return prepared.set_axis([_neutral(place) for place in range(len(view.columns))], axis="columns")

    def _unanswerable(self, one: Asked, series: pd.Series) -> Result | None:
        """Return the failure of values on which Great Expectations raises."""
        if one.offer.kind == "map" and one.offer.prepare == "statistic" and frames.has_infinity(series):
            message = f"`{one.columns[0]}` holds infinite values: nothing can {results.should(one)}"
            return results.own(one, success=False, message=message)
        if one.type == "expect_column_value_z_scores_to_be_less_than" and series.count() == 1:
            message = f"`{one.columns[0]}` holds a single value, which has no z-score (vacuous)"
            return results.own(one, success=True, message=message, vacuous=True)
        if one.type != "expect_column_values_to_match_json_schema":
            return None
        present = series.dropna()
        rows = [row for row, text in zip(present.index.tolist(), present, strict=True) if not _is_json(text)]
        return results.counted(one, self._table.located, rows, len(present), "are not JSON") if rows else None

    def _result(self, one: Asked, answer: Answer) -> Result:
        if one.offer.kind == "table":
            return self._answered(one, answer)
        rows = self._select(one.condition)
        no_values = all(rows[name].isna().all() for name in one.columns)
        unseen = no_values and (rows.empty or not one.offer.looks_at_nulls)
        if unseen and not answer.success:
            return results.no_values(one)
        result = self._answered(one, answer)
        return replace(result, vacuous=True) if unseen else result

    def _answered(self, one: Asked, answer: Answer) -> Result:
        if answer.exception:
            raise Unanswered(f"{one.type} could not be answered ({answer.exception})")
        return results.answered(one, answer, self._table.located, self._names)


def _neutral(place: int) -> str:
    return f"column_{place}"


def _anonymous(question: Question, columns: Sequence[str]) -> Question:
    """Return the question with the names that its columns have in their view."""
    names = {name: _neutral(place) for place, name in enumerate(columns)}
    kwargs = dict(question.kwargs)
    for key in ("column", "column_A", "column_B"):
        if key in kwargs:
            kwargs[key] = names[kwargs[key]]
    if "column_list" in kwargs:
        kwargs["column_list"] = [names[name] for name in kwargs["column_list"]]
    return replace(question, kwargs=kwargs)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
