"""What Codex and Gemini CLI draw around their conversations, and how they ask. Pure.

Rows and words as Codex 0.169 and Gemini CLI 0.61 show them.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from iterm_mcp.testing.fake_agent import dialogs
from iterm_mcp.testing.fake_agent.dialogs import Dialog, Option
from iterm_mcp.testing.fake_agent.frame import Dress, width_of, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.testing.fake_agent.frame import View

CODEX_CARET = "\u203a"
GEMINI_CARET = "\u25cf"
DOTS = "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f"
STEERS = (
    "\u2022 Messages to be submitted after next tool call (press esc to interrupt and send"
    " immediately)"
)


def _codex_status(view: View, columns: int) -> list[str]:
    if view.dialog is not None:
        return []
    rows = wrap(f"\u2022 {view.busy}", columns) if view.busy else []
    if view.waiting:
        rows += ["", *wrap(STEERS, columns)]
        rows += [row for shown in view.waiting for row in wrap(f"  \u21b3 {shown}", columns)]
    return rows


def _codex_under(view: View, columns: int) -> list[str]:
    typed = view.before or view.after
    hint = view.hint if not typed else "  tab to queue message" if view.busy else ""
    return [row[:columns] for row in ("", f"  gpt-5 default \u00b7 {view.folder}", hint)]


CODEX_DRESS = Dress(
    status=_codex_status,
    over=lambda _view, _columns: [""],
    under=_codex_under,
    dialog=lambda shown, columns: ["", *[part for row in shown for part in wrap(row, columns)]],
)


def codex_permission(tool: str, detail: str) -> Dialog:
    """Ask whether a command may be run; every tool of the fake one is a command."""
    del tool
    return Dialog(
        "permission",
        "  Would you like to run the following command?",
        [
            Option("Yes, proceed (y)", "allow"),
            Option(
                f"Yes, and don't ask again for commands that start with `{detail}` (p)", "always"
            ),
            Option("No, and tell Codex what to do differently (esc)", "deny"),
        ],
        ["", "  Environment: local", "", "  Reason: ordered", "", f"  $ {detail}"],
        footer="  Press enter to confirm or esc to cancel",
        cancelled="deny",
        caret=CODEX_CARET,
    )


def codex_gate(kind: str, folder: str) -> Dialog:
    """Return what stands before the start: ``trust``, ``hooks`` or another's, see `dialogs.gate`.

    Raises:
        KeyError: There is no such gate.
    """
    if kind == "hooks":
        return Dialog(
            kind,
            "  Hooks need review",
            [
                Option("Review hooks", "exit"),
                Option("Trust all and continue", "go"),
                Option("Continue without trusting (hooks won't run)", "go"),
            ],
            [
                "  10 hooks are new or changed.",
                "",
                "  Hooks can run outside the sandbox after you trust them.",
            ],
            footer="  enter confirm \u00b7 esc skip",
            cancelled="go",
            marks=True,
            caret=CODEX_CARET,
        )
    if kind == "trust":
        return Dialog(
            kind,
            "  Folder access",
            [Option("Trust and continue", "go"), Option("Back to Agent Command Center", "exit")],
            [
                "",
                f"  {folder}",
                "",
                "  Trust this folder? Codex can read, edit, and run files here, subject to your",
                "  permission settings. Continue only if you trust these files.",
            ],
            footer="  enter continue \u00b7 esc back",
            cancelled="exit",
            marks=True,
            caret=CODEX_CARET,
        )
    return dialogs.gate(kind, folder)


def _gemini_status(view: View, columns: int) -> list[str]:
    if view.dialog is not None:
        return []
    rows = []
    if view.waiting:
        rows.append("  Queued (press \u2191 to edit):")
        rows += [row for shown in view.waiting for row in wrap(f"    {shown}", columns)]
    if view.busy:
        rows += wrap(f" {DOTS[view.tick % len(DOTS)]} {view.busy}", columns)
    return rows


def _gemini_over(view: View, columns: int) -> list[str]:
    idle = not (view.busy or view.before or view.after)
    rows = [view.hint.rjust(columns)] if idle else []
    rows += ["\u2500" * columns, " Shift+Tab to accept edits", "\u2584" * columns]
    return [row[:columns] for row in rows]


def _gemini_under(view: View, columns: int) -> list[str]:
    table = (
        (" workspace (/directory)", "sandbox", "/model"), (f" {view.folder}", "no sandbox", "Auto")
    )  # fmt: skip
    rows = ["\u2580" * columns, *(f"{one:48}{two:31}{three}" for one, two, three in table)]
    return [row[:columns] for row in rows]


def _boxed(shown: Sequence[str], columns: int) -> list[str]:
    inner = max(columns - 4, 1)
    rows = [part for row in shown for part in wrap(row, inner)]
    edge = "\u2500" * (columns - 2)
    return [
        f"\u256d{edge}\u256e",
        *[f"\u2502 {row}{' ' * (inner - width_of(row))} \u2502" for row in rows],
        f"\u2570{edge}\u256f",
    ]


GEMINI_DRESS = Dress(status=_gemini_status, over=_gemini_over, under=_gemini_under, dialog=_boxed)


def gemini_permission(tool: str, detail: str) -> Dialog:
    """Ask whether a command may be run; every tool of the fake one is a command."""
    del tool
    return Dialog(
        "permission",
        f"? Shell  {detail}",
        [
            Option("Allow once", "allow"),
            Option("Allow for this session", "always"),
            Option("No, suggest changes (esc)", "deny"),
        ],
        [detail, "Allow execution of [Shell]?"],
        footer="",
        cancelled="deny",
        caret=GEMINI_CARET,
    )


def gemini_gate(kind: str, folder: str) -> Dialog:
    """Return what stands before the start: ``trust``, or another's, see `dialogs.gate`.

    Raises:
        KeyError: There is no such gate.
    """
    if kind != "trust":
        return dialogs.gate(kind, folder)
    path = PurePath(folder)
    return Dialog(
        kind,
        "Do you trust the files in this folder?",
        [
            Option(f"Trust folder ({path.name})", "go"),
            Option(f"Trust parent folder ({path.parent.name})", "go"),
            Option("Don't trust", "go"),
        ],
        [
            "",
            "Trusting a folder allows Gemini CLI to load its local configurations, including",
            "custom commands, hooks, MCP servers, agent skills, and settings.",
        ],
        footer="",
        cancelled="go",
        caret=GEMINI_CARET,
    )
