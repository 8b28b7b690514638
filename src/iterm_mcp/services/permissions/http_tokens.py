"""Tokens of the HTTP interface: made, shown once, changed and taken away."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from iterm_mcp.errors import ConflictError, InvalidRequestError, NotFoundError
from iterm_mcp.models.http_access import ROOT, SCOPES, Grant, HttpToken

if TYPE_CHECKING:
    from iterm_mcp.clock import Clock
    from iterm_mcp.store.http_tokens import HttpTokenStore

PREFIX = "imcp_"
SHOWN_CHARACTERS = len(PREFIX) + 4
NAME_CHARACTERS = 64
MOST_TOKENS = 200


class HttpTokens:
    """The tokens; those that ask often are answered from memory."""

    def __init__(self, store: HttpTokenStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, HttpToken] = {}

    async def load(self) -> None:
        """Read the tokens once, before the first is looked for.

        Raises:
            StoreError: They cannot be read.
        """
        self._known = await self._store.all()

    def find(self, text: str) -> Grant | None:
        """Return what a token may do; None if there is none, or no more."""
        token = self._known.get(_digest(text))
        if token is None or (
            token.expires_at is not None and token.expires_at <= self._clock.now()
        ):
            return None
        return Grant(token.name, token.scope)

    def list(self) -> tuple[HttpToken, ...]:
        """Return the tokens by name, those too that have expired."""
        return tuple(sorted(self._known.values(), key=lambda one: one.name))

    async def create(
        self, name: str, scope: str, days: float | None = None
    ) -> tuple[HttpToken, str]:
        """Make a token; its text is told now and never again.

        Args:
            days: After so many it is no longer good; without them it stays.

        Raises:
            InvalidRequestError: The name or the scope is none.
            ConflictError: There is one of that name, or there are too many.
        """
        if not name or name == ROOT.name or len(name) > NAME_CHARACTERS or not name.isprintable():
            raise InvalidRequestError(
                "that cannot be the name of a token",
                hint=f"1 to {NAME_CHARACTERS} printable characters, and not {ROOT.name}.",
            )
        if scope not in SCOPES:
            raise InvalidRequestError("there is no such scope", hint=f"There are {SCOPES}.")
        if len(self._known) >= MOST_TOKENS:
            raise ConflictError("there are too many tokens", hint="Revoke some of them.")
        now, text = self._clock.now(), _new_text()
        expires_at = None if days is None else now + timedelta(days=days)
        token = HttpToken(name, scope, text[:SHOWN_CHARACTERS], now, expires_at)
        if not await self._store.add(token, _digest(text)):
            raise ConflictError(
                "there is a token of that name", hint="Rotate it, revoke it, or take another name."
            )
        self._known[_digest(text)] = token
        return token, text

    async def rotate(self, name: str) -> tuple[HttpToken, str]:
        """Give a token a new text; the old one is good no longer.

        Raises:
            NotFoundError: There is none of that name.
        """
        text = _new_text()
        if not await self._store.replace(name, _digest(text), text[:SHOWN_CHARACTERS]):
            raise _missing(name)
        digest, token = next(one for one in self._known.items() if one[1].name == name)
        del self._known[digest]
        token = replace(token, begins=text[:SHOWN_CHARACTERS])
        self._known[_digest(text)] = token
        return token, text

    async def revoke(self, name: str) -> None:
        """Take a token away.

        Raises:
            NotFoundError: There is none of that name.
        """
        removed = await self._store.remove(name)
        self._known = {key: one for key, one in self._known.items() if one.name != name}
        if not removed:
            raise _missing(name)


def _new_text() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _digest(text: str) -> str:
    """Return what is kept: the texts are random and long, so that a plain digest hides them."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _missing(name: str) -> NotFoundError:
    return NotFoundError("token", name, hint="GET /v1/tokens lists them.")
