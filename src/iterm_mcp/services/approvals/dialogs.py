"""Which dialog is which: what is asked, as it was seen by one source or another. Pure.

A hook tells a tool and its input exactly, and tells it once. A registry file says no more than that
somebody is waited for. A screen shows a text, wrapped and cut, and the options. All of these may be
one dialog, which must be one record; and two that follow each other must be two.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from iterm_mcp.models.agent_states import AgentState
from iterm_mcp.models.approvals import Asks
from iterm_mcp.models.observations import Fact, ObservationSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterm_mcp.models.agent_states import StateView
    from iterm_mcp.models.approvals import Approval
    from iterm_mcp.models.observations import Json

WAITING: Mapping[AgentState, Asks] = {
    AgentState.WAITING_PERMISSION: Asks.PERMISSION,
    AgentState.WAITING_QUESTION: Asks.QUESTION,
}
"""States in which a dialog stands."""

TEXT_CHARACTERS = 4000
_EXACT = frozenset({ObservationSource.HOOK, ObservationSource.PROTOCOL})


@dataclass(frozen=True, slots=True)
class Dialog:
    """What one source told of a dialog.

    Attributes:
        dialog: The source's own id; empty when it has none.
        exact: The input is the tool's own; else it was read from a screen.
    """

    asks: Asks
    dialog: str = ""
    tool: str = ""
    input: Mapping[str, Json] = field(default_factory=dict)
    text: str = ""
    options: tuple[str, ...] = ()
    exact: bool = False


def read_dialog(
    value: Mapping[str, Json], *, asks: Asks = Asks.PERMISSION, exact: bool = False
) -> Dialog:
    """Return what `Fact.DIALOG`'s value says; what it leaves out stays empty.

    Args:
        asks: What is asked, if the value does not say.
    """
    given, options = value.get("input"), value.get("options")
    told = value.get("asks")
    return Dialog(
        Asks(told) if told in set(Asks) else asks,
        _text(value.get("id")),
        _text(value.get("tool")),
        given if isinstance(given, dict) else {},
        _text(value.get("text"))[:TEXT_CHARACTERS],
        tuple(str(one) for one in options) if isinstance(options, list) else (),
        exact,
    )


def shown_by(view: StateView) -> Dialog | None:
    """Return the dialog that stands in an agent's state; None when none does."""
    asks = WAITING.get(view.state)
    if asks is None:
        return None
    for one in view.winning:
        if one.sighting.fact is Fact.DIALOG:
            return read_dialog(one.sighting.value, asks=asks, exact=one.sighting.source in _EXACT)
    return read_dialog({"text": view.reason}, asks=asks)


def same(approval: Approval, dialog: Dialog) -> bool:
    """Tell whether what was seen may be the dialog that an approval stands for.

    What one of them leaves open speaks against nothing.
    """
    if approval.dialog and approval.dialog == dialog.dialog:
        return True
    if approval.asks is not dialog.asks:
        return False
    if approval.exact and dialog.exact:
        return approval.tool == dialog.tool and dict(approval.input) == dict(dialog.input)
    return _tools_agree(approval.tool, dialog.tool) and _inputs_agree(approval.input, dialog.input)


def enriched(approval: Approval, dialog: Dialog) -> Approval:
    """Return an approval with what another source adds; what is exact is never overwritten."""
    better = dialog.exact and not approval.exact
    return replace(
        approval,
        dialog=dialog.dialog if better or not approval.dialog else approval.dialog,
        tool=dialog.tool if better or not approval.tool else approval.tool,
        input=dialog.input if better or not approval.input else approval.input,
        text=dialog.text if dialog.text and (better or not approval.text) else approval.text,
        options=approval.options or dialog.options,
        exact=approval.exact or dialog.exact,
    )


def _tools_agree(one: str, other: str) -> bool:
    """Compare a tool's name with what a screen calls it, such as ``Bash`` with ``Bash command``."""
    first, second = one.casefold(), other.casefold()
    return not first or not second or first in second or second in first


def _inputs_agree(one: Mapping[str, Json], other: Mapping[str, Json]) -> bool:
    """Compare what both tell; screens wrap lines, and cut them off."""
    for key in one.keys() & other.keys():
        first, second = (_squeezed(given.get(key)) for given in (one, other))
        if not (first.startswith(second) or second.startswith(first)):
            return False
    return True


def _squeezed(value: Json) -> str:
    return "".join(str(value).split()).rstrip("…")


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
