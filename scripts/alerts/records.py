"""Alerts about events, money, limits, notifications, HTTP and the probe."""

from __future__ import annotations

from scripts.alerts.agents import alerts_open
from scripts.alerts.machine import ON
from scripts.alerts.rule import CRITICAL, WARNING, Alert, Family, both, share, sums, total

_EXPORTS = "iterm_mcp_metric_exports_total"
_COST = "iterm_mcp_cost_usd_total"
_WORKING, _NO_RIGHT = 'state="working"', 'status=~"401|403|421"'
_NOT_TOLD, _NOT_SENT = 'outcome=~"failed|dropped"', 'outcome!="sent"'
DOLLARS = '{{ $value | printf "%.2f" }}'
TAKEN = "job, instance, kind, resource"
SINK = "job, instance, sink"
_SHED = "iterm_mcp_http_shed_total"
_SENT_AWAY = 'reason=~"rate|busy"'
SPOOL_BYTES = 64 * 2**20

EVENTS = Family(
    "events",
    "Events",
    (
        Alert(
            "EventsTroubled",
            "events are kept",
            "iterm_mcp_events_troubled == 1",
            "1m",
            CRITICAL,
            f"Events cannot be kept {ON}",
            "Hooks leave theirs in the spool meanwhile; what is told otherwise is refused.",
            told=True,
        ),
        Alert(
            "EventsDamaged",
            "events are kept",
            "iterm_mcp_events_damaged_files > 0",
            "5m",
            WARNING,
            f"{{{{ $value }}}} files of events {ON} are damaged, and were set aside",
            "What stands in them is not found any more.",
        ),
        Alert(
            "EventsLag",
            "events are kept in time",
            "iterm_mcp_events_lag_seconds > 30",
            "2m",
            WARNING,
            f"Events wait for {{{{ $value | humanizeDuration }}}} to be kept {ON}",
            "They come faster than the disk takes them.",
            told=True,
        ),
        Alert(
            "EventsRefused",
            "events are kept",
            f"{total('iterm_mcp_events_refused_total', '15m')} > 0.5",
            "",
            WARNING,
            f"{{{{ $value | humanize }}}} events were refused within a quarter of an hour {ON}",
            "Who told them was asked to come again.",
        ),
        Alert(
            "EventsLost",
            "events are kept",
            f"{total('iterm_mcp_events_own_dropped_total', '15m')} > 0.5",
            "",
            WARNING,
            f"{{{{ $value | humanize }}}} events of the daemon's own were lost {ON}",
            "There were too many at once, or they could not be kept for too long.",
        ),
        Alert(
            "EventsMissing",
            "events come in",
            both(
                f"{sums('iterm_mcp_agents', where=_WORKING)} > 0",
                f"{total('iterm_mcp_events_kept_total', '30m')} == 0",
            ),
            "30m",
            WARNING,
            f"{{{{ $value }}}} agents work {ON}, and nothing is recorded of it",
            "Hooks do not arrive, and transcripts are not followed.",
        ),
        Alert(
            "SpoolGrows",
            "hooks are taken",
            f"iterm_mcp_spool_files > 200 or iterm_mcp_spool_bytes > {SPOOL_BYTES}",
            "10m",
            WARNING,
            f"What hooks have left {ON} is not taken",
            "Nothing is lost; what happened is seen late.",
        ),
        Alert(
            "SpoolTorn",
            "hooks are taken",
            f"{total('iterm_mcp_spool_torn_files_total', '1h')} > 2.5",
            "",
            WARNING,
            f"{{{{ $value | humanize }}}} files that hooks left were torn {ON}",
            "They were put aside. One is torn when its writer is killed; more mean a full disk.",
        ),
    ),
)

COSTS = Family(
    "costs",
    "Costs and budgets",
    (
        Alert(
            "BudgetNearlySpent",
            "money is watched",
            "iterm_mcp_budget_used_ratio >= 0.8 < 1",
            "1m",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the budget {{{{ $labels.budget }}}} "
            f"are spent {ON}",
            "At 100 % its agents are held, if its steps say so.",
        ),
        Alert(
            "BudgetSpent",
            "money is watched",
            "iterm_mcp_budget_used_ratio >= 1",
            "1m",
            CRITICAL,
            f"The budget {{{{ $labels.budget }}}} is spent {ON}",
            "What its steps say was done: agents may be held.",
            told=True,
        ),
        Alert(
            "BudgetHoldsAgents",
            "money is watched",
            f"{total('iterm_mcp_budget_pauses_total', '15m')} > 0.5",
            "",
            WARNING,
            f"A budget began to hold agents {ON}",
            "They go on when somebody releases it, or its time begins anew.",
            told=True,
        ),
        Alert(
            "TokensUnpriced",
            "money is watched",
            f"{total('iterm_mcp_unpriced_tokens_total', '1h', 'job, instance, model')} > 10000",
            "",
            WARNING,
            f"{{{{ $value | humanize }}}} tokens of {{{{ $labels.model }}}} have no price {ON}",
            "Budgets in dollars do not count them.",
        ),
        Alert(
            "CostSpike",
            "money is watched",
            both(
                f"{total(_COST, '1h')} > 20",
                f"{total(_COST, '1h')} > 4 * {total(_COST, '1d')} / 24",
                f"{total(_COST, '1h')} > 2 * {sums(f'increase({_COST}[1h] offset 1d)')}",
            ),
            "15m",
            WARNING,
            f"{DOLLARS} dollars were spent within an hour {ON}",
            "That is four times the day's mean, and twice what it was yesterday at this time.",
        ),
    ),
)

RESOURCES = Family(
    "resources",
    "What agents take of the machine",
    (
        Alert(
            "AgentLimitsExceeded",
            "the machine has room",
            f"{total('iterm_mcp_agent_limits_exceeded_total', '15m', TAKEN)} > 0.5",
            "",
            WARNING,
            f"Agents of kind {{{{ $labels.kind }}}} {ON} took too much {{{{ $labels.resource }}}}",
            "What their limits say was done about it.",
            told=True,
        ),
        Alert(
            "DiskNearlyFull",
            "the machine has room",
            f"{alerts_open('disk')} > 0",
            "",
            CRITICAL,
            f"The disk {ON} that holds the events is nearly full",
            "When it is full, nothing is kept any more: no events, messages or tasks.",
            told=True,
        ),
    ),
)

NOTIFICATIONS = Family(
    "notifications",
    "Notifications and exports",
    (
        Alert(
            "NotificationsFail",
            "people are told",
            f"{total('iterm_mcp_notifications_total', '30m', SINK, _NOT_TOLD)} > 0.5",
            "",
            WARNING,
            f"{{{{ $value | humanize }}}} notifications did not go out by "
            f"{{{{ $labels.sink }}}} {ON}",
            "They were given up after all tries, or there was no room for more.",
        ),
        Alert(
            "MetricExportsFail",
            "figures go out",
            both(
                f"{share(_EXPORTS, '30m', _NOT_SENT)} > 0.5",
                f"{total(_EXPORTS, '30m', where=_NOT_SENT)} >= 3",
            ),
            "",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the exports of metrics fail {ON}",
            "Whoever takes StatsD or OTLP is not there, or takes nothing.",
        ),
    ),
)

HTTP = Family(
    "http",
    "HTTP",
    (
        Alert(
            "HttpShedding",
            "HTTP answers",
            both(
                f"{total(_SHED, '15m', where=_SENT_AWAY)}\n  "
                f"/ ({total('iterm_mcp_http_requests_total', '15m')} > 0) > 0.03",
                f"{total(_SHED, '15m', where=_SENT_AWAY)} >= 10",
            ),
            "",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the requests are sent away {ON}",
            "Somebody asks more than is let in.",
        ),
        Alert(
            "HttpUnauthorized",
            "HTTP is closed to others",
            f"{total('iterm_mcp_http_requests_total', '10m', where=_NO_RIGHT)} > 100",
            "",
            WARNING,
            f"{{{{ $value | humanize }}}} requests without a right came within ten minutes {ON}",
            "A program has an old token, or one tries to come in.",
        ),
        Alert(
            "HttpRequestsPileUp",
            "HTTP answers",
            "min_over_time(iterm_mcp_http_requests_in_flight[5m]) > 500",
            "5m",
            WARNING,
            f"{{{{ $value }}}} HTTP requests are under way {ON}",
            "Streams and held hooks are among them; each takes a file.",
        ),
    ),
)

PROBE = Family(
    "probe",
    "The synthetic probe",
    (
        Alert(
            "ProbeFails",
            "the whole journey",
            'max_over_time(iterm_mcp_probe_success{step="all"}[10m]) == 0',
            "5m",
            CRITICAL,
            f"The probe fails {ON}",
            "A session, a command, a message to an agent and a task were tried, as a client would. "
            "`iterm-mcp probe` says which step fails.",
        ),
        Alert(
            "ProbeSlow",
            "the whole journey",
            'min_over_time(iterm_mcp_probe_step_duration_seconds{step="all"}[15m]) > 60',
            "15m",
            WARNING,
            f"The probe takes {{{{ $value | humanizeDuration }}}} {ON}",
            "A few seconds are usual.",
        ),
        Alert(
            "ProbeStopped",
            "the whole journey",
            "time() - (iterm_mcp_probe_last_run_timestamp_seconds > 0) > 7200",
            "10m",
            WARNING,
            f"The probe {ON} last ran {{{{ $value | humanizeDuration }}}} ago",
            "It was on, and runs no more: nobody tries the whole journey.",
        ),
    ),
)
