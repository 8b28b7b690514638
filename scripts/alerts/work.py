"""Alerts about tasks, the machines that do them, and worktrees."""

from __future__ import annotations

from scripts.alerts.machine import ON
from scripts.alerts.rule import CRITICAL, INFO, WARNING, Alert, Family, both, share, sums, total

_QUEUE = "{{ $labels.queue }}"
_ATTEMPTS = "iterm_mcp_task_attempts_total"
_WRONG = 'outcome=~"failed|rejected|timed_out|stalled|over_limit"'
_TRIED = 'outcome!="cancelled"'
_WORKTREES = "iterm_mcp_worktree_operations_total"
_BROKEN = 'outcome=~"internal|store|timeout|unavailable"'
OPERATION = "job, instance, operation"
_TROUBLED = 'state=~"conflicted|setup_failed"'
WORKTREE_BYTES = 50e9

TASKS = Family(
    "tasks",
    "Tasks and machines",
    (
        Alert(
            "TaskEngineDown",
            "tasks are done",
            "iterm_mcp_task_engine_up == 0",
            "1m",
            CRITICAL,
            f"The task engine {ON} has fallen",
            "It begins again by itself, and could not for a minute. No task starts, and none is "
            "lost.",
        ),
        Alert(
            "TaskQueueStuck",
            "tasks are done",
            "iterm_mcp_task_queue_waiting > 0\n"
            "and iterm_mcp_task_queue_running == 0\n"
            "and iterm_mcp_task_queue_paused == 0\n"
            "unless on (job, instance) "
            'iterm_mcp_task_queue_paused{queue="everything"} == 1',
            "15m",
            WARNING,
            f"{{{{ $value }}}} tasks of the queue {_QUEUE} wait, and none runs {ON}",
            "It is not paused: no machine takes them.",
        ),
        Alert(
            "TaskQueuePaused",
            "tasks are done",
            "iterm_mcp_task_queue_paused == 1 and iterm_mcp_task_queue_waiting > 0",
            "2h",
            INFO,
            f"The queue {_QUEUE} is paused {ON}, and tasks wait in it",
            "Somebody has paused it, and may have forgotten.",
        ),
        Alert(
            "TaskWaitsLong",
            "tasks start in time",
            "iterm_mcp_task_oldest_waiting_seconds > 14400",
            "10m",
            WARNING,
            f"A task {ON} could have started {{{{ $value | humanizeDuration }}}} ago",
            "There is more work than room for it.",
        ),
        Alert(
            "DeadTasks",
            "tasks succeed",
            "iterm_mcp_task_dead_letters > 0 and delta(iterm_mcp_task_dead_letters[1h]) > 0",
            "",
            WARNING,
            f"Tasks have died {ON}: there are {{{{ $value }}}}",
            "Every attempt failed. They are kept until somebody retries or purges them.",
        ),
        Alert(
            "TaskAttemptsFail",
            "tasks succeed",
            both(
                f"{share(_ATTEMPTS, '1h', _WRONG, _TRIED)} > 0.5",
                f"{total(_ATTEMPTS, '1h', where=_WRONG)} >= 5",
            ),
            "5m",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the attempts at tasks fail {ON}",
            "Attempts cost time and money, also those that are tried again.",
        ),
        Alert(
            "MachineLost",
            "machines work",
            'iterm_mcp_machines{state="lost"} > 0',
            "2m",
            WARNING,
            "{{ $value }} machines that worked on tasks are not heard of, says "
            "{{ $labels.instance }}",
            "Their leases ran out. Their tasks are taken over by others.",
        ),
        Alert(
            "NoMachineReady",
            "machines work",
            'iterm_mcp_machines{state="ready"} == 0\n'
            "and on (job, instance) "
            'iterm_mcp_task_queue_waiting{queue="everything"} > 0',
            "10m",
            CRITICAL,
            "No machine takes the tasks that wait, says {{ $labels.instance }}",
            "All are draining or lost.",
        ),
        Alert(
            "MachinesFull",
            "tasks start in time",
            "iterm_mcp_machine_slots_used >= iterm_mcp_machine_slots > 0\n"
            "and on (job, instance) iterm_mcp_task_oldest_waiting_seconds > 3600",
            "1h",
            INFO,
            f"All {{{{ $value }}}} slots are taken, and tasks wait for more than an hour {ON}",
            "More room, or fewer tasks, would help.",
        ),
    ),
)

WORKTREES = Family(
    "worktrees",
    "Worktrees",
    (
        Alert(
            "WorktreesLarge",
            "worktrees have disk",
            f"iterm_mcp_worktrees_disk_bytes > {WORKTREE_BYTES:.0f}",
            "30m",
            WARNING,
            f"Worktrees take {{{{ $value | humanize1024 }}}}B {ON}",
            "Those that are kept for somebody to look at are never removed by themselves.",
        ),
        Alert(
            "WorktreesInTrouble",
            "worktrees are cleared",
            f"{sums('iterm_mcp_worktrees', where=_TROUBLED)} > 5",
            "30m",
            WARNING,
            f"{{{{ $value }}}} worktrees {ON} wait for somebody to mend them",
            "Their work does not merge, or they could not be set up.",
        ),
        Alert(
            "WorktreeOperationsFail",
            "worktrees are made",
            f"{total(_WORKTREES, '30m', OPERATION, _BROKEN)} >= 3",
            "",
            WARNING,
            "{{ $labels.operation }} failed for {{ $value | humanize }} worktrees within half an "
            "hour {{ $labels.instance }}",
            "Git did not answer, or its repository or the disk is in trouble.",
        ),
    ),
)
