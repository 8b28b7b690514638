"""Tokens over HTTP: for those that may do everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from iterm_mcp.models.http_access import ADMIN
from iterm_mcp.web.api.routing import Given, bare_router, needs, reply, told

if TYPE_CHECKING:
    from iterm_mcp.models.http_access import HttpToken
    from iterm_mcp.services.permissions.http_tokens import HttpTokens

TokenName = Annotated[str, Path(min_length=1, max_length=64)]


class NewToken(Given):
    """The body of ``POST /v1/tokens``."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    scope: Literal["read", "mutate", "destructive", "admin"]
    days: Annotated[
        float | None,
        Field(gt=0, le=3650, strict=True, description="How long it is good; for ever without."),
    ] = None


class TokenBody(BaseModel):
    """A token without its text."""

    name: str
    scope: str
    begins: str
    created_at: str
    expires_at: str | None


class MadeToken(TokenBody):
    """A token with its text, which is told once."""

    token: str


class TokensBody(BaseModel):
    """All tokens."""

    tokens: list[TokenBody]


class RevokedBody(BaseModel):
    """Which token was taken away."""

    revoked: str


def token_router(tokens: HttpTokens) -> APIRouter:
    """Return the routes of tokens."""
    router = bare_router(["tokens"], [Depends(needs(ADMIN))])

    @router.get("/tokens", responses=told(TokensBody))
    async def list_tokens() -> Response:
        """List the tokens, never their texts."""
        return reply({"tokens": [_body(one) for one in tokens.list()]})

    @router.post("/tokens", responses=told(MadeToken))
    async def create_token(given: NewToken) -> Response:
        """Make a token; its text is told now and never again."""
        token, text = await tokens.create(given.name, given.scope, given.days)
        return reply({**_body(token), "token": text}, headers={"Cache-Control": "no-store"})

    @router.post("/tokens/{name}/rotate", responses=told(MadeToken))
    async def rotate_token(name: TokenName) -> Response:
        """Give a token a new text; the old one is good no longer."""
        token, text = await tokens.rotate(name)
        return reply({**_body(token), "token": text}, headers={"Cache-Control": "no-store"})

    @router.delete("/tokens/{name}", responses=told(RevokedBody))
    async def revoke_token(name: TokenName) -> Response:
        """Take a token away; what it is asking just now is still answered."""
        await tokens.revoke(name)
        return reply({"revoked": name})

    return router


def _body(token: HttpToken) -> dict[str, object]:
    return {
        "name": token.name,
        "scope": token.scope,
        "begins": token.begins,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
    }
