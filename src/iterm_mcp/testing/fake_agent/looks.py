"""How kinds of agents look and what their composers do. Values alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent.composer import (
    CODEX_RULE,
    GEMINI_RULE,
    PasteRule,
    claude_rule,
)
from iterm_mcp.testing.fake_agent.dialogs import CARET, Dialog, gate, permission
from iterm_mcp.testing.fake_agent.dresses import (
    CODEX_DRESS,
    DOTS,
    GEMINI_DRESS,
    codex_gate,
    codex_permission,
    gemini_gate,
    gemini_permission,
)
from iterm_mcp.testing.fake_agent.frame import CLAUDE_DRESS, Dress

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Look:
    """One kind's manners.

    Attributes:
        version: What ``--version`` prints.
        banner: The conversation's first lines.
        mark: What stands before the composer.
        paste: The rule for pastes, from the session's tag.
        idle_title, busy_titles: Of the terminal, with the directory's name for ``{}``; empty leaves
            it alone.
        asking_title: The same while it asks; empty where it is as before.
        idle_hint, busy_hint: The last row, or what stands there in its dress.
        placeholder: What stands in the empty composer.
        permission, gate: How it asks, see `dialogs`.
        bullet: What stands before what it says.
        interrupted: What it says of an interruption.
        restores: An interrupted prompt may be given back into the composer.
        working: What it shows while it works.
        full_screen: Whether it draws a screen, or is a line program.
        bursts: Whether quick characters count as a paste (Codex).
        merges: Whether all waiting messages make one turn.
        bangs: Whether ``!command`` runs a command.
    """

    version: str
    banner: tuple[str, ...]
    mark: str
    paste: Callable[[str], PasteRule]
    idle_title: str = ""
    busy_titles: tuple[str, ...] = ()
    idle_hint: str = ""
    busy_hint: str = "esc to interrupt"
    working: str = "Working…"
    full_screen: bool = True
    bursts: bool = False
    merges: bool = True
    bangs: bool = False
    progress: bool = False
    asking_title: str = ""
    placeholder: str = ""
    dress: Dress = CLAUDE_DRESS
    permission: Callable[[str, str], Dialog] = permission
    gate: Callable[[str, str], Dialog] = gate
    bullet: str = "●"
    interrupted: str = "  ⎿  Interrupted · What should Claude do instead?"
    restores: bool = True


NO_PASTE = PasteRule(lambda _text: False, lambda _number, text: text, lambda text: text)

LOOKS = {
    "claude": Look(
        version="2.1.330 (Claude Code)",
        banner=("▐▛███▛█   Claude Code v2.1.330", "▝▜██████▀  Scripted · fake agent", ""),
        mark=f"{CARET}\xa0",
        paste=claude_rule,
        idle_title="✳ Claude Code",
        busy_titles=("◐ Claude Code", "◓ Claude Code", "◑ Claude Code", "◒ Claude Code"),
        idle_hint="  ⏸ manual mode on · ? for shortcuts",
        busy_hint="  ⏸ manual mode on · esc to interrupt",
        working="Composing…",
        bangs=True,
        progress=True,
    ),
    "codex": Look(
        version="codex-cli 0.169.0",
        banner=(">_ OpenAI Codex (v0.169.0)", ""),
        mark="\u203a ",
        paste=lambda _tag: CODEX_RULE,
        idle_title="{}",
        busy_titles=tuple(f"{dot} {{}}" for dot in DOTS),
        asking_title="[ ! ] Action Required | {}",
        idle_hint="  \u2190 for agents \u00b7 ? for shortcuts",
        busy_hint="  \u2190 for agents \u00b7 ? for shortcuts",
        working="Working (1s \u2022 esc to interrupt)",
        placeholder="Ask Codex to do anything",
        dress=CODEX_DRESS,
        permission=codex_permission,
        gate=codex_gate,
        bullet="•",
        interrupted="■ Conversation interrupted - use /feedback if something went wrong",
        restores=False,
        bursts=True,
        merges=False,
    ),
    "gemini": Look(
        version="0.61.0",
        banner=(" GEMINI", ""),
        mark=" > ",
        paste=lambda _tag: GEMINI_RULE,
        idle_title="◇  Ready ({})",
        busy_titles=("✦  Working… ({})",),
        asking_title="✋  Action Required ({})",
        idle_hint="? for shortcuts",
        busy_hint="",
        working="Thinking... (esc to cancel, 1s)",
        bangs=True,
        placeholder="  Type your message or @path/to/file",
        dress=GEMINI_DRESS,
        permission=gemini_permission,
        gate=gemini_gate,
        bullet="✦",
        interrupted="ℹ Request cancelled.",  # noqa: RUF001 - it is no letter i
        restores=False,
    ),
    "plain": Look(
        version="1.0",
        banner=(),
        mark="> ",
        paste=lambda _tag: NO_PASTE,
        full_screen=False,
        merges=False,
    ),
}
