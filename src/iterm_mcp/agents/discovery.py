"""Which kinds of agents are installed, and what each can do here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.agents.kind import Transport, has_screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.agents.kind import AgentKind, Installed

PROBE_SECONDS = 5.0
PARALLEL_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Found:
    """A kind, and its program on this machine.

    Attributes:
        installed: None when it is not there, or did not say what it is in time.
        late: It is the latter.
    """

    kind: AgentKind
    installed: Installed | None
    late: bool = False


async def discover(kinds: Iterable[AgentKind], environ: Mapping[str, str]) -> tuple[Found, ...]:
    """Look for all kinds at once, up to `PARALLEL_LIMIT`; each takes `PROBE_SECONDS` at most.

    A program that has answered before is not asked again while its file is the same.

    Returns:
        One for each kind, in the given order.
    """
    asked = list(kinds)
    found: dict[str, Found] = {}
    limit = anyio.CapacityLimiter(PARALLEL_LIMIT)

    async def look(kind: AgentKind) -> None:
        installed = None
        async with limit:
            with anyio.move_on_after(PROBE_SECONDS) as scope:
                installed = await kind.probe(environ)
        found[kind.name] = Found(kind, installed, late=scope.cancelled_caught)

    async with anyio.create_task_group() as group:
        for kind in asked:
            group.start_soon(look, kind)
    return tuple(found[kind.name] for kind in asked)


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing that a kind may be able to do here.

    Attributes:
        works: Whether it can.
        text: What works, or what is done instead.
        hint: What to do about it; empty when nothing is to be done.
    """

    name: str
    works: bool
    text: str
    hint: str = ""


INSTALL = {
    "claude": "npm install -g @anthropic-ai/claude-code",
    "codex": "npm install -g @openai/codex",
    "gemini": "npm install -g @google/gemini-cli",
    "aider": "uv tool install aider-chat",
}
INSTALL |= {f"{name}-headless": INSTALL[name] for name in ("claude", "codex")}
_TRUST = (
    'Start it once by start_agent, and choose "Trust all and continue" in its terminal; or start it'
    ' with trust "accept", which vouches for our hooks alone, for that start.'
)
_BUSY = "Look again when the machine is less busy: its help has to come within 5 s."
_TELLING = frozenset({"claude", "codex", "gemini", "claude-headless", "codex-headless"})
"""Kinds whose programs are asked for their features."""
_ASKING = frozenset({"claude", "codex"})
"""Kinds of which a hook can be answered with a permission."""
_UPDATE = "Update it to a newer version."


def abilities(found: Found) -> tuple[Ability, ...]:
    """Return what works with an installed kind; nothing for one that is not."""
    if found.installed is None:
        return ()
    features = found.installed.features
    if not features and found.kind.name in _TELLING:
        return (Ability("features", works=False, text="it did not say what it can do", hint=_BUSY),)
    if not has_screen(found.kind):
        return (_protocol(found.kind, features), _resume(features))
    told = [_state(found.kind.name, features)]
    if "marks" in features:  # a shell, which has no conversations
        return tuple(told)
    if "hook_trust" in features and "hooks_trusted" not in features:
        text = "it asks once whether our hooks may run"
        told.append(Ability("hooks", works=False, text=text, hint=_TRUST))
    told += _permissions(found.kind.name, features)
    told.append(_resume(features))
    if Transport.PROTOCOL in found.kind.transports:
        told.append(_protocol(found.kind, features))
    return tuple(told)


def _permissions(kind: str, features: frozenset[str]) -> list[Ability]:
    """Return how the hook is answered that asks for a permission; nothing where none is."""
    if "hooks" not in features or kind not in _ASKING:
        return []
    if "http_hooks" in features:
        return [Ability("permissions", works=True, text="it asks for permissions over HTTP")]
    text = "a Python program of ours runs for each permission that it asks for, for want of HTTP"
    hint = _UPDATE if kind == "claude" else ""
    return [Ability("permissions", works=not hint, text=text, hint=hint)]


def _resume(features: frozenset[str]) -> Ability:
    resumes = "resume" in features
    text = "goes on with a conversation" if resumes else "begins a new conversation at each start"
    return Ability("resume", resumes, text)


def _protocol(kind: AgentKind, features: frozenset[str]) -> Ability:
    speaks = bool(features & {"app_server", "stream_json"})
    if has_screen(kind):
        as_kind = f"spoken to without a terminal as {kind.name}-headless"
        text = as_kind if speaks else "spoken to in its terminal alone"
    else:
        exact = "its protocol tells exactly what it does, and takes messages and answers"
        text = exact if speaks else "this version cannot be spoken to without a terminal"
    return Ability("protocol", speaks, text, "" if speaks else _UPDATE)


def _state(kind: str, features: frozenset[str]) -> Ability:
    if "registry" in features or kind == "claude":
        return Ability("state", works=True, text="its registry file tells exactly what it does")
    if "hooks" in features:
        return Ability("state", works=True, text="hooks and files tell what it does")
    if "marks" in features:
        return Ability("state", works=True, text="its prompts' marks tell what it does")
    return Ability("state", works=False, text="only its screen tells what it does")
