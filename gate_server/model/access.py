"""Who may do what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

DEFAULT_DAYS = 90  # how long a token holds, where nobody says otherwise


class Role(StrEnum):
    """What a token is for; `access.roles` says what each opens."""

    HOOK = "hook"
    READER = "reader"
    CHECKER = "checker"
    REVERTER = "reverter"
    WORKER = "worker"
    SAMPLER = "sampler"
    ADMIN = "admin"


@dataclass(frozen=True)
class Scope:
    """Where a principal may: patterns as in the policy; nothing given is everywhere."""

    repositories: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Principal:
    """Somebody the gate knows, by a token. ``token_id`` is the token's id, or its setting's name."""

    who: str
    roles: tuple[Role, ...]
    scope: Scope = Scope()
    token_id: str = ""


@dataclass(frozen=True)
class Token:
    """A token as it is kept, without its text. ``name`` is the principal's; tokens may share one."""

    id: str
    name: str
    roles: tuple[Role, ...]
    scope: Scope
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
