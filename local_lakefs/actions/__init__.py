"""Actions and hooks of the embedded server: what lakeFS does with the files under ``_lakefs_actions/``.

Compared with lakeFS 1.84. Known to differ: hooks of type ``airflow`` refuse; the Lua modules ``aws``,
``azure``, ``gcloud``, ``databricks``, ``formats``, ``crypto/aes`` and ``lakefs/catalogexport/...`` can be
required but not used, ``encoding/parquet`` needs pyarrow; a Lua hook ends after its ``timeout`` (a day when
it has none) and at 64 MiB of memory or 1 MiB of output, where lakeFS has no limits, and is given no answer
of more than 16 MiB; conditions know what ``condition`` lists; what is no YAML, JSON or HTTP is told in
other words, and so are errors of Lua itself.
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
