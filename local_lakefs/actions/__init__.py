"""Actions and hooks of the embedded server: what lakeFS does with the files under ``_lakefs_actions/``.

Compared with lakeFS 1.84. Known to differ: hooks of type ``airflow`` refuse; of the modules for Lua there
are ``hook``, ``encoding/json`` and, where the server allows it, ``net/http``; a Lua hook ends after its
``timeout`` (ten minutes when it has none) and at 64 MiB of memory or 1 MiB of output, where lakeFS has no
limits; conditions know what ``condition`` lists; what is no YAML, JSON or HTTP is told in other words.
"""

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
