"""Codex's app-server, real or fake, through one script of requests."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

from scripts.canary.comparing import Finding
from scripts.canary.subject import SilentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scripts.acceptance.rig import Rig

SECONDS = 20.0
NOBODY = "00000000-0000-4000-8000-000000000000"
TOLD = (
    "thread/started", "thread/status/changed", "turn/started", "turn/completed", "item/started",
    "item/completed", "thread/tokenUsage/updated",
)  # fmt: skip
"""Notifications that are compared; others tell of accounts, warnings and the like."""
CONFIG = """model = "gpt-5"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "{base_url}"
wire_api = "responses"
[projects."{project}"]
trust_level = "trusted"
"""

Message = dict[str, Any]


class AppServer:
    """JSON-RPC with one app-server; keeps what was said in the order of its coming.

    Attributes:
        steps: Per step of the script, what came.
        keys: Per kind of message, the keys that it had.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._number = 0
        self.steps: list[tuple[str, list[str]]] = []
        self.keys: dict[str, set[str]] = {}
        threading.Thread(target=self._read, daemon=True).start()  # noqa: TID251 - a script

    def step(self, name: str) -> None:
        """Begin a step of the script."""
        self.steps.append((name, []))

    def write(self, **message: Any) -> None:  # noqa: ANN401
        """Send a message."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def ask(self, method: str, **params: Any) -> Message:  # noqa: ANN401
        """Send a request; return its answer."""
        self._number += 1
        self.write(id=self._number, method=method, params=params)
        answer = self._until(lambda one: one.get("id") == self._number and "method" not in one)
        error = answer.get("error")
        if not error:
            self._keep(f"answer to {method}", answer["result"])
        words = f"error {error['code']}" if error else "result"
        self.steps[-1][1].append(f"{method}: {words}")
        return answer

    def wait(self, method: str) -> Message:
        """Wait for a notification; return its parameters."""
        return dict(self._until(lambda one: one.get("method") == method)["params"])

    def _until(self, accept: Any) -> Message:  # noqa: ANN401 - a predicate
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise SilentError(f"{self.steps[-1][0]}: no answer") from None
            message = json.loads(line)
            if message.get("method") in TOLD:
                self._note(message["method"], message["params"])
            if accept(message):
                return dict(message)

    def _note(self, method: str, params: Message) -> None:
        words = [method]
        if "item" in params:
            words.append(params["item"]["type"])
            self._keep(f"item {params['item']['type']}", params["item"])
        if "turn" in params:
            words.append(params["turn"]["status"])
        if "status" in params:
            words.append(params["status"]["type"])
        self._keep(method, params)
        self.steps[-1][1].append(" ".join(words))

    def _keep(self, kind: str, what: Message) -> None:
        self.keys.setdefault(kind, set()).update(what)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        for line in self._process.stdout:
            self._lines.put(line)


def run(rig: Rig, program: Sequence[str], base_url: str) -> AppServer:
    """Run an app-server through the script; return what was seen of it.

    Raises:
        SilentError: It did not come through.
    """
    home = rig.folder / ".codex"
    home.mkdir(exist_ok=True)
    config = CONFIG.format(base_url=base_url, project=rig.project)
    (home / "config.toml").write_text(config, "utf-8")
    with rig.start(
        [*program, "app-server"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        server = AppServer(process)
        _play(server, str(rig.project))
        assert process.stdin is not None  # noqa: S101 - it was asked for
        process.stdin.close()
        return server


def _play(server: AppServer, project: str) -> None:
    server.step("greeting")
    server.ask("thread/start", cwd=project)
    server.ask("initialize", clientInfo={"name": "canary", "version": "1"})
    server.write(method="initialized")
    thread = server.ask("thread/start", cwd=project)["result"]["thread"]["id"]
    server.wait("thread/started")
    server.step("a turn")
    server.ask("turn/start", threadId=thread, input=_text("hello"), clientUserMessageId="m1")
    server.wait("turn/completed")
    server.step("amid a turn")
    began = server.ask("turn/start", threadId=thread, input=_text("[[work 30]]"))
    turn = began["result"]["turn"]["id"]
    server.wait("item/completed")
    server.ask("turn/steer", threadId=thread, expectedTurnId="x", input=_text("no"))
    server.ask("turn/interrupt", threadId=thread, turnId=turn)
    server.wait("turn/completed")
    server.step("mistakes")
    server.ask("turn/steer", threadId=thread, expectedTurnId=turn, input=_text("no"))
    server.ask("turn/start", threadId=NOBODY, input=_text("no"))
    server.ask("thread/resume", threadId=NOBODY)
    server.ask("no/such/method")


def compare(real: AppServer, persona: AppServer) -> Iterator[Finding]:
    """Yield what was seen of each step, and where the persona makes up keys."""
    for (name, one), (_, other) in zip(real.steps, persona.steps, strict=True):
        yield Finding(
            f"codex: {name}", "messages", " · ".join(one), " · ".join(other), one == other
        )
    for kind in sorted(real.keys.keys() & persona.keys.keys()):
        more = persona.keys[kind] - real.keys[kind]
        yield Finding(
            "codex: all",
            kind,
            f"{len(real.keys[kind])} keys",
            f"{len(persona.keys[kind])} keys"
            + (f", made up: {' '.join(sorted(more))}" if more else ""),
            not more,
        )


def _text(words: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": words}]
