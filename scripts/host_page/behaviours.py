"""What the host does beside answering requests; each is shown by tests, or named as absent."""

from __future__ import annotations

from iterm_mcp.host.requests.functions import _FUNCTIONS, absent

BEHAVIOURS: dict[str, dict[str, str]] = {
    "1.1": {
        "socket": "The socket stands where the library looks, without anything in the script",
    },
    "1.2": {
        "cookie": "Who shows the cookie is let in, as often as they like; nobody else is",
    },
    "1.3": {
        "refusals": "What is no client of the library's kind is refused with 400, 401 or 406",
    },
    "1.4": {
        "id": "An answer carries its request's id, 0 included; a notification carries none",
        "order": "Answers come in the order of the requests",
        "unknown": "A request of no known kind gets an `error`",
        "every kind": "A request of any kind is answered, even an empty one",
        "no message": "What is no message ends its own connection only",
        "text": "Text frames are ignored",
        "fragments": "A message may come in pieces",
        "shutdown": "What is under way at the end gets an `error`",
        "disconnect": "Subscriptions, functions and transactions end with their client",
    },
    "1.5": {
        "1.18": "The protocol's version is told at the handshake: 1.18",
    },
    "2.0": {
        "active": "`active` is the session that has the focus",
        "all": "`all` is every session in a window, but no buried one",
    },
    "2.8": {
        "frame": "A window's place and size, in points; a cell is 8 by 16",
        "fullscreen": "Always false; setting it fails",
        "grid_size": "A session's columns and rows",
        "buried": "A session out of its window, and back again",
        "number_of_lines": "How many lines are on the screen, kept above it, and lost",
    },
    "2.21": {
        name: "Called by its name and arguments"
        if name.startswith("iterm2.")
        else "Our own, for the command line and attached terminals"
        for name in sorted({one.partition("(")[0] for one in _FUNCTIONS})
    }
    | {name: f"FAILED: “{reason}”" for name, reason in sorted(absent.REASONS.items())}
    | {
        "registered": "A function of another script is called, and its result returned",
        "defaults": "Arguments that are left out come from the function's defaults",
        "roles": "Functions for titles, status bars and context menus can be called too",
        "calls": "What cannot be called is answered with the reason",
    },
    "3.0": {
        "once": "Subscribing twice, and ending twice, are told apart",
        "all": "`all` covers the sessions of now and those to come",
        "own": "A subscription belongs to one connection",
        "one each": "Who watches a session and all is told once",
        "order": "A layout is told before the focus in it",
        "end": "After its end a subscription tells no more",
    },
    "3.6": {
        "trailing": "However many changes come, the last is told",
    },
    "4": {
        "numbers": "A line keeps its number when it scrolls, and when older lines are lost",
        "lost lines": "Lines that are lost are left out of an answer",
        "wrapping": "A line that goes on in the next row says so",
        "cursor": "Behind a full line, the cursor stands one past the last column",
        "cells": "Wide characters and combined ones say how many code points each cell holds",
        "empty cells": "Cells never written are NUL between others, and left out at the end",
        "alternate screen": "It takes the screen's numbers and leaves the history alone",
        "width": "A new width wraps lines anew; prompts follow their text",
        "height": "A new height moves lines between screen and history with their numbers",
        "clearing": "Cleared lines are lost lines: no number is used again",
    },
    "5": {
        "app": "The library builds its model of windows, tabs and sessions, and keeps it true",
        "focus": "The library knows which window, tab and session have the focus",
        "monitors": "The library's monitors are told, and end",
        "errors": "The library raises its own exceptions",
    },
    "7.1": {
        "A": "A prompt begins, on a line of its own",
        "N": "As `A`",
        "P": "As `A`, wherever the cursor stands",
        "B": "A prompt ends, and a command can be typed",
        "C": "A command was run, and its output begins",
        "D": "A command has ended, with its status",
        "k=": "Secondary, continuation and right prompts are cut out of the command",
        "aid=": "A nested shell's prompts are told apart",
        "abort": "A command that is given up leaves no prompt and is not told",
        "blank": "Nothing typed is no command",
    },
    "7.2": {
        "RemoteHost": "Variables `username` and `hostname`",
        "CurrentDir": "Variable `path`, and the prompt's directory",
        "ShellIntegrationVersion": "Variable `shell`",
        "SetUserVar": "A variable `user.…`",
        "Custom": "A notification to the scripts that asked for it",
        "SetProfile": "Another profile for the session",
        "SetBadgeFormat": "The badge",
        "ClearScrollback": "Clears screen and history, but for the prompt",
        "SetMark": "Taken and ignored: no request would show such a mark",
        "StealFocus": "Moves the focus to the session",
        "Disinter": "Brings a buried session back",
        "SetColors": "Colours of the session's profile, by name or from a preset",
        "Block": "A block of output: its cells have its id in their style",
        "ReportCellSize": "Answers with the size of a cell",
        "ReportVariable": "Answers with a variable",
        "Capabilities": "Answers with what the terminal can do",
        "pictures and files": "Taken and not shown, with bounded memory",
    },
    "7.3": {
        "OSC 7": "Variable `path`, and the prompt's directory",
    },
    "7.4": {
        "Title Components": "What a session's name is made of, as its profile says",
        "OSC 0": "Icon and window title",
        "OSC 1": "Icon title, which names the session",
        "OSC 2": "Window title",
        "title stack": "Titles are put aside and taken back (`CSI 22 t`, `CSI 23 t`)",
        "title reports": "Programs ask for titles (`CSI 20 t`, `21 t`) where the profile lets them",
    },
    "7.5": {
        "OSC 8": "A link is part of its cells' style",
        "set colours": "Palette and dynamic colours change the session's profile (OSC 4, 10 to 19)",
        "ask for colours": "Programs that ask for a colour are told the session's own",
        "clipboard": "Taken and ignored: there is no clipboard (OSC 52)",
    },
    "7.6": {
        "showingAlternateScreen": "The alternate screen (modes 47, 1047, 1049)",
        "mouseReportingMode": "What of the mouse is reported",
        "applicationKeypad": "The keypad's mode",
        "bellCount": "How often the bell has rung",
        "resize": "Programs resize their session (`CSI 8 t`) where its profile lets them",
    },
    "C": {
        "session": "Its programs know where they are, and can reach the host",
        "clean": "What describes the starter's surroundings is left out",
        "shell integration": "bash, zsh and fish mark their prompts by themselves",
        "opting out": "A profile, and iTerm2's own integration, keep that away",
    },
    "D": {
        "bad range": "GetBuffer refuses a range that makes no sense; the app sends nothing",
        "code points": "Cells count code points; the app counts UTF-16 units",
        "links": "Styles carry the links of OSC 8; the app loses them",
        "styles on demand": "Styles come only when they are asked for; the app always sends them",
        "true grid": "`grid_size` is the grid's; the app's is one too small each way",
        "really all": "`all` sets properties and variables everywhere; the app misses some",
        "half a prompt": "A command that the shell itself tells runs, at half a prompt too",
        "half a frame": "Half a frame is refused once; the app answers twice",
        "end of output": "A finished command's output ends where it ended; the app's at the cursor",
        "same id": "A restarted session keeps its id; the app gives a new one and tells nobody",
        "one end": "The end of a session is told once; the app may tell it twice",
        "abort": "A command that is given up is no start, and changes no status of an older one",
        "watching": "Profiles can be watched, modes add up, and ending needs no equal arguments",
        "own domain": "Typing follows the target's own domain; the app's follows the front session",
        "before is before": "A pane moves to the side that is said; the app swaps above and below",
        "valid null": "A result that is nothing is `null`; the app may send what is no JSON",
        "no reuse": "Clearing the history never numbers lines again; the app does",
        "room at the target": "Room for a split is looked for where it is to be",
    },
}
"""By section and item."""

ABSENT: dict[tuple[str, str], str] = {
    ("7.2", "Block"): (
        "Taken, with its folding and its buttons, and not shown; the text stays, and no cell has a"
        " `blockID`"
    ),
}
"""Items that are not there, and why. Who makes one work takes it from here and marks its test."""
