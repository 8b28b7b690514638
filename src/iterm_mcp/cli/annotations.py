"""``iterm-mcp events annotate|tag|bookmark|annotations``: what is said of what happened."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from iterm_mcp.cli.daemon_http import get_json
from iterm_mcp.cli.plain import plain
from iterm_mcp.cli.tool_call import open_caller, print_json

BOOKMARK = "bookmark"
"""The tag that makes a bookmark, where it is asked for by tool."""

_RANGE = re.compile(r"([1-9]\d{0,17})(?:-([1-9]\d{0,17}))?")

_Of = Annotated[
    str, typer.Argument(help="An event's number, a range as 120-140, or a conversation's id.")
]
_Tag = Annotated[list[str] | None, typer.Option("--tag", "-t", help="Repeatable.")]
_Conversation = Annotated[
    str, typer.Option(help="The conversation that the events are of; found with it, too.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def annotate(
    of: _Of,
    text: Annotated[str, typer.Argument(help="What is to be said.")] = "",
    tag: _Tag = None,
    bookmark: Annotated[bool, typer.Option("--bookmark", help="Make it a bookmark.")] = False,  # noqa: FBT002
    conversation: _Conversation = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Remark on an event, a range of events, or a conversation; secrets are taken out."""
    _say(of, text, [*(tag or ()), *([BOOKMARK] if bookmark else ())], conversation, as_json)


def tag(
    of: _Of,
    tags: Annotated[list[str], typer.Argument(help="Letters, digits, . : / - _")],
    conversation: _Conversation = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Tag an event, a range of events, or a conversation."""
    _say(of, "", tags, conversation, as_json)


def bookmark(
    of: _Of,
    text: Annotated[str, typer.Argument(help="Why, if that is to be said.")] = "",
    conversation: _Conversation = "",
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Make a bookmark of an event, a range of events, or a conversation."""
    _say(of, text, [BOOKMARK], conversation, as_json)


def listed(
    words: Annotated[list[str] | None, typer.Argument(help="All of these words.")] = None,
    of: Annotated[str, typer.Option(help="An event's number, or a conversation's id.")] = "",
    tag: Annotated[str, typer.Option("--tag", "-t", help="With this tag.")] = "",
    bookmarks: Annotated[bool, typer.Option("--bookmarks", help="Bookmarks alone.")] = False,  # noqa: FBT002
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="At most.")] = 100,
    as_json: _Json = False,  # noqa: FBT002 - a flag
) -> None:
    """Find remarks, tags and bookmarks, the newest first; each row begins with its number."""
    first, last, conversation = _target(of) if of else (None, None, "")
    if last != first:
        raise typer.BadParameter("--of takes one event, not a range")
    found = get_json(
        "/v1/annotations",
        {
            "event": first, "conversation": conversation, "tag": tag,
            "words": " ".join(words or ()), "bookmark": "true" if bookmarks else "", "limit": limit,
        },
    )  # fmt: skip
    if as_json:
        print_json(found)
        return
    for one in found["annotations"]:
        typer.echo(_row(one))


def unannotate(
    number: Annotated[int, typer.Argument(min=1, help="From `annotations`.")],
) -> None:
    """Forget a remark, tag or bookmark; an agent only its own."""
    with open_caller() as caller:
        caller.call("annotate", {"remove": number})
    typer.echo("removed")


def _say(of: str, text: str, tags: list[str], conversation: str, as_json: bool) -> None:  # noqa: FBT001
    """Say it as whoever calls us: an agent that does from its shell is the same agent."""
    first, last, whole = _target(of)
    if whole and conversation:
        raise typer.BadParameter("name one conversation")
    numbers = [] if first is None else [first] if last in {None, first} else [first, last]
    given: dict[str, Any] = {"events": numbers, "conversation": whole or conversation}
    given |= {"text": text, "tags": tags}
    with open_caller() as caller:
        made = caller.call("annotate", {name: value for name, value in given.items() if value})
    if as_json:
        print_json(made)
    else:
        typer.echo(f"annotation {made['annotation']}")


def _target(of: str) -> tuple[int | None, int | None, str]:
    """Return the first and the last event that are meant, or the conversation."""
    found = _RANGE.fullmatch(of)
    if found is None:
        return None, None, of
    first = int(found[1])
    return first, int(found[2] or first), ""


def _row(one: dict[str, Any]) -> str:
    events = "" if one["first"] is None else f"event {one['first']}"
    if one["last"] != one["first"]:
        events = f"events {one['first']}-{one['last']}"
    of = " of ".join(name for name in (events, one["conversation"]) if name)
    marks = ["bookmark"] * one["bookmark"] + [f"#{name}" for name in one["tags"]]
    parts = [
        f"{one['annotation_id']:>5}",
        of,
        *marks,
        f"{one['author']}: {one['text']}".rstrip(" :"),
    ]
    return plain("  ".join(" ".join(part.split()) if at else part for at, part in enumerate(parts)))
