"""The keys that profiles may have: those of iTerm2, and what kind of value each takes. Pure."""

from __future__ import annotations

from typing import Any

from iterm_mcp.host import colors

_NUMBERS = (
    "ASCII Anti Aliased", "ASCII Ligatures", "Allow Change Cursor Blink", "Allow Title Reporting",
    "Allow Title Setting", "Ambiguous Double Width", "Application Keypad Allowed",
    "Automatically Log", "BM Growl", "Background Image Mode", "Badge Max Height",
    "Badge Max Width", "Badge Right Margin", "Badge Top Margin", "Blend", "Blink Allowed",
    "Blinking Cursor", "Blur", "Blur Radius", "Character Encoding", "Close Sessions On End",
    "Columns", "Cursor Shadow", "Cursor Type", "Disable Printing", "Disable Smcup Rmcup",
    "Disable Window Resizing", "Draw Powerline Glyphs", "Flashing Bell", "Horizontal Spacing",
    "Icon", "Idle Code", "Idle Period", "Initial Use Transparency", "Left Option Key Changeable",
    "Load Shell Integration Automatically", "Mouse Reporting", "Mouse Reporting allow mouse wheel",
    "Non-ASCII Anti Aliased", "Non-ASCII Ligatures", "Only The Default BG Color Uses Transparency",
    "Open Password Manager Automatically", "Open Toolbelt", "Option Key Sends",
    "Place Prompt at First Column", "Prompt Before Closing 2", "Reduce Flicker",
    "Right Option Key Changeable", "Right Option Key Sends", "Rows", "Screen", "Scrollback Lines",
    "Scrollback With Status Bar", "Scrollback in Alternate Screen", "Send Bell Alert",
    "Send Code When Idle", "Send Idle Alert", "Send New Output Alert", "Send Session Ended Alert",
    "Send Terminal Generated Alerts", "Session Close Undo Timeout", "Show Mark Indicators",
    "Show Status Bar", "Silence Bell", "Smart Selection Actions Use Interpolated Strings", "Space",
    "Sync Title", "Thin Strokes", "Title Components", "Transparency",
    "Triggers Use Interpolated Strings", "Unicode Normalization", "Unicode Version",
    "Unlimited Scrollback", "Use Bold Font", "Use Custom Window Title", "Use Italic Font",
    "Use Non-ASCII Font", "Use Separate Colors for Light and Dark Mode", "Use libtickit protocol",
    "Vertical Spacing", "Visual Bell", "Window Type",
)  # fmt: skip
_NUMBERS_BY_MODE = (
    "Brighten Bold Text", "Cursor Boost", "Minimum Contrast", "Smart Cursor Color",
    "Use Bright Bold", "Use Cursor Guide", "Use Tab Color", "Use Underline Color",
)  # fmt: skip
_TEXTS = (
    "AWDS Pane Directory", "AWDS Pane Option", "AWDS Tab Directory", "AWDS Tab Option",
    "AWDS Window Directory", "AWDS Window Option", "Answerback String",
    "Background Image Location", "Badge Font", "Badge Text", "Command", "Custom Command",
    "Custom Directory", "Custom Icon Path", "Custom Window Title", "Default Bookmark",
    "Description", "Dynamic Profile Filename", "Dynamic Profile Parent Name", "Guid",
    "Initial Text", "Log Directory", "Name", "Non Ascii Font", "Normal Font", "Original Guid",
    "Shortcut", "Subtitle", "Terminal Type", "Working Directory",
)  # fmt: skip
_LISTS = (
    "Bound Hosts", "Jobs to Ignore", "Smart Selection Rules", "Tags", "Title Function", "Triggers",
)  # fmt: skip
_OBJECTS = ("Keyboard Map", "Semantic History", "Status Bar Layout", "Touch Bar Map")

_MODES = ("", " (Light)", " (Dark)")

KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_NUMBERS, (bool, int, float)),
    **{f"{key}{mode}": (bool, int, float) for key in _NUMBERS_BY_MODE for mode in _MODES},
    **dict.fromkeys(_TEXTS, (str,)),
    **dict.fromkeys(_LISTS, (list,)),
    **dict.fromkeys(_OBJECTS, (dict,)),
    **dict.fromkeys(colors.KEYS, (dict,)),
}
"""A key's kinds of value. Booleans are numbers, as in the app's own files."""


def fits(key: str, value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether a profile has this key, and this kind of value there; None takes it away."""
    return key in KINDS and (value is None or isinstance(value, KINDS[key]))
