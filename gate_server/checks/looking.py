"""Looking at rows that failed: by who may, at the commit that was judged, masked, and on the record."""

from __future__ import annotations

from collections.abc import Callable

from gate_server.checks.active import ActivePolicy
from gate_server.checks.policies import kept_policy
from gate_server.errors import NotFound
from gate_server.model import Check, Result, Sample, SampleTask
from gate_server.store.store import Store

ReadRows = Callable[[str, SampleTask], Sample]


class Looking:
    """Reads rows for people.

    Parameters
    ----------
    read
        Reads the rows of a repository's objects, in a child that can be killed.
    """

    def __init__(self, store: Store, active: ActivePolicy, read: ReadRows) -> None:
        self._store = store
        self._active = active
        self._read = read

    def look(self, check: Check, obligation_number: int, result_number: int, principal: str) -> Sample:
        """Return the rows that a result of `check` names; that somebody looked is written down before.

        Raises
        ------
        NotFound
            When there is no such result, or it names no rows.
        CouldNotTell
            When they cannot be read, or the policy of the check is gone.
        """
        obligations = check.plan.obligations if check.plan else ()
        obligation = next((item for item in obligations if item.number == obligation_number), None)
        evaluation = check.evaluations.get(obligation_number)
        results = evaluation.results if evaluation else ()
        result = next((item for item in results if item.number == result_number), None)
        if obligation is None or result is None or not result.rows:
            raise NotFound("no rows are known of this result", "its check's page says what is")
        policy, _ = kept_policy(self._store.policies, check.policy_digest)
        now = [rule for rule in self._active.policy.rules if rule.name == obligation.rule]
        then = [rule for rule in policy.rules if rule.name == obligation.rule]
        if not then:
            raise NotFound(f"the rule {obligation.rule} is not known any more")
        task = SampleTask(
            obligation.objects,
            then[0].format,
            result.rows,
            result.column,
            tuple(dict.fromkeys(pattern for rule in (*then, *now) for pattern in rule.mask)),
        )
        self._store.ledger.looked(
            check.id, check.repository, check.destination, principal, _told(obligation.target, result)
        )
        return self._read(check.repository, task)


def _told(target: str, result: Result) -> dict[str, object]:
    return {
        "target": target,
        "expectation": result.expectation,
        "column": result.column,
        "rows": list(result.rows),
    }
