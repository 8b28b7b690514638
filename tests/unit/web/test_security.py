"""The gate in front of everything, and the token that opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.web.asgi import HOST, ask

from iterm_mcp.agents.reports import report_token
from iterm_mcp.web.security import OPEN_PATHS, Gate, load_token

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

TOKEN = "right-token"


class Inside:
    """What stands behind the gate: remembers who came in."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.paths.append(scope.get("path", scope["type"]))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def inside() -> Inside:
    return Inside()


@pytest.fixture
def gate(inside: Inside) -> Gate:
    return Gate(inside, TOKEN)


async def test_the_right_token_opens(gate: Gate, inside: Inside) -> None:
    assert (await ask(gate, "/metrics", token=TOKEN)).status == 200
    assert inside.paths == ["/metrics"]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "")],
        [("authorization", TOKEN)],
        [("authorization", "Bearer ")],
        [("authorization", f"Bearer {TOKEN[:-1]}")],
        [("authorization", f"Bearer {TOKEN}x")],
        [("authorization", f"Basic {TOKEN}")],
        [("authorization", "Bearer \xff\xfe")],
        [("cookie", f"authorization=Bearer {TOKEN}")],
    ],
)
async def test_without_the_right_token_nothing_behind_the_gate_hears_of_it(
    gate: Gate, inside: Inside, headers: list[tuple[str, str]]
) -> None:
    answer = await ask(gate, "/metrics", *headers)
    assert (answer.status, answer.error_code()) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.body.decode()
    assert inside.paths == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/hooks/claude", 200), ("/v1/imports", 200), ("/v1/logs", 200), ("/v1/metrics", 200),
        ("/v1/traces", 200),
        ("/metrics", 401), ("/mcp", 401), ("/v1/tools", 401), ("/v1/events", 401), ("/", 401),
    ],
)  # fmt: skip
async def test_what_agents_report_with_opens_nothing_else(
    gate: Gate, path: str, status: int
) -> None:
    assert (await ask(gate, path, token=report_token(TOKEN))).status == status
    assert (await ask(gate, path, token=report_token("another"))).status == 401


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
async def test_health_is_told_to_this_machine_without_a_token(gate: Gate, path: str) -> None:
    assert (await ask(gate, path)).status == 200
    assert (await ask(gate, path, host="evil.example")).status == 421
    assert (await ask(gate, path, ("origin", "http://evil.example"))).status == 403


@pytest.mark.parametrize("path", ["/", "/healthz/", "//healthz", "/healthz/../metrics", "/mcp"])
async def test_what_only_looks_like_an_open_path_is_closed(gate: Gate, path: str) -> None:
    assert (await ask(gate, path)).status == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost:7717", "[::1]:7717"])
async def test_the_names_of_this_machine_are_answered(gate: Gate, host: str) -> None:
    assert (await ask(gate, "/metrics", host=host, token=TOKEN)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:7717",
        "127.0.0.1.evil.example:7717",
        "localhost.evil.example",
        "localhost@evil.example",
        "0.0.0.0:7717",
        "192.168.1.2",
        "[::1",
        "\xe9",
    ],
)
async def test_a_name_that_was_made_to_lead_here_is_refused_whatever_it_knows(
    gate: Gate, inside: Inside, host: str | None
) -> None:
    answer = await ask(gate, "/metrics", host=host, token=TOKEN)
    assert (answer.status, answer.error_code()) == (421, "misdirected")
    assert inside.paths == []


@pytest.mark.parametrize("name", ["host", "origin", "authorization", "content-length"])
async def test_what_decides_is_said_once_or_the_request_is_refused(
    gate: Gate, inside: Inside, name: str
) -> None:
    said = {"host": HOST, "origin": f"http://{HOST}", "content-length": "0"}
    said["authorization"] = f"Bearer {TOKEN}"
    headers = [*said.items(), (name, said[name])]
    answer = await ask(gate, "/metrics", *headers, host=None)
    assert (answer.status, answer.error_code()) == (400, "bad_headers")
    assert inside.paths == []


async def test_our_own_page_may_ask(gate: Gate) -> None:
    own = ("origin", f"http://{HOST}")
    assert (await ask(gate, "/metrics", own, token=TOKEN)).status == 200


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://evil.example",
        f"https://{HOST}",
        "http://127.0.0.1",
        "http://localhost:7717",
        f"http://{HOST}.evil.example",
        f"http://{HOST}/",
    ],
)
async def test_pages_of_others_are_refused_whatever_they_know(
    gate: Gate, inside: Inside, origin: str
) -> None:
    answer = await ask(gate, "/metrics", ("origin", origin), token=TOKEN)
    assert (answer.status, answer.error_code()) == (403, "foreign_origin")
    assert inside.paths == []


@pytest.mark.parametrize(
    ("headers", "host", "status"),
    [
        ([], HOST, 401),
        ([("authorization", f"Bearer {TOKEN}")], "evil.example", 421),
        ([("authorization", f"Bearer {TOKEN}"), ("origin", "http://evil.example")], HOST, 403),
    ],
)
async def test_a_websocket_comes_through_the_same_gate(
    gate: Gate, inside: Inside, headers: list[tuple[str, str]], host: str, status: int
) -> None:
    """Browsers let any page open one to loopback, and ask nobody first."""
    answer = await ask(gate, "/live", *headers, kind="websocket", host=host)
    assert answer.status == status
    assert answer.kinds[0] == "websocket.http.response.start"
    assert inside.paths == []


async def test_a_websocket_with_the_token_comes_in(gate: Gate, inside: Inside) -> None:
    await ask(gate, "/live", kind="websocket", token=TOKEN)
    assert inside.paths == ["/live"]


async def test_the_servers_own_start_and_end_are_nobodys_request(inside: Inside) -> None:
    async def unused() -> dict[str, str]:
        raise AssertionError

    async def unheard(_message: object) -> None:
        raise AssertionError

    await Gate(inside, TOKEN)({"type": "lifespan"}, unused, unheard)
    assert inside.paths == ["lifespan"]


# The token's file.


def test_a_new_token_is_the_owners_alone_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_token(str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(token) >= 32
    assert load_token(str(path)) == token


def test_two_homes_have_two_tokens(tmp_path: Path) -> None:
    assert load_token(str(tmp_path / "one")) != load_token(str(tmp_path / "two"))


def test_a_token_that_others_could_read_is_kept_from_them(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("chosen-by-the-user\n")
    path.chmod(0o644)
    assert load_token(str(path)) == "chosen-by-the-user"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("left", ["", "\n", "  \n"])
def test_a_file_without_a_token_gets_one(tmp_path: Path, left: str) -> None:
    """A crash between the making and the writing leaves an empty file, which opened to nobody."""
    path = tmp_path / "token"
    path.write_text(left)
    token = load_token(str(path))
    assert token
    assert path.read_text() == f"{token}\n"
