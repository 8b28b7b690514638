"""Colours in escape sequences (API §7.5), read and written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from iterm_mcp.host import color_sequences
from iterm_mcp.host.color_sequences import Question
from iterm_mcp.host.colors import KEYS
from iterm_mcp.host.rendering.palette import DARK


@pytest.mark.parametrize(
    ("spec", "color"),
    [
        ("rgb:1/2/3", 0x112233),
        ("rgb:11/22/33", 0x112233),
        ("RGB:111/222/333", 0x112233),
        ("rgb:ffff/8080/0000", 0xFF8000),
        ("#123", 0x112233),
        ("#112233", 0x112233),
        ("#110220330", 0x112233),
        ("#111122223333", 0x112233),
        ("#1122", None),
        ("rgb:1/2", None),
        ("?", None),
        ("red", None),
        ("", None),
    ],
)
def test_a_colour_is_written_in_several_ways(spec: str, color: int | None) -> None:
    assert color_sequences.parse(spec) == color


@pytest.mark.behaves("set colours", "ask for colours", source="7.5")
@pytest.mark.parametrize(
    ("code", "payload", "changes", "asked"),
    [
        (4, "0;#000001;15;#000002", [("Ansi 0 Color", 1), ("Ansi 15 Color", 2)], []),
        (4, "16;#000001;x;#000001;²;#000001;1", [], []),
        (4, "1;?", [], [Question("4;1", 1)]),
        (4, "-1;?;-2;?;-3;?", [], [Question("4;-1", "Foreground"), Question("4;-2", "Background")]),
        (4, "255;?;256;?;01;?;1", [], [Question("4;255", 255), Question("4;1", 1)]),
        (104, "1;16", [("Ansi 1 Color", None)], []),
        (12, "#000001", [("Cursor Color", 1)], []),
        (
            10,
            "?;?;?;?",
            [],
            [Question("10", "Foreground"), Question("11", "Background"), Question("12", "Cursor")],
        ),
        (17, "?;#1;?", [], [Question("17", "Selection"), Question("19", "Selected Text")]),
        (119, "", [("Selected Text Color", None)], []),
        (13, "#000001", [], []),
    ],
)
def test_what_is_changed_and_what_is_asked(
    code: int, payload: str, changes: list[tuple[str, int | None]], asked: list[Question]
) -> None:
    assert color_sequences.read(code, payload) == (changes, asked)


def test_every_name_is_that_of_a_colour() -> None:
    names = [*color_sequences._NAMED]
    changes = color_sequences.named(",".join(f"{name}=123456" for name in names))
    assert {key for key, _ in changes} <= KEYS
    assert len({key for key, _ in changes}) == len(names)
    assert {color for _, color in changes} == {0x123456}


@pytest.mark.parametrize("end", [b"\x07", b"\x1b\\"])
def test_an_answer_begins_and_ends_as_the_question_did(end: bytes) -> None:
    used = replace(DARK, selected_text=0x0180FF)
    asked = Question("19", "Selected Text")
    assert color_sequences.answer(asked, used, end) == b"\x1b]19;rgb:0101/8080/ffff" + end
    asked = Question("4;231", 231)
    assert color_sequences.answer(asked, used, end) == b"\x1b]4;231;rgb:ffff/ffff/ffff" + end


@pytest.mark.parametrize(
    ("payload", "name"),
    [("preset=Solarized, Dark=1", "Solarized, Dark=1"), ("fg=fff", None), ("preset", "")],
)
def test_a_preset_is_asked_for_by_its_whole_name(payload: str, name: str | None) -> None:
    assert color_sequences.preset(payload) == name
