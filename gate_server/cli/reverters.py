"""Who reverts for `gate revert`: a gate, or this process with lakectl's settings; both answer alike."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any, Protocol

from gate_client import NotReverted
from gate_server.cli.remote import gate_of
from gate_server.errors import NotFound
from gate_server.settings import Settings

Wanted = Mapping[str, Any]
Answer = Mapping[str, Any]


class Reverter(Protocol):
    """Plans and applies what a `RevertRequest` says."""

    def plan(self, wanted: Wanted) -> Answer:
        """Return what would change."""

    def apply(self, wanted: Wanted, key: str) -> Answer:
        """Do it; once for a key, which may be empty."""

    def place_of(self, revert_id: str) -> tuple[str, str]:
        """Return repository and branch of an earlier revert."""


def reverter_for(settings: Settings) -> Reverter:
    """Return the gate of the settings where there is one, else this process."""
    return _Gate(settings) if settings.url else _Here(settings)


class _Gate:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def plan(self, wanted: Wanted) -> Answer:
        with gate_of(self._settings) as gate:
            return gate.plan_revert(**wanted).model_dump(mode="json", exclude_unset=True)

    def apply(self, wanted: Wanted, key: str) -> Answer:
        with gate_of(self._settings) as gate:
            try:
                answer = gate.revert(**wanted, idempotency_key=key)
            except NotReverted as error:
                if error.answer is None:
                    raise
                answer = error.answer
        return answer.model_dump(mode="json", exclude_unset=True)

    def place_of(self, revert_id: str) -> tuple[str, str]:
        with gate_of(self._settings) as gate:
            done = gate.get_revert(revert_id)
        return done.repository, done.branch


class _Here:
    def __init__(self, settings: Settings) -> None:
        from gate_server.lakefs.connect import connect
        from gate_server.parts import make_revert_context
        from gate_server.store.store import open_store
        from gate_server.telemetry.logs import set_up_logs

        set_up_logs("debug" if settings.log_level == "debug" else "error")
        lakefs = connect(timeout_s=settings.lakefs_timeout_s)
        self._context = make_revert_context(lakefs, open_store(settings.database), settings)

    def plan(self, wanted: Wanted) -> Answer:
        from gate_server.audit.last_good import with_last_good
        from gate_server.model import dump
        from gate_server.reverts import plan_revert

        return {
            "plan": dump(plan_revert(self._context, **with_last_good(self._context, wanted))),
            "revert": None,
        }

    def apply(self, wanted: Wanted, key: str) -> Answer:
        from gate_server.audit.last_good import with_last_good
        from gate_server.model import dump
        from gate_server.reverts import apply_revert, keyed, outcome_of, plan_revert

        who = getpass.getuser()
        request = keyed(who, key, wanted)
        plan, done = outcome_of(self._context, request) or (None, None)
        if plan is None or done is None:
            plan = plan_revert(self._context, **with_last_good(self._context, wanted))
            done = apply_revert(self._context, plan, principal=who, keyed=request)
        return {"plan": dump(plan), "revert": dump(done)}

    def place_of(self, revert_id: str) -> tuple[str, str]:
        done = self._context.store.reverts.get(revert_id)
        if done is None:
            raise NotFound(
                f"there is no revert {revert_id} in this database",
                "name the gate that did it with --server, or its database with GATE_DATABASE_URL",
            )
        return done.repository, done.branch
