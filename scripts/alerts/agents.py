"""Alerts about messages, agents, approvals."""

from __future__ import annotations

from scripts.alerts.machine import ON
from scripts.alerts.rule import CRITICAL, WARNING, Alert, Family, both, share, sums, total

_ENDED = "iterm_mcp_receipts_ended_total"
_CHANGES = "iterm_mcp_agent_state_changes_total"
_TURNS = "iterm_mcp_agent_turns_total"
_STARTS = "iterm_mcp_agent_starts_total"
_AGENTS = "iterm_mcp_agents"
_UNKNOWN, _EXPIRED, _REFUSED = 'outcome="unknown"', 'outcome="expired"', 'outcome="refused"'
_FAILED = 'outcome="failed"'
_STATE_FAILED, _LOGGED_OUT = 'state="failed"', 'state="auth_failed"'
_LIMITED, _GONE = 'state="rate_limited"', 'state=~"lost|exited|replaced"'
BY_KIND = "job, instance, kind"


def alerts_open(kind: str) -> str:
    """Return how many alerts of a kind the daemon has open by itself."""
    return f'iterm_mcp_alerts_open{{rule="{kind}"}}'


MESSAGES = Family(
    "messages",
    "Messages",
    (
        Alert(
            "MessagesUnknown",
            "messages arrive",
            f"{total(_ENDED, '30m', where=_UNKNOWN)} > 0.5",
            "",
            WARNING,
            f"Nobody knows whether {{{{ $value | humanize }}}} messages arrived {ON}",
            "The terminal or the daemon was lost while they were typed. None is sent again by "
            "itself: a person must look.",
            told=True,
        ),
        Alert(
            "MessagesExpire",
            "messages arrive",
            f"{total(_ENDED, '1h', where=_EXPIRED)} > 3.5",
            "",
            WARNING,
            f"{{{{ $value | humanize }}}} messages expired within an hour {ON}",
            "Their agents could not take them in time. One now and then is usual where senders "
            "give little time.",
            told=True,
        ),
        Alert(
            "MessagesRefused",
            "messages arrive",
            both(
                f"{share(_ENDED, '1h', _REFUSED)} > 0.3",
                f"{total(_ENDED, '1h', where=_REFUSED)} >= 5",
            ),
            "10m",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the messages are refused {ON}",
            "They are for agents that have ended, or that take nothing.",
        ),
        Alert(
            "MessageStuck",
            "messages move",
            "iterm_mcp_messages_oldest_waiting_seconds > 7200",
            "10m",
            WARNING,
            f"A message has waited for {{{{ $value | humanizeDuration }}}} {ON}",
            "Its agent has not been at rest since, or is not seen to be.",
        ),
        Alert(
            "MessagesPileUp",
            "messages move",
            "iterm_mcp_messages_waiting > 200",
            "15m",
            WARNING,
            f"{{{{ $value }}}} messages wait {ON}",
            "More come than agents take.",
        ),
        Alert(
            "DeadLetters",
            "messages arrive",
            "iterm_mcp_dead_letters > 0 and delta(iterm_mcp_dead_letters[1h]) > 0",
            "",
            WARNING,
            f"There are new dead letters {ON}, {{{{ $value }}}} in all",
            "Messages that did not arrive, or may not have, wait for somebody to send them again.",
            told=True,
        ),
        Alert(
            "MessageDeliverySlow",
            "messages move",
            both(
                "histogram_quantile(0.9, sum by (job, instance, le) "
                "(rate(iterm_mcp_message_delivery_duration_seconds_bucket[15m]))) > 10",
                f"{total('iterm_mcp_message_delivery_duration_seconds_count', '15m')} >= 10",
            ),
            "10m",
            WARNING,
            f"A tenth of the messages {ON} take {{{{ $value | humanizeDuration }}}} to be typed",
            "From a message's turn in its session to its receipt.",
        ),
    ),
)

AGENTS = Family(
    "agents",
    "Agents",
    (
        Alert(
            "AgentStuck",
            "agents work",
            f"{alerts_open('stuck')} > 0",
            "1m",
            WARNING,
            f"{{{{ $value }}}} agents {ON} work, and nothing is heard of them",
            "For a quarter of an hour, or what alerts.toml says.",
            told=True,
        ),
        Alert(
            "AgentsFailed",
            "agents work",
            f"{sums(_AGENTS, where=_STATE_FAILED)} > 0",
            "10m",
            WARNING,
            f"{{{{ $value }}}} agents have failed {ON}",
            "They said so themselves, and stay as they are until somebody tells them to go on.",
            told=True,
        ),
        Alert(
            "AgentQuarantined",
            "agents come back",
            "iterm_mcp_agents_quarantined > 0",
            "1m",
            CRITICAL,
            f"{{{{ $value }}}} agents {ON} are not started again",
            "They crashed too often.",
            told=True,
        ),
        Alert(
            "AgentsLoggedOut",
            "agents may ask models",
            f"{sums(_AGENTS, BY_KIND, _LOGGED_OUT)} > 0",
            "5m",
            CRITICAL,
            f"{{{{ $value }}}} agents of kind {{{{ $labels.kind }}}} {ON} are not logged in",
            "All agents of the kind will come to this.",
        ),
        Alert(
            "AgentsRateLimited",
            "agents may ask models",
            f"{sums(_AGENTS, BY_KIND, _LIMITED)} > 0",
            "30m",
            WARNING,
            f"{{{{ $value }}}} agents of kind {{{{ $labels.kind }}}} {ON} are held by their "
            "provider's limits",
            "They go on by themselves when the limit is over.",
        ),
        Alert(
            "AgentsLostTogether",
            "agents stay",
            f"{total(_CHANGES, '10m', where=_GONE)} >= 10",
            "",
            CRITICAL,
            f"{{{{ $value | humanize }}}} agents {ON} were lost within ten minutes",
            "So many end together when their host, their machine or their program does.",
        ),
        Alert(
            "AgentRestartsOften",
            "agents stay",
            f"{total('iterm_mcp_agent_restarts_total', '1h', BY_KIND)} > 6",
            "",
            WARNING,
            f"Agents of kind {{{{ $labels.kind }}}} {ON} were started again "
            "{{ $value | humanize }} times within an hour",
            "They crash.",
        ),
        Alert(
            "AgentStartsFail",
            "agents start",
            both(
                f"{share(_STARTS, '1h', _FAILED)} > 0.3",
                f"{total(_STARTS, '1h', where=_FAILED)} >= 3",
            ),
            "",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the agents {ON} cannot be started",
            "Their program is missing, ends at once, or no session can be opened.",
        ),
        Alert(
            "AgentStartsSlow",
            "agents start",
            both(
                "histogram_quantile(0.9, sum by (job, instance, kind, le) "
                "(rate(iterm_mcp_agent_start_duration_seconds_bucket[1h]))) > 60",
                f"{total('iterm_mcp_agent_start_duration_seconds_count', '1h', BY_KIND)} >= 5",
            ),
            "10m",
            WARNING,
            f"Agents of kind {{{{ $labels.kind }}}} {ON} take "
            "{{ $value | humanizeDuration }} to come up",
            "Ten seconds are usual.",
        ),
        Alert(
            "AgentTurnsFail",
            "agents work",
            both(
                f"{share(_TURNS, '1h', _FAILED)} > 0.3",
                f"{total(_TURNS, '1h', where=_FAILED)} >= 5",
            ),
            "5m",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the turns of agents fail {ON}",
            "Most often their provider is overloaded, or refuses to be asked.",
        ),
    ),
)

APPROVALS = Family(
    "approvals",
    "Approvals",
    (
        Alert(
            "ApprovalWaitsLong",
            "people are asked",
            "iterm_mcp_approvals_oldest_seconds > 1800",
            "1m",
            WARNING,
            f"An agent {ON} has waited for an answer for {{{{ $value | humanizeDuration }}}}",
            "It does nothing until somebody answers.",
            told=True,
        ),
        Alert(
            "ApprovalsPileUp",
            "people are asked",
            "iterm_mcp_approvals_open > 10",
            "15m",
            WARNING,
            f"{{{{ $value }}}} dialogs {ON} wait for an answer",
            "Nobody answers, or rules for approvals are missing.",
        ),
        Alert(
            "AgentWaitsForPerson",
            "people are asked",
            f"{alerts_open('waiting')} > 0",
            "15m",
            WARNING,
            f"{{{{ $value }}}} agents {ON} have waited for a person for long",
            "They stand before a question, a log-in, or a folder that is not trusted.",
            told=True,
        ),
    ),
)
