"""Notices by mail."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import anyio
from anyio import to_thread

from iterm_mcp.services.alerts.outbox import NotSentError

if TYPE_CHECKING:
    from iterm_mcp.models.notices import Notice, SinkSettings

SECONDS = 20.0
PERMANENT = 500


class MailChannel:
    """Hands notices to a mail server, under TLS unless its host is in ``allow_hosts``."""

    def __init__(self, settings: SinkSettings) -> None:
        self._settings = settings

    async def send(self, notice: Notice) -> None:
        """Hand a notice over.

        Raises:
            NotSentError: It was refused, or nobody answers.
        """
        try:
            with anyio.fail_after(2 * SECONDS):
                await to_thread.run_sync(
                    _send, self._settings.url, self._settings.allow_hosts, notice,
                    abandon_on_cancel=True,
                )  # fmt: skip
        except TimeoutError:
            raise NotSentError("the mail server did not answer in time", again=True) from None
        except smtplib.SMTPResponseException as error:
            again = error.smtp_code < PERMANENT
            what = f"the mail server answers with {error.smtp_code}"
            raise NotSentError(what, again=again) from None
        except smtplib.SMTPRecipientsRefused:
            raise NotSentError("the mail server refuses the recipients", again=False) from None
        except (OSError, smtplib.SMTPException) as error:
            what = f"the mail server cannot be used: {type(error).__name__}"
            raise NotSentError(what, again=True) from None


def to_mail(notice: Notice, sender: str, recipients: list[str]) -> EmailMessage:
    """Return a notice as a mail. Pure."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail["Subject"] = f"iterm-mcp: {notice.title}"
    mail["Date"] = notice.at
    mail["Message-ID"] = f"<{notice.notice_id}@iterm-mcp>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(notice.body)
    return mail


def _send(url: str, allow_hosts: frozenset[str], notice: Notice) -> None:
    try:
        parts = urlsplit(url)
        host, port, given = parts.hostname or "", parts.port, parse_qs(parts.query)
        sender, recipients = given["from"][0], given["to"]
    except (ValueError, KeyError):
        raise NotSentError("its address is no smtps://host?from=…&to=…", again=False) from None
    if not host or parts.scheme not in {"smtp", "smtps"}:
        raise NotSentError("its address is no smtps://host?from=…&to=…", again=False)
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, port or 465, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(host, port or 587, timeout=SECONDS)
    with server:
        if parts.scheme == "smtp" and host not in allow_hosts:
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(to_mail(notice, sender, recipients), sender, recipients)
