"""Actions and hooks of the embedded server: what lakeFS does with the files under ``_lakefs_actions/``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_lakefs.actions.model import (
    ActionsError,
    HookEvent,
    HooksFailed,
    InvalidAction,
    ParametersConflict,
    RunNotFound,
)

if TYPE_CHECKING:
    from local_lakefs.actions.service import ActionsService

__all__ = [
    "ActionsError",
    "ActionsService",
    "HookEvent",
    "HooksFailed",
    "InvalidAction",
    "ParametersConflict",
    "RunNotFound",
]


def __getattr__(name: str) -> Any:
    """Load the service when it is asked for: the process of a Lua hook starts sooner without it."""
    if name == "ActionsService":
        from local_lakefs.actions.service import ActionsService

        return ActionsService
    raise AttributeError(name)
