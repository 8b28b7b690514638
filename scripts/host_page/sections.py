"""What the numbers in a mark's ``source`` mean: the sections of the API's specification."""

from __future__ import annotations

SECTIONS = {
    "1.1": "Where a client finds the socket: below the user's home, by the name of the suite",
    "1.2": "How a client proves that it may: the cookie from its environment",
    "1.3": "The WebSocket handshake: headers, versions, and with which code a client is refused",
    "1.4": "One message each way a frame, answers by id, what is no request, and the end",
    "1.5": "The protocol's version, from which the library tells what it may use",
    "2.0": "How requests name sessions (`active`, `all`, an id), tabs and windows",
    "2.1": "ListSessions: windows, tabs, the tree of panes, buried sessions",
    "2.2": "GetBuffer: ranges of lines, cells, styles, the cursor",
    "2.3": "GetPrompt and ListPrompts: the shell's prompts and commands",
    "2.4": "SendText: typing, to one, to all, to those that broadcast together",
    "2.5": "CreateTab: a tab or a window, its profile and its program",
    "2.6": "SplitPane: a pane beside or below another",
    "2.7": "SetTabLayout and ReorderTabs: sizes of panes, places of tabs",
    "2.8": "GetProperty and SetProperty: frame, full screen, grid, burying, counts of lines",
    "2.9": "Profiles: of a session, shared ones, the list of them",
    "2.10": "Variable: what sessions, tabs, windows and the app know, and scripts may set",
    "2.11": "Close: sessions, tabs, windows",
    "2.12": "RestartSession: the same program again in the same pane",
    "2.13": "Activate and Focus: what is in front and what is selected",
    "2.14": "Inject: bytes shown as if a program had printed them",
    "2.15": "Transaction: the world stands still for all but one",
    "2.16": "Broadcast domains: sessions that are typed into together",
    "2.17": "Selection: what is selected in a session",
    "2.18": "SavedArrangement: windows saved by name and opened again",
    "2.19": "Screenshot: a session's screen as a picture",
    "2.20": "MenuItem: the app's menus",
    "2.21": "InvokeFunction and functions of scripts: calls by name, with arguments",
    "2.22": "Preferences, and with them the default profile",
    "2.23": "ColorPresets: lists of colours by name",
    "2.24": "Status bar, toolbelt, tmux integration",
    "3.0": "Subscribing: once, to all, and its end",
    "3.1": "A session is new",
    "3.2": "A session has ended",
    "3.3": "The layout has changed",
    "3.4": "The focus has moved",
    "3.5": "The broadcast domains have changed",
    "3.6": "A screen has changed",
    "3.7": "A prompt is shown, a command starts, a command ends",
    "3.8": "A program has sent a script's own control sequence",
    "3.9": "A variable has changed",
    "3.10": "A function of a script is called",
    "3.11": "A key is pressed, or taken by a filter",
    "3.12": "A shared profile has changed",
    "3.13": "The location has changed: no longer used",
    "4": "The line model: numbers of lines that never change, wrapping, history, alternate screen",
    "5": "What the library asks for before a script's first line runs",
    "6": "What cannot exist without a screen, and is answered with the app's own negative",
    "7.1": "OSC 133: marks of prompts and commands",
    "7.2": "OSC 1337: iTerm2's own sequences",
    "7.3": "OSC 7: the directory as a URL",
    "7.4": "Titles and names",
    "7.5": "Colours, links, clipboard, pointer",
    "7.6": "Modes that are seen in variables",
    "8": "The examples of the library's manual",
    "C": "The environment of a session's program",
    "D": "Where the app surprises, and the host does better on purpose",
}
"""By its number; letters are appendices."""

REQUEST_SECTIONS = {
    "get_buffer_request": "2.2",
    "get_prompt_request": "2.3",
    "transaction_request": "2.15",
    "notification_request": "3.0",
    "register_tool_request": "2.24",
    "set_profile_property_request": "2.9",
    "list_sessions_request": "2.1",
    "send_text_request": "2.4",
    "create_tab_request": "2.5",
    "split_pane_request": "2.6",
    "get_profile_property_request": "2.9",
    "set_property_request": "2.8",
    "get_property_request": "2.8",
    "inject_request": "2.14",
    "activate_request": "2.13",
    "variable_request": "2.10",
    "saved_arrangement_request": "2.18",
    "focus_request": "2.13",
    "list_profiles_request": "2.9",
    "server_originated_rpc_result_request": "2.21",
    "restart_session_request": "2.12",
    "menu_item_request": "2.20",
    "set_tab_layout_request": "2.7",
    "get_broadcast_domains_request": "2.16",
    "tmux_request": "2.24",
    "reorder_tabs_request": "2.7",
    "preferences_request": "2.22",
    "color_preset_request": "2.23",
    "selection_request": "2.17",
    "status_bar_component_request": "2.24",
    "set_broadcast_domains_request": "2.16",
    "close_request": "2.11",
    "invoke_function_request": "2.21",
    "list_prompts_request": "2.3",
    "screenshot_request": "2.19",
}
"""The section that describes each request."""

NOTIFICATION_SECTIONS = {
    "NOTIFY_ON_NEW_SESSION": "3.1",
    "NOTIFY_ON_TERMINATE_SESSION": "3.2",
    "NOTIFY_ON_LAYOUT_CHANGE": "3.3",
    "NOTIFY_ON_FOCUS_CHANGE": "3.4",
    "NOTIFY_ON_BROADCAST_CHANGE": "3.5",
    "NOTIFY_ON_SCREEN_UPDATE": "3.6",
    "NOTIFY_ON_PROMPT": "3.7",
    "NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE": "3.8",
    "NOTIFY_ON_VARIABLE_CHANGE": "3.9",
    "NOTIFY_ON_SERVER_ORIGINATED_RPC": "3.10",
    "NOTIFY_ON_KEYSTROKE": "3.11",
    "KEYSTROKE_FILTER": "3.11",
    "NOTIFY_ON_PROFILE_CHANGE": "3.12",
    "NOTIFY_ON_LOCATION_CHANGE": "3.13",
}
"""The section that describes each type of notification."""

NO_MENU = "the app's own negative: there is no menu"
NO_TMUX = "the app's own negative: there is no tmux integration"
UNUSED = "nothing leads to it, and in the app neither"

NEVER = {
    ("get_buffer_request", "REQUEST_MALFORMED"): UNUSED,
    ("get_prompt_request", "REQUEST_MALFORMED"): UNUSED,
    ("get_profile_property_request", "REQUEST_MALFORMED"): UNUSED,
    ("get_profile_property_request", "ERROR"): UNUSED,
    ("screenshot_request", "REQUEST_MALFORMED"): UNUSED,
    ("set_tab_layout_request", "INVALID_SIZE"): "as in the app, sizes are brought within bounds",
    ("set_property_request", "DEFERRED"): "nothing here lasts that a size would have to wait for",
    ("set_property_request", "IMPOSSIBLE"): "it means a window in full screen, which there is not",
    ("menu_item_request", "OK"): "there is no menu",
    ("menu_item_request", "DISABLED"): "there is no menu",
    ("tmux_request", "INVALID_WINDOW_ID"): "without a connection no window is looked for",
    (
        "selection_request",
        "INVALID_SESSION",
    ): "the app says REQUEST_MALFORMED, and so does the host",
    ("selection_request", "INVALID_RANGE"): "the app says REQUEST_MALFORMED, and so does the host",
    ("status_bar_component_request", "OK"): "there is no status bar",
    ("close_request", "USER_DECLINED"): "nobody is asked: closing is always accepted",
    ("", "NOTIFY_ON_LOCATION_CHANGE"): (
        "the app no longer sends it; watch the variables `path`, `hostname` and `username`"
    ),
}
"""What is never sent, by request and outcome, and why; for a notification the request is empty."""

NEGATIVES = {
    ("menu_item_request", "BAD_IDENTIFIER"): NO_MENU,
    ("tmux_request", "INVALID_CONNECTION_ID"): NO_TMUX,
    ("tmux_request", "INVALID_REQUEST"): NO_TMUX,
    ("status_bar_component_request", "INVALID_IDENTIFIER"): (
        "the app's own negative: no component is shown"
    ),
    ("screenshot_request", "INTERNAL_ERROR"): (
        "the app's own negative: the renderer is not installed"
    ),
    ("set_property_request", "FAILED"): "the app's own negative: nothing fills a screen",
}
"""The app's own way to say no, where what is asked for cannot exist here."""
