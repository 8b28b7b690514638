"""What kinds share of typing: which text may be typed, pastes, Enter, and choosing an option. Pure.

A text is typed into whatever stands there, so it must hold nothing that a line editor or a screen
takes for a command of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iterm_mcp.agents.kind import Stroke
from iterm_mcp.errors import InvalidRequestError, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterm_mcp.models.observations import Json

ENTER = "\r"
"""What the key sends; also under the kitty keyboard protocol, unless all keys are reported."""
ESCAPE = "\x1b"

UP = "\x1b[A"
DOWN = "\x1b[B"
ARROW_SECONDS = 0.05
"""Between arrows: each is drawn before the next, and none is taken for an Escape."""

DIGITS = 9
"""How many options can be chosen by a digit."""

TEXT_LIMIT_BYTES = 64 * 1024

ARGUMENT_BYTES = 100_000
"""What an order may have that is an argument of a command: Linux takes 128 KiB for one."""

LEAD_LINES = 3
LEAD_CHARACTERS = 800
"""What agents that mark pastes still take for typed, measured with Claude Code 2.1.329."""

SUBMIT_PAUSE_SECONDS = 0.2
"""Between a text and its Enter. Codex takes an Enter for a newline for 120 ms after quick
characters, and others lost one in three after 10 kB without any pause."""

COMMANDS = "/!"
"""What begins a command to the program itself, in most agents."""

UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (Unicode's Cc) other than tab and newline, and surrogates (Cs)."""

_YES = re.compile(r"(?i)\W*(yes|allow|approve|accept|proceed|ok|y)\b")
_TRUST = re.compile(r"(?i)trust (?:folder|and continue)\b")
"""How agents call the option that trusts the one directory that they were started in."""

_NO = re.compile(r"(?i)\W*(no|deny|reject|decline|cancel|n)\b")
_ALWAYS = re.compile(r"(?i)\b(always|don.?t ask|session|remember)\b")


def check_text(text: str, limit_bytes: int = TEXT_LIMIT_BYTES) -> None:
    r"""Make sure that a text can be typed.

    Tabs and newlines are the only control characters let through: typed into a line editor, an
    escape byte is a command of its own, and ``\x03`` ends what runs.

    Raises:
        InvalidRequestError: Another control character, a character that UTF-8 has no bytes for,
            or more than the limit.
    """
    unfit = UNFIT.search(text)
    if unfit is not None:
        raise InvalidRequestError(
            f"control character U+{ord(unfit[0]):04X} at position {unfit.start()}",
            hint="Send plain text; only tabs and newlines may stand in it.",
            code="control_character",
        )
    size = len(text.encode())
    if size > limit_bytes:
        raise InvalidRequestError(
            f"the text has {size} bytes, and at most {limit_bytes} can be typed at once",
            hint="Write it to a file, and send the path.",
            code="text_too_long",
        )


def check_order(
    text: str, commands: str = COMMANDS, *, limit_bytes: int = TEXT_LIMIT_BYTES
) -> None:
    """Make sure that a text can be typed into an agent's composer, and is an order to its model.

    Args:
        commands: Characters with which a text would be a command to the program instead.

    Raises:
        InvalidRequestError: As `check_text`; or there is nothing but blanks; or the text begins as
            a command does, which is never typed by mistake.
    """
    check_text(text, limit_bytes)
    first = text.lstrip()[:1]
    if not first:
        raise InvalidRequestError(
            "the text is empty", hint="Say what the agent shall do.", code="text_empty"
        )
    if first in tuple(commands):
        raise InvalidRequestError(
            f"the text begins with {first!r}, which the agent takes for a command of its own",
            hint="Begin with a word; to run the command on purpose, type it with send_text.",
            code="command_text",
        )


def split_lead(
    text: str, *, lines: int = LEAD_LINES, characters: int = LEAD_CHARACTERS
) -> tuple[str, str]:
    """Return the beginning of a text that may be typed, in whole lines, and the rest.

    The rest is empty when all of it is short enough; the lead is, when its first line is too long.
    """
    kept = []
    left = characters
    rows = text.split("\n")
    for row in rows[:lines]:
        if len(row) > left:
            break
        kept.append(row)
        left -= len(row) + 1
    return "\n".join(kept), "\n".join(rows[len(kept) :])


def pasted(text: str, pause_seconds: float = SUBMIT_PAUSE_SECONDS) -> tuple[Stroke, ...]:
    """Return the strokes that put a text into a composer as one paste, and submit it."""
    return Stroke(text, paste=True, pause_seconds=pause_seconds), Stroke(ENTER)


def pasted_order(text: str, *, raw: bool = False) -> tuple[Stroke, ...]:
    """Return the strokes that give an agent an order as one paste.

    Args:
        raw: Let it begin as a command of the agent's program does.

    Raises:
        InvalidRequestError: See `check_order`.
    """
    check_order(text, commands="" if raw else COMMANDS)
    return pasted(text)


def option_index(dialog: Mapping[str, Json], choice: str) -> int:
    """Return which option of a dialog is meant, counted from 0.

    Args:
        choice: ``allow``, ``deny``, ``allow_always``, an option's text, or its number from 1.

    Raises:
        InvalidRequestError: The dialog has no such option; the hint lists them.
    """
    options = options_of(dialog)
    wanted = choice.strip()
    if wanted in options:
        return options.index(wanted)
    if wanted.isdecimal() and 0 < int(wanted) <= len(options):
        return int(wanted) - 1
    found = [index for index, one in enumerate(options) if _means(one, wanted)]
    if not found:
        listed = ", ".join(f"{number} ({one})" for number, one in enumerate(options, 1))
        raise InvalidRequestError(
            f"the dialog has no option {shown(choice)!r}",
            hint=f"Choose one of: {listed}." if listed else "Look at its screen, and type the key.",
            code="no_such_option",
        )
    return found[0]


def options_of(dialog: Mapping[str, Json]) -> Sequence[str]:
    """Return the options of a dialog (`Fact.DIALOG`'s value); empty when none are known."""
    options = dialog.get("options")
    return [str(one) for one in options] if isinstance(options, list) else []


def _means(option: str, choice: str) -> bool:
    if choice == "deny":
        return _NO.match(option) is not None
    if _TRUST.match(option) is not None:  # a directory's name follows
        return choice == "allow"
    if choice in {"allow", "allow_always"}:
        always = _ALWAYS.search(option) is not None
        return _YES.match(option) is not None and always is (choice == "allow_always")
    return option.casefold() == choice.casefold()


def choose(dialog: Mapping[str, Json], choice: str) -> tuple[Stroke, ...]:
    """Return the strokes that choose an option: its digit, or arrows and Enter.

    A digit means the same wherever the mark stands; arrows are counted from the mark as it was
    seen (``marked``) and are for dialogs without numbers (``numbered`` false).

    Raises:
        InvalidRequestError: The dialog has no such option; the hint lists them.
    """
    index = option_index(dialog, choice)
    if dialog.get("numbered", True) and index < DIGITS:
        return (Stroke(str(index + 1)),)
    marked = dialog.get("marked")
    steps = index - (marked if isinstance(marked, int) else 0)
    arrow = DOWN if steps > 0 else UP
    return (*[Stroke(arrow, pause_seconds=ARROW_SECONDS)] * abs(steps), Stroke(ENTER))
