"""Typing end to end: every byte arrives, in order, and nobody's comes between another's."""

from __future__ import annotations

import hashlib
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.frames import write_at_random
from tests.integration.tool_client import DOORS, NOBODY, ToolClient, open_ready, open_tools
from tests.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.homes import Home


def long_text(size: int) -> str:
    """Return a text with short lines, one of 300 kB, and characters of all widths."""
    random = Random(7)
    words = ["brown", "Füchse", "狐", "🦊", "x" * 300, '"$HOME"', "\t", "`ls`", "--", "\\"]
    lines = [f"{number} {' '.join(random.choices(words, k=8))}" for number in range(size // 320)]
    lines.insert(len(lines) // 2, "long " + "y" * 300_000)
    return "\n".join(lines) + "\n"


@pytest.mark.headless
@pytest.mark.parametrize("mode", ["echo ready", "stty raw -echo; echo ready"])
async def test_a_paste_of_megabytes_arrives_whole(
    tools: ToolClient, tmp_path: Path, mode: str
) -> None:
    """Also through a terminal that gathers lines, which keeps 4095 bytes of each."""
    text, file = long_text(5_000_000), tmp_path / "pasted"
    session_id = await open_ready(tools, f"{mode}; exec cat > {file}")

    answer = await tools.data(
        "send_text", session_id=session_id, text=text, paste=True, enter=False
    )

    expected = text.encode() if "raw" not in mode else text.replace("\n", "\r").encode()
    assert answer.pop("cursor")
    assert answer == {
        "typed": True, "session_id": session_id, "bytes": len(text.encode()), "bracketed": False
    }  # fmt: skip
    await eventually(lambda: file.stat().st_size, lambda size: size >= len(expected))
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(expected).digest()


@pytest.mark.headless
async def test_a_paste_at_a_prompt_runs_only_with_enter(tools: ToolClient) -> None:
    session_id = await tools.open(command="/usr/bin/env zsh -f")
    await eventually(
        lambda: tools.screen(session_id), lambda lines: any(one.strip() for one in lines)
    )
    text = "echo $((40 + 1))\necho $((50 + 1))"

    pasted = await tools.data(
        "send_text", session_id=session_id, text=text, paste=True, enter=False
    )
    await eventually(
        lambda: tools.screen(session_id), lambda lines: any("50 + 1" in one for one in lines)
    )
    before = [line.rstrip() for line in await tools.screen(session_id)]
    await tools.data("send_keys", session_id=session_id, keys=["enter"])

    assert pasted["bracketed"]
    assert not {"41", "51"} & set(before)
    after = await tools.shows(session_id, "51")
    assert "41" in [line.rstrip() for line in after]


@pytest.mark.headless
@pytest.mark.parametrize(("asked", "sent"), [("\\033[?1h", "^[OA^[OD"), ("", "^[[A^[[D")])
async def test_cursor_keys_follow_the_program(tools: ToolClient, asked: str, sent: str) -> None:
    session_id = await open_ready(tools, f'printf "{asked}ready\\n"; stty raw -echo; exec cat -v')

    async def both() -> list[str]:
        await tools.data("send_keys", session_id=session_id, keys=["up", "left"])
        return await tools.screen(session_id)

    await eventually(both, lambda lines: any(sent in one for one in lines), within_seconds=15)


async def test_several_sessions_get_their_own_text_in_one_call(tools: ToolClient) -> None:
    first, second = await tools.open(), await tools.open()

    answer = await tools.data(
        "send_text",
        session_id=first,
        text="echo first $((1 + 1))",
        also={second: "echo second $((2 + 2))", NOBODY: "x"},
    )

    await tools.shows(first, "first 2")
    await tools.shows(second, "second 4")
    assert [one.get("typed") for one in answer["results"]] == [True, True, None]
    assert answer["results"][2]["code"] == "session_not_found"
    assert answer["results"][2]["hint"]


@pytest.mark.long
@pytest.mark.headless
async def test_a_program_that_does_not_read_ends_the_paste_with_what_it_took(
    tools: ToolClient,
) -> None:
    """It lasts ten seconds, which is how long a program may read nothing."""
    session_id = await open_ready(tools, "stty raw -echo; echo ready; exec sleep 600")

    refusal = await tools.refusal(
        "send_text", session_id=session_id, text="x" * 400_000, paste=True
    )

    assert refusal["code"] == "paste_stalled"
    assert "of 400000 bytes" in refusal["error"]


USES: dict[str, dict[str, Any]] = {
    "send_text": {"text": "echo no"},
    "send_keys": {"keys": ["enter"]},
    "lock_session": {},
    "unlock_session": {"lock_id": "guessed"},
}


async def test_a_lock_keeps_other_clients_out_until_it_is_given_up(tools: ToolClient) -> None:
    session_id = await tools.open()
    lock = await tools.data("lock_session", session_id=session_id, note="release")
    lock_id = lock["lock_id"]

    for tool, arguments in USES.items():
        refusal = await tools.refusal(tool, session_id=session_id, **arguments)
        assert refusal["code"] == "session_locked", tool
        assert "'test' (release)" in refusal["error"]
        assert lock_id not in str(refusal)

    await tools.data("send_text", session_id=session_id, text="echo $((6 * 7))", lock_id=lock_id)
    await tools.shows(session_id, "42")
    await tools.data("unlock_session", session_id=session_id, lock_id=lock_id)
    await tools.data("send_text", session_id=session_id, text="echo $((6 * 8))")
    lines = await tools.shows(session_id, "48")
    assert "no" not in [line.rstrip() for line in lines]


async def test_a_locked_session_shows_who_holds_it_and_obeys_its_holder_alone(
    tools: ToolClient, tmp_path: Path
) -> None:
    """A cascade, a trigger, and the suspending of what runs."""
    session_id = await open_ready(tools, "echo ready; exec sleep 600")
    mine = {"session_id": session_id}
    lock = await tools.data("lock_session", **mine, owner="ann", note=tmp_path.name)
    shown = {key: lock[key] for key in ("owner", "until", "note")}
    key = {"lock_id": lock["lock_id"]}
    name = f"held-{session_id[:8]}"
    await tools.data("register_agent", name=name, **mine)

    (listed,) = await tools.listed(session_id)
    assert listed["locked"] == shown
    assert (await tools.data("describe_session", **mine))["locked"] == shown
    sent = {"agents": {name: "hello"}}
    assert await _states(tools, **sent) == ["refused"]
    assert await _states(tools, **sent, **key) == ["written"]
    await tools.shows(session_id, "hello")
    for tool, arguments in {
        "change_session": {"job": "resume"},
        "manage_triggers": {"action": "add", "pattern": "hello", "act": "text", "text": "x"},
        "run_command": {"command": "true"},
        "restart_session": {},
        "close_session": {},
    }.items():
        refusal = await tools.refusal(tool, **mine, **arguments)
        assert refusal["code"] == "session_locked", tool
    held = await tools.refusal("change_session", **mine, job="resume", **key)
    assert held["code"] == "no_job", "nothing is suspended, which its holder learns"


async def _states(tools: ToolClient, **cascade: Any) -> list[str]:  # noqa: ANN401
    receipts = (await tools.data("cascade_message", **cascade))["receipts"]
    return [str(one["state"]) for one in receipts]


async def test_a_lock_outlives_the_daemon_and_holds_for_every_door(live_home: Home) -> None:
    async with open_tools(live_home) as holder:
        session_id = await holder.open()
        lock = await holder.data("lock_session", session_id=session_id)
        await live_home.kill_daemon()
        async with open_tools(live_home, DOORS[3]) as other:
            refusal = await other.refusal("send_text", session_id=session_id, text="echo no")
            await other.data(
                "send_text", session_id=session_id, text="echo $((6 * 7))", lock_id=lock["lock_id"]
            )
            await other.shows(session_id, "42")
        assert refusal["code"] == "session_locked"


async def test_a_broken_lock_is_told_to_its_holder(tools: ToolClient) -> None:
    session_id = await tools.open()
    lock = await tools.data("lock_session", session_id=session_id, owner="ann")

    broken = await tools.data("unlock_session", session_id=session_id, break_reason="it hangs")
    refusal = await tools.refusal(
        "send_text", session_id=session_id, text="x", lock_id=lock["lock_id"]
    )

    assert broken == {"unlocked": True, "session_id": session_id, "owner": "ann"}
    assert refusal["code"] == "lock_lost"
    assert "it hangs" in refusal["error"]


@pytest.mark.headless
@pytest.mark.timeout(240)
async def test_writers_of_many_clients_never_get_into_each_others_way(
    live_home: Home, tmp_path: Path
) -> None:
    """``python -m tests.stress.writing`` does the same with 50 clients and 200 sessions."""
    assert await write_at_random(live_home, tmp_path, clients=10, sessions=20, frames=15) == []
