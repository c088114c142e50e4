"""Tokens: made, recognised. Their text is shown once and kept by nobody.

A text is ``gate_<id>_<secret>`` with a secret of 256 random bits, and its SHA-256 is what is kept. A slow
hash such as bcrypt slows down guessing what people choose; 256 random bits cannot be guessed at any speed,
and a slow hash would be paid by every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gate_server.errors import NotFound, UsageError
from gate_server.model import DEFAULT_DAYS, Principal, Role, Scope, Token, dump
from gate_server.store.times import now
from gate_server.store.tokens import Tokens

HOOK_SETTING, API_SETTING = "GATE_HOOK_TOKEN", "GATE_API_TOKEN"
OF_SETTINGS = ("hook", "api")  # what the settings' tokens are called in the records

_TEXT = re.compile(r"gate_([0-9a-f]{16})_[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}")

log = structlog.get_logger()


def make_token(
    tokens: Tokens,
    name: str,
    roles: Iterable[Role],
    scope: Scope,
    *,
    created_by: str,
    days: int | None = None,
) -> tuple[Token, str]:
    """Make and keep a token; return it, and its text, which is never to be had again.

    Parameters
    ----------
    name
        What the asks and reverts of its bearer are recorded under; several tokens may have the same, so
        that one can follow the other.
    days
        After how many it expires, 0 for never; by default 90, and never for the hook's, whose end would
        stop all merges and which opens nothing else.

    Raises
    ------
    UsageError
        When the name or the roles are none that a token can have.
    """
    unique = tuple(role for role in Role if role in set(roles))
    if not _NAME.fullmatch(name) or name in OF_SETTINGS:
        raise UsageError(
            f"{name!r} is no name for a token",
            f"letters, digits, `_.@-`, at most 100; {' and '.join(OF_SETTINGS)} are the settings'",
        )
    if not unique:
        raise UsageError("a token needs a role", f"one of {', '.join(Role)}")
    if Role.HOOK in unique and len(unique) > 1:
        raise UsageError(
            "a token for the hook can have no other role",
            "whoever can write a branch can read the hook's token (docs/access.md): make another token",
        )
    if any(not pattern or not pattern.isprintable() for pattern in (*scope.repositories, *scope.branches)):
        raise UsageError(
            "a pattern that is empty or cannot be printed matches nothing",
            "leave it out: nothing given is everywhere",
        )
    if days is None:
        days = 0 if unique == (Role.HOOK,) else DEFAULT_DAYS
    made = now()
    token_id = secrets.token_hex(8)
    text = f"gate_{token_id}_{secrets.token_hex(32)}"
    expires_at = made + timedelta(days=days) if days else None
    token = Token(token_id, name, unique, scope, created_by, made, expires_at)
    tokens.create(token, _digest(text))
    return token, text


def state_of(token: Token, at: datetime) -> str:
    """Return ``active``, ``expired`` or ``revoked``."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= at else "active"


def revoke_token(tokens: Tokens, token_id: str, revoked_by: str) -> Token:
    """End a token, also one that is ended; return it as it is then.

    Raises
    ------
    NotFound
        When there is none of that id.
    """
    token = None
    if token_id.isalnum():  # PostgreSQL refuses to look for a NUL
        tokens.revoke(token_id, revoked_by)
        token = tokens.get(token_id)
    if token is None:
        raise NotFound(f"there is no token {token_id}", "`gate tokens list` lists them")
    return token


def token_json(token: Token) -> dict[str, Any]:
    """Return a token as API and command line show it."""
    shown: dict[str, Any] = dump(token)
    return {**shown, "prefix": f"gate_{token.id}_", "state": state_of(token, now())}


def has_active(tokens: Tokens, role: Role) -> bool:
    """Whether there is a token of `role` that opens something."""
    at = now()
    return any(role in token.roles and state_of(token, at) == "active" for token in tokens.listed())


@dataclass(frozen=True)
class _Fixed:
    """A token that a setting holds."""

    text: str
    principal: Principal


class Access:
    """Recognises who is asking.

    Parameters
    ----------
    hook_token, api_token
        The settings' tokens (roles hook and admin); empty where they are not set.
    """

    def __init__(self, tokens: Tokens, *, hook_token: str = "", api_token: str = "") -> None:
        self._tokens = tokens
        given = (
            (hook_token, Principal("hook", (Role.HOOK,), token_id=HOOK_SETTING)),
            (api_token, Principal("api", (Role.ADMIN,), token_id=API_SETTING)),
        )
        self._fixed: Sequence[_Fixed] = [_Fixed(text, principal) for text, principal in given if text]

    def by_text(self, text: str) -> Principal | None:
        """Return whose token this is, None where it is nobody's (any more)."""
        # Digests are compared: the same time for every length, and no text that `compare_digest` refuses.
        digest, found = _digest(text), None
        for fixed in self._fixed:
            if hmac.compare_digest(digest, _digest(fixed.text)):
                found = fixed.principal
        if found is not None or (parts := _TEXT.fullmatch(text)) is None:
            return found
        token_id = parts[1]
        if not hmac.compare_digest(digest, self._tokens.digest(token_id)):
            return None
        return self.by_id(token_id)

    def by_id(self, token_id: str) -> Principal | None:
        """Return whose token has this id, None where it opens nothing any more: for a session."""
        for fixed in self._fixed:
            if fixed.principal.token_id == token_id:
                return fixed.principal
        token, at = self._tokens.get(token_id), now()
        if token is None or state_of(token, at) != "active":
            return None
        try:
            self._tokens.used(token, at)
        except SQLAlchemyError as error:
            # The use itself is fine, and reading must go on where the database only reads.
            log.warning("a token's last use was not written", token=token.id, error=type(error).__name__)
        return Principal(token.name, token.roles, token.scope, token.id)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
