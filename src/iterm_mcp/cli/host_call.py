"""Asking the running host to call one of its functions, for the verbs that need no library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

    from iterm_mcp.host import wire
    from iterm_mcp.paths import Paths

SECONDS = 30.0
_LISTED = 20


class HostCallError(Exception):
    """There is no result; the text says why, and what to do."""


def call_host(
    paths: Paths,
    session: str | None,
    function: str,
    *,
    within_seconds: float = SECONDS,
    **arguments: Any,  # noqa: ANN401 - any JSON
) -> Any:  # noqa: ANN401
    """Call a function of the running host on a session, and return its result.

    Args:
        session: The session's id, or ``active``; None to call it on the host itself.
        function: Its name.
        arguments: What JSON can say.

    Raises:
        HostCallError: No host runs, it knows no such session, or the function failed.
    """
    from websockets.exceptions import WebSocketException

    from iterm_mcp.host import wire

    request = wire.ClientOriginatedMessage(id=1)
    call = request.invoke_function_request
    if session is None:
        call.app.SetInParent()
    else:
        call.session.session_id = session
    given = ", ".join(
        f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()
    )
    call.invocation = f"{function}({given})"
    call.timeout = within_seconds
    try:
        with _connect(paths) as connection:
            answer = _answer(connection, request, within_seconds).invoke_function_response
            if answer.WhichOneof("disposition") == "success":
                return json.loads(answer.success.json_result)
            if answer.error.status != wire.InvokeFunctionResponse.Status.INVALID_ID:
                raise HostCallError(f"the host cannot do it: {answer.error.error_reason}")
            listing = wire.ClientOriginatedMessage(id=2)
            listing.list_sessions_request.SetInParent()
            open_now = list(_sessions(_answer(connection, listing).list_sessions_response))
    except (OSError, WebSocketException) as error:
        raise HostCallError(
            f"no host answers at {paths.host_socket}: iterm-mcp host start ({error})"
        ) from None
    lines = open_now[:_LISTED] + (["…"] if len(open_now) > _LISTED else [])
    there = "".join(f"\n  {line}" for line in lines)
    raise HostCallError(
        f"no session {session!r}; " + (f"these are open:{there}" if there else "none is open")
    )


def _connect(paths: Paths) -> ClientConnection:
    from websockets.sync.client import unix_connect
    from websockets.typing import Subprotocol

    cookie = Path(paths.host_cookie).read_text(encoding="ascii").strip()
    return unix_connect(
        paths.host_socket,
        uri="ws://localhost/",
        additional_headers={
            "Origin": "ws://localhost/",
            "X-iTerm2-Library-Version": "python 2.30",
            "X-iTerm2-Disable-Auth-UI": "true",
            "X-iTerm2-Cookie": cookie,
        },
        subprotocols=[Subprotocol("api.iterm2.com")],
        compression=None,
        max_size=None,
        open_timeout=SECONDS,
    )


def _answer(
    connection: ClientConnection,
    request: wire.ClientOriginatedMessage,
    within_seconds: float = SECONDS,
) -> wire.ServerOriginatedMessage:
    from iterm_mcp.host import wire

    connection.send(request.SerializeToString())
    message = wire.ServerOriginatedMessage()
    message.ParseFromString(connection.recv(timeout=within_seconds, decode=False))
    return message


def _sessions(listing: wire.ListSessionsResponse) -> Iterator[str]:
    from iterm_mcp.host.rendering.view import seen

    def below(node: wire.SplitTreeNode) -> Iterator[str]:
        for link in node.links:
            if link.HasField("session"):
                yield f"{link.session.unique_identifier}  {seen(link.session.title)}"
            else:
                yield from below(link.node)

    for window in listing.windows:
        for tab in window.tabs:
            yield from below(tab.root)
    for buried in listing.buried_sessions:
        yield f"{buried.unique_identifier}  {seen(buried.title)}"
