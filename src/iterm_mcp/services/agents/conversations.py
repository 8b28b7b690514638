"""Under which id an agent's last conversation goes on, and where it is written."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from iterm_mcp.models.agent_lives import Life
    from iterm_mcp.services.states.asking import States

LEDGER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class LastConversation:
    """A conversation, as far as it is known; an empty word is not.

    Attributes:
        transcript: The file in which its agent writes it.
    """

    conversation: str = ""
    transcript: str = ""

    async def is_there(self) -> bool:
        """Tell whether it can be gone on with."""
        return bool(self.transcript) and await to_thread.run_sync(Path(self.transcript).is_file)


async def last_conversation(states: States, life: Life) -> LastConversation:
    """Return an agent's last conversation: as it was seen, else as its life has it."""
    after, found = 0, LastConversation(life.conversation, life.transcript)
    with suppress(NotFoundError):
        while page := await states.observations(life.agent, after=after, limit=LEDGER_PAGE):
            after = page[-1].number
            for one in page:
                value = one.sighting.value
                if one.sighting.fact is Fact.CONVERSATION and value.get("id"):
                    found = LastConversation(str(value["id"]), str(value.get("transcript") or ""))
    return found
