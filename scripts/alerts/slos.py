"""Objectives, and alerts on how fast what they leave for errors is used up.

Each has a ratio of errors over five windows, and three alerts of two windows each: the long one
says that it matters, the short one that it goes on (Google's SRE workbook, "Alerting on SLOs").
"""

from __future__ import annotations

from dataclasses import dataclass

from scripts.alerts.rule import CRITICAL, DAEMON, WARNING, Alert, Recording

BAD, EVENTS = "iterm_mcp:slo_bad:rate5m", "iterm_mcp:slo_events:rate5m"
"""What everything else is computed from, so that no rule reads days of hundreds of series."""

ERRORS = "iterm_mcp:slo_errors:ratio_rate"
COUNTED = "iterm_mcp:slo_events:increase"
OBJECTIVE = "iterm_mcp:slo_objective:ratio"

WINDOWS = ("5m", "30m", "1h", "6h", "3d")
COUNTED_WINDOWS = ("1h", "6h")

WAITING_TOOLS = (
    "wait_for", "wait_agents", "wait_receipts", "wait_tasks", "run_command", "start_agent",
    "stop_agent", "manage_agent", "cascade_message", "list_approvals", "run_playbook",
    "apply_layout", "submit_tasks", "take_screenshot", "open_session",
)  # fmt: skip
"""Tools that take as long as what they wait for or start."""


@dataclass(frozen=True, slots=True)
class Burn:
    """How fast errors may come before somebody is told.

    Attributes:
        factor: Times as fast as would just use up what is left for errors.
        least: With fewer events in the window `counted` nothing is said: one error would be too
            much.
        spends: What it takes of the errors of thirty days, if it goes on for the long window.
    """

    name: str
    factor: float
    long: str
    short: str
    counted: str
    least: int
    held: str
    severity: str
    spends: str


BURNS = (
    Burn("BudgetBurnsFast", 14.4, "1h", "5m", "1h", 30, "2m", CRITICAL, "2 %"),
    Burn("BudgetBurns", 6, "6h", "30m", "6h", 100, "15m", WARNING, "5 %"),
    Burn("BudgetBurnsSlowly", 1, "3d", "6h", "6h", 100, "1h", WARNING, "10 %"),
)


@dataclass(frozen=True, slots=True)
class Objective:
    """What shall be well how often.

    Attributes:
        slo: The label's value.
        stem: What the names of its alerts begin with.
        target: The part of events that shall be good.
        bad, every: Sums of rates; ``{window}`` stands for their window.
        means: What counts as good, in a sentence.
    """

    slo: str
    stem: str
    target: float
    bad: str
    every: str
    means: str

    @property
    def left(self) -> float:
        """The part of events that may be bad."""
        return round(1 - self.target, 6)

    def rates(self) -> list[Recording]:
        """Return how many events a second are bad, and how many there are."""
        bad, every = (one.replace("{window}", "5m") for one in (self.bad, self.every))
        labels = {"slo": self.slo}
        return [
            Recording(BAD, f"{bad}\nor {every} * 0", labels),
            Recording(EVENTS, every, labels),
        ]

    def ratio(self, window: str) -> Recording:
        """Return the part of events that were bad."""
        which = f'{{slo="{self.slo}"}}'
        bad, every = (
            name + which if window == "5m" else f"avg_over_time({name}{which}[{window}])"
            for name in (BAD, EVENTS)
        )
        return Recording(f"{ERRORS}{window}", f"{bad}\n/ ({every} > 0)", {"slo": self.slo})

    def count(self, window: str) -> Recording:
        """Return how many events there were."""
        every = self.every.replace("{window}", window).replace("(rate(", "(increase(")
        return Recording(f"{COUNTED}{window}", every, {"slo": self.slo})

    def alert(self, burn: Burn) -> Alert:
        """Return an alert on how fast errors come."""
        limit = f"{burn.factor:g} * {self.left:g}"
        which = f'{{slo="{self.slo}"}}'
        expr = (
            f"{ERRORS}{burn.long}{which} > {limit}\n"
            f"and {ERRORS}{burn.short}{which} > {limit}\n"
            f"and {COUNTED}{burn.counted}{which} >= {burn.least}"
        )
        return Alert(
            f"{self.stem}{burn.name}",
            f"objective {self.slo}",
            expr,
            burn.held,
            burn.severity,
            f"{{{{ $value | humanizePercentage }}}} of the last {burn.long} miss the objective "
            f"{self.slo} on {{{{ $labels.instance }}}}",
            f"{self.means} {self.target:.3%} shall be so. Errors come more than {burn.factor:g} "
            f"times as fast as that allows, which takes {burn.spends} of thirty days' errors in "
            f"{burn.long}.",
            labels={"slo": self.slo},
        )


def _rate(selector: str) -> str:
    return f"sum by ({DAEMON}) (rate({selector}[{{window}}]))"


def _slower(histogram: str, le: str, labels: str) -> str:
    """Return how often something took longer than a bucket's bound."""
    every = _rate(f"{histogram}_count{{{labels}}}")
    return f'({every} - {_rate(f"""{histogram}_bucket{{{labels},le="{le}"}}""")})'


_QUICK = f'tool!~"{"|".join(WAITING_TOOLS)}"'
_ASKED = 'class="read"'
_HOOKS = 'class="hook"'
_OPEN = 'route!~"/readyz|/healthz"'
_TOOLS, _HTTP = "iterm_mcp_tool_duration_seconds", "iterm_mcp_http_request_duration_seconds"

OBJECTIVES = (
    Objective(
        "tool_success",
        "ToolCalls",
        0.995,
        _rate('iterm_mcp_tool_calls_total{outcome=~"internal|store|timeout|unavailable"}'),
        _rate("iterm_mcp_tool_calls_total"),
        "A tool call is good unless it fails through our fault: internal, store, timeout, "
        "unavailable.",
    ),
    Objective(
        "tool_latency",
        "ToolLatency",
        0.99,
        _slower(_TOOLS, "1.0", _QUICK),
        _rate(f"{_TOOLS}_count{{{_QUICK}}}"),
        "A call of a tool that waits for nothing is good when it takes no more than a second.",
    ),
    Objective(
        "message_delivery",
        "Messages",
        0.99,
        _rate('iterm_mcp_receipts_ended_total{outcome=~"expired|unknown"}'),
        _rate("iterm_mcp_receipts_ended_total"),
        "A message is good unless it expires, or nobody knows whether it arrived.",
    ),
    Objective(
        "http_success",
        "HttpAnswers",
        0.995,
        _rate(f'iterm_mcp_http_requests_total{{status=~"5..",{_OPEN}}}'),
        _rate(f"iterm_mcp_http_requests_total{{{_OPEN}}}"),
        "An HTTP request is good unless it is answered with 5xx.",
    ),
    Objective(
        "http_latency",
        "HttpLatency",
        0.99,
        _slower(_HTTP, "1.0", _ASKED),
        _rate(f"{_HTTP}_count{{{_ASKED}}}"),
        "An HTTP request that reads is good when its answer takes no more than a second.",
    ),
    Objective(
        "hook_latency",
        "HookLatency",
        0.99,
        _slower(_HTTP, "0.25", _HOOKS),
        _rate(f"{_HTTP}_count{{{_HOOKS}}}"),
        "A hook is good when its agent has its answer within a quarter of a second.",
    ),
    Objective(
        "hook_intake",
        "Hooks",
        0.999,
        _rate('iterm_mcp_agent_hooks_total{outcome="torn"}'),
        _rate('iterm_mcp_agent_hooks_total{outcome=~"kept|torn"}'),
        "An event of a hook is good when it is kept, and not torn.",
    ),
    Objective(
        "task_success",
        "Tasks",
        0.95,
        _rate('iterm_mcp_tasks_settled_total{outcome="dead"}'),
        _rate('iterm_mcp_tasks_settled_total{outcome=~"succeeded|dead"}'),
        "A task is good when it succeeds, at whichever attempt.",
    ),
)


def recordings(windows: tuple[str, ...]) -> list[Recording]:
    """Return the series of all objectives over some windows."""
    found = [one for each in OBJECTIVES for one in each.rates()] if "5m" in windows else []
    found += [one.ratio(window) for one in OBJECTIVES for window in windows]
    counted = [window for window in windows if window in COUNTED_WINDOWS]
    return found + [one.count(window) for one in OBJECTIVES for window in counted]


def objectives() -> list[Recording]:
    """Return what shall be, as series to draw beside what is."""
    return [Recording(OBJECTIVE, f"vector({one.target})", {"slo": one.slo}) for one in OBJECTIVES]


SLO_ALERTS = tuple(one.alert(burn) for one in OBJECTIVES for burn in BURNS)
