"""What an agent tells the world beside its screen: files, hooks, notifications. One kind a module.

A conversation calls these as things happen, and waits for them where the real agent does. The
class here tells nobody, which is what a plain program does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.hooks import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.testing.fake_agent.prompts import Background, Call, Prompt, Question


class Signals:
    """Tells nobody.

    Attributes:
        session_id: The conversation's id.
    """

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id

    async def opened(self, source: str) -> None:
        """Tell that it has started: ``startup`` or ``resume``."""

    def state(self, status: str, waiting_for: str | None = None) -> None:
        """Tell ``busy``, ``idle``, ``waiting`` or ``shell``."""

    async def submitted(self, prompt: Prompt, *, queued: bool) -> Verdict:
        """Tell of a prompt before anything is done with it; a refusal drops it."""
        del prompt, queued
        return Verdict()

    def enqueued(self, prompt: Prompt) -> None:
        """Tell that a prompt waits for the turn's end."""

    def started(self, prompts: Sequence[Prompt]) -> None:
        """Tell that a turn begins with these prompts."""

    def called(self, call: Call) -> None:
        """Tell that the model wants to use a tool."""

    async def before_tool(self, call: Call) -> Verdict:
        """Ask whether a tool may be used without asking."""
        del call
        return Verdict()

    async def permission(self, call: Call) -> Verdict:
        """Ask for a decision while the dialog stands; cancelled when somebody was faster."""
        del call
        return Verdict()

    async def still_waiting(self, call: Call) -> None:
        """Tell that a dialog has stood for a while."""

    async def after_tool(self, call: Call, result: str, *, failed: bool = False) -> None:
        """Tell how a tool's use ended."""

    async def subagent(self, agent_id: str, kind: str, *, ended: bool) -> None:
        """Tell that a subagent begins or has ended."""

    async def compacting(self, *, ended: bool) -> None:
        """Tell that the conversation is being compacted, or was."""

    async def ended(self, reply: str, tasks: Sequence[Background], *, again: bool) -> Verdict:
        """Tell that a turn has come to its end; a refusal makes it go on with the reason."""
        del reply, tasks, again
        return Verdict()

    def settled(self, seconds: float) -> None:
        """Tell that the turn is over for good."""

    async def failed(self, kind: str, message: str) -> None:
        """Tell that a turn has failed."""

    async def interrupted(self, *, in_tool: bool, restored: bool) -> None:
        """Tell that a person has stopped the turn, and whether the prompt was given back."""

    async def bash(self, command: str, output: str) -> None:
        """Tell that the person has run a command of their own."""

    async def closing(self, reason: str) -> None:
        """Tell that it ends: ``prompt_input_exit`` or ``other``."""

    def question_call(self, question: Question) -> Call:
        """Return the tool by which a question is asked."""
        return question.call
