from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.services.events.exporting.casts import (
    HELD_CHARACTERS,
    IDLE_MILLISECONDS,
    MOST_LABEL,
    WINDOW_CHARACTERS,
    CastLineError,
    Marker,
    label_of,
    play,
    star,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SECRET = "ghp_" + "a1B2" * 9
HEADER = {
    "version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm"}, "timestamp": 1000,
    "env": {"SECRET": "x"}, "title": "old",
}  # fmt: skip


def recorded(*events: tuple[float, str, str], header: object = HEADER) -> list[bytes]:
    return [json.dumps(one).encode() + b"\n" for one in (header, *events)]


def played(lines: Iterable[bytes], *markers: Marker) -> tuple[dict[str, Any], list[list[Any]]]:
    head, *events = [json.loads(one) for one in play(lines, markers, "new")]
    return head, events


def shown(events: Sequence[Sequence[Any]]) -> str:
    return "".join(data for _, code, data in events if code == "o")


def test_a_recording_is_told_under_its_new_title_without_the_environment() -> None:
    head, events = played(recorded((0.5, "o", "hallo"), (0.25, "r", "90x30"), (0.1, "x", "0")))
    assert head == {
        "version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm"}, "timestamp": 1000,
        "idle_time_limit": 2.0, "title": "new",
    }  # fmt: skip
    assert events == [[0.5, "o", "hallo"], [0.25, "r", "90x30"], [0.1, "x", "0"]]


def test_markers_stand_where_they_happened_and_late_ones_at_the_end() -> None:
    lines = recorded((1, "o", "a"), (1, "o", "b"))
    markers = (Marker(-5, "early"), Marker(1500, "turn 1"), Marker(99_000, "late"))
    assert played(lines, *markers)[1] == [
        [0, "m", "early"], [1, "o", "a"], [0.5, "m", "turn 1"], [0.5, "o", "b"], [0, "m", "late"],
    ]  # fmt: skip


def test_long_pauses_are_shortened() -> None:
    assert played(recorded((3600, "o", "a"), (1, "o", "b")))[1] == [
        [IDLE_MILLISECONDS / 1000, "o", "a"], [1, "o", "b"],
    ]  # fmt: skip


def test_what_was_typed_and_comments_are_left_out() -> None:
    lines = recorded((1, "i", "password"), (1, "o", "b"))
    assert played([*lines, b"# ended\n", b"\n"])[1] == [[2, "o", "b"]]


def test_a_secret_that_comes_letter_by_letter_is_starred() -> None:
    _, events = played(recorded(*[(0.01, "o", one) for one in f"key {SECRET} end"]))
    assert shown(events) == f"key {'*' * len(SECRET)} end"
    assert len(events) == len(f"key {SECRET} end")


@pytest.mark.parametrize(
    "amid", ["\x1b[31m", "\x1b[0m\x1b[1;32m", " \r", "\x1b]0;title\x07", "\x1b(B", "\x0f"]
)
def test_a_secret_is_found_whatever_stands_amid_it(amid: str) -> None:
    text = f"at {SECRET[:11]}{amid}{SECRET[11:]} end"
    made = "".join(star(text))
    assert SECRET[4:11] not in made
    assert SECRET[11:] not in made
    assert made.startswith("at ***********")
    assert made.endswith("* end")


def test_secrets_in_titles_and_the_clipboard_are_not_told() -> None:
    made = "".join(star(f"a\x1b]0;{SECRET}\x07b\x1b]52;c;c2VjcmV0\x07c"))
    assert made == f"a\x1b]0;{'*' * len(SECRET)}\x07bc"


def test_characters_of_several_bytes_do_not_move_the_stars() -> None:
    assert "".join(star(f"ä日🚀 {SECRET} ü")) == f"ä日🚀 {'*' * len(SECRET)} ü"


@pytest.mark.parametrize("before", [WINDOW_CHARACTERS - 20, WINDOW_CHARACTERS - HELD_CHARACTERS])
def test_a_secret_across_two_windows_is_starred(before: int) -> None:
    filler = [(0.0, "o", "x " * 50)] * (before // 100)
    parts = [(0.0, "o", one) for one in f" {SECRET} end"]
    text = shown(played(recorded(*filler, *parts, *filler))[1])
    assert SECRET[:8] not in text
    assert SECRET[-8:] not in text
    assert f" {'*' * len(SECRET)} end" in text


def test_one_large_piece_of_output_is_told_whole() -> None:
    big = "y " * WINDOW_CHARACTERS
    assert shown(played(recorded((0, "o", big), (0, "o", big), (0, "o", "end")))[1]) == (
        big + big + "end"
    )


@pytest.mark.parametrize(
    "lines",
    [
        [], [b"x\n"], [b"{}\n"], recorded(header=[]), [*recorded(), b"[1]\n"],
        [*recorded(), b"{\n"], [*recorded(), b'["a", "o", "b"]\n'],
    ],
    ids=["nothing", "words", "empty", "list", "short", "torn", "text"],
)  # fmt: skip
def test_what_is_no_recording_is_told(lines: list[bytes]) -> None:
    with pytest.raises(CastLineError):
        list(play(lines, (), "x"))


def test_a_label_is_one_short_line() -> None:
    assert label_of("a\x1b[31m\n\tb\u202e") == "a[31m b"
    assert len(label_of("x" * 500)) == MOST_LABEL


@given(st.text(max_size=80))
def test_what_holds_no_secret_is_shown_as_it_was(text: str) -> None:
    made = star(text)
    assert len(made) == len(text)
    assert "]52;" in text or "".join(made) == text or "*" in "".join(made)


@given(st.lists(st.tuples(st.floats(0, 9), st.sampled_from("om"), st.text(max_size=9))))
def test_times_never_go_back(events: list[tuple[float, str, str]]) -> None:
    _, told = played(recorded(*events), Marker(3, "a"))
    assert all(0 <= one[0] <= IDLE_MILLISECONDS / 1000 for one in told)
    assert len(told) == len(events) + 1
