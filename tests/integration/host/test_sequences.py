"""What programs say to a terminal by escape sequences, beside what they show."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.integration.host.wire_client import WireClient


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (b"\x1b]10;?\x07", "^[]10;rgb:c7c7/c7c7/c7c7^G"),
        (b"\x1b]11;?\x07", "^[]11;rgb:0101/0202/0303^G"),
        (b"\x1b]4;1;rgb:11/22/33\x07\x1b]4;1;?\x07", "^[]4;1;rgb:1111/2222/3333"),
    ],
    ids=["foreground", "background", "palette"],
)
@pytest.mark.behaves("ask for colours", source="7.5")
async def test_a_program_that_asks_for_a_colour_is_answered(
    wire: WireClient, question: bytes, answer: str
) -> None:
    background = dict(
        zip(
            ("Red Component", "Green Component", "Blue Component"),
            (1 / 255, 2 / 255, 3 / 255),
            strict=True,
        )
    )
    properties = {"Background Color": json.dumps(background)}
    session = (await wire.open_window(**properties)).session_id
    await wire.feed(session, question)
    # The driver shows what comes in, and writes escape as ^[.
    await eventually(partial(wire.text, session), lambda lines: lines[0].startswith(answer))


@pytest.mark.parametrize(
    "sequence",
    [
        b"\x1b]52;c;c2VjcmV0\x07",
        b"\x1b]1337;Copy=:c2VjcmV0\x07",
        b"\x1b]1337;CopyToClipboard=\x07",
        b"\x1b]1337;EndCopy\x07",
    ],
)
@pytest.mark.behaves("clipboard", source="7.5")
async def test_the_clipboard_of_a_terminal_without_a_screen_swallows_what_it_gets(
    wire: WireClient, sequence: bytes
) -> None:
    session = (await wire.open_window()).session_id
    await wire.feed(session, b"be" + sequence + b"side")
    assert (await wire.text(session))[0] == "beside"


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"File=name=YQ==;inline=1", 100),
        (b"File=name=YQ==;inline=1", 5_000_000),
        (b"FilePart=", 100),
        (b"SetBackgroundImageFile=", 100),
        (b"Notification=", 100),
        (b"RequestAttention=", 100),
        (b"OpenURL=", 100),
    ],
)
@pytest.mark.behaves("pictures and files", source="7.2")
async def test_what_only_a_screen_could_show_is_swallowed_whatever_its_size(
    wire: WireClient, head: bytes, size: int
) -> None:
    session = (await wire.open_window()).session_id
    await wire.feed(session, b"be\x1b]1337;" + head + b":" + b"QUJD" * (size // 4) + b"\x07side")
    assert (await wire.text(session))[0] == "beside"
    assert all(not line for line in (await wire.text(session))[1:])
