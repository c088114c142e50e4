"""Tokens: who may do what until when. The token's text is never here, only its digest."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta

from sqlalchemy import Engine, Row, and_, insert, or_, select, update

from gate_server.model import Token, dump, load
from gate_server.store.database import reading
from gate_server.store.ledger import append
from gate_server.store.tables import tokens
from gate_server.store.times import now

USED_EVERY_S = 60.0  # how exact the last use is: a write per request would be too dear

_COLUMNS = [tokens.c[item.name] for item in fields(Token)]


class Tokens:
    """Queries of the tokens."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, token: Token, digest: str) -> None:
        """Keep a token with the SHA-256 (hex) of its text."""
        row = {column.name: getattr(token, column.name) for column in _COLUMNS}
        row |= {"roles": [role.value for role in token.roles], "scope": dump(token.scope), "digest": digest}
        with self._engine.begin() as connection:
            connection.execute(insert(tokens).values(**row))
            content = {"name": token.name, "roles": row["roles"], "scope": row["scope"]}
            append(connection, "token.made", subject=token.id, principal=token.created_by, content=content)

    def get(self, token_id: str) -> Token | None:
        """Return a token, None when there is none of that id."""
        query = select(*_COLUMNS).where(tokens.c.id == token_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return _token(row) if row else None

    def digest(self, token_id: str) -> str:
        """Return the digest of a token's text, empty when there is none of that id."""
        query = select(tokens.c.digest).where(tokens.c.id == token_id)
        with reading(self._engine) as connection:
            return connection.execute(query).scalar() or ""

    def listed(self) -> list[Token]:
        """Return all tokens, newest first, those that open nothing any more among them."""
        query = select(*_COLUMNS).order_by(tokens.c.created_at.desc(), tokens.c.id)
        with reading(self._engine) as connection:
            return [_token(row) for row in connection.execute(query)]

    def revoke(self, token_id: str, principal: str = "") -> bool:
        """End a token; return whether it was there and not ended before."""
        query = update(tokens).where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
        with self._engine.begin() as connection:
            ended = connection.execute(query.values(revoked_at=now())).rowcount == 1
            if ended:
                append(connection, "token.revoked", subject=token_id, principal=principal)
        return ended

    def used(self, token: Token, at: datetime) -> None:
        """Remember that a token was used, at most once in `USED_EVERY_S`."""
        before = at - timedelta(seconds=USED_EVERY_S)
        if token.last_used_at is not None and token.last_used_at > before:
            return
        query = update(tokens).where(
            and_(
                tokens.c.id == token.id, or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at <= before)
            )
        )
        with self._engine.begin() as connection:
            connection.execute(query.values(last_used_at=at))


def _token(row: Row[tuple[object, ...]]) -> Token:
    return load(Token, dict(row._mapping))
