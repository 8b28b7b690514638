"""API examples that follow a shell's prompts and commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import iterm2
from tests.integration.host.examples.kit import (
    Connection,
    main,
    open_bash,
    running,
    until_equal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Mode = iterm2.PromptMonitor.Mode
ALL_MODES = [Mode.PROMPT, Mode.COMMAND_START, Mode.COMMAND_END]
RED = iterm2.Color(200, 0, 0)


async def runcommand(connection: Connection) -> None:
    """API examples: runcommand. It types a command, waits for its end, and takes its output."""
    _, session = await open_bash(connection)

    async def output_of(command: str) -> list[str]:
        async with iterm2.PromptMonitor(
            connection, session.session_id, modes=[Mode.COMMAND_END]
        ) as monitor:
            async with iterm2.Transaction(connection):
                prompt = await iterm2.async_get_last_prompt(connection, session.session_id)
                assert prompt
                await session.async_send_text(f"{command}\r")
            ended = None
            while ended != prompt.unique_id:
                _, _, ended = await monitor.async_get(include_id=True)
        done = await iterm2.async_get_prompt_by_id(
            connection, session.session_id, prompt.unique_id or ""
        )
        assert done
        assert done.command == command
        start, end = done.output_range.start.y, done.output_range.end.y
        lines = [""]
        for line in await session.async_get_contents(start, end - start):
            lines[-1] += line.string
            if line.hard_eol:
                lines.append("")
        return lines[:-1]

    assert await output_of("seq 3") == ["1", "2", "3"]
    assert await output_of("true") == []
    long = await output_of("seq -s , 60")
    assert long == [",".join(str(number) for number in range(1, 61))]
    assert len(await output_of("seq 200")) == 200


async def autoalert(connection: Connection) -> None:
    """API examples: autoalert. It says in every session, new ones too, how a command ended."""
    app, first = await open_bash(connection)
    watched: set[str] = set()

    async def all_watched() -> set[str]:
        return watched

    async def watch(session_id: str) -> None:
        session = app.get_session_by_id(session_id)
        assert session
        command = ""
        async with iterm2.PromptMonitor(connection, session_id, modes=ALL_MODES) as monitor:
            watched.add(session_id)
            while True:
                mode, value = await monitor.async_get()
                if mode is Mode.COMMAND_START:
                    command = str(value)
                elif mode is Mode.COMMAND_END:
                    said = f"{command} ended with {value}"
                    await session.async_inject(f"\x1b]1337;Custom=id=alert:{said}\x07".encode())

    async def example(ready: Callable[[], None]) -> None:
        ready()
        await iterm2.EachSessionOnceMonitor.async_foreach_session_create_task(app, watch)

    async with (
        iterm2.CustomControlSequenceMonitor(connection, "alert", r"^(.*)$") as alerts,
        running(example),
    ):
        _, second = await open_bash(connection)
        await until_equal(all_watched, {first.session_id, second.session_id})
        for session, command, code in ((first, "(exit 3)", 3), (second, "true", 0)):
            await session.async_send_text(f"{command}\r")
            assert (await alerts.async_get()).group(1) == f"{command} ended with {code}"


async def app_tab_color(connection: Connection) -> None:
    """API examples: app_tab_color. While a known program runs, its tab has another colour."""
    _, session = await open_bash(connection)

    async def paint(command: str | None) -> None:
        change = iterm2.LocalWriteOnlyProfile()
        known = command is not None and command.split()[0] == "read"
        change.set_use_tab_color(known)
        if known:
            change.set_tab_color(RED)
        await session.async_set_profile_properties(change)

    async def example(ready: Callable[[], None]) -> None:
        async with iterm2.PromptMonitor(connection, session.session_id, modes=ALL_MODES) as monitor:
            prompt = await iterm2.async_get_last_prompt(connection, session.session_id)
            if prompt and prompt.state is iterm2.PromptState.RUNNING:
                await paint(prompt.command)
            ready()
            while True:
                mode, value = await monitor.async_get()
                await paint(str(value) if mode is Mode.COMMAND_START else None)

    async def color() -> float | None:
        profile = await session.async_get_profile()
        return profile.tab_color.red if profile.use_tab_color and profile.tab_color else None

    async with running(example):
        await session.async_send_text("read answer\r")
        await until_equal(color, 200)
    async with running(example):  # again, while the program runs
        assert await color() == 200
        await session.async_send_text("yes\r")
        await until_equal(color, None)


SCRIPTS = [runcommand, autoalert, app_tab_color]

if __name__ == "__main__":
    main(*SCRIPTS)
