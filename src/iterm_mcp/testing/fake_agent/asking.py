"""The one dialog that stands, and who answers it first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterm_mcp.testing.fake_agent.dialogs import Answer, Dialog
    from iterm_mcp.testing.fake_agent.truth import Truth


class Asking:
    """Shows one dialog at a time; others wait for it.

    Args:
        changed: Called when a dialog comes or goes.
    """

    def __init__(self, truth: Truth, changed: Callable[[], None]) -> None:
        self._truth = truth
        self._changed = changed
        self._standing: tuple[Dialog, asyncio.Future[Answer]] | None = None
        self._gone = asyncio.Event()

    @property
    def dialog(self) -> Dialog | None:
        """Return the dialog that waits for an answer."""
        if self._standing is None or self._standing[1].done():
            return None
        return self._standing[0]

    @property
    def shown(self) -> Dialog | None:
        """Return the dialog that is on the screen."""
        return self._standing[0] if self._standing else None

    @property
    def closing(self) -> bool:
        """Tell whether a dialog is answered and has not yet gone."""
        return self._standing is not None and self._standing[1].done()

    async def wait_closed(self) -> None:
        """Wait until no answered dialog is left on the screen."""
        while self.closing:
            await self._gone.wait()

    async def ask(self, dialog: Dialog) -> Answer:
        """Show a dialog until it is answered."""
        while self._standing is not None:
            await self._gone.wait()
        self._gone.clear()
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._standing = (dialog, waiting)
        self._truth.note(
            "dialog_opened", dialog=dialog.number, kind=dialog.kind, rows=list(dialog.rows())
        )
        self._changed()
        try:
            return await waiting
        finally:
            if waiting.cancelled():
                self._truth.note("dialog_closed", dialog=dialog.number)
            self._standing = None
            self._gone.set()
            self._changed()

    def answer(self, answer: Answer) -> bool:
        """Answer the dialog that stands; the first answer counts. Tell whether this one did."""
        if self._standing is None or self._standing[1].done():
            return False
        dialog, waiting = self._standing
        self._truth.note(
            "dialog_answered",
            dialog=dialog.number,
            kind=dialog.kind,
            by=answer.by,
            value=answer.value,
            text=answer.text,
        )
        waiting.set_result(answer)
        return True

    def hooks_decided(self, dialog: Dialog, done: asyncio.Task[object]) -> None:
        """Answer a dialog as its hooks say, if they say anything."""
        if done.cancelled() or done.exception() is not None or self.dialog is not dialog:
            return
        wanted = getattr(done.result(), "permission", None)
        if wanted in {"allow", "deny"}:
            self.answer(dialog.answer(wanted, "hook"))
