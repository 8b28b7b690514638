"""What the `iterm2` library is told when something cannot be: each status, in its own process.

The library's lower half (`iterm2.rpc`) hands the answers out as they came.

``python refusal_scripts.py NAME`` runs one; it fails by an assertion.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import iterm2
import pytest
from iterm2 import api_pb2, rpc

if TYPE_CHECKING:
    from collections.abc import Awaitable

Connection = iterm2.Connection
CAT = {"Custom Command": '"Yes"', "Command": '"/bin/cat"'}


def status_of(message: Any) -> list[str]:  # noqa: ANN401 - a status of any response
    """Return the names of the statuses in an answer."""
    response = getattr(message, message.WhichOneof("submessage"))
    field = next(one for one in response.DESCRIPTOR.fields if one.name in {"status", "statuses"})
    value = getattr(response, field.name)
    numbers = [value] if isinstance(value, int) else list(value)
    return [field.enum_type.values_by_number[one].name for one in numbers]


async def gives(call: Awaitable[Any], *statuses: str) -> None:
    found = status_of(await call)
    assert found == list(statuses), (found, statuses)


async def open_window(connection: Connection, columns: int = 80) -> tuple[str, str, str]:
    """Return the ids of a new window, its tab and its session."""
    custom = {**CAT, "Columns": str(columns)}
    answer = await rpc.async_create_tab(connection, profile_customizations=custom)
    opened = answer.create_tab_response
    assert status_of(answer) == ["OK"]
    return opened.window_id, str(opened.tab_id), opened.session_id


@pytest.mark.answers(
    "create_tab_request", "INVALID_TAB_INDEX", "MISSING_SUBSTITUTION", source="2.5"
)
@pytest.mark.answers(
    "split_pane_request", "CANNOT_SPLIT", "MALFORMED_CUSTOM_PROFILE_PROPERTY", source="2.6"
)
@pytest.mark.answers("set_tab_layout_request", "BAD_TAB_ID", "WRONG_TREE", source="2.7")
@pytest.mark.answers(
    "reorder_tabs_request",
    "INVALID_ASSIGNMENT",
    "INVALID_WINDOW_ID",
    "INVALID_TAB_ID",
    source="2.7",
)
@pytest.mark.answers("restart_session_request", "SESSION_NOT_FOUND", source="2.12")
@pytest.mark.answers("activate_request", "BAD_IDENTIFIER", "INVALID_OPTION", source="2.13")
@pytest.mark.answers("saved_arrangement_request", "REQUEST_MALFORMED", source="2.18")
@pytest.mark.answers("list_sessions_request", source="2.1")
@pytest.mark.answers("focus_request", source="2.13")
async def asks_for_windows_that_cannot_be(connection: Connection) -> None:
    window, tab, _ = await open_window(connection)
    _, _, narrow = await open_window(connection, columns=4)
    bad = {"Columns": "{"}
    await gives(rpc.async_create_tab(connection, window=window, index=9), "INVALID_TAB_INDEX")
    await gives(
        rpc.async_create_tab(connection, profile_customizations=bad), "MISSING_SUBSTITUTION"
    )
    for vertical, custom, said in (
        (True, None, "CANNOT_SPLIT"),
        (False, bad, "MALFORMED_CUSTOM_PROFILE_PROPERTY"),
    ):
        split = rpc.async_split_pane(
            connection, narrow, vertical, before=False, profile_customizations=custom
        )
        await gives(split, said)
    tree = api_pb2.SplitTreeNode()
    await gives(rpc.async_set_tab_layout(connection, "none", tree), "BAD_TAB_ID")
    await gives(rpc.async_set_tab_layout(connection, tab, tree), "WRONG_TREE")
    for wanted, said in (
        ([(window, [tab, tab])], "INVALID_ASSIGNMENT"),
        ([("none", [tab])], "INVALID_WINDOW_ID"),
        ([(window, ["none"])], "INVALID_TAB_ID"),
    ):
        await gives(rpc.async_reorder_tabs(connection, wanted), said)
    await gives(
        rpc.async_restart_session(connection, "none", only_if_exited=False), "SESSION_NOT_FOUND"
    )
    for identifier, said in (("none", "BAD_IDENTIFIER"), (None, "INVALID_OPTION")):
        activated = rpc.async_activate(
            connection, select_session=True, select_tab=True, order_window_front=True,
            session_id=identifier,
        )  # fmt: skip
        await gives(activated, said)
    await gives(rpc.async_save_arrangement(connection, ""), "REQUEST_MALFORMED")
    listed = (await rpc.async_list_sessions(connection)).list_sessions_response
    assert window in {one.window_id for one in listed.windows}
    focus = (await rpc.async_get_focus_info(connection)).focus_response
    assert narrow in {one.session for one in focus.notifications}


@pytest.mark.answers("get_buffer_request", "INVALID_LINE_RANGE", source="2.2")
@pytest.mark.answers("get_prompt_request", "PROMPT_UNAVAILABLE", "SESSION_NOT_FOUND", source="2.3")
@pytest.mark.answers("list_prompts_request", "SESSION_NOT_FOUND", source="2.3")
@pytest.mark.answers("send_text_request", "OK", "SESSION_NOT_FOUND", source="2.4")
@pytest.mark.answers(
    "set_property_request", "UNRECOGNIZED_NAME", "INVALID_VALUE", "INVALID_TARGET", source="2.8"
)
@pytest.mark.answers("get_property_request", "UNRECOGNIZED_NAME", source="2.8")
@pytest.mark.answers(
    "set_profile_property_request",
    "SESSION_NOT_FOUND",
    "REQUEST_MALFORMED",
    "BAD_GUID",
    source="2.9",
)
@pytest.mark.answers(
    "variable_request", "TAB_NOT_FOUND", "WINDOW_NOT_FOUND", "MULTI_GET_DISALLOWED", source="2.10"
)
@pytest.mark.answers("inject_request", "OK", "SESSION_NOT_FOUND", source="2.14")
@pytest.mark.answers("selection_request", "REQUEST_MALFORMED", source="2.17")
@pytest.mark.answers("screenshot_request", "SESSION_NOT_FOUND", source="2.19")
async def asks_for_what_no_session_has(connection: Connection) -> None:
    _, _, session = await open_window(connection)
    backwards = iterm2.WindowedCoordRange(
        iterm2.CoordRange(iterm2.Point(-1, 0), iterm2.Point(0, 1))
    )
    contents = rpc.async_get_screen_contents(connection, session, backwards)
    await gives(contents, "INVALID_LINE_RANGE")
    await gives(rpc.async_get_prompt(connection, session), "PROMPT_UNAVAILABLE")
    await gives(rpc.async_get_prompt(connection, "none"), "SESSION_NOT_FOUND")
    await gives(rpc.async_list_prompts(connection, "none", None, None), "SESSION_NOT_FOUND")
    for target, said in ((session, "OK"), ("none", "SESSION_NOT_FOUND")):
        typed = rpc.async_send_text(connection, target, "x", suppress_broadcast=False)
        await gives(typed, said)
    for target, name, value, said in (
        (session, "shape", "1", "UNRECOGNIZED_NAME"),
        (session, "grid_size", "{", "INVALID_VALUE"),
        ("none", "grid_size", "{}", "INVALID_TARGET"),
    ):
        await gives(rpc.async_set_property(connection, name, value, session_id=target), said)
    shape = rpc.async_get_property(connection, "shape", session_id=session)
    await gives(shape, "UNRECOGNIZED_NAME")
    for owner, guids, value, said in (
        ("none", None, '"x"', "SESSION_NOT_FOUND"),
        (session, None, "{", "REQUEST_MALFORMED"),
        (None, ["none"], '"x"', "BAD_GUID"),
    ):
        named = rpc.async_set_profile_property_json(connection, owner, "Name", value, guids)
        await gives(named, said)
    await gives(rpc.async_variable(connection, tab_id="none", gets=["id"]), "TAB_NOT_FOUND")
    await gives(rpc.async_variable(connection, window_id="none", gets=["id"]), "WINDOW_NOT_FOUND")
    await gives(rpc.async_variable(connection, "all", gets=["id"]), "MULTI_GET_DISALLOWED")
    shown = rpc.async_inject(connection, b"x", [session, "none"])
    await gives(shown, "OK", "SESSION_NOT_FOUND")
    await gives(rpc.async_get_selection(connection, "none"), "REQUEST_MALFORMED")
    await gives(rpc.async_screenshot(connection, "none"), "SESSION_NOT_FOUND")


@pytest.mark.answers(
    "transaction_request", "NO_TRANSACTION", "ALREADY_IN_TRANSACTION", source="2.15"
)
@pytest.mark.answers("get_broadcast_domains_request", source="2.16")
@pytest.mark.answers(
    "set_broadcast_domains_request",
    "SESSION_NOT_FOUND",
    "BROADCAST_DOMAINS_NOT_DISJOINT",
    "SESSIONS_NOT_IN_SAME_WINDOW",
    source="2.16",
)
@pytest.mark.answers(
    "notification_request",
    "OK",
    "SESSION_NOT_FOUND",
    "REQUEST_MALFORMED",
    "NOT_SUBSCRIBED",
    "ALREADY_SUBSCRIBED",
    "DUPLICATE_SERVER_ORIGINATED_RPC",
    "INVALID_IDENTIFIER",
    source="3.0",
)
@pytest.mark.notifies("NOTIFY_ON_BROADCAST_CHANGE", source="3.5")
async def asks_for_what_cannot_be_told_or_shared(connection: Connection) -> None:
    window, _, session = await open_window(connection)
    _, _, elsewhere = await open_window(connection)
    await gives(rpc.async_end_transaction(connection), "NO_TRANSACTION")
    for said in ("OK", "ALREADY_IN_TRANSACTION"):
        await gives(rpc.async_start_transaction(connection), said)
    await gives(rpc.async_end_transaction(connection), "OK")
    for domains, said in (
        ([[session, "none"]], "SESSION_NOT_FOUND"),
        ([[session, session]], "BROADCAST_DOMAINS_NOT_DISJOINT"),
        ([[session, elsewhere]], "SESSIONS_NOT_IN_SAME_WINDOW"),
    ):
        await gives(rpc.async_set_broadcast_domains(connection, domains), said)
    beside = (await rpc.async_create_tab(connection, window=window)).create_tab_response
    app = await iterm2.async_get_app(connection)  # from here it is told of domains
    assert app
    pair = [session, beside.session_id]
    await gives(rpc.async_set_broadcast_domains(connection, [pair]), "OK")
    got = (await rpc.async_get_broadcast_domains(connection)).get_broadcast_domains_response
    assert [list(one.session_ids) for one in got.broadcast_domains] == [pair]
    (domain,) = app.broadcast_domains
    assert {one.session_id for one in domain.sessions} == set(pair)

    async def subscribe(kind: str, said: str, *, on: bool = True, **more: Any) -> None:  # noqa: ANN401
        topic = api_pb2.NotificationType.Value(kind)
        await gives(rpc.async_notification_request(connection, on, topic, **more), said)

    screen, rpcs = "NOTIFY_ON_SCREEN_UPDATE", "NOTIFY_ON_SERVER_ORIGINATED_RPC"
    await subscribe(screen, "SESSION_NOT_FOUND", session="none")
    for said in ("OK", "ALREADY_SUBSCRIBED"):
        await subscribe(screen, said, session=session)
    for said in ("OK", "NOT_SUBSCRIBED"):
        await subscribe(screen, said, session=session, on=False)
    await subscribe("NOTIFY_ON_LOCATION_CHANGE", "REQUEST_MALFORMED", session=session)
    nobodys = api_pb2.VariableMonitorRequest(
        scope=api_pb2.VariableScope.Value("SESSION"), identifier="none", name="x"
    )
    await subscribe(
        "NOTIFY_ON_VARIABLE_CHANGE", "INVALID_IDENTIFIER", variable_monitor_request=nobodys
    )
    function = api_pb2.RPCRegistrationRequest(name="mine")
    for said in ("OK", "DUPLICATE_SERVER_ORIGINATED_RPC"):
        await subscribe(rpcs, said, rpc_registration_request=function)


@pytest.mark.answers("menu_item_request", "BAD_IDENTIFIER", source="6")
@pytest.mark.answers("tmux_request", "OK", "INVALID_CONNECTION_ID", source="6")
@pytest.mark.answers(
    "status_bar_component_request", "SESSION_NOT_FOUND", "INVALID_IDENTIFIER", source="6"
)
@pytest.mark.answers("register_tool_request", "OK", "REQUEST_MALFORMED", source="2.24")
@pytest.mark.answers("invoke_function_request", "INVALID_ID", "FAILED", source="2.21")
@pytest.mark.behaves("iterm2.get_string", "iterm2.open_panel", "iterm2.load_url", source="2.21")
async def asks_for_what_only_a_screen_has(connection: Connection) -> None:
    _, _, session = await open_window(connection)
    try:
        await iterm2.MainMenu.async_select_menu_item(connection, "Shell/New Tab")
    except iterm2.MenuItemException as error:
        assert "BAD_IDENTIFIER" in str(error)  # noqa: PT017 - a script has no pytest.raises
    else:
        raise AssertionError
    await gives(rpc.async_rpc_list_tmux_connections(connection), "OK")
    await gives(rpc.async_rpc_create_tmux_window(connection, "none"), "INVALID_CONNECTION_ID")
    for target, said in (("none", "SESSION_NOT_FOUND"), (session, "INVALID_IDENTIFIER")):
        popover = rpc.async_open_status_bar_component_popover(
            connection, "mine", target, "<p>", iterm2.util.Size(1, 1)
        )
        await gives(popover, said)
    for url, said in (("http://localhost/", "OK"), ("", "REQUEST_MALFORMED")):
        tool = rpc.async_register_web_view_tool(
            connection, "mine", "mine", reveal_if_already_registered=False, url=url
        )
        await gives(tool, said)
    unknown = await rpc.async_invoke_function(connection, "f()", tab_id="none")
    assert (
        unknown.invoke_function_response.error.status == api_pb2.InvokeFunctionResponse.INVALID_ID
    )
    for name, reason in (
        ("get_string", "no screen"),
        ("open_panel", "no screen"),
        ("load_url", "browser"),
    ):
        try:
            await rpc.async_invoke_method(connection, session, f"iterm2.{name}(x: 1)", timeout=5)
        except iterm2.RPCException as error:
            assert str(error).startswith("FAILED: ")  # noqa: PT017 - as above
            assert reason in str(error)  # noqa: PT017 - as above
        else:
            raise AssertionError(name)


SCRIPTS = [
    asks_for_windows_that_cannot_be,
    asks_for_what_no_session_has,
    asks_for_what_cannot_be_told_or_shared,
    asks_for_what_only_a_screen_has,
]

if __name__ == "__main__":
    by_name = {script.__name__: script for script in SCRIPTS}
    iterm2.run_until_complete(by_name[sys.argv[1]])
