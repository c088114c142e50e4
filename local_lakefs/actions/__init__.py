"""Actions and hooks of the embedded server: what lakeFS does with the files under ``_lakefs_actions/``."""

from local_lakefs.actions.model import ActionsError, HookEvent, HooksFailed, InvalidAction, RunNotFound
from local_lakefs.actions.service import ActionsService

__all__ = ["ActionsError", "ActionsService", "HookEvent", "HooksFailed", "InvalidAction", "RunNotFound"]
