"""Which trace an observation belongs to, so that a slow bucket leads to the call that was slow."""

from __future__ import annotations

from iterm_mcp.telemetry.trace_context import current_trace_id


def exemplar() -> dict[str, str] | None:
    """Return the labels of an exemplar for what is observed now; None outside of any trace."""
    trace_id = current_trace_id()
    return {"trace_id": trace_id} if trace_id else None
