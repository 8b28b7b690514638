"""What the variables of either terminal say about how a session is typed to."""

from __future__ import annotations

import json

import pytest
from iterm2 import api_pb2 as wire
from tests.unit.terminal.peer import Peer
from tests.unit.terminal.test_iterm import ONE, Bench, answer, variables

from iterm_mcp.errors import NotFoundError
from iterm_mcp.models.input import InputState

OURS = {"applicationCursor": True, "bracketedPaste": True, "readsLines": False, "queued": 7}


async def read(values: tuple[object, ...]) -> InputState:
    peer = Peer()
    peer.answers["variable_request"] = variables(*(json.dumps(one) for one in values))
    async with Bench(peer).open() as terminal:
        return await terminal.read_input_state(ONE)


async def test_our_host_tells_the_modes_and_the_queue() -> None:
    assert await read((OURS, False, "vim")) == InputState(
        application_cursor=True, bracketed_paste=True, reads_lines=False, queued=7
    )


async def test_a_host_whose_program_has_ended_tells_no_lines() -> None:
    assert (await read((OURS | {"readsLines": None}, False, "vim"))).reads_lines is None


@pytest.mark.parametrize("keypad", [True, False])
async def test_in_iterm2_the_keypad_stands_for_the_cursor_keys(*, keypad: bool) -> None:
    assert await read((None, keypad, "less")) == InputState(application_cursor=keypad)


@pytest.mark.parametrize(
    ("job", "bracketed"),
    [("zsh", True), ("-zsh", True), ("fish", True), ("bash", False), ("cat", False), (None, False)],
)
async def test_in_iterm2_the_shell_stands_for_bracketed_paste(
    job: str | None, *, bracketed: bool
) -> None:
    assert (await read((None, False, job))).bracketed_paste == bracketed


async def test_a_session_that_is_gone_is_not_found() -> None:
    peer = Peer()
    missing = wire.VariableResponse.Status.SESSION_NOT_FOUND
    peer.answers["variable_request"] = answer(
        variable_response=wire.VariableResponse(status=missing)
    )
    async with Bench(peer).open() as terminal:
        with pytest.raises(NotFoundError):
            await terminal.read_input_state(ONE)
