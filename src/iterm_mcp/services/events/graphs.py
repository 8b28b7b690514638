"""What led to what in a conversation: prompts, tools, subagents, files. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterm_mcp.models.account_views import Edge, Graph, Node, NodeKind
from iterm_mcp.models.accounts import Outcome
from iterm_mcp.models.events import EventKind
from iterm_mcp.services.events.accounts import in_order, make_account

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterm_mcp.models.accounts import Account, Call, Turn
    from iterm_mcp.models.events import Event

MOST_NODES = 2000
LABEL_CHARACTERS = 120


@dataclass(slots=True)
class _Sum:
    """A node while it grows."""

    kind: NodeKind
    label: str
    times: int = 0
    seconds: float = 0.0
    dollars: float = 0.0
    failed: int = 0


class _Drawing:
    """Nodes and edges while they are found."""

    def __init__(self) -> None:
        self.nodes: dict[str, _Sum] = {}
        self.edges: Counter[tuple[str, str]] = Counter()

    def node(self, kind: NodeKind, name: str, label: str) -> _Sum:
        found = self.nodes.setdefault(f"{kind}:{name}", _Sum(kind, label[:LABEL_CHARACTERS]))
        found.times += 1
        return found

    def graph(self, most: int) -> Graph:
        """Return what was found; of more nodes those that stand for most stay."""
        ranked = sorted(
            self.nodes, key=lambda one: (-self.nodes[one].times, -self.nodes[one].seconds)
        )
        kept = set(ranked[:most])
        nodes = tuple(
            Node(name, one.kind, one.label, one.times, one.seconds, one.dollars, one.failed)
            for name, one in self.nodes.items()
            if name in kept
        )
        edges = tuple(
            Edge(source, target, times)
            for (source, target), times in self.edges.items()
            if source in kept and target in kept
        )
        return Graph(nodes, edges, len(self.nodes) - len(nodes))


def make_graph(events: Iterable[Event], *, expanded: bool = False, most: int = MOST_NODES) -> Graph:
    """Return the graph of one conversation.

    Args:
        events: All of one conversation's, at least one.
        expanded: A node for every prompt and call; else one for all prompts, and one for each
            tool and type of subagent. Files are one node each.
        most: How many nodes there may be.

    Raises:
        ValueError: There are no events.
    """
    told = in_order(events)
    account = make_account(told)
    drawing = _Drawing()
    turns = {turn.index: _draw_turn(drawing, turn, expanded=expanded) for turn in account.turns}
    subagents = _draw_subagents(drawing, account, expanded=expanded)
    calls = {one.call: one for one in account.calls}
    names = {one.call: _draw_call(drawing, one, expanded=expanded) for one in account.calls}
    for name, call in calls.items():
        source = subagents.get(call.subagent) or turns.get(call.turn)
        if source:
            drawing.edges[source, names[name]] += 1
    for event in told:
        _draw_outcome(drawing, event, names)
        if event.kind is EventKind.SUBAGENT_STARTED and event.links.subagent in subagents:
            # the tool that started it tells its own call; else the turn of that moment has
            source = names.get(event.links.call) or _turn_at(account, event, turns)
            if source:
                drawing.edges[source, subagents[event.links.subagent]] += 1
    return drawing.graph(most)


def _draw_turn(drawing: _Drawing, turn: Turn, *, expanded: bool) -> str:
    name = str(turn.index) if expanded else "all"
    node = drawing.node(NodeKind.PROMPT, name, turn.prompt if expanded else "prompts")
    node.seconds += turn.seconds or 0.0
    node.dollars += turn.spent.dollars
    node.failed += turn.outcome is Outcome.FAILED
    return f"{NodeKind.PROMPT}:{name}"


def _draw_call(drawing: _Drawing, call: Call, *, expanded: bool) -> str:
    name = call.call if expanded else call.tool
    label = f"{call.tool} {call.subject}".strip() if expanded else call.tool
    node = drawing.node(NodeKind.TOOL, name, label)
    node.seconds += call.seconds or 0.0
    node.failed += call.outcome is Outcome.FAILED
    return f"{NodeKind.TOOL}:{name}"


def _draw_subagents(drawing: _Drawing, account: Account, *, expanded: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in account.subagents:
        name = one.subagent if expanded or not one.type else one.type
        node = drawing.node(NodeKind.SUBAGENT, name, one.type or one.subagent)
        node.dollars += one.spent.dollars
        if one.started_at is not None and one.ended_at is not None:
            node.seconds += (one.ended_at - one.started_at).total_seconds()
        found[one.subagent] = f"{NodeKind.SUBAGENT}:{name}"
    return found


def _draw_outcome(drawing: _Drawing, event: Event, calls: Mapping[str, str]) -> None:
    """Draw a file or a commit, and the call that it came of."""
    if event.kind is EventKind.FILE_CHANGED:
        kind, label = NodeKind.FILE, str(event.payload.get("path") or event.subject)
    elif event.kind in {EventKind.COMMIT_MADE, EventKind.PULL_REQUEST_CHANGED}:
        kind, label = NodeKind.COMMIT, event.subject
    else:
        return
    drawing.node(kind, label, label)
    if source := calls.get(event.links.call):
        drawing.edges[source, f"{kind}:{label}"] += 1


def _turn_at(account: Account, event: Event, turns: Mapping[int, str]) -> str | None:
    started = [turn.index for turn in account.turns if turn.started_at <= event.at]
    return turns[started[-1]] if started else None
