"""The guards of tests/unit/conftest.py are armed: each goes red when it is broken on purpose."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from blockbuster import BlockingError

from iterm_mcp.store.migrations import migrate
from iterm_mcp.web.security import load_token

if TYPE_CHECKING:
    from pathlib import Path

FAILED = pytest.fail.Exception


def test_a_process_fails_its_unit_test() -> None:
    with pytest.raises(FAILED, match="must not start a process"):
        subprocess.run(["true"], check=True)


def test_a_fork_fails_its_unit_test() -> None:
    with pytest.raises(FAILED, match="must not fork"):
        os.fork()


def test_a_connection_fails_its_unit_test() -> None:
    with (
        socket.socket(socket.AF_UNIX) as one,
        pytest.raises(FAILED, match="must not open a socket"),
    ):
        one.connect("/nobody-listens-here")


def test_a_listener_fails_its_unit_test() -> None:
    with (
        socket.socket(socket.AF_INET) as one,
        pytest.raises(FAILED, match="must not open a socket"),
    ):
        one.bind(("127.0.0.1", 0))


def test_sleeping_fails_its_unit_test() -> None:
    with pytest.raises(FAILED, match="must not sleep"):
        time.sleep(0)


async def test_reading_a_file_on_the_loop_fails_its_unit_test(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret\n")
    with pytest.raises(BlockingError, match="read"):
        load_token(str(path))


async def test_speaking_sql_on_the_loop_fails_its_unit_test() -> None:
    connection = sqlite3.connect(":memory:")
    try:
        with pytest.raises(BlockingError, match="sqlite3"):
            migrate(connection)
    finally:
        connection.close()


def test_off_the_loop_the_same_calls_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret\n")
    assert load_token(str(path)) == "secret"
