"""`/api/v1/tokens`: make, list and revoke tokens; for admins whose own token has no limits."""

from __future__ import annotations

from typing import Any

from flask_openapi3.blueprint import APIBlueprint

from gate_client.wire import NewTokenBody, OneTokenBody, TokenRequest, TokensBody
from gate_server.access.tokens import make_token, revoke_token, token_json
from gate_server.api.bodies import TokenPath
from gate_server.api.errors import ERRORS, ERRORS_OF_BODIES, TOKEN
from gate_server.door.context import services
from gate_server.door.security import allow_everywhere, principal
from gate_server.model import Role, Scope

tokens = APIBlueprint(
    "tokens", __name__, url_prefix="/api/v1/tokens", abp_responses=ERRORS, abp_security=TOKEN
)


@tokens.post(
    "",
    responses={201: NewTokenBody, **ERRORS_OF_BODIES},
    summary="Make a token; its text is in this answer and nowhere else",
)
def create(body: TokenRequest) -> tuple[dict[str, Any], int]:
    """Make a token."""
    allow_everywhere()
    token, text = make_token(
        services().store.tokens,
        body.name,
        [Role(role) for role in body.roles],
        Scope(tuple(body.repositories), tuple(body.branches)),
        created_by=principal().who,
        days=body.days,
    )
    return {"token": token_json(token), "text": text}, 201


@tokens.get("", responses={200: TokensBody}, summary="All tokens, without their texts")
def list_tokens() -> dict[str, Any]:
    """Return the tokens, newest first."""
    allow_everywhere()
    return {"tokens": [token_json(token) for token in services().store.tokens.listed()]}


@tokens.delete(
    "/<string:token_id>",
    responses={200: OneTokenBody},
    summary="End a token, and the sessions made from it",
)
def revoke(path: TokenPath) -> dict[str, Any]:
    """Revoke a token."""
    allow_everywhere()
    ended = revoke_token(services().store.tokens, path.token_id, principal().who)
    return {"token": token_json(ended)}
