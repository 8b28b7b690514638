"""Worktrees asked for over HTTP, of a real daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from tests.integration.homes import open_home
from tests.integration.http_home import start_daemon
from tests.integration.worktrees.repositories import commit, git

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Json = dict[str, Any]

pytestmark = pytest.mark.headless


class Door:
    """The HTTP side of a daemon."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def ask(self, method: str, path: str, body: Json | None = None, code: int = 200) -> Json:
        answer = await self._client.request(method, f"/v1/worktrees{path}", json=body)
        assert answer.status_code == code, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
async def door() -> AsyncIterator[Door]:
    async with open_home("headless") as home:
        url = await start_daemon(home)
        headers = {"Authorization": f"Bearer {home.token()}"}
        async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            yield Door(client)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "app"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    commit(path, "a.txt", "one\n")
    return path


async def test_a_worktree_is_made_told_kept_removed_and_restored(
    door: Door, repository: Path
) -> None:
    wish = {"name": "fix", "directory": str(repository), "owner": "ann"}
    made = await door.ask("POST", "", wish)
    again = await door.ask("POST", "", wish)
    (Path(made["path"]) / "new.txt").write_text("not committed")

    listed = await door.ask("GET", f"?directory={repository}")
    kept = await door.ask("POST", "/gc", {})
    refused = await door.ask("DELETE", "/fix", code=403)
    removed = await door.ask("DELETE", "/fix?force=true")
    gone = await door.ask("GET", "")
    restored = await door.ask("POST", "/fix/restore")
    shown = await door.ask("GET", "/fix")

    assert made == again
    assert (made["state"], made["branch"], made["owner"]) == ("ready", "iterm-mcp/fix", "ann")
    assert [one["name"] for one in listed["worktrees"]] == ["fix"]
    assert listed["worktrees"][0]["kept_because"] == ["1 files have uncommitted changes"]
    assert (kept["removed"], [one["name"] for one in kept["kept"]]) == ([], ["fix"])
    assert refused["error"]["code"] == "worktree_needed"
    assert removed["state"] == "removed"
    assert gone["worktrees"] == []
    assert restored["state"] == "ready"
    assert shown["changed"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "says"),
    [
        ("POST", "", {"name": "x", "directory": "here"}, 400, "bad_arguments"),
        ("POST", "", {"name": "x/../y", "directory": "/tmp"}, 400, "invalid_request"),
        ("POST", "", {"name": "x", "directory": "/"}, 400, "invalid_request"),
        ("GET", "/nobody", None, 404, "worktree_not_found"),
        ("GET", "/..%2fx", None, 404, "not_found"),
        ("DELETE", "/nobody", None, 404, "worktree_not_found"),
        ("GET", "?directory=here", None, 400, "bad_arguments"),
    ],
    ids=["relative", "bad name", "no checkout", "unknown", "path", "not there", "relative list"],
)
async def test_what_cannot_be_is_refused(
    door: Door, method: str, path: str, body: Json | None, code: int, says: str
) -> None:
    assert (await door.ask(method, path, body, code))["error"]["code"] == says
