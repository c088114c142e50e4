"""The API's bodies of waivers; see `gate_client.wire`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from gate_client.wire import Answered, Sent

Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Pattern = Annotated[str, Field(min_length=1, max_length=1024, pattern="^[^\\x00]*$")]


class WaiverRequest(Sent):
    """Somebody answers for what failed in `check`, or for what `rule` finds bad in `repository`.

    `branch` is the one merged into, each where it is empty. `paths` are patterns: of a check they choose
    among what failed.
    """

    check: str = Field(default="", max_length=64, pattern="^[0-9A-Za-z]*$")
    rule: str = Field(default="", max_length=100, pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]*)?$")
    repository: str = Field(default="", max_length=1024, pattern="^[^\\x00]*$")
    branch: str = Field(default="", max_length=1024, pattern="^[^\\x00]*$")
    paths: list[Pattern] = Field(default_factory=list, max_length=1000)
    owner: Text
    reason: Text
    expires: AwareDatetime

    @model_validator(mode="after")
    def _is_one(self) -> WaiverRequest:
        """Refuse what is neither, or both: a typo must not waive more than was meant."""
        of_rule = bool(self.rule) and bool(self.repository)
        if bool(self.check) == of_rule or (self.check and (self.rule or self.repository or self.branch)):
            raise ValueError("either `check`, or `rule` and `repository` (and `branch`), is needed")
        return self


class WaiverBody(Answered):
    """A waiver; ``branch`` is empty for each, ``check_id`` where it was made for a rule."""

    id: str
    rule: str
    repository: str
    branch: str
    paths: list[str]
    owner: str
    reason: str
    expires: datetime
    check_id: str
    made_by: str
    made_at: datetime
    ended_by: str
    ended_at: datetime | None
    state: Literal["active", "expired", "ended"]


class WaiversBody(Answered):
    """Waivers: those that were made, or the newest."""

    waivers: list[WaiverBody]


class OneWaiverBody(Answered):
    """One waiver."""

    waiver: WaiverBody
