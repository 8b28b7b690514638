"""All that an engine holds, for another one that goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from iterm_mcp.host.osc import OscState


class EngineState(NamedTuple):
    """What `Engine.state` returns and `Engine.take_over` takes.

    Lines, styles, links, soft wraps, both screens, cursors, modes, margins, tab stops, titles
    on the stack, colours, and what is half received are in `terminal`. Not carried are images,
    what an earlier `take_changed` has seen (the screen counts as changed), and, where the
    alternate screen is shown, another shape of the primary screen's cursor and half a character.

    Attributes:
        terminal: `emulator.Terminal.copy`.
        base: The absolute line of the screen's first row.
        kept: How many rows the emulator keeps above it.
        heavier: How much more than plain lines the history may take.
        left: Where the primary screen's cursor was left.
        seams: Lines at which earlier engines have handed over.
    """

    terminal: bytes
    scanner: OscState
    bells: int
    base: int
    kept: int
    overflow: int
    heavier: float
    left: tuple[int, int]
    seams: tuple[int, ...]
