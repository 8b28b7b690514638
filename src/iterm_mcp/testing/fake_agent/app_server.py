"""``codex app-server``: many threads over one JSON-RPC connection on stdin and stdout."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from iterm_mcp.testing.fake_agent.app_server_thread import AppServerThread
from iterm_mcp.testing.fake_agent.channel import Channel
from iterm_mcp.testing.fake_agent.codex_signals import (
    VERSION,
    Rollout,
    find_rollout,
    thread_of,
)
from iterm_mcp.testing.fake_agent.conversation import Conversation
from iterm_mcp.testing.fake_agent.prompts import Prompt, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from iterm_mcp.testing.fake_agent.hooks import Hooks
    from iterm_mcp.testing.fake_agent.pace import Pace
    from iterm_mcp.testing.fake_agent.scenario import Scenario
    from iterm_mcp.testing.fake_agent.steps import Step
    from iterm_mcp.testing.fake_agent.truth import Truth

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
OVERLOADED = -32001


class RpcError(Exception):
    """A request is answered with an error: code and message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class AppServer:
    """Serves threads until the input ends.

    Args:
        overloads: How many turns are refused as overloaded, to begin with.

    Attributes:
        left: Done with the exit code at the end of the input.
    """

    def __init__(
        self,
        *,
        home: Path,
        cwd: str,
        hooks: Hooks,
        notify: Sequence[str],
        scenario: Scenario,
        pace: Pace,
        truth: Truth,
        overloads: int,
    ) -> None:
        self.left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._home = home
        self._cwd = cwd
        self._hooks = hooks
        self._notify_program = list(notify)
        self._scenario = scenario
        self._pace = pace
        self._truth = truth
        self._overloads = overloads
        self._channel = Channel(self._heard, self._broken, lambda: self._leave(0))
        self._threads: dict[str, AppServerThread] = {}
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._greeted = False
        self._next_request = 0
        self._group: asyncio.TaskGroup | None = None
        self._methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "initialize": self._initialize,
            "thread/start": self._start_thread,
            "thread/resume": self._resume_thread,
            "thread/read": self._read_thread,
            "thread/loaded/list": self._list_loaded,
            "turn/start": self._start_turn,
            "turn/steer": self._steer_turn,
            "turn/interrupt": self._interrupt_turn,
        }

    def run_in(self, group: asyncio.TaskGroup) -> None:
        """Begin to listen; threads live in the group."""
        self._group = group
        self._channel.open()

    def close(self) -> None:
        """Listen no more."""
        self._channel.close()

    def order(self, step: Step) -> None:
        """Do an order from outside: in every thread, or ``exit``."""
        if step.verb == "exit":
            self._leave(0)
            return
        for thread in self._threads.values():
            thread.talk.order(step)

    def notify(self, method: str, **params: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Send a notification."""
        at = self._pace.milliseconds()
        self._channel.send({"method": method, "params": params, "emittedAtMs": at})

    async def ask(self, method: str, thread_id: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        """Send a request to the client, and wait for its result; an error counts as empty."""
        number = self._next_request
        self._next_request += 1
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = waiting
        params["threadId"] = thread_id
        self._channel.send({"id": number, "method": method, "params": params})
        try:
            return await waiting
        finally:
            self._asked.pop(number, None)
            self.notify("serverRequest/resolved", threadId=thread_id, requestId=number)

    def _heard(self, message: dict[str, Any]) -> None:
        number, method = message.get("id"), message.get("method")
        if method is None:
            waiting = self._asked.get(number) if isinstance(number, int) else None
            if waiting is not None and not waiting.done():
                result = message.get("result")
                waiting.set_result(result if isinstance(result, dict) else {})
            return
        if number is None:
            return
        try:
            result = self._method(method)(message.get("params") or {})
        except RpcError as error:
            told = {"code": error.code, "message": str(error)}
            self._channel.send({"id": number, "error": told})
            return
        except (KeyError, TypeError) as error:
            told = {"code": INVALID_PARAMS, "message": f"Invalid params: {error}"}
            self._channel.send({"id": number, "error": told})
            return
        self._channel.send({"id": number, "result": result})

    def _method(self, name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        if name != "initialize" and not self._greeted:
            raise RpcError(INVALID_REQUEST, "Not initialized")
        if name not in self._methods:
            known = ", ".join(f"`{one}`" for one in self._methods)
            why = f"Invalid request: unknown variant `{name}`, expected one of {known}"
            raise RpcError(INVALID_REQUEST, why)
        return self._methods[name]

    def _broken(self, text: str) -> None:
        self._truth.note("not_understood", why="not JSON", line=text)
        told = {"code": PARSE_ERROR, "message": "Parse error"}
        self._channel.send({"id": None, "error": told})

    def _initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        if self._greeted:
            raise RpcError(INVALID_REQUEST, "Already initialized")
        client = params["clientInfo"]
        self._greeted = True
        return {
            "userAgent": f"{client['name']}/{VERSION} (fake)",
            "codexHome": str(self._home),
            "platformFamily": "unix",
            "platformOs": "macos" if sys.platform == "darwin" else "linux",
        }

    def _start_thread(self, params: dict[str, Any]) -> dict[str, Any]:
        thread_id = new_id()
        return self._open_thread(thread_id, params.get("cwd") or self._cwd, "startup")

    def _resume_thread(self, params: dict[str, Any]) -> dict[str, Any]:
        found = find_rollout(self._home, str(params["threadId"]))
        if found is None:
            raise RpcError(INVALID_REQUEST, f"no rollout found for thread id {params['threadId']}")
        return self._open_thread(thread_of(found), params.get("cwd") or self._cwd, "resume")

    def _open_thread(self, thread_id: str, cwd: str, source: str) -> dict[str, Any]:
        assert self._group is not None  # noqa: S101 - nothing is heard before
        thread = self._threads.get(thread_id)
        if thread is None:
            rollout = Rollout(self._home, thread_id, cwd, self._pace)
            thread = AppServerThread(
                self, thread_id, cwd=cwd, hooks=self._hooks, rollout=rollout,
                notify=self._notify_program, pace=self._pace,
            )  # fmt: skip
            thread.talk = Conversation(
                thread, thread.signals, self._scenario, self._pace, self._truth, self._group,
                merges=False, restores="never",
            )  # fmt: skip
            self._threads[thread_id] = thread
            self._group.create_task(thread.live(source))
            self._truth.note("thread", thread_id=thread_id, source=source)
        if source == "startup":
            told = thread.described()
            asyncio.get_running_loop().call_soon(lambda: self.notify("thread/started", thread=told))
        return {
            "thread": thread.described(),
            "model": "codex-scripted",
            "modelProvider": "scripted",
            "cwd": cwd,
            "approvalPolicy": "on-request",
            "approvalsReviewer": "user",
            "sandbox": {"type": "workspaceWrite", "writableRoots": [], "networkAccess": False},
        }

    def _read_thread(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"thread": self._thread(params).described()}

    def _list_loaded(self, params: dict[str, Any]) -> dict[str, Any]:
        del params
        return {"data": list(self._threads), "nextCursor": None}

    def _start_turn(self, params: dict[str, Any]) -> dict[str, Any]:
        thread = self._thread(params)
        if self._overloads > 0:
            self._overloads -= 1
            self._truth.note("overloaded", client_id=params.get("clientUserMessageId"))
            raise RpcError(OVERLOADED, "Server overloaded; retry later.")
        prompt = self._prompt(params)
        if thread.turn_id is not None:  # a turn that runs takes the message
            return {"turn": thread.turn(self._steer(thread, prompt), "inProgress")}
        asyncio.get_running_loop().call_soon(thread.talk.tell, prompt)
        return {"turn": thread.turn(prompt.prompt_id, "inProgress")}

    def _steer_turn(self, params: dict[str, Any]) -> dict[str, Any]:
        thread, expected = self._thread(params), params["expectedTurnId"]
        if thread.turn_id is None:
            raise RpcError(INVALID_REQUEST, "no active turn to steer")
        if thread.turn_id != expected:
            raise RpcError(
                INVALID_REQUEST,
                f"expected active turn id `{expected}` but found `{thread.turn_id}`",
            )
        return {"turnId": self._steer(thread, self._prompt(params))}

    def _interrupt_turn(self, params: dict[str, Any]) -> dict[str, Any]:
        thread = self._thread(params)
        if thread.turn_id is None or thread.turn_id != params["turnId"]:
            raise RpcError(INVALID_REQUEST, "no such turn is active")
        thread.talk.interrupt()
        return {}

    @staticmethod
    def _steer(thread: AppServerThread, prompt: Prompt) -> str:
        """Give the turn that runs a message; return its id."""
        assert thread.turn_id is not None  # noqa: S101 - the caller has looked
        thread.talk.steer(prompt)
        asyncio.get_running_loop().call_soon(thread.show, prompt)
        return thread.turn_id

    def _thread(self, params: dict[str, Any]) -> AppServerThread:
        thread = self._threads.get(str(params["threadId"]))
        if thread is None:
            raise RpcError(INVALID_REQUEST, f"thread not found: {params['threadId']}")
        return thread

    @staticmethod
    def _prompt(params: dict[str, Any]) -> Prompt:
        texts = [str(one["text"]) for one in params["input"] if one.get("type") == "text"]
        client_id = params.get("clientUserMessageId")
        return Prompt("\n".join(texts), source="sdk", client_id=client_id)

    def _leave(self, code: int) -> None:
        if not self.left.done():
            self.left.set_result(code)
