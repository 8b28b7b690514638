"""Records that cannot be written are lost, and nothing else is."""

from __future__ import annotations

import errno
import io
import json
import logging
from typing import NoReturn

import pytest
import structlog

from iterm_mcp.telemetry import open_logs


class FullDisk(io.StringIO):
    """A file on a disk without room."""

    def write(self, _text: str) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")


pytestmark = pytest.mark.usefixtures("logs_as_before")


def test_a_record_is_one_line_of_json() -> None:
    out = io.StringIO()
    open_logs("info", out)
    structlog.get_logger().info("session_opened", count=2)
    record = json.loads(out.getvalue())
    assert (record["event"], record["count"], record["level"]) == ("session_opened", 2, "info")


def test_libraries_records_look_the_same() -> None:
    out = io.StringIO()
    open_logs("info", out)
    logging.getLogger("asyncio").error("slow")
    assert json.loads(out.getvalue())["event"] == "slow"


@pytest.mark.parametrize("stream", [FullDisk(), io.StringIO()], ids=["full", "closed"])
def test_a_stream_that_takes_nothing_stops_nobody(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    open_logs("info", stream)
    if not isinstance(stream, FullDisk):
        stream.close()
    structlog.get_logger().info("lost")
    logging.getLogger("asyncio").error("lost as well")
    assert capsys.readouterr() == ("", "")
