"""Hooks: commands and addresses that a user's settings want told of what happens.

The three agents that have them write them alike: per event a list of matchers, each with a list of
hooks. A command gets the payload on stdin and answers by its exit code (2 refuses, with stderr as
the reason) and by JSON on stdout; an address gets it as the body of a POST and answers with JSON.
All hooks of one event run at once, and their answers are joined: a refusal wins.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterm_mcp.testing.fake_agent.posting import PostError, post_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from iterm_mcp.testing.fake_agent.truth import Truth

TIMEOUT_SECONDS = 60.0
REFUSED = 2
_VARIABLE = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}|\$([A-Z_][A-Z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook of one event.

    Attributes:
        matcher: A regular expression for the event's subject (a tool's name, a notification's
            type, a start's source); empty or ``*`` is all.
        command: A line for the shell, or empty.
        url: An address, or empty.
        variables: Those of the environment that stand in headers as ``$NAME``; others are empty.
        detached: It is not waited for.
    """

    matcher: str
    command: str
    url: str
    headers: dict[str, str] = field(default_factory=dict, hash=False)
    timeout: float = TIMEOUT_SECONDS
    detached: bool = False
    variables: frozenset[str] = frozenset()

    def wants(self, subject: str) -> bool:
        """Tell whether its matcher fits."""
        return self.matcher in {"", "*"} or re.fullmatch(self.matcher, subject) is not None

    def filled(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return its headers with the values of those variables that it may have."""

        def value(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            return environ.get(name, "") if name in self.variables else ""

        return {name: _VARIABLE.sub(value, text) for name, text in self.headers.items()}


@dataclass
class Verdict:
    """The joined answers of an event's hooks.

    Attributes:
        blocked: Something refused; `reason` says why.
        permission: ``allow``, ``deny``, ``ask``, or None when nobody decided.
        context: What the model is told besides.
        ran: How many hooks there were.
    """

    blocked: bool = False
    reason: str = ""
    permission: str | None = None
    context: list[str] = field(default_factory=list)
    ran: int = 0

    def join(self, answer: dict[str, Any]) -> None:
        """Take one hook's answer."""
        special = answer.get("hookSpecificOutput") or {}
        if answer.get("decision") in {"block", "deny"} or answer.get("continue") is False:
            self.blocked = True
            self.reason = str(answer.get("reason") or answer.get("stopReason") or self.reason)
        decision = special.get("decision") or {}
        wanted = special.get("permissionDecision") or decision.get("behavior")
        if wanted == "deny" or (wanted and self.permission != "deny"):
            self.permission = str(wanted)
            told = special.get("permissionDecisionReason") or decision.get("message")
            self.reason = str(told or self.reason)
        if special.get("additionalContext"):
            self.context.append(str(special["additionalContext"]))


def read_settings(data: dict[str, Any]) -> dict[str, list[Hook]]:
    """Return the hooks in a settings object, by the event's name in lower case."""
    found: dict[str, list[Hook]] = {}
    for event, groups in (data.get("hooks") or {}).items():
        for group in groups if isinstance(groups, list) else []:
            for one in group.get("hooks") or []:
                hook = Hook(
                    str(group.get("matcher") or ""),
                    str(one.get("command") or ""),
                    str(one.get("url") or ""),
                    dict(one.get("headers") or {}),
                    float(one.get("timeout") or TIMEOUT_SECONDS),
                    bool(one.get("async")),
                    frozenset(one.get("allowedEnvVars") or ()),
                )
                found.setdefault(event.lower(), []).append(hook)
    return found


def load_settings(sources: Iterable[str]) -> dict[str, list[Hook]]:
    """Return the hooks of settings files, or of settings given as JSON; missing ones have none.

    Raises:
        ValueError: One of them is not JSON.
    """
    found: dict[str, list[Hook]] = {}
    for source in sources:
        text = source
        if not source.lstrip().startswith("{"):
            try:
                text = Path(source).read_text("utf-8")
            except OSError:
                continue
        for event, hooks in read_settings(json.loads(text)).items():
            found.setdefault(event, []).extend(hooks)
    return found


def _nobody(_subtype: str, _event: str, _outcome: str | None) -> None:
    """Stand in for who is told."""


class Hooks:
    """Tells hooks what happens.

    Args:
        hooks: As `load_settings` returns them.
        environ: Added to what commands see.

    Attributes:
        told: Called as hooks start and end: with ``hook_started`` or ``hook_response``, the event
            and the outcome.
    """

    def __init__(self, hooks: dict[str, list[Hook]], environ: dict[str, str], truth: Truth) -> None:
        self._hooks = hooks
        self._environ = {**os.environ, **environ}
        self._truth = truth
        self.told: Callable[[str, str, str | None], None] = _nobody
        self._detached: set[asyncio.Task[dict[str, Any]]] = set()

    async def tell(self, event: str, payload: dict[str, Any], subject: str = "") -> Verdict:
        """Run the hooks of an event, and return what they say; one that fails says nothing."""
        verdict = Verdict()
        wanted = [one for one in self._hooks.get(event.lower(), []) if one.wants(subject)]
        if not wanted:
            return verdict
        body = json.dumps(payload).encode()
        self._truth.note("hook", event=event, count=len(wanted))
        self.told("hook_started", event, None)
        async with asyncio.TaskGroup() as group:
            waited = []
            for hook in wanted:
                if hook.detached:
                    task = asyncio.get_running_loop().create_task(self._run(hook, body))
                    self._detached.add(task)
                    task.add_done_callback(self._detached.discard)
                else:
                    waited.append(group.create_task(self._run(hook, body)))
        for done in waited:
            verdict.join(done.result())
        verdict.ran = len(wanted)
        self.told("hook_response", event, "blocked" if verdict.blocked else "success")
        return verdict

    async def aclose(self) -> None:
        """End what was not waited for."""
        for task in self._detached:
            task.cancel()
        await asyncio.wait(self._detached) if self._detached else None

    async def _run(self, hook: Hook, body: bytes) -> dict[str, Any]:
        try:
            async with asyncio.timeout(hook.timeout):
                if hook.url:
                    return _parsed(await post_json(hook.url, body, hook.filled(self._environ)))
                return await self._command(hook.command, body)
        except (PostError, OSError, TimeoutError) as error:
            self._truth.note("hook_failed", hook=hook.url or hook.command, why=str(error))
            return {}

    async def _command(self, command: str, body: bytes) -> dict[str, Any]:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command,
            stdin=pipe, stdout=pipe, stderr=pipe,
            env=self._environ, start_new_session=True,
        )  # fmt: skip
        try:
            printed, complained = await process.communicate(body)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode == REFUSED:
            reason = complained.decode("utf-8", "replace").strip()
            special = {"permissionDecision": "deny", "permissionDecisionReason": reason}
            return {"decision": "block", "reason": reason, "hookSpecificOutput": special}
        return _parsed(printed.decode("utf-8", "replace")) if process.returncode == 0 else {}


def _parsed(text: str) -> dict[str, Any]:
    """Return an answer; what is not a JSON object says nothing."""
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
