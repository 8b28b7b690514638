"""Notices as HTTP requests: our own, signed as by Standard Webhooks, Slack's and Discord's."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import socket
import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from iterm_mcp.models.notices import Form
from iterm_mcp.services.alerts.addresses import find_place, look_up
from iterm_mcp.services.alerts.answers import alert_answer
from iterm_mcp.services.alerts.outbox import NotSentError

if TYPE_CHECKING:
    from iterm_mcp.models.notices import Notice, SinkSettings
    from iterm_mcp.services.alerts.addresses import Lookup, Place

SECONDS = 10.0
MOST_DISCORD = 1900
LATER = frozenset({408, 425, 429})
"""Answers below 500 that say: not now."""

OK, REDIRECT, BROKEN = 200, 300, 500


class WebhookChannel:
    """Posts notices. No redirection is followed, no proxy used, and no name looked up twice."""

    def __init__(self, settings: SinkSettings, lookup: Lookup = look_up) -> None:
        self._settings = settings
        self._lookup = lookup

    async def send(self, notice: Notice) -> None:
        """Post a notice.

        Raises:
            NotSentError: It was refused, or nobody answers.
        """
        settings = self._settings
        body = json.dumps(to_body(settings.form, notice), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "iterm-mcp"}
        if settings.form is Form.WEBHOOK:
            at = str(int(notice.at.timestamp()))
            headers |= {"webhook-id": notice.notice_id, "webhook-timestamp": at}
            if settings.secret:
                headers["webhook-signature"] = sign(settings.secret, notice.notice_id, at, body)
        try:
            with anyio.fail_after(2 * SECONDS):
                place = await find_place(settings.url, settings.allow_hosts, self._lookup)
                status, after = await to_thread.run_sync(
                    _post, place, headers, body, abandon_on_cancel=True
                )
        except TimeoutError:
            raise NotSentError("it did not answer in time", again=True) from None
        except (OSError, HTTPException) as error:
            what = getattr(error, "strerror", None) or type(error).__name__
            raise NotSentError(f"it cannot be reached: {what}", again=True) from None
        if OK <= status < REDIRECT:
            return
        again = status in LATER or status >= BROKEN
        raise NotSentError(f"it answers with {status}", again=again, after_seconds=after)


def sign(secret: str, notice_id: str, at: str, body: bytes) -> str:
    """Return the signature by Standard Webhooks; a secret of ``whsec_…`` is base64."""
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise NotSentError("its secret is no base64 behind whsec_", again=False) from None
    mac = hmac.new(key, f"{notice_id}.{at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"


def to_body(form: Form, notice: Notice) -> dict[str, Any]:
    """Return what is posted. Pure."""
    if form is Form.SLACK:
        text = f"{notice.title}\n{notice.body}"
        for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):  # no mention, no link
            text = text.replace(char, entity)
        return {"text": text}
    if form is Form.DISCORD:
        text = f"**{notice.title}**\n{notice.body}"
        return {"content": text[:MOST_DISCORD], "allowed_mentions": {"parse": []}}
    return {
        "type": "iterm-mcp.alert",
        "timestamp": notice.at.isoformat(),
        "data": {
            "severity": notice.severity.value,
            "title": notice.title,
            "text": notice.body,
            "alerts": [alert_answer(one) for one in notice.alerts],
        },
    }


class _Pinned(HTTPConnection):
    """A connection to an address that was checked, which the certificate's name is not."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.host, place.port, timeout=SECONDS)
        self._place = place

    def connect(self) -> None:
        plain = socket.create_connection((self._place.address, self._place.port), SECONDS)
        self.sock = plain
        if self._place.secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(plain, server_hostname=self._place.host)


def _post(place: Place, headers: dict[str, str], body: bytes) -> tuple[int, float]:
    """Return the answer's status, and after how many seconds to come again."""
    with closing(_Pinned(place)) as connection:
        connection.request("POST", place.path, body, headers)
        answer = connection.getresponse()
        after = answer.getheader("Retry-After", "")
        seconds = float(after) if after.isascii() and after.isdigit() else 0.0
        return answer.status, seconds
