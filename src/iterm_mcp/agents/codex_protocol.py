"""Codex without a screen: its app-server, JSON-RPC a line a message over its pipes."""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.account import lines_of
from iterm_mcp.agents.agent_requests import ANSWER_SECONDS, RefusedByAgentError, Requests
from iterm_mcp.agents.codex_messages import (
    QUESTIONS,
    conversation_of,
    decode,
    dialog_id,
    dialog_of,
    result_of,
    thread_request,
)
from iterm_mcp.agents.probing import runs_program
from iterm_mcp.agents.protocol_process import ProtocolProcess, start_process
from iterm_mcp.agents.strokes import check_text
from iterm_mcp.agents.telemetry import codex_words
from iterm_mcp.errors import AgentError, ConflictError, InvalidRequestError
from iterm_mcp.models.observations import Fact, ObservationSource, Sighting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from iterm_mcp.agents.driver import Conversation, Voice
    from iterm_mcp.agents.kind import Installed, StartRequest
    from iterm_mcp.models.observations import Json

GREET_SECONDS = 30.0
RETRY_SECONDS = 0.2
RETRY_SECONDS_MOST = 5.0
OVERLOADED = -32001
METHOD_NOT_FOUND = -32601
STOP_SECONDS = 2.0
TAIL_LINES = 1000
TEXT_LIMIT_BYTES = 1 << 20
ENDED_TURNS = 100
"""How many turns that have ended are remembered."""
OPENING, THREAD = "opening", "thread"
"""The ids of the requests with which a conversation begins that another holds the pipes of."""
CLIENT: dict[str, Json] = {"name": "iterm-mcp", "title": "iterm-mcp", "version": "1"}
GREETING: dict[str, Json] = {"clientInfo": CLIENT, "capabilities": {"experimentalApi": True}}
MESSAGES_KEPT = 1000


class CodexDriver:
    """Starts ``codex app-server``, one process with one thread for each agent."""

    @asynccontextmanager
    async def open(
        self,
        request: StartRequest,
        installed: Installed,
        see: Callable[[Sighting], None],
        environ: Mapping[str, str],
    ) -> AsyncIterator[Conversation]:
        """Start an agent for the length of the block; see `Driver.open`."""
        talk = AppServerTalk(see)
        command = (installed.path, *request.options, "app-server")
        process = await start_process(
            lambda: ProtocolProcess(talk.take, talk.gone), command, request.directory, environ
        )
        talk.process = process
        try:
            with anyio.move_on_after(GREET_SECONDS) as scope:
                await talk.greet(request)
            if scope.cancelled_caught:
                raise AgentError(
                    f"codex app-server did not greet in {GREET_SECONDS:g} s",
                    hint=f"It said: {process.complaints[-500:] or 'nothing'}.",
                )
            yield talk
        finally:
            await process.stop(STOP_SECONDS)

    def decode(self, line: Mapping[str, Json]) -> tuple[Sighting, ...]:
        """Return what one message of the app-server tells."""
        return decode(line)

    def command(self, request: StartRequest, installed: Installed) -> tuple[str, ...]:
        """Return its arguments; what is asked of a thread stands in `opening`.

        Raises:
            InvalidRequestError: This version has no app-server, or a conversation cannot be begun
                under an id that we choose.
        """
        if "app_server" not in installed.features:
            raise InvalidRequestError(
                f"Codex {installed.version or 'at ' + installed.path} has no app-server",
                hint="Update it to a newer version.",
                code="kind_feature_missing",
            )
        thread_request(request)
        return (*codex_words(request.reports), *request.options, "app-server")

    def opening(self, request: StartRequest) -> tuple[Mapping[str, Json], ...]:
        """Return the greeting, and the request for the thread: it is asked for nothing between."""
        method, params = thread_request(request)
        return (
            {"id": OPENING, "method": "initialize", "params": GREETING},
            {"method": "initialized"},
            {"id": THREAD, "method": method, "params": params},
        )

    def recognise(self, command: tuple[str, ...]) -> bool:
        """Tell whether it is an app-server."""
        return runs_program(command, "codex") and "app-server" in command

    def talk(
        self, see: Callable[[Sighting], None], directory: str, environ: Mapping[str, str]
    ) -> AppServerTalk:
        """Return a conversation; the app-server itself tells where its files are."""
        del directory, environ
        return AppServerTalk(see)


class AppServerTalk:
    """One thread of an app-server; a `driver.Conversation`.

    Attributes:
        process: Set right after it was started.
    """

    process: Voice

    def __init__(self, see: Callable[[Sighting], None]) -> None:
        self._see = see
        self._told: OrderedDict[str, None] = OrderedDict()
        self._submitted: dict[int, str] = {}  # requests that hand over messages, unanswered
        self._thread = ""
        self._turn = ""
        self._messages: dict[str, list[str]] = {}  # of each turn, until it has ended
        self._ended: dict[str, tuple[str, list[str]]] = {}  # the last turns, and their messages
        self._asked: dict[str, Mapping[str, Json]] = {}  # open questions, oldest first
        self._requests = Requests(self._send)
        self._said: deque[str] = deque(maxlen=TAIL_LINES)

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    async def greet(self, request: StartRequest) -> None:
        """Greet the server, and start or resume the thread.

        Raises:
            AgentError: It refuses, or has ended.
        """
        await self._requests.ask("initialize", **GREETING)
        self.process.send({"method": "initialized"})
        method, params = thread_request(request)
        self._open(await self._requests.ask(method, **params))
        if request.prompt:
            await self.tell("", request.prompt)

    async def tell(self, message_id: str, text: str) -> None:
        """Begin a turn with a message, or steer the one that runs.

        An overloaded server is asked again, with growing pauses, for up to `ANSWER_SECONDS`.

        Raises:
            AgentError: It took the message in no way.
            AgentGoneError: Its process has ended; it may have taken the message.
            InvalidRequestError: More than 1 MiB, or characters that are no text.
        """
        check_text(text, TEXT_LIMIT_BYTES)
        asked: dict[str, Json] = {
            "threadId": self._thread, "input": [{"type": "text", "text": text}]
        }  # fmt: skip
        if message_id:
            asked["clientUserMessageId"] = message_id
        turn = await self._submit_patiently(asked)
        if message_id:
            self._taken(message_id, turn)

    def was_told(self, message_id: str) -> bool:
        """Tell whether a message was handed over, and not refused; of the last 1000."""
        return message_id in self._told

    async def _submit_patiently(self, asked: Mapping[str, Json]) -> str:
        pause, deadline = RETRY_SECONDS, anyio.current_time() + ANSWER_SECONDS
        while True:
            try:
                return await self._submit(asked)
            except RefusedByAgentError as error:
                if error.number != OVERLOADED or anyio.current_time() + pause > deadline:
                    raise
            await anyio.sleep(pause)
            pause = min(pause * 2, RETRY_SECONDS_MOST)

    async def _submit(self, asked: Mapping[str, Json]) -> str:
        """Steer the turn that runs, or else begin one; return its id."""
        if self._turn:
            try:
                answer = await self._requests.ask("turn/steer", expectedTurnId=self._turn, **asked)
                return str(answer.get("turnId") or self._turn)
            except RefusedByAgentError as error:
                if error.number == OVERLOADED:
                    raise
                # The turn has ended meanwhile: nothing was taken.
        answer = await self._requests.ask("turn/start", **asked)
        turn = answer.get("turn")
        return str(turn.get("id")) if isinstance(turn, dict) else ""

    async def interrupt(self) -> None:
        """End the turn; without one, do nothing.

        Raises:
            AgentError: It does not answer.
        """
        turn = self._turn
        if not turn:
            return
        try:
            await self._requests.ask("turn/interrupt", threadId=self._thread, turnId=turn)
        except RefusedByAgentError:
            if self._turn == turn:  # else it ended by itself
                raise

    async def answer(self, dialog_id: str, choice: str, message: str = "") -> None:
        """Answer a question; what its options are stands in the dialog.

        Args:
            message: Is told to nobody: the app-server has no room for it.

        Raises:
            ConflictError: It has been answered, or is no more.
            InvalidRequestError: It has no such option.
        """
        del message
        request = self._asked.get(dialog_id)
        if request is None:
            raise ConflictError(
                f"the dialog {dialog_id} is not open", hint="List approvals to see which are."
            )
        self.process.send({"id": request["id"], "result": result_of(request, choice)})
        self._close_dialog(dialog_id)
        await self.process.handed_over()

    async def stop(self, grace_seconds: float) -> None:
        """End its input, then TERM, then KILL; in flight is nothing any more then."""
        await self.process.stop(grace_seconds)

    def tail(self, lines: int) -> tuple[str, ...]:
        """Return the last things it said and did, as text for people."""
        return tuple(self._said)[-lines:] if lines > 0 else ()

    # What is said on both sides.

    def sent(self, message: Mapping[str, Json]) -> None:
        """Take a message that was written to it."""
        method, number, params = message.get("method"), message.get("id"), message.get("params")
        self._requests.after(number)
        if method is None and number is not None and "result" in message:
            self._close_dialog(dialog_id(number))
        if str(method) not in {"turn/start", "turn/steer"} or not isinstance(params, dict):
            return
        self._thread = self._thread or str(params.get("threadId") or "")
        if isinstance(told := params.get("clientUserMessageId"), str):
            if isinstance(number, int):
                self._submitted[number] = told
            self._told[told] = None
            if len(self._told) > MESSAGES_KEPT:
                self._told.popitem(last=False)

    def take(self, message: Mapping[str, Json]) -> None:
        """Take a message: an answer, a question, or news."""
        method, number = message.get("method"), message.get("id")
        if not isinstance(method, str):
            self._answered(message)
            self._requests.take(message)
            return
        if number is not None and method not in QUESTIONS:
            error: dict[str, Json] = {"code": METHOD_NOT_FOUND, "message": "not offered"}
            self._try_to_send({"id": number, "error": error})
            return
        params = message.get("params")
        thread = params.get("threadId") if isinstance(params, dict) else None
        if self._thread and thread not in (None, self._thread):
            return  # a subagent's
        self._note(message)
        for sighting in decode(message):
            self._hand_on(sighting)

    def gone(self, code: int) -> None:
        """Know that the process has ended, and tell whoever waits."""
        self._turn = ""
        self._asked.clear()
        ending: dict[str, Json] = {"signal": -code} if code < 0 else {"code": code}
        self._tell(Fact.EXIT, ending)
        self._requests.close(self.process.complaints)

    def _answered(self, message: Mapping[str, Json]) -> None:
        """Take an answer that matters whoever has asked."""
        number, result, error = message.get("id"), message.get("result"), message.get("error")
        told = self._submitted.pop(number, None) if isinstance(number, int) else None
        if told is not None and isinstance(result, dict):
            turn = result.get("turn")
            begun = turn.get("id") if isinstance(turn, dict) else None
            self._taken(told, str(begun or result.get("turnId") or self._turn))
        elif told is not None:
            self._told.pop(told, None)
        number = number if isinstance(number, str) else ""
        if number in {OPENING, THREAD} and isinstance(error, dict):
            self._tell(Fact.TROUBLE, {"what": "refused", "text": str(error.get("message"))})
            self.process.finish()
        elif number == THREAD and isinstance(result, dict):
            self._open(result)

    def _open(self, answer: Mapping[str, Json]) -> None:
        """Know the thread that was begun or resumed."""
        conversation = conversation_of(answer.get("thread"), answer.get("model"))
        self._thread = str(conversation["id"])
        self._tell(Fact.CONVERSATION, conversation)
        self._tell(Fact.ACTIVITY, {"is": "idle"})

    def _taken(self, message_id: str, turn: str) -> None:
        """Know that a turn has taken a message; it may have ended by now."""
        over = self._ended.get(turn)
        if over is None:
            self._belongs(message_id, turn)
        elif message_id not in over[1]:  # it has failed before it was shown as part of the turn
            over[1].append(message_id)
            self._tell(Fact.TURN, {"phase": over[0], "prompt_id": turn, "message": message_id})

    def _note(self, message: Mapping[str, Json]) -> None:
        """Remember what belongs together: turns, questions, last words."""
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        turn = params.get("turn")
        match message.get("method"):
            case "turn/started" if isinstance(turn, dict):
                self._turn = str(turn.get("id") or "")
            case "turn/completed":
                self._turn = ""
            case "item/started":
                self._note_message(params)
            case "serverRequest/resolved":
                self._asked.pop(dialog_id(params.get("requestId")), None)
            case "item/completed":
                self._said.extend(lines_of(params.get("item")))
            case "error":
                self._said.append(f"error: {params.get('error')}"[:500])
            case method if method in QUESTIONS:
                self._asked[dialog_id(message.get("id"))] = message

    def _note_message(self, params: Mapping[str, Json]) -> None:
        item = params.get("item")
        if isinstance(item, dict) and item.get("type") == "userMessage" and item.get("clientId"):
            self._belongs(str(item["clientId"]), str(params.get("turnId")))

    def _belongs(self, message_id: str, turn: str) -> None:
        """Know that a message is part of a turn, whose end it will share."""
        if message_id not in self._messages.setdefault(turn, []):
            self._messages[turn].append(message_id)

    def _hand_on(self, sighting: Sighting) -> None:
        value = sighting.value
        if sighting.fact is Fact.DIALOG and not value and self._asked:
            self._tell(Fact.DIALOG, dialog_of(next(iter(self._asked.values()))))
            return
        messages: list[str] = []
        if sighting.fact is Fact.TURN and value.get("phase") != "started":
            turn = str(value.get("prompt_id"))
            messages = self._messages.pop(turn, [])
            self._ended[turn] = str(value["phase"]), messages
            while len(self._ended) > ENDED_TURNS:
                del self._ended[next(iter(self._ended))]
        if not messages:
            self._see(sighting)
        for message_id in messages:
            told = {**value, "message": message_id}
            self._see(Sighting(sighting.fact, told, sighting.source, sighting.evidence))

    def _close_dialog(self, dialog: str) -> None:
        if self._asked.pop(dialog, None) is None:
            return
        following = next(iter(self._asked.values()), None)
        self._tell(Fact.DIALOG, dialog_of(following) if following else {})

    def _tell(self, fact: Fact, value: Mapping[str, Json]) -> None:
        self._see(Sighting(fact, value, ObservationSource.PROTOCOL, "app-server"))

    def _send(self, message: Mapping[str, Json]) -> None:
        self.process.send(message)

    def _try_to_send(self, message: Mapping[str, Json]) -> None:
        try:
            self.process.send(message)
        except AgentError:  # it has ended, or reads nothing: so it waits for nothing
            return
