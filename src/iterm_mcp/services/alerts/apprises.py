"""Notices by Apprise, the optional extra ``iterm-mcp[notify]``, in a process of its own.

It takes a second and 55 MB to load, and cannot be stopped in a thread; its process can. Addresses,
which hold secrets, are handed over on stdin.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import anyio
from pydantic_core import to_json

from iterm_mcp.models.alerts import Severity
from iterm_mcp.services.alerts.apprise_process import Ending
from iterm_mcp.services.alerts.outbox import NotSentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.models.notices import Notice, SinkSettings

SECONDS = 60.0
PROGRAM = (sys.executable, "-m", "iterm_mcp.services.alerts.apprise_process")
TYPES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "ftp_proxy"}
_sending = anyio.CapacityLimiter(2)

REASONS: dict[int, tuple[str, bool]] = {
    Ending.FAILED: ("the service did not take it, or cannot be reached", True),
    Ending.NO_ADDRESS: ("its address is none that Apprise knows", False),
    Ending.REFUSED: ("its host is in a private network, and not in its allow_hosts", False),
    Ending.PLAIN: ("it would be sent without TLS, and its host is not in its allow_hosts", False),
    Ending.NO_APPRISE: (
        "it needs an optional part of iterm-mcp: pip install 'iterm-mcp[notify]'", False,
    ),
}  # fmt: skip


class AppriseChannel:
    """Hands notices to one of the services that Apprise knows."""

    def __init__(self, settings: SinkSettings, program: Sequence[str] = PROGRAM) -> None:
        self._settings = settings
        self._program = program

    async def send(self, notice: Notice) -> None:
        """Hand a notice over.

        Raises:
            NotSentError: It was refused, nobody answers, or Apprise is not there.
        """
        given = {
            "url": self._settings.url,
            "allow_hosts": sorted(self._settings.allow_hosts),
            "title": notice.title,
            "body": notice.body,
            "type": TYPES[notice.severity],
        }
        environ = {key: one for key, one in os.environ.items() if key.lower() not in _PROXIES}
        try:
            async with _sending:
                with anyio.fail_after(SECONDS):
                    done = await anyio.run_process(
                        self._program, input=to_json(given), check=False, env=environ
                    )
        except TimeoutError:
            raise NotSentError("it did not answer in time", again=True) from None
        except OSError as error:
            raise NotSentError(f"no process starts: {error.strerror}", again=True) from None
        except ExceptionGroup as errors:  # it ended before it had read everything
            if errors.split((anyio.BrokenResourceError, OSError))[1] is not None:
                raise
            raise NotSentError("what sends it ended at once", again=True) from None
        if done.returncode != Ending.SENT:
            what, again = REASONS.get(done.returncode, REASONS[Ending.FAILED])
            raise NotSentError(what, again=again)
