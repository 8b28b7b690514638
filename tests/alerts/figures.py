"""For every alert, figures at which it fires and figures at which it does not."""

from __future__ import annotations

from scripts.alerts.slos import OBJECTIVES
from tests.alerts.case import Case, Figures, grows, standing

GIB = 2**30


def gauge(series: str, bad: float, *good: float) -> Case:
    """Return a case of a gauge that stands too high."""
    return Case(standing(series, bad), tuple(standing(series, one) for one in good))


def away(series: str) -> Case:
    """Return a case of what was there, and is not; what was never there is not missed."""
    return Case(standing(series, 0, 1), (standing(series, 1), standing(series, 0)))


def counted(metric: str, bad: str, good: str, labels: str = "") -> Case:
    """Return a case of a counter that grows too fast."""
    return Case(
        grows(metric, bad, labels), (grows(metric, good, labels), grows(metric, "0", labels))
    )


def part(metric: str, bad: str, good: str, few: str = "0") -> Case:
    """Return a case of what fails too often beside what goes well; a few failures are no matter."""

    def both(wrong: str, well: str) -> Figures:
        return {**grows(metric, wrong, bad), **grows(metric, well, good)}

    return Case(both("2", "1"), (both("0.01", "2"), both(few, "0"), both("0", "0")))


def slow(histogram: str, above: str, below: str, labels: str = "") -> Case:
    """Return a case of durations of which most are above a bound, or below."""

    def durations(quick: str, every: str) -> Figures:
        more = f",{labels}" if labels else ""
        return {
            **grows(f"{histogram}_bucket", quick, f'le="{below}"{more}'),
            **grows(f"{histogram}_bucket", every, f'le="{above}"{more}'),
            **grows(f"{histogram}_bucket", every, f'le="+Inf"{more}'),
            **grows(f"{histogram}_count", every, labels),
        }

    return Case(
        durations("0", "5"), (durations("5", "5"), durations("0", "0.01"), durations("0", "0")),
        at="55m",
    )  # fmt: skip


def tally(waiting: float, running: float, paused: float, all_paused: float = 0) -> Figures:
    """Return a queue of tasks."""
    queue = 'queue="web"'
    return {
        **standing(f"iterm_mcp_task_queue_waiting{{{queue}}}", waiting),
        **standing(f"iterm_mcp_task_queue_running{{{queue}}}", running),
        **standing(f"iterm_mcp_task_queue_paused{{{queue}}}", paused),
        **standing('iterm_mcp_task_queue_paused{queue="everything"}', all_paused),
    }


def machines(ready: float, waiting: float) -> Figures:
    """Return machines, and tasks that wait for one."""
    return {
        **standing('iterm_mcp_machines{state="ready"}', ready),
        **standing('iterm_mcp_task_queue_waiting{queue="everything"}', waiting),
    }


def slots(used: float, of: float, oldest: float) -> Figures:
    """Return how full machines are, and for how long that has kept a task waiting."""
    return {
        "iterm_mcp_machine_slots_used": f"{used}x120",
        "iterm_mcp_machine_slots": f"{of}x120",
        "iterm_mcp_task_oldest_waiting_seconds": f"{oldest}x120",
    }


def working(agents: float, kept: str) -> Figures:
    """Return agents that work, and events that are kept of it."""
    return {
        'iterm_mcp_agents{kind="claude",state="working"}': f"{agents}x90",
        "iterm_mcp_events_kept_total": f"0+{kept}x90",
    }


def probed(last: str) -> Figures:
    """Return when a probe last ran; time begins at 0 here."""
    return {"iterm_mcp_probe_last_run_timestamp_seconds": last}


_QUEUED = "iterm_mcp_task_queue"
_AGENTS = "iterm_mcp_agents"
_RECEIPTS = "iterm_mcp_receipts_ended_total"
_FILES = {"process_max_fds": "100x60"}
_SHED, _ASKED = "iterm_mcp_http_shed_total", "iterm_mcp_http_requests_total"
_COST = "iterm_mcp_cost_usd_total"

CASES: dict[str, Case] = {
    "DaemonDown": Case(standing("up", 0, 1), (standing("up", 1),)),
    "DaemonNotWatched": Case(
        standing('up{job="node"}', 1), (standing("up", 1), standing("up", 0)), alone=True
    ),
    "DaemonNotReady": away("iterm_mcp_daemon_ready"),
    "DaemonRestartsOften": Case(
        {"process_start_time_seconds": "0+100x60"},
        ({"process_start_time_seconds": "100x20 200x40"},),
    ),
    "EventLoopLags": gauge("iterm_mcp_loop_lag_seconds", 1.5, 0.1),
    "DaemonMemoryHigh": gauge("process_resident_memory_bytes", 2 * GIB, 0.2 * GIB),
    "DaemonFilesNearlyOut": Case(
        {**standing("process_open_fds", 90), **_FILES},
        ({**standing("process_open_fds", 30), **_FILES},),
    ),
    "StateDatabaseLarge": Case(
        {"iterm_mcp_state_database_bytes": f"{3 * GIB}x120"},
        ({"iterm_mcp_state_database_bytes": f"{GIB}x120"},),
        at="90m",
    ),
    "ScrapesSlow": gauge("scrape_duration_seconds", 2, 0.05),
    "TerminalAway": away("iterm_mcp_terminal_connected"),
    "TerminalFlaps": counted("iterm_mcp_terminal_reconnects_total", "0.5", "0.05"),
    "TerminalOperationsFail": part(
        "iterm_mcp_terminal_operations_total", 'outcome="timeout"', 'outcome="ok"', "0.1"
    ),
    "HostAway": away("iterm_mcp_host_up"),
    "HostLags": gauge("iterm_mcp_host_loop_lag_seconds", 1, 0.05),
    "HostBackPressure": Case(
        standing("iterm_mcp_host_paused_sessions", 2),
        (
            standing("iterm_mcp_host_paused_sessions", 0),
            {"iterm_mcp_host_paused_sessions": "0 3 0 3 0 3 0 3 0x50"},
        ),
    ),
    "HostEchoSlow": slow("iterm_mcp_host_echo_seconds", "2.5", "0.1"),
    "HostMemoryHigh": gauge("iterm_mcp_host_memory_bytes", 5 * GIB, 0.5 * GIB),
    "MessagesUnknown": Case(
        {f'{_RECEIPTS}{{outcome="unknown",reason="terminal_away"}}': "0x20 1x40"},
        (
            {f'{_RECEIPTS}{{outcome="unknown",reason="terminal_away"}}': "3x60"},
            grows(_RECEIPTS, "1", 'outcome="ended",reason="none"'),
        ),
    ),
    "MessagesExpire": Case(
        {f'{_RECEIPTS}{{outcome="expired",reason="none"}}': "0x20 5x40"},
        (
            {f'{_RECEIPTS}{{outcome="expired",reason="none"}}': "0x20 1x40"},
            {f'{_RECEIPTS}{{outcome="expired",reason="none"}}': "8x60"},
        ),
    ),
    "MessagesRefused": part(
        _RECEIPTS, 'outcome="refused",reason="no_agent"', 'outcome="ended",reason="none"', "0.05"
    ),
    "MessageStuck": gauge("iterm_mcp_messages_oldest_waiting_seconds", 9000, 600),
    "MessagesPileUp": gauge("iterm_mcp_messages_waiting", 500, 20),
    "DeadLetters": Case(
        standing("iterm_mcp_dead_letters", 1, 0),
        (standing("iterm_mcp_dead_letters", 0), {"iterm_mcp_dead_letters": "4x60"},
         {"iterm_mcp_dead_letters": "4x20 1x40"}),
    ),
    "MessageDeliverySlow": slow("iterm_mcp_message_delivery_duration_seconds", "30", "0.5"),
    "AgentStuck": gauge('iterm_mcp_alerts_open{rule="stuck"}', 1, 0),
    "AgentsFailed": Case(
        standing(f'{_AGENTS}{{kind="claude",state="failed"}}', 1),
        (
            standing(f'{_AGENTS}{{kind="claude",state="failed"}}', 0),
            standing(f'{_AGENTS}{{kind="claude",state="working"}}', 5),
        ),
    ),
    "AgentQuarantined": gauge("iterm_mcp_agents_quarantined", 1, 0),
    "AgentsLoggedOut": gauge(f'{_AGENTS}{{kind="codex",state="auth_failed"}}', 1, 0),
    "AgentsRateLimited": gauge(f'{_AGENTS}{{kind="codex",state="rate_limited"}}', 1, 0),
    "AgentsLostTogether": counted(
        "iterm_mcp_agent_state_changes_total", "2", "0.2", 'kind="claude",state="lost"'
    ),
    "AgentRestartsOften": counted(
        "iterm_mcp_agent_restarts_total", "0.5", "0.05", 'kind="claude",outcome="ok"'
    ),
    "AgentStartsFail": part(
        "iterm_mcp_agent_starts_total",
        'kind="claude",outcome="failed"', 'kind="claude",outcome="ok"', "0.02",
    ),
    "AgentStartsSlow": slow(
        "iterm_mcp_agent_start_duration_seconds", "120", "5", 'kind="claude"'
    ),
    "AgentTurnsFail": part(
        "iterm_mcp_agent_turns_total",
        'kind="claude",outcome="failed"', 'kind="claude",outcome="done"', "0.05",
    ),
    "ApprovalWaitsLong": gauge("iterm_mcp_approvals_oldest_seconds", 3000, 60),
    "ApprovalsPileUp": gauge("iterm_mcp_approvals_open", 20, 2),
    "AgentWaitsForPerson": gauge('iterm_mcp_alerts_open{rule="waiting"}', 1, 0),
    "TaskEngineDown": Case(
        standing("iterm_mcp_task_engine_up", 0, 1),
        (standing("iterm_mcp_task_engine_up", 1), {}),
    ),
    "TaskQueueStuck": Case(
        tally(3, 0, 0), (tally(3, 1, 0), tally(0, 0, 0), tally(3, 0, 1), tally(3, 0, 0, 1))
    ),
    "TaskQueuePaused": Case(
        tally(3, 0, 1), (tally(0, 0, 1), tally(3, 0, 0)), at="180m", step="5m"
    ),
    "TaskWaitsLong": gauge("iterm_mcp_task_oldest_waiting_seconds", 20000, 3000),
    "DeadTasks": Case(
        standing("iterm_mcp_task_dead_letters", 2, 0),
        (standing("iterm_mcp_task_dead_letters", 0), standing("iterm_mcp_task_dead_letters", 2)),
    ),
    "TaskAttemptsFail": part(
        "iterm_mcp_task_attempts_total",
        'kind="agent",outcome="failed"', 'kind="agent",outcome="succeeded"', "0.05",
    ),
    "MachineLost": gauge('iterm_mcp_machines{state="lost"}', 1, 0),
    "NoMachineReady": Case(machines(0, 2), (machines(1, 2), machines(0, 0))),
    "MachinesFull": Case(
        slots(4, 4, 5000), (slots(3, 4, 5000), slots(4, 4, 60), slots(0, 0, 5000)), at="100m"
    ),
    "WorktreesLarge": Case(
        {"iterm_mcp_worktrees_disk_bytes": f"{60 * GIB}x90"},
        ({"iterm_mcp_worktrees_disk_bytes": f"{5 * GIB}x90"},),
        at="80m",
    ),
    "WorktreesInTrouble": Case(
        {'iterm_mcp_worktrees{state="conflicted"}': "8x60"},
        (
            {'iterm_mcp_worktrees{state="conflicted"}': "2x60"},
            {'iterm_mcp_worktrees{state="ready"}': "30x60"},
        ),
    ),
    "WorktreeOperationsFail": counted(
        "iterm_mcp_worktree_operations_total", "1", "0.02",
        'operation="create",outcome="timeout"',
    ),
    "EventsTroubled": gauge("iterm_mcp_events_troubled", 1, 0),
    "EventsDamaged": gauge("iterm_mcp_events_damaged_files", 1, 0),
    "EventsLag": gauge("iterm_mcp_events_lag_seconds", 60, 0.5),
    "EventsRefused": counted("iterm_mcp_events_refused_total", "1", "0"),
    "EventsLost": counted("iterm_mcp_events_own_dropped_total", "1", "0"),
    "EventsMissing": Case(
        working(2, "0"), (working(2, "1"), working(0, "0")), at="80m"
    ),
    "SpoolGrows": Case(
        standing("iterm_mcp_spool_files", 500),
        ({**standing("iterm_mcp_spool_files", 20), **standing("iterm_mcp_spool_bytes", 4000)},),
    ),
    "SpoolTorn": counted("iterm_mcp_spool_torn_files_total", "1", "0.02"),
    "BudgetNearlySpent": gauge('iterm_mcp_budget_used_ratio{budget="day"}', 0.9, 0.5, 1.2),
    "BudgetSpent": gauge('iterm_mcp_budget_used_ratio{budget="day"}', 1.1, 0.9),
    "BudgetHoldsAgents": counted("iterm_mcp_budget_pauses_total", "1", "0"),
    "TokensUnpriced": counted(
        "iterm_mcp_unpriced_tokens_total", "1000", "10", 'model="new-model"'
    ),
    "CostSpike": Case(
        {f'{_COST}{{model="a"}}': "0+0.1x300 30+2x20"},
        ({f'{_COST}{{model="a"}}': "0+2x330"}, {f'{_COST}{{model="a"}}': "0+0.01x300 3+0.1x20"}),
        at="1590m",
        step="5m",
    ),
    "AgentLimitsExceeded": counted(
        "iterm_mcp_agent_limits_exceeded_total", "1", "0",
        'kind="claude",resource="memory",done="ended"',
    ),
    "DiskNearlyFull": gauge('iterm_mcp_alerts_open{rule="disk"}', 1, 0),
    "NotificationsFail": counted(
        "iterm_mcp_notifications_total", "0.1", "0", 'sink="ops",outcome="failed"'
    ),
    "MetricExportsFail": part(
        "iterm_mcp_metric_exports_total",
        'exporter="otlp",outcome="failed"', 'exporter="otlp",outcome="sent"', "0.05",
    ),
    "HttpShedding": Case(
        {**grows(_SHED, "3", 'reason="rate"'), **grows(_ASKED, "20")},
        (
            {**grows(_SHED, "3", 'reason="rate"'), **grows(_ASKED, "900")},
            {**grows(_SHED, "0.2", 'reason="busy"'), **grows(_ASKED, "1")},
            {**grows(_SHED, "3", 'reason="unready"'), **grows(_ASKED, "20")},
        ),
    ),
    "HttpUnauthorized": counted(
        "iterm_mcp_http_requests_total", "30", "1", 'route="other",status="401"'
    ),
    "HttpRequestsPileUp": gauge("iterm_mcp_http_requests_in_flight", 900, 30),
    "ProbeFails": Case(
        standing('iterm_mcp_probe_success{step="all"}', 0),
        (
            standing('iterm_mcp_probe_success{step="all"}', 1),
            {'iterm_mcp_probe_success{step="all"}': "1x20 0 1x40"},
            standing('iterm_mcp_probe_success{step="agent"}', 0),
        ),
    ),
    "ProbeSlow": gauge('iterm_mcp_probe_step_duration_seconds{step="all"}', 90, 5),
    "ProbeStopped": Case(
        probed("60x60"), (probed("0+300x60"), probed("0x60")), at="200m", step="5m"
    ),
}  # fmt: skip

_BAD_AND_GOOD = {
    "tool_success": (
        'iterm_mcp_tool_calls_total{tool="open_session",outcome="timeout"}',
        'iterm_mcp_tool_calls_total{tool="open_session",outcome="ok"}',
    ),
    "message_delivery": (
        f'{_RECEIPTS}{{outcome="expired",reason="none"}}',
        f'{_RECEIPTS}{{outcome="ended",reason="none"}}',
    ),
    "http_success": (
        'iterm_mcp_http_requests_total{route="/v1/agents",status="503"}',
        'iterm_mcp_http_requests_total{route="/v1/agents",status="200"}',
    ),
    "hook_intake": (
        'iterm_mcp_agent_hooks_total{kind="",outcome="torn"}',
        'iterm_mcp_agent_hooks_total{kind="claude",outcome="kept"}',
    ),
    "task_success": (
        'iterm_mcp_tasks_settled_total{kind="agent",outcome="dead"}',
        'iterm_mcp_tasks_settled_total{kind="agent",outcome="succeeded"}',
    ),
}
_TIMED = {
    "tool_latency": ("iterm_mcp_tool_duration_seconds", 'tool="read_screen"', "1.0"),
    "http_latency": ("iterm_mcp_http_request_duration_seconds", 'class="read"', "1.0"),
    "hook_latency": ("iterm_mcp_http_request_duration_seconds", 'class="hook"', "0.25"),
}
_UNCOUNTED = {
    "tool_success": 'iterm_mcp_tool_calls_total{tool="open_session",outcome="invalid"}',
    "message_delivery": f'{_RECEIPTS}{{outcome="refused",reason="no_agent"}}',
    "http_success": 'iterm_mcp_http_requests_total{route="/readyz",status="503"}',
    "hook_intake": 'iterm_mcp_agent_hooks_total{kind="claude",outcome="nobody"}',
    "task_success": 'iterm_mcp_tasks_settled_total{kind="agent",outcome="cancelled"}',
    "tool_latency": 'iterm_mcp_tool_duration_seconds_count{tool="wait_for"}',
    "http_latency": 'iterm_mcp_http_request_duration_seconds_count{class="stream"}',
    "hook_latency": 'iterm_mcp_http_request_duration_seconds_count{class="stream"}',
}
"""What is nobody's error, or no event at all, for an objective."""


def events(slo: str, bad: float, good: float, steps: int, lull: int = 0) -> Figures:
    """Return so many bad and good events a step; in the last steps good ones alone."""
    worst = f"0+{bad}x{steps - lull}" + (f" {bad * (steps - lull)}x{lull}" if lull else "")
    if slo in _BAD_AND_GOOD:
        series = _BAD_AND_GOOD[slo]
        return {series[0]: worst, series[1]: f"0+{good}x{steps}"}
    metric, labels, le = _TIMED[slo]
    every = f"0+{bad + good}x{steps}"
    if lull:
        begun = (bad + good) * (steps - lull)
        every = f"0+{bad + good}x{steps - lull - 1} {begun}+{good}x{lull}"
    return {
        f'{metric}_bucket{{{labels},le="{le}"}}': f"0+{good}x{steps}",
        f"{metric}_count{{{labels}}}": every,
    }


def burn_case(slo: str, step: str, at: str, steps: int, lull: int) -> Case:
    """Return a case of everything wrong; then of nothing, little, too few, and no more of it."""
    return Case(
        events(slo, 9, 1, steps),
        (
            events(slo, 0, 10, steps),
            events(slo, 0.0005, 10, steps),
            events(slo, 0.01, 0, steps),
            events(slo, 9, 1, steps, lull),
            {_UNCOUNTED[slo]: f"0+9x{steps}"},
        ),
        at,
        step,
    )


for _one in OBJECTIVES:
    CASES[f"{_one.stem}BudgetBurnsFast"] = burn_case(_one.slo, "2m", "90m", 48, 10)
    CASES[f"{_one.stem}BudgetBurns"] = burn_case(_one.slo, "2m", "2h", 65, 30)
    CASES[f"{_one.stem}BudgetBurnsSlowly"] = burn_case(_one.slo, "4m", "8h", 125, 96)
