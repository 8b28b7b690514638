"""Alerts about the daemon's process, the terminal and the host."""

from __future__ import annotations

from scripts.alerts.rule import CRITICAL, INFO, WARNING, Alert, Family, both, share, total

ON = "on {{ $labels.instance }}"
_FAILED = 'outcome=~"timeout|unavailable|internal"'
_OPERATIONS = "iterm_mcp_terminal_operations_total"
MEMORY_BYTES = 1.5e9
HOST_MEMORY_BYTES = 4e9
DATABASE_BYTES = 2e9

DAEMON = Family(
    "daemon",
    "The daemon",
    (
        Alert(
            "DaemonDown",
            "daemon answers",
            'up{job="iterm-mcp"} == 0',
            "1m",
            CRITICAL,
            "The daemon at {{ $labels.instance }} does not answer",
            "Prometheus got no metrics from it for a minute: it does not run, hangs, or listens "
            "elsewhere. Sessions go on in their terminal; nothing new reaches agents.",
        ),
        Alert(
            "DaemonNotWatched",
            "daemon is scraped",
            'absent(up{job="iterm-mcp"})',
            "5m",
            WARNING,
            "Prometheus scrapes no daemon",
            "There is no target of the job iterm-mcp, so no other alert can fire.",
        ),
        Alert(
            "DaemonNotReady",
            "daemon can work",
            "iterm_mcp_daemon_ready == 0\nand on (job, instance)\n"
            "max_over_time(iterm_mcp_daemon_ready[1d]) == 1",
            "5m",
            WARNING,
            f"The daemon {ON} is up and not ready",
            "It answers, and says that work cannot be done: /readyz tells why.",
        ),
        Alert(
            "DaemonRestartsOften",
            "daemon stays up",
            'changes(process_start_time_seconds{job="iterm-mcp"}[30m]) > 3',
            "",
            WARNING,
            "The daemon at {{ $labels.instance }} was started {{ $value }} times in half an hour",
            "It crashes, or somebody ends it again and again. Its log says how it ended.",
        ),
        Alert(
            "EventLoopLags",
            "daemon answers in time",
            "avg_over_time(iterm_mcp_loop_lag_seconds[5m]) > 0.5",
            "5m",
            WARNING,
            f"The event loop {ON} lags by {{{{ $value | humanizeDuration }}}}",
            "Something holds up the daemon's event loop, so that all clients wait.",
        ),
        Alert(
            "DaemonMemoryHigh",
            "daemon has memory",
            f'process_resident_memory_bytes{{job="iterm-mcp"}} > {MEMORY_BYTES:.0f}',
            "15m",
            WARNING,
            f"The daemon {ON} takes {{{{ $value | humanize1024 }}}}B of memory",
            "That is many times what it needs.",
        ),
        Alert(
            "DaemonFilesNearlyOut",
            "daemon has files",
            'process_open_fds{job="iterm-mcp"} / process_max_fds{job="iterm-mcp"} > 0.8',
            "5m",
            CRITICAL,
            f"The daemon {ON} has {{{{ $value | humanizePercentage }}}} of its files open",
            "At its limit it can take no connection and open no session.",
        ),
        Alert(
            "StateDatabaseLarge",
            "daemon has disk",
            f"iterm_mcp_state_database_bytes > {DATABASE_BYTES:.0f}",
            "1h",
            WARNING,
            f"The state's database {ON} has {{{{ $value | humanize1024 }}}}B",
            "It holds agents, messages and alerts, and should stay small.",
        ),
        Alert(
            "ScrapesSlow",
            "daemon is scraped",
            'scrape_duration_seconds{job="iterm-mcp"} > 1',
            "10m",
            INFO,
            "A scrape of {{ $labels.instance }} takes {{ $value | humanizeDuration }}",
            "It should take a twentieth of that. Past ten seconds there are no metrics.",
        ),
    ),
)

TERMINAL = Family(
    "terminal",
    "Terminal and host",
    (
        Alert(
            "TerminalAway",
            "terminal answers",
            "iterm_mcp_terminal_connected == 0\nand on (job, instance)\n"
            "max_over_time(iterm_mcp_terminal_connected[1d]) == 1",
            "2m",
            CRITICAL,
            f"No terminal answers {ON}",
            "There was one today. No session can be opened, typed into or read.",
        ),
        Alert(
            "TerminalFlaps",
            "terminal stays",
            f"{total('iterm_mcp_terminal_reconnects_total', '30m')} > 4",
            "",
            WARNING,
            f"The terminal was lost {{{{ $value | humanize }}}} times in half an hour {ON}",
            "Each time the operations under way fail.",
        ),
        Alert(
            "TerminalOperationsFail",
            "terminal obeys",
            both(
                f"{share(_OPERATIONS, '15m', _FAILED)} > 0.1",
                f"{total(_OPERATIONS, '15m', where=_FAILED)} >= 5",
            ),
            "5m",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the operations of the terminal fail {ON}",
            "It answers late, or not at all.",
        ),
        Alert(
            "HostAway",
            "host answers",
            "iterm_mcp_host_up == 0\nand on (job, instance)\n"
            "max_over_time(iterm_mcp_host_up[1d]) == 1",
            "2m",
            CRITICAL,
            f"The headless host does not answer {ON}",
            "If its process has ended, its shells ended with it.",
        ),
        Alert(
            "HostLags",
            "host answers in time",
            "avg_over_time(iterm_mcp_host_loop_lag_seconds[5m]) > 0.5",
            "5m",
            WARNING,
            f"The host's event loop {ON} lags by {{{{ $value | humanizeDuration }}}}",
            "Every session's echo comes late.",
        ),
        Alert(
            "HostBackPressure",
            "host reads sessions",
            "min_over_time(iterm_mcp_host_paused_sessions[5m]) > 0",
            "10m",
            WARNING,
            f"The host leaves {{{{ $value }}}} sessions unread {ON}",
            "Their programs wait in their writes: somebody who watches them does not keep up.",
        ),
        Alert(
            "HostEchoSlow",
            "typing is seen",
            both(
                "histogram_quantile(0.5, "
                "sum by (job, instance, le) (rate(iterm_mcp_host_echo_seconds_bucket[10m]))) > 0.5",
                f"{total('iterm_mcp_host_echo_seconds_count', '10m')} >= 20",
            ),
            "10m",
            WARNING,
            f"Half of what is typed {ON} is seen after {{{{ $value | humanizeDuration }}}} or more",
            "It is a thousandth of that on a machine that has time.",
        ),
        Alert(
            "HostMemoryHigh",
            "host has memory",
            f"iterm_mcp_host_memory_bytes > {HOST_MEMORY_BYTES:.0f}",
            "15m",
            WARNING,
            f"The host {ON} takes {{{{ $value | humanize1024 }}}}B of memory",
            "About a megabyte a session is usual. If the system ends it, all shells end.",
        ),
    ),
)
