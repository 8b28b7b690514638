"""One Codex or Gemini CLI, real or fake, that our daemon has started, and the truth of it."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from iterm_mcp.agents.files import open_files
from iterm_mcp.agents.kind import Occupant
from iterm_mcp.agents.strokes import option_index, options_of
from iterm_mcp.errors import InvalidRequestError, NotFoundError
from iterm_mcp.models.observations import Fact

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path

    from iterm_mcp.agents.kind import AgentKind, Stroke
    from iterm_mcp.cli.tool_call import ToolCaller
    from iterm_mcp.models.ids import SessionId
    from iterm_mcp.models.observations import Json, Sighting
    from iterm_mcp.terminal.iterm import ItermTerminal

SECONDS = 40.0
LOOK_SECONDS = 0.05
SCREEN_ROWS = 12
RESTING = ("ready", "done", "interrupted")
NAME = "canary"
_TITLES = {
    "rests": re.compile(r"^(?:\u25c7 .*|\w+)$"),
    "works": re.compile(r"^[\u2800-\u28ff\u2726]"),
    "asks": re.compile(r"Action Required"),
}
"""What both programs' titles say of them, which is all that they have in common."""
_DOTS = re.compile(r"[\u2800-\u28ff]")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked for.

    Attributes:
        seen: In words; what agrees with the truth and with the fake one reads the same.
        came: It came in time.
    """

    act: str
    what: str
    seen: str
    came: bool = True


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened, by the model's own account or the fake agent's.

    Attributes:
        prompts: What it was told, in order.
        commands: Which commands it has run.
    """

    prompts: Callable[[], list[str]]
    commands: Callable[[], list[str]]


class Watched:
    """An agent under observation.

    Attributes:
        checks: What was looked for, in order.
        act: The part of the script that is played.
        told: What its files have told; from `began` on in this act.
    """

    def __init__(
        self,
        caller: ToolCaller,
        terminal: ItermTerminal,
        kind: AgentKind,
        session_id: SessionId,
        truth: Truth,
        folder: Path,
    ) -> None:
        self.kind = kind
        self.truth = truth
        self.folder = folder
        self.checks: list[Check] = []
        self.act = "start"
        self.told: list[Sighting] = []
        self.began = 0
        self._caller = caller
        self._terminal = terminal
        self._session_id = session_id

    def note(self, what: str, seen: object) -> None:
        """Keep what was seen; where it runs is blotted out."""
        text = str(seen).replace(str(self.folder), "~").replace(self.folder.name, "…")
        text = _DOTS.sub("⠿", text).replace("[ . ]", "[ ! ]")  # what moves, and what blinks
        self.checks.append(Check(self.act, what, text))

    async def call(self, tool: str, **arguments: Json) -> dict[str, Any]:
        """Call one of our tools."""
        return await to_thread.run_sync(self._caller.call, tool, dict(arguments))

    async def state(self) -> str:
        """Return what our daemon says of it."""
        (one,) = (await self.call("list_agents"))["agents"]
        return str(one.get("state") or one.get("phase"))

    async def look(self) -> tuple[Mapping[Fact, Mapping[str, Json]], str]:
        """Return what its screen tells, and its title; the more trusted word counts."""
        screen = await self._terminal.read_screen(self._session_id)
        title = str((await self._read("terminalWindowName")) or "").rstrip()
        told = sorted(self.kind.see(screen, title), key=lambda one: -one.source.rank)
        return {one.fact: one.value for one in told}, title

    async def press(self, strokes: Iterable[Stroke]) -> None:
        """Type strokes with their pauses, as a delivery does."""
        for stroke in strokes:
            text = f"\x1b[200~{stroke.text}\x1b[201~" if stroke.paste else stroke.text
            await self.type(text)
            await anyio.sleep(stroke.pause_seconds)

    async def type(self, text: str) -> None:
        """Type as it is."""
        await self._terminal.send_text(self._session_id, text)

    async def tell(self, text: str) -> None:
        """Type and submit a message as the kind says."""
        await self.press(self.kind.compose(text))

    async def sees(self, fact: Fact, *keys: str, **wanted: Json) -> Mapping[str, Json]:
        """Wait until its screen tells a fact with these values; note them and those of the keys."""

        async def found() -> Mapping[str, Json] | None:
            value = (await self.look())[0].get(fact)
            return value if value is not None and wanted.items() <= value.items() else None

        value = await self._until(f"{fact} {_words(wanted)}", found)
        if value is not None:
            self.note(f"{fact}", _words({**{key: value.get(key) for key in keys}, **wanted}))
        return value or {}

    async def passes(self, name: str, choice: str) -> None:
        """Lead it through a gate once more, if it shows that; the fake one remembers nothing."""

        async def found() -> str:
            return state if (state := await self.state()) in {"gate", *RESTING} else ""

        if await self._until("a gate, or none", found) == "gate":
            gate = (await self.look())[0].get(Fact.GATE) or {}
            options = [one for one in options_of(gate) if one.startswith(choice)]
            if gate.get("name") == name and options:
                await self.press(self.kind.answer(gate, options[0]))

    async def titled(self, how: str) -> None:
        """Wait until its title says that it rests, works or asks; note it."""

        async def found() -> str:
            title = (await self.look())[1]
            return title if _TITLES[how].search(title) else ""

        if title := await self._until(f"title of one that {how}", found):
            self.note("title", title)

    async def asked(self) -> Mapping[str, Json]:
        """Wait until it asks for permission; note for what, and which options mean what."""
        dialog = await self.sees(Fact.DIALOG, "tool", "input", asks="permission")
        for choice in ("allow", "deny"):
            with suppress(InvalidRequestError):
                self.note(choice, options_of(dialog)[option_index(dialog, choice)])
        return dialog

    async def becomes(self, *states: str, noted: str = "") -> None:
        """Wait until our daemon says so; note it.

        Args:
            noted: What is noted instead, where it depends on the moment which of them is seen.
        """

        async def found() -> str:
            state = await self.state()
            return state if state in states else ""

        if state := await self._until(f"state {' or '.join(states)}", found):
            self.note("state", noted or state)

    async def received(self, text: str) -> None:
        """Wait until the truth knows of a text; note how often it was received."""
        if await self._until(f"{text!r} received", lambda: text in self.truth.prompts()):
            self.note(f"received {text[:30]!r}", self.truth.prompts().count(text))

    async def turned(self, phase: str, prompt: str = "") -> None:
        """Wait until its files tell of a turn since the act began; note it."""

        def found() -> list[Sighting]:
            return [
                one
                for one in self.told[self.began :]
                if one.fact is Fact.TURN
                and one.value.get("phase") == phase
                and (not prompt or one.value.get("prompt") == prompt)
            ]

        if await self._until(f"its file tells {phase}", found):
            self.note(f"file: {phase} {prompt[:30]!r}", "told")

    def conversation(self) -> Json:
        """Return the conversation that its files told of last; None for none."""
        found = [one.value["id"] for one in self.told if one.fact is Fact.CONVERSATION]
        return found[-1] if found else None

    async def _until(self, what: str, probe: Callable[[], Any]) -> Any:  # noqa: ANN401
        found: Any = None
        with anyio.move_on_after(SECONDS):
            while True:
                found = probe()
                found = await found if hasattr(found, "__await__") else found
                if found:
                    return found
                await anyio.sleep(LOOK_SECONDS)
        self.checks.append(Check(self.act, what, await self._account(), came=False))
        return None

    async def _account(self) -> str:
        """Return what is to be seen instead of what was waited for."""
        try:
            screen = await self._terminal.read_screen(self._session_id)
        except NotFoundError:
            return "its session is gone"
        rows = [row.rstrip() for row in screen.lines if row.strip()]
        state = await self.state()
        return "\n".join([f"never; {state}, and the screen:", *rows[-SCREEN_ROWS:]])

    async def _read(self, name: str) -> Json:
        values = await self._terminal.read_variables(self._session_id, [name])
        value: Json = values[name]
        return value

    @asynccontextmanager
    async def following(self, environment: Mapping[str, str]) -> AsyncIterator[None]:
        """Keep what its files tell, for the length of the block."""
        pid = int(str(await self._read("jobPid")))
        occupant = Occupant(pid, 0.0, str(self.folder / "project"), dict(environment))
        async with (
            open_files(LOOK_SECONDS) as files,
            self.kind.follow(occupant, files, self.told.append),
        ):
            yield


def _words(value: Mapping[str, Json]) -> str:
    return " ".join(f"{key}={json.dumps(one, ensure_ascii=False)}" for key, one in value.items())
