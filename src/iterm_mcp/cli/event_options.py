"""Which events: the options that all verbs share that choose some, and how an event is shown."""

from __future__ import annotations

import inspect
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from iterm_mcp.cli.plain import plain
from iterm_mcp.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

Chosen = dict[str, Any]
"""What was chosen, by the names that the HTTP interface has for it; what was not is left out."""

_AGO = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
TEXT = 120
"""Of an event's text, how much is shown in a row."""


def moment(text: str) -> str:
    """Return a moment as ISO 8601 with a zone: given so, in local time, or as how long ago.

    Raises:
        typer.BadParameter: It is none.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            back = timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
            return (SystemClock().now() - back).isoformat(timespec="seconds")
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time: write 2026-01-31, 2026-01-31T12:00 or 90m, 2h, 3d, 1w (ago)"
        ) from None


AgentOption = Annotated[str, typer.Option(help="An agent's name.")]
AgentKindOption = Annotated[str, typer.Option("--agent-kind", help="claude, codex, gemini …")]

_OPTIONS: dict[str, Any] = {
    "since": Annotated[str, typer.Option(help="A time, or how long ago: 2026-01-31T12:00, 2h.")],
    "until": Annotated[str, typer.Option(help="The same; that moment is left out.")],
    "event": Annotated[list[str] | None, typer.Option(help="A kind, as ToolFailed; repeatable.")],
    "source": Annotated[list[str] | None, typer.Option(help="Who told it, as claude-hook.")],
    "subject": Annotated[str, typer.Option(help="What it begins with: a tool, a path …")],
    "agent": AgentOption,
    "team": Annotated[str, typer.Option(help="A team's name.")],
    "agent_kind": AgentKindOption,
    "session": Annotated[str, typer.Option(help="A terminal session's id.")],
    "conversation": Annotated[str, typer.Option(help="A conversation's id.")],
    "model": Annotated[str, typer.Option(help="A model's name.")],
    "failed": Annotated[
        bool | None, typer.Option("--failed/--succeeded", help="Only what failed, or did not.")
    ],
    "least_dollars": Annotated[float | None, typer.Option(min=0, help="Cost at least.")],
    "most_dollars": Annotated[float | None, typer.Option(min=0, help="Cost at most.")],
    "least_seconds": Annotated[float | None, typer.Option(min=0, help="Took at least.")],
    "most_seconds": Annotated[float | None, typer.Option(min=0, help="Took at most.")],
    "words": Annotated[
        str, typer.Option("--words", "-w", help='All of them; "in this order"; begin*.')
    ],
    "pattern": Annotated[str, typer.Option("--pattern", "-p", help="A regular expression (RE2).")],
    "ignore_case": Annotated[bool, typer.Option("--ignore-case", "-i", help="Of the pattern.")],
}


def _default(name: str) -> Any:  # noqa: ANN401 - an option's
    if name == "ignore_case":
        return False
    unset = name in {"event", "source", "failed"} or name.startswith(("least_", "most_"))
    return None if unset else ""


def choosing(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options that choose events; it takes them as ``chosen``."""

    def run(**given: Any) -> None:  # noqa: ANN401 - any option
        mine = {name: given.pop(name) for name in _OPTIONS}
        verb(chosen=_chosen(mine), **given)

    hints = get_type_hints(verb, include_extras=True)
    own = [
        one.replace(annotation=hints[name])
        for name, one in inspect.signature(verb).parameters.items()
        if name != "chosen"
    ]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=_default(name), annotation=option
        )
        for name, option in _OPTIONS.items()
    ]
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own] + shared
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__name__, run.__doc__ = verb.__name__, verb.__doc__
    return run


def _chosen(given: dict[str, Any]) -> Chosen:
    kinds = given.pop("event")
    for name in ("since", "until"):
        given[name] = given[name] and moment(given[name])
    return {
        name: value
        for name, value in {**given, "kind": kinds}.items()
        if value is not None and value != "" and (value is not False or name == "failed")
    }


def parameters_of(chosen: Chosen) -> dict[str, Any]:
    """Return what was chosen as parameters of a URL."""
    return {
        name: str(value).lower() if isinstance(value, bool | float) else value
        for name, value in chosen.items()
    }


def row(event: dict[str, Any]) -> str:
    """Return an event as a line; what agents said cannot break out of it."""
    at = datetime.fromisoformat(event["at"]).astimezone()
    links = event.get("links", {})
    who = links.get("agent") or links.get("kind") or "-"
    said = " ".join(str(event.get("text") or "").split())
    parts = [f"{event['number']:>8}  {at:%F %T}  {event['kind']:20}  {who}"]
    parts += [one for one in (event.get("subject", ""), said[:TEXT]) if one]
    if "duration_seconds" in event:
        parts.append(f"{event['duration_seconds']:.1f} s")
    if event.get("cost", {}).get("dollars"):
        parts.append(f"${event['cost']['dollars']:.4f}")
    return plain("  ".join(parts))
