"""Links, pages to print and recordings, through a real daemon and a real host."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import pytest
from anyio import to_thread
from tests.integration.events.test_event_files import Verbs

from iterm_mcp.errors import InvalidRequestError
from iterm_mcp.services.events.exporting.printing import draw
from iterm_mcp.services.events.exporting.recordings import HostRecordings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.homes import Home
    from tests.integration.tool_client import ToolClient


@pytest.fixture
def verbs(shared_home: Home, tools: ToolClient) -> Verbs:
    del tools  # whose relay has started the daemon
    return Verbs(shared_home)


async def fetched(url: str) -> tuple[int, dict[str, str], bytes]:
    def fetch() -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.netloc, timeout=20)
        try:
            connection.request("GET", parts.path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    return await to_thread.run_sync(fetch)


async def test_a_link_is_made_read_listed_and_revoked(verbs: Verbs, tools: ToolClient) -> None:
    opened = await tools.data("open_session")
    made = json.loads(
        await verbs.says("share", "create", "--session", opened["session_id"], "--json")
    )
    status, headers, page = await fetched(made["url"])
    assert (status, page[:15]) == (200, b"<!doctype html>")
    assert headers["referrer-policy"] == "no-referrer"
    listed = await verbs.says("share", "list")
    assert f"{made['share_id']}  html  redacted  1 views" in listed
    assert made["url"].rpartition("/")[2] not in listed
    await verbs.says("share", "revoke", str(made["share_id"]))
    status, _, told = await fetched(made["url"])
    assert (status, json.loads(told)["error"]["code"]) == (404, "no_share")
    assert (await verbs.run("share", "create")).returncode == 1
    await tools.data("close_session", session_id=opened["session_id"], confirm=True)


async def test_a_link_is_told_to_people_and_programs(verbs: Verbs) -> None:
    made = await verbs.run("share", "create", "--session", "none", "-f", "json", "--hours", "0.5")
    assert made.stdout.startswith(b"http://127.0.0.1:")
    assert b"this machine alone" in made.stderr
    listed = json.loads(await verbs.says("share", "list", "--json"))["shares"]
    assert [one["what"] for one in listed] == ["session none"]
    await verbs.says("share", "revoke", str(listed[0]["share_id"]))


@pytest.mark.parametrize(
    ("command", "why"),
    [(("/no/such",), "FileNotFoundError"),
     (("sh", "-c", "cat > /dev/null; echo it is torn >&2; exit 1"), "it is torn")],
    ids=["missing", "failing"],
)  # fmt: skip
async def test_what_helps_and_fails_is_told(command: tuple[str, ...], why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why):
        await HostRecordings(command).list()
    with pytest.raises(InvalidRequestError, match=why):
        await draw({}, command)


async def test_what_draws_and_ends_at_once_is_told() -> None:
    with pytest.raises(InvalidRequestError, match="no PDF can be made"):
        await draw({"text": "x" * 1_000_000}, ("false",))


@pytest.mark.headless
async def test_what_a_session_showed_is_written_with_markers_and_without_secrets(
    verbs: Verbs, tools: ToolClient, shared_home: Home, tmp_path: Path
) -> None:
    session = (await tools.data("open_session"))["session_id"]
    await anyio.run_process([*verbs.program, "host", "record", session, "on"], env=verbs.environ)
    secret = "ghp_" + "a1B2" * 9
    await tools.data("run_command", session_id=session, command=f"echo 'say {secret} done'")
    await anyio.run_process([*verbs.program, "host", "record", session, "off"], env=verbs.environ)
    del shared_home
    target = tmp_path / "shown.cast"
    await verbs.says("export", "--session", session, "-o", str(target))
    head, *events = [json.loads(one) for one in target.read_text().splitlines()]
    assert (head["version"], head["title"]) == (3, f"Session {session}")
    shown = "".join(one[2] for one in events if one[1] == "o")
    assert "*" * len(secret) in shown
    assert secret not in target.read_text()
    assert any(one[1] == "m" and one[2].startswith("$ ") for one in events)
    missing = await verbs.run("export", "--session", "none", "-f", "asciicast")
    assert b"no recording 'none'" in missing.stderr
    await tools.data("close_session", session_id=session, confirm=True)


@pytest.mark.long
async def test_what_happened_is_printed(verbs: Verbs, tmp_path: Path) -> None:
    target = tmp_path / "all.pdf"
    await verbs.says("export", "-o", str(target))
    assert target.read_bytes().startswith(b"%PDF-1.")
