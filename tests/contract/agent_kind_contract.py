"""What every kind of agent keeps, whichever one it is: the parts that need no program.

Collected through a subclass whose module has a fixture ``kind``.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iterm_mcp.agents.kind import Installed, StartRequest, Transport, WhileBusy
from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.models.observations import Fact
from iterm_mcp.models.sessions import Screen, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterm_mcp.agents.kind import AgentKind, Stroke
    from iterm_mcp.models.observations import Json, Sighting

ESCAPE = "\x1b"
TYPED = frozenset("\t\n\r")
PAUSE_SECONDS = 0.15
"""Codex takes an Enter that comes sooner for a new line."""

whole = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
rows = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
    | st.sampled_from(
        ["\u203a 1. Yes", "  2. No", "> ", "\u203a ", "\u276f\xa0", "\u2502 \u25cf 1. x \u2502",
         "esc to interrupt", "\u2500" * 20, "retrying in 5s", "Enter to confirm",
         "Do you trust this folder?", "(Y)es/(N)o"]
    ),
    max_size=12,
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=8,
)
events = st.sampled_from(
    ["SessionStart", "SessionEnd", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "Stop",
     "StopFailure", "Notification", "BeforeAgent", "AfterAgent", "Interrupt", "SubagentStop"]
)  # fmt: skip


def joined(strokes: Sequence[Stroke]) -> str:
    return "".join(stroke.text for stroke in strokes)


def screen_of(lines: Sequence[str]) -> Screen:
    return Screen(tuple(lines), 0, 0, max(len(lines) - 1, 0), Size(80, max(len(lines), 1)))


def check(sightings: Sequence[Sighting]) -> None:
    for one in sightings:
        assert isinstance(one.fact, Fact)
        assert len(one.evidence) <= 2000
        json.dumps(one.value)


class AgentKindContract:
    def test_its_name_is_a_word_and_its_ways_are_known(self, kind: AgentKind) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", kind.name)
        assert kind.transports
        assert kind.transports <= set(Transport)
        assert kind.while_busy in WhileBusy
        assert (kind.driver() is not None) is (Transport.PROTOCOL in kind.transports)

    def test_a_text_is_typed_whole_and_submitted_once_at_its_end(self, kind: AgentKind) -> None:
        strokes = kind.compose("make the tests green")

        assert "make the tests green" in joined(strokes)
        assert joined(strokes).count("\r") == 1
        assert joined(strokes).endswith("\r")

    def test_enter_never_comes_as_part_of_a_burst(self, kind: AgentKind) -> None:
        strokes = kind.compose("make the tests green")

        if kind.name != "shell":
            assert strokes[-1].text == "\r"
            assert strokes[-2].pause_seconds >= PAUSE_SECONDS

    @given(st.text(max_size=300))
    @whole
    def test_any_text_is_refused_or_typed_without_anything_that_commands(
        self, kind: AgentKind, text: str
    ) -> None:
        try:
            strokes = kind.compose(text)
        except InvalidRequestError:
            return
        commanding = {
            one for one in joined(strokes) if unicodedata.category(one) == "Cc"
        } - TYPED  # fmt: skip
        assert not commanding

    @pytest.mark.parametrize("character", ["\x00", "\x03", ESCAPE, "\x7f", "\x9b", "\ud800"])
    def test_control_characters_are_refused(self, kind: AgentKind, character: str) -> None:
        with pytest.raises(InvalidRequestError):
            kind.compose(f"ls {character}[201~ rm")

    @pytest.mark.parametrize("text", ["/clear everything", "!rm -r x", "  /quit"])
    def test_an_order_is_never_taken_for_a_command_by_mistake(
        self, kind: AgentKind, text: str
    ) -> None:
        if kind.name != "shell":
            with pytest.raises(InvalidRequestError):
                kind.compose(text)
            assert text.strip() in joined(kind.compose(text, raw=True))

    def test_no_other_program_is_taken_for_it(self, kind: AgentKind) -> None:
        name = kind.name
        for command in (
            (), ("",), ("vim", f"{name}.py"), ("grep", name), ("/bin/cat", f"/x/{name}"),
            ("python3", "-m", "http.server"), (f"not-{name}",), ("bash", "-c", name),
        ):  # fmt: skip
            assert not kind.recognise(command)

    @given(rows, st.text(max_size=20))
    @whole
    def test_any_screen_is_read_without_harm(
        self, kind: AgentKind, lines: list[str], title: str
    ) -> None:
        check(kind.see(screen_of(lines), title))

    def test_a_shells_prompt_or_an_empty_screen_is_no_readiness(self, kind: AgentKind) -> None:
        for lines in ([], [""] * 24, ["$ make", "make: done", "user@host:~$ "], ["[1] 2 3"]):
            told = kind.see(screen_of(lines), "bash")
            assert not any(one.value.get("is") == "idle" for one in told)

    @given(st.dictionaries(st.text(max_size=12), json_values), events)
    @whole
    def test_any_event_of_a_hook_is_read_without_harm(
        self, kind: AgentKind, payload: dict[str, Json], event: str
    ) -> None:
        check(kind.hooked(payload))
        check(kind.hooked({**payload, "hook_event_name": event}))

    def test_an_interruption_is_one_key_and_never_a_double_escape(self, kind: AgentKind) -> None:
        for strokes in (kind.interrupt(), kind.leave(), kind.clear()):
            assert strokes
            assert ESCAPE * 2 not in joined(strokes)
        assert joined(kind.interrupt()) in {ESCAPE, "\x03"}

    def test_a_choice_that_is_not_offered_is_refused_with_a_hint(self, kind: AgentKind) -> None:
        dialog: dict[str, Json] = {"asks": "permission", "options": ["Yes", "No"], "number": 0}

        with pytest.raises(InvalidRequestError) as caught:
            kind.answer(dialog, "perhaps")

        assert caught.value.hint

    def test_a_first_order_cannot_become_an_option(self, kind: AgentKind) -> None:
        features = {"prompt", "hooks", "stream_json", "app_server"}
        installed = Installed("/bin/it", "1", frozenset(features))

        plan = kind.start(StartRequest("/p", prompt="--yolo --dangerously"), installed)

        assert plan.takes_prompt is any("--yolo" in word for word in plan.arguments)
        for at, word in enumerate(plan.arguments):
            if word.startswith("--yolo"):
                assert plan.arguments[at - 1] == "--"

    def test_what_it_cannot_do_at_a_start_is_refused(self, kind: AgentKind) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            kind.start(StartRequest("/p", permissions="anything at all;"), Installed("/bin/it"))

        assert caught.value.hint
