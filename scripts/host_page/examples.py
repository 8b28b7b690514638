"""The examples of the library's manual: which are run against the host, and which cannot be.

Each is a script of ours that does what the example does. Its docstring begins with their names:
``API examples: one, other. What they do.``
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.host_page.marks import PageError, scripts_of

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "tests/integration/host/examples"

WANTED = [
    "app_tab_color", "apply_layout", "autoalert", "badgetitle", "blending", "broadcast",
    "ccs", "change_default_profile", "close_to_the_right", "cls", "colorhost", "copycolor",
    "create_window", "current_preset", "darknight", "diskspace", "enable_broadcasting",
    "escindicator", "fs-only-status-bar", "function_key_tabs", "georges_title", "gmtclock",
    "increase_font_size", "mousemode", "movetab", "mrutabs", "mrutabs2", "random_color",
    "resizeall", "runcommand", "setprofile", "settabcolor", "sorttabs", "statusbar", "stty",
    "sumselection", "sync_title", "targeted_input", "theme", "unread", "venv", "weather",
]  # fmt: skip
"""Those that can run without a screen."""

NO_DIALOG = "asks in a dialog, and nobody is there to answer"
NO_MAC = "starts the app by a library of the Mac's"
NO_TMUX = "needs tmux integration"

CANNOT = {
    "findps": NO_DIALOG,
    "jsonpretty": NO_DIALOG,
    "launch_and_run": NO_MAC,
    "oneshot": NO_DIALOG,
    "open_browser_tab": "needs a browser session",
    "set_title_forever": NO_MAC,
    "tabtitle": NO_DIALOG,
    "tile": NO_TMUX,
    "tmux": NO_TMUX,
    "zoom_on_screen": "chooses from a menu",
}
"""Those that cannot, and why."""

_DOCSTRING = re.compile(r"API examples: ([\w,\s-]+)\.\s+(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """One script: the examples' names, what it does, and where it stands."""

    names: tuple[str, ...]
    about: str
    path: str


def read_examples(text: str, path: str) -> list[Example]:
    """Return the examples among a module's scripts.

    Raises:
        PageError: A script does not say which example it is.
    """
    tree = ast.parse(text)
    listed = scripts_of(tree)
    found = []
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name in listed:
            said = _DOCSTRING.match(ast.get_docstring(node) or "")
            if said is None:
                raise PageError(f"{path}: {node.name} does not say which example it is")
            names = tuple(one.strip() for one in said[1].split(","))
            found.append(Example(names, " ".join(said[2].split("\n\n")[0].split()), path))
    return found


def collect_examples(root: Path) -> list[Example]:
    """Return all examples that are run.

    Raises:
        PageError: As `read_examples`.
    """
    return [
        one
        for file in sorted((root / FOLDER).glob("*.py"))
        for one in read_examples(file.read_text("utf-8"), f"{FOLDER}/{file.name}")
    ]


def render_examples(examples: list[Example]) -> str:
    """Return the table in Markdown.

    Raises:
        PageError: One of `WANTED` is not among them, or one is unknown.
    """
    by_name = {name: one for one in examples for name in one.names}
    problems = [f"no test runs the example {one}" for one in WANTED if one not in by_name]
    problems += [f"there is no example {one}" for one in by_name if one not in WANTED]
    if problems:
        raise PageError("\n".join(problems))
    rows = {
        name: f"[{one.about}](../{one.path})" for name, one in by_name.items()
    } | {name: f"*cannot run: {why}*" for name, why in CANNOT.items()}  # fmt: skip
    lines = ["| example | shown by |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {rows[name]} |" for name in sorted(rows))]) + "\n"
