"""Prompts as Claude Code hands them on: with tags around what was pasted, or its own. Pure.

A paste of four lines or more, or of more than 800 characters, reaches the model between tags whose
id is the session's (measured, 2.1.329 and 2.1.330). Who looks for a message in hooks or transcripts
has to take them off first.
"""

from __future__ import annotations

import re

_WRAPPED = re.compile(
    r"\n{0,2}<pasted_content id=\"(?P<id>[0-9A-Za-z]{1,32})\">\n"
    r"(?P<text>.*?)"
    r"\n?</pasted_content id=\"(?P=id)\">\n?",
    re.DOTALL,
)
_MARKED = re.compile(r"<\\(/?pasted_content\b)")
_OWN = re.compile(r"\s*<(?:task-notification|local-command|command-name|bash-(?:input|stdout))\b")


def unwrapped(prompt: str) -> str:
    """Return a prompt as its sender meant it: without the tags around what was pasted.

    A text in which nothing was pasted comes back as it is, but that its own such tags are marked
    with a backslash by Claude Code, which is taken away.
    """
    plain = _WRAPPED.sub(lambda match: f"\n{match['text']}\n", prompt)
    return _MARKED.sub(r"<\1", plain if plain == prompt else plain.strip("\n"))


def is_own(prompt: str) -> bool:
    """Tell whether Claude Code wrote it: the end of a background task, a command's output."""
    return _OWN.match(prompt) is not None
