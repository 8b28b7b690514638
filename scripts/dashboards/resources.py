"""What agents, daemons and hosts take of their machines."""

from __future__ import annotations

from scripts.dashboards.page import page
from scripts.dashboards.panels import (
    BAD_WHEN_ANY,
    BYTES,
    BYTES_PER_SECOND,
    COUNT,
    PER_SECOND,
    SHARE,
    Query,
    figure,
    graph,
    ranking,
)
from scripts.dashboards.promql import (
    flow,
    grown,
    now,
    series,
)

CPU = "iterm_mcp_agent_cpu_seconds_total"
MEMORY = "iterm_mcp_agent_memory_bytes"
EXCEEDED = "iterm_mcp_agent_limits_exceeded_total"
READ = "iterm_mcp_agent_disk_read_bytes_total"
WRITTEN = "iterm_mcp_agent_disk_written_bytes_total"


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return page(
        "iterm-mcp-resources",
        "iterm-mcp / Resources",
        "Processors, memory and disks: what agents take with all that they started, and what we "
        "take ourselves.",
        {
            "Agents, now": [
                figure(
                    "Trees",
                    "Trees of processes that are watched: an agent's, or a command's.",
                    COUNT,
                    Query(now("iterm_mcp_agent_trees")),
                ),
                figure(
                    "Processes",
                    "Of agents, and all that they started.",
                    COUNT,
                    Query(now("iterm_mcp_agent_processes")),
                ),
                figure("Memory", "Resident, of all of these.", BYTES, Query(now(MEMORY))),
                figure("Cores", "That these take now.", COUNT, Query(flow(CPU)), decimals=2),
                figure(
                    "Written to disks",
                    "In the shown time.",
                    BYTES,
                    Query(grown(WRITTEN)),
                ),
                figure(
                    "Over a limit",
                    "How often somebody took too much, in the shown time.",
                    COUNT,
                    Query(grown(EXCEEDED)),
                    steps=BAD_WHEN_ANY,
                    decimals=0,
                    to="iterm-mcp-alerts",
                ),
            ],
            "Agents": [
                graph(
                    "Cores by kind",
                    "CPU seconds per second.",
                    COUNT,
                    Query(flow(CPU, "kind"), "{{kind}}"),
                    stacked=True,
                ),
                graph(
                    "Memory by kind",
                    "Resident memory.",
                    BYTES,
                    Query(now(MEMORY, "kind"), "{{kind}}"),
                    stacked=True,
                ),
                graph(
                    "Processes by kind",
                    "What only grows is left behind by somebody.",
                    COUNT,
                    Query(now("iterm_mcp_agent_processes", "kind"), "{{kind}}"),
                    stacked=True,
                ),
                graph(
                    "Disks",
                    "What agents read and write.",
                    BYTES_PER_SECOND,
                    Query(flow(READ), "read"),
                    Query(flow(WRITTEN), "written"),
                ),
                graph(
                    "Memory of one tree",
                    "The mean, by kind.",
                    BYTES,
                    Query(
                        f"{now(MEMORY, 'kind')} / {now('iterm_mcp_agent_trees', 'kind')}",
                        "{{kind}}",
                    ),
                    to="iterm-mcp-agents",
                ),
                ranking(
                    "Over a limit",
                    "Who took too much of what, in the shown time, and what was done about it.",
                    COUNT,
                    Query(
                        f"{grown(EXCEEDED, 'kind', 'resource', 'done')} > 0",
                        "{{kind}}, {{resource}}: {{done}}",
                    ),
                    to="iterm-mcp-alerts",
                ),
            ],
            "Ourselves": [
                graph(
                    "Cores of daemons",
                    "CPU seconds per second.",
                    COUNT,
                    Query(flow("process_cpu_seconds_total", "instance"), "{{instance}}"),
                ),
                graph(
                    "Memory of daemons",
                    "Resident memory.",
                    BYTES,
                    Query(now("process_resident_memory_bytes", "instance"), "{{instance}}"),
                ),
                graph(
                    "Open files of daemons",
                    "The part of what the system allows them.",
                    SHARE,
                    Query(
                        f"{now('process_open_fds', 'instance')} / "
                        f"{now('process_max_fds', 'instance')}",
                        "{{instance}}",
                    ),
                ),
                graph(
                    "Databases",
                    "What daemons remember: sessions, agents and messages; and all events.",
                    BYTES,
                    Query(now("iterm_mcp_state_database_bytes"), "state"),
                    Query(now("iterm_mcp_events_disk_bytes"), "events"),
                    to="iterm-mcp-events",
                ),
                graph(
                    "Looks at trees",
                    "How often all trees of processes are looked at, per second.",
                    PER_SECOND,
                    Query(flow("iterm_mcp_resource_looks_total", "instance"), "{{instance}}"),
                ),
                graph(
                    "Cost of a look",
                    "CPU seconds for a look at all trees.",
                    "s",
                    Query(
                        f"{flow('iterm_mcp_resource_look_cpu_seconds_total', 'instance')}"
                        f" / {flow('iterm_mcp_resource_looks_total', 'instance')}",
                        "{{instance}}",
                    ),
                ),
                ranking(
                    "Garbage collections",
                    "Of Python, in the shown time, by generation.",
                    COUNT,
                    Query(grown("python_gc_collections_total", "generation"), "{{generation}}"),
                ),
                ranking(
                    "Daemons by Python",
                    "Which Python runs how many of them.",
                    COUNT,
                    Query(
                        f"count by (implementation, version) ({series('python_info')})",
                        "{{implementation}} {{version}}",
                    ),
                ),
            ],
        },
    )
