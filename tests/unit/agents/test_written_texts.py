"""A message that was typed is known again in the composer, whatever it looks like.

Its text may have marks of composers, rules, boxes, options, stand-ins and titles of dialogs in it;
it is drawn as the kinds' fake ones draw it, and as the recorded real ones do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.agents.screens import drawn

from iterm_mcp.agents.claude import Claude
from iterm_mcp.agents.codex import Codex
from iterm_mcp.agents.gemini import Gemini
from iterm_mcp.models.sessions import Size
from iterm_mcp.services.deliveries.composer_text import Shown, compare
from iterm_mcp.services.deliveries.guard import read
from iterm_mcp.testing.fake_agent.composer import Composer
from iterm_mcp.testing.fake_agent.frame import View, cursor_in, draw, width_of, wrap
from iterm_mcp.testing.fake_agent.looks import LOOKS

if TYPE_CHECKING:
    from iterm_mcp.agents.kind import AgentKind
    from iterm_mcp.models.sessions import Screen

KINDS: dict[str, AgentKind] = {"claude": Claude(), "codex": Codex(), "gemini": Gemini()}
SIZES = (Size(90, 30), Size(80, 24), Size(40, 12))
_STYLE = re.compile(r"\x1b\[[0-9;]*m")

MEAN = (
    "\u276f half a prompt", "\u276f", "> quoted", "\u203a mark", "\u276f 1. Yes",
    "\u2500" * 8, "\u2500" * 60, "\u2501" * 20, "\u2554\u2550\u2550\u2557", "\u2502 boxed \u2502",
    "\u256d\u2500\u2500\u256e", "\u2570\u2500\u2500\u256f", "---", "===",
    "1. yes", "2. no", "\u25cf 1. Allow once", "Do you want to proceed?",
    "Press enter to confirm or esc to cancel", "Esc to cancel \u00b7 Tab to amend",
    "esc to interrupt", "  ? for shortcuts", "Do you trust the files in this folder?",
    "[Pasted text #1 +4 lines]", "[Pasted text #1 +N lines]", "[Pasted Content 1500 chars]",
    "[Pasted Text: 7 lines]", "42", "7", "", "   ", "\ttab\there", "trailing   ", "a" * 300,
    "\u6f22\u5b57" * 40, "\U0001f469\u200d\U0001f4bb code", "cafe\u0301",
    "\u2718 Auto-update failed",
    "\u23bf  Queued \u00b7 ctrl+x ctrl+s to send now", "\u00b7 retrying in 6s \u00b7 attempt 5/10",
)  # fmt: skip

texts = (
    st.lists(
        st.sampled_from(MEAN) | st.text("ab \u276f\u2500>1.", max_size=200), min_size=1, max_size=9
    )
    .map("\n".join)
    .filter(lambda text: text.strip() and text.lstrip()[0] not in "/!")
)


def typed(kind: AgentKind, text: str) -> Composer:
    """Return the kind's composer after all but the Enter was typed."""
    composer = Composer(LOOKS[kind.name].paste("ab12"))
    for stroke in kind.compose(text)[:-1]:
        (composer.paste if stroke.paste else composer.type)(stroke.text)
    return composer


def shown_by_fake(kind: AgentKind, text: str, size: Size) -> Screen:
    look, composer = LOOKS[kind.name], typed(kind, text)
    before = composer.shown_before_cursor
    view = View(
        mark=look.mark, dress=look.dress, log=[*look.banner, f"{look.mark}{text}", "\u25cf ok"]
    )
    view.before, view.hint = before, look.idle_hint
    rows = draw(view, size.columns, size.rows)
    place = cursor_in(rows)
    assert place is not None
    return drawn(
        *(_STYLE.sub("", row).rstrip() for row in rows), cursor=(place[1], place[0]), size=size
    )


def shown_by_real(kind: AgentKind, text: str, size: Size) -> Screen:
    """Return the screen as the recorded Codex and Gemini CLI lay theirs out."""
    mark, above, below = (
        ("\u203a ", ["\u2022 ok", "", ""], ["", "  gpt-5 default", "  ? for shortcuts"])
        if kind.name == "codex"
        else (
            " > ",
            ["\u2726 ok", "\u2500" * size.columns, " Shift+Tab to accept edits", ""],
            ["", " workspace (/directory)       sandbox      /model", " /home/ann   none   Auto"],
        )
    )
    inner = size.columns - width_of(mark) - 1
    written = wrap(typed(kind, text).shown_before_cursor, inner)
    room = size.rows - len(above) - len(below)
    written = written[-room:]
    rows = [f"{mark if not at else ' ' * len(mark)}{row}" for at, row in enumerate(written)]
    cursor = (width_of(rows[-1]), len(above) + len(rows) - 1)
    return drawn(*(row.rstrip() for row in (*above, *rows, *below)), cursor=cursor, size=size)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", KINDS)
@given(texts)
@settings(deadline=None, max_examples=60)
@example("Plan:\n\u276f \n" + "\u2500" * 40 + "\nend")
@example("1. one\n2. two\nPress enter to confirm or esc to cancel")
@example("1. one")
@example("7")
@example("half a prompt\n" * 4 + "\n\n\n")
@example("a" * 300 + "\n\n")
def test_a_message_is_known_in_the_composer_of_a_fake_agent(
    name: str, size: Size, text: str
) -> None:
    kind = KINDS[name]

    seen = read(kind.see(shown_by_fake(kind, text, size), ""))

    assert not seen.in_the_way
    assert compare(seen, text) is Shown.OURS


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["codex", "gemini"])
@given(texts)
@settings(deadline=None, max_examples=60)
@example("one\n\n\nfour\n" + "\u2500" * 20 + "\n\u203a six")
@example("1. one\n2. two\nPress enter to confirm or esc to cancel")
@example("half a prompt\n" * 4 + "\n\n\n")
@example("a" * 300 + "\n\n")
def test_a_message_is_known_in_the_composer_of_a_real_agent(
    name: str, size: Size, text: str
) -> None:
    kind = KINDS[name]

    seen = read(kind.see(shown_by_real(kind, text, size), ""))

    assert not seen.in_the_way
    assert compare(seen, text) is Shown.OURS


@pytest.mark.parametrize("name", KINDS)
@given(texts, st.sampled_from(["and more", "x"]))
@settings(deadline=None, max_examples=60)
def test_a_message_beside_which_somebody_typed_is_not_taken_for_it(
    name: str, text: str, more: str
) -> None:
    kind = KINDS[name]
    size = Size(90, 60)

    seen = read(kind.see(shown_by_fake(kind, text, size), ""))
    beside = read(kind.see(shown_by_fake(kind, f"{text} {more}", size), ""))

    assert compare(seen, text) is Shown.OURS
    if "[Pasted" not in beside.text:
        assert compare(beside, text) is Shown.OTHER


def test_a_paste_that_holds_more_or_less_than_the_message_is_not_taken_for_it() -> None:
    text = "\n".join(f"line {number} of the order" for number in range(80))
    before = "what a crash has left of another message"

    def shown(written: str) -> Shown:
        screen = shown_by_fake(KINDS["codex"], written, SIZES[0])
        return compare(read(KINDS["codex"].see(screen, "")), text)

    assert shown(text) is Shown.OURS
    assert shown(f"{before}{text}") is Shown.OTHER
    assert shown(text[40:]) is Shown.OTHER
