"""Claude Code without a screen: a process that speaks stream-json for as long as a block lasts."""

from __future__ import annotations

import os
import re
import uuid
from collections import OrderedDict, deque
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.account import said_in
from iterm_mcp.agents.claude_messages import (
    control_request,
    message_sightings,
    permission_answer,
    user_message,
)
from iterm_mcp.agents.claude_program import arguments_of, need, program_words
from iterm_mcp.agents.claude_registry import transcript_path
from iterm_mcp.agents.protocol_process import ProtocolProcess, start_process
from iterm_mcp.agents.strokes import check_order
from iterm_mcp.errors import (
    AgentError,
    AgentGoneError,
    ConflictError,
    InvalidRequestError,
    shown,
)
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from iterm_mcp.agents.driver import Voice
    from iterm_mcp.agents.kind import Installed, StartRequest
    from iterm_mcp.models.observations import Json

GREETING_SECONDS = 30.0
REPLY_SECONDS = 10.0
GRACE_SECONDS = 5.0
TEXT_BYTES = 1 << 20
TAIL_LINES = 500
MESSAGES_KEPT = 1000
SPEAK = (
    "--print", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json",
    "--replay-user-messages",
)  # fmt: skip
OPENING = "opening"
"""The id of the request with which a conversation begins that another holds the pipes of."""
OUR_ID = re.compile(r"d-([0-9a-f]{16})")
OUR_UUID = "6d-697465726d63"
"""The end of UUIDs that our ids of deliveries can be read from again, by a later process."""
LEVELS = frozenset({Fact.TROUBLE, Fact.ACTIVITY, Fact.DIALOG, Fact.CONVERSATION})
"""Of these only changes are told on."""


class ClaudeDriver:
    """Starts Claude Code to be spoken to in stream-json."""

    @asynccontextmanager
    async def open(
        self,
        request: StartRequest,
        installed: Installed,
        see: Callable[[Sighting], None],
        environ: Mapping[str, str],
    ) -> AsyncIterator[ClaudeConversation]:
        """Start an agent for the length of the block; see `Driver.open`.

        Permissions and questions are asked of us, and wait until `ClaudeConversation.answer`.
        """
        command = (installed.path, *protocol_arguments(request, installed))
        talk = ClaudeConversation(see)

        def process() -> ProtocolProcess:
            talk.process = ProtocolProcess(talk.take, talk.gone)  # it may end before we go on
            return talk.process

        started = await start_process(process, command, request.directory, environ)
        try:
            await talk.greet()
            if request.prompt:
                await talk.tell(str(uuid.uuid4()), request.prompt)
            yield talk
        finally:
            await started.stop(GRACE_SECONDS)

    def decode(self, line: Mapping[str, Json]) -> tuple[Sighting, ...]:
        """Return what one message tells, by the ids that Claude Code was given."""
        return message_sightings(line)

    def command(self, request: StartRequest, installed: Installed) -> tuple[str, ...]:
        """Return its arguments; see `protocol_arguments`."""
        return protocol_arguments(request, installed)

    def opening(self, request: StartRequest) -> tuple[Mapping[str, Json], ...]:
        """Return the request that it answers as soon as it can be spoken to."""
        del request
        return (control_request(OPENING, "initialize"),)

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether it is a Claude Code that reads stream-json."""
        words = program_words(command)
        return words is not None and {"--input-format", "stream-json"} <= set(words)

    def talk(
        self, see: Callable[[Sighting], None], directory: str, environ: Mapping[str, str]
    ) -> ClaudeConversation:
        """Return a conversation whose transcript stands where these lead to."""

        def transcript(conversation: str) -> str:
            return str(transcript_path(environ, os.path.realpath(directory), conversation))

        return ClaudeConversation(see, transcript)


def protocol_arguments(request: StartRequest, installed: Installed) -> tuple[str, ...]:
    """Return the arguments of a start without a screen.

    Raises:
        InvalidRequestError: This version cannot do it, or an argument has not the right form.
    """
    need(installed, "stream_json")
    arguments, _ = arguments_of(request, installed)
    asking: tuple[str, ...] = ("--permission-prompt-tool", "stdio")
    if "permission_prompts" in installed.features:  # newer ones deny without it
        asking = ("--permission-prompts", "host", *asking)
    events = ("--include-hook-events",) if "hook_events" in installed.features else ()
    return (*SPEAK, *asking, *events, *arguments, *request.options)


class ClaudeConversation:
    """A Claude Code that is spoken to; see `Conversation`.

    Args:
        see: Takes what is seen. Levels are told when they change.
        transcript: Where the transcript of a conversation stands, by its id.

    Attributes:
        process: Set while it is started.
    """

    process: Voice

    def __init__(
        self,
        see: Callable[[Sighting], None],
        transcript: Callable[[str], str] | None = None,
    ) -> None:
        self._see = see
        self._transcript = transcript
        self._levels: dict[Fact, Mapping[str, Json]] = {}
        self._said: deque[str] = deque(maxlen=TAIL_LINES)
        self._names: OrderedDict[str, str] = OrderedDict()
        self._asked: dict[str, Mapping[str, Json]] = {}
        self._replies: dict[str, anyio.Event] = {}
        self._failed: deque[str] = deque(maxlen=MESSAGES_KEPT)
        self._gone = anyio.Event()

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    async def greet(self) -> None:
        """See that it speaks.

        Raises:
            AgentError: It does not within `GREETING_SECONDS`, or has ended.
        """
        try:
            await self._request("initialize", GREETING_SECONDS)
        except AgentGoneError:
            with anyio.move_on_after(REPLY_SECONDS):
                await self.process.wait_ended()
            complaints = self.process.complaints.strip()
            raise AgentError(
                f"Claude Code ended at its start: {complaints[-500:] or 'it said nothing'}",
                hint="Start it in a terminal to see why; it may have to be logged in first.",
            ) from None
        self._tell(Fact.ACTIVITY, {"is": "idle"}, "it answered initialize")

    async def tell(self, message_id: str, text: str) -> None:
        """Hand over a message; see `Conversation.tell`. Returns at once.

        Raises:
            InvalidRequestError: The text begins as a command does, or is longer than 1 MiB.
        """
        check_order(text, limit_bytes=TEXT_BYTES)
        name = as_uuid(message_id)
        self.process.send(user_message(name, text))
        self._note_told(name, message_id)
        await self.process.handed_over()

    def was_told(self, message_id: str) -> bool:
        """Tell whether a message was handed over; of the last 1000."""
        return as_uuid(message_id) in self._names

    async def interrupt(self) -> None:
        """End the turn; what waits stays queued. Takes 10 seconds at most.

        Raises:
            AgentError: It did not answer.
        """
        await self._request("interrupt", REPLY_SECONDS)

    async def answer(self, dialog_id: str, choice: str, message: str = "") -> None:
        """Answer a request; see `Conversation.answer`. Returns at once.

        Args:
            message: What the agent is told with a refusal.

        Raises:
            ConflictError: It has been answered, or is no more.
            InvalidRequestError: It has no such option.
        """
        request = self._asked.get(dialog_id)
        if request is None:
            raise ConflictError(
                f"the agent asks nothing with the id {shown(dialog_id)!r}",
                hint="It has been answered, or the agent went on without.",
            )
        reply = permission_answer(dialog_id, request, choice, message)
        if reply is None:
            raise InvalidRequestError(
                f"{shown(choice)!r} does not answer this",
                hint="Answer allow, deny or allow_always, or deny and say why.",
                code="no_such_option",
            )
        self.process.send(reply)
        self._close_dialog(dialog_id, "answered")
        await self.process.handed_over()

    async def stop(self, grace_seconds: float) -> None:
        """Let it finish what it was told, then end it by TERM and KILL with all it started."""
        await self.process.stop(grace_seconds)

    def tail(self, lines: int) -> tuple[str, ...]:
        """Return the last things it said, at most 500 lines."""
        return tuple(self._said)[-lines:] if lines > 0 else ()

    # What is said on both sides.

    def sent(self, message: Mapping[str, Json]) -> None:
        """Take one message that was written to the agent."""
        if message.get("type") == "user" and isinstance(name := message.get("uuid"), str):
            self._note_told(name, message_id_of(name))
        response = message.get("response")
        if message.get("type") == "control_response" and isinstance(response, dict):
            self._close_dialog(str(response.get("request_id")), "answered")

    def take(self, message: Mapping[str, Json]) -> None:
        """Take one message."""
        kind = message.get("type")
        if kind == "control_response":
            self._replied(message)
            return
        if kind == "control_request":
            request_id, request = message.get("request_id"), message.get("request")
            asks = isinstance(request, dict) and request.get("subtype") == "can_use_tool"
            if isinstance(request_id, str) and isinstance(request, dict) and asks:
                self._asked[request_id] = request
        elif kind == "control_cancel_request":
            self._close_dialog(str(message.get("request_id")), "the agent took its request back")
            return
        elif kind == "result":
            self._asked.clear()
        self._said.extend(said_in(message))
        for sighting in message_sightings(message):
            self._pass_on(sighting)

    def gone(self, code: int) -> None:
        """Know that the process has ended."""
        self._gone.set()
        for event in self._replies.values():
            event.set()
        ending: dict[str, Json] = {"signal": -code} if code < 0 else {"code": code}
        self._tell(Fact.EXIT, ending, self.process.complaints[-2000:])

    def _replied(self, message: Mapping[str, Json]) -> None:
        response = message.get("response")
        if isinstance(response, dict):
            if response.get("request_id") == OPENING:
                self._tell(Fact.ACTIVITY, {"is": "idle"}, "it answered initialize")
            event = self._replies.get(str(response.get("request_id")))
            if event is not None:
                event.set()

    async def _request(self, subtype: str, seconds: float) -> None:
        request_id = str(uuid.uuid4())
        event = self._replies[request_id] = anyio.Event()
        try:
            self.process.send(control_request(request_id, subtype))
            with anyio.move_on_after(seconds) as waiting:
                await event.wait()
        finally:
            del self._replies[request_id]
        if self._gone.is_set():
            raise AgentGoneError("the agent's process has ended", hint="Start it again.")
        if waiting.cancelled_caught:
            raise AgentError(
                f"Claude Code did not answer {subtype} in {seconds:g} s",
                hint="Stop it and start it again, or wait if the machine is busy.",
            )

    def _note_told(self, name: str, message_id: str) -> None:
        self._names[name] = message_id
        if len(self._names) > MESSAGES_KEPT:
            self._names.popitem(last=False)

    def _close_dialog(self, request_id: str, why: str) -> None:
        """Know that a request waits no more, and tell of the oldest one that does, or of none."""
        if self._asked.pop(request_id, None) is None:
            return
        for waiting, request in self._asked.items():
            asked: dict[str, Json] = {
                "type": "control_request", "request_id": waiting, "request": dict(request),
            }  # fmt: skip
            for sighting in message_sightings(asked):
                self._pass_on(sighting)
            return
        self._tell(Fact.DIALOG, {}, why)
        self._tell(Fact.ACTIVITY, {"is": "busy"}, why)

    def _tell(self, fact: Fact, value: Mapping[str, Json], evidence: str) -> None:
        self._pass_on(Sighting(fact, value, ObservationSource.PROTOCOL, evidence))

    def _pass_on(self, sighting: Sighting) -> None:
        fact, value = sighting.fact, sighting.value
        if fact is Fact.CONVERSATION and self._transcript is not None and value.get("id"):
            value = {**value, "transcript": self._transcript(str(value["id"]))}
            sighting = replace(sighting, value=value)
        if fact in LEVELS:
            if self._levels.get(fact, {}) == value:
                return
            self._levels[fact] = value
        name = value.get("message")
        if fact is Fact.TURN and isinstance(name, str):
            if value.get("phase") == "failed":
                self._failed.append(name)
            elif value.get("phase") == "interrupted" and name in self._failed:
                return  # a turn that failed is cancelled afterwards, too
            sighting = replace(sighting, value={**value, "message": self._names.get(name, name)})
        self._see(sighting)


def as_uuid(message_id: str) -> str:
    """Return the id under which Claude Code knows a message; it takes nothing but UUIDs."""
    ours = OUR_ID.fullmatch(message_id)
    if ours is not None:
        digits = ours[1]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15]}{OUR_UUID}"
    try:
        return str(uuid.UUID(message_id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, message_id))


def message_id_of(name: str) -> str:
    """Return the id of a message that Claude Code knows under this one, where it tells it."""
    if not name.endswith(OUR_UUID):
        return name
    digits = name.replace("-", "")
    return f"d-{digits[:12]}{digits[13:16]}{digits[17]}"
