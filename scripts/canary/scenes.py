"""The script for the TUIs of Codex and Gemini CLI, in acts; each ends with an empty composer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from scripts.canary.watched import NAME, RESTING

from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from scripts.canary.watched import Watched

    from iterm_mcp.models.observations import Json

GATES = {"codex": ("hooks", "Trust all and continue"), "gemini": ("trust", "Trust folder")}
"""What stands before the composer of each, and the option that leads on."""

LONG = "\n".join(f"line {number} of a long paste, which is hidden" for number in range(40))
SETTLE_SECONDS = 1.0
"""Between what a person would not do at once: Escape and the next key."""


async def a_gate(agent: Watched) -> None:
    """What asks at the start is seen; it is ready when it takes what is typed, and not before."""
    name, choice = GATES[agent.kind.name]
    await agent.becomes("gate")
    gate = await agent.sees(Fact.GATE, "numbered", "options", "marked", name=name)
    options = [str(one) for one in gate.get("options") or []]  # type: ignore[union-attr]
    await agent.press(
        agent.kind.answer(gate, next(one for one in options if one.startswith(choice)))
    )
    await agent.becomes("ready")
    await agent.titled("rests")
    await agent.type("x")
    await agent.sees(Fact.COMPOSER, holds="draft", text="x")
    await agent.press(agent.kind.clear())
    await agent.sees(Fact.COMPOSER, "text", holds="ghost")


async def a_composer(agent: Watched) -> None:
    """Typed and pasted text is a draft, a long paste is hidden, and all of it can be cleared."""
    await agent.type("half a thought")
    await agent.sees(Fact.COMPOSER, holds="draft", text="half a thought")
    await agent.becomes("draft")
    await agent.press(agent.kind.clear())
    await agent.sees(Fact.COMPOSER, holds="ghost")
    await agent.becomes(*RESTING)
    await agent.press(agent.kind.compose("one\ntwo\nthree")[:1])
    await agent.sees(Fact.COMPOSER, holds="draft", text="one\ntwo\nthree")
    await agent.press(agent.kind.clear())
    await agent.sees(Fact.COMPOSER, holds="ghost")
    await agent.press(agent.kind.compose(LONG)[:1])
    await agent.sees(Fact.COMPOSER, "text", holds="pasted")
    await agent.press(agent.kind.clear())
    await agent.sees(Fact.COMPOSER, holds="ghost")


async def a_turn(agent: Watched) -> None:
    """Long and short messages arrive as they are, and their ends are told."""
    await agent.tell(LONG)
    await agent.received(LONG)
    await agent.turned("started", LONG)
    await agent.becomes(*RESTING)
    await agent.tell("say hi [[work 3]] [[say hi]]")
    await agent.becomes("working")
    await agent.sees(Fact.ACTIVITY, **{"is": "busy"})
    await agent.received("say hi [[work 3]] [[say hi]]")
    await agent.becomes(*RESTING)
    await agent.sees(Fact.ACTIVITY, **{"is": "idle"})


async def a_queue(agent: Watched) -> None:
    """A message to a busy one waits, or goes into the turn."""
    await agent.tell("[[work 5]] first")
    await agent.becomes("working")
    await agent.titled("works")
    await agent.tell("[[work 0.2]] second")
    await agent.sees(Fact.COMPOSER, holds="ghost")
    await agent.becomes("working")
    await agent.received("[[work 0.2]] second")
    await agent.becomes(*RESTING)
    await agent.titled("rests")


async def an_interruption(agent: Watched) -> None:
    """Escape amid a turn."""
    await agent.tell("[[work 60]] victim")
    await agent.becomes("working")
    await agent.turned("started", "[[work 60]] victim")
    await anyio.sleep(SETTLE_SECONDS)
    await agent.press(agent.kind.interrupt())
    await agent.becomes("interrupted")
    await agent.turned("interrupted")
    await agent.sees(Fact.COMPOSER, holds="ghost")


async def _asks(agent: Watched, command: str) -> Mapping[str, Json]:
    await agent.tell(f"[[tool Bash {command}]]")
    await agent.becomes("waiting_permission")
    await agent.titled("asks")
    return await agent.asked()


async def a_permission(agent: Watched) -> None:
    """A command is asked for, and allowed."""
    dialog = await _asks(agent, "touch allowed")
    await agent.press(agent.kind.answer(dialog, "allow"))
    await agent.becomes(*RESTING)
    agent.note("ran", "touch allowed" in agent.truth.commands())


async def a_refusal(agent: Watched) -> None:
    """A command is asked for, and refused, which ends the turn."""
    dialog = await _asks(agent, "touch denied")
    await agent.press(agent.kind.answer(dialog, "deny"))
    await agent.becomes("interrupted")
    agent.note("ran", "touch denied" in agent.truth.commands())
    await agent.sees(Fact.COMPOSER, holds="ghost")


async def a_restart(agent: Watched) -> None:
    """It is started again in the same conversation, and told by our own delivery."""
    await agent.call("manage_agent", name=NAME, action="restart")
    await agent.passes(*GATES[agent.kind.name])
    # Its last turn was interrupted, which it is until its own files tell of something later.
    await agent.becomes(*RESTING, noted="rests")
    told = await agent.call("cascade_message", agents={NAME: "and again"})
    waited = await agent.call(
        "wait_receipts",
        delivery_ids=[one["delivery_id"] for one in told["receipts"]],
        until="started",
        timeout_seconds=20,
    )
    stage = str(waited["receipts"][0]["stage"])
    agent.note("receipt", "begun" if stage in {"started", "ended"} else stage)
    await agent.received("and again")
    await agent.becomes("ready")
    after = (await agent.call("manage_agent", name=NAME, action="forensics")).get("conversation")
    before = agent.conversation()
    agent.note("conversation", "the same" if before == after else f"{before}, then {after}")


async def an_end(agent: Watched) -> None:
    """It is told to leave."""
    await agent.press(agent.kind.leave())
    await agent.becomes("exited")


ACTS: tuple[Callable[[Watched], Awaitable[None]], ...] = (
    a_gate, a_composer, a_turn, a_queue, an_interruption, a_permission, a_refusal, a_restart,
    an_end,
)  # fmt: skip
