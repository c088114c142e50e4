"""Who answers for bad data under a rule, until when: in the policy, or made by an admin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from gate_server.model.codec import STRICT

_MINUTE = "%Y-%m-%d %H:%M UTC"

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


@dataclass(frozen=True)
class Waiver:
    """Somebody answers for bad data under a rule until it expires.

    Parameters
    ----------
    rule
        Its name.
    owner
        Who answers for it.
    expires
        With a time zone, such as ``2026-12-31T00:00:00Z``.
    paths
        Patterns of the objects that it is about.
    """

    __pydantic_config__ = STRICT

    rule: Name
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    expires: datetime
    paths: tuple[str, ...] = ("**",)
    line: int = 0

    @property
    def told(self) -> str:
        """Who answers, why and until when, as verdicts name it."""
        return f"{self.owner}: {self.reason} ({self._source}, until {self.expires.astimezone(UTC):{_MINUTE}})"

    @property
    def _source(self) -> str:
        return "in the policy"


@dataclass(frozen=True, kw_only=True)
class MadeWaiver(Waiver):
    """A waiver that an admin made, of one repository, beside those that the policy holds.

    Parameters
    ----------
    branch
        The branch that is merged into; empty for each of the repository's.
    check_id
        The check whose failures it was made of, empty where it was made for a rule.
    """

    id: str
    repository: str
    branch: str
    check_id: str
    made_by: str
    made_at: datetime
    ended_by: str = ""
    ended_at: datetime | None = None

    @property
    def _source(self) -> str:
        return f"waiver {self.id}"
