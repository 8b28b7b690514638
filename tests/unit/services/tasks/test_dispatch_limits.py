"""The user's settings as the task engine takes them."""

from __future__ import annotations

from pathlib import Path

from iterm_mcp.services.tasks.dispatch_limits import dispatch_limits
from iterm_mcp.services.tasks.settings import TaskSettings, parse_task_settings
from iterm_mcp.tasks.limits import Cap, DispatchLimits, StartRate, Traits


def test_the_settings_by_default_are_the_engine_s_own() -> None:
    assert dispatch_limits(TaskSettings()) == DispatchLimits(at_once=5, ageing_seconds=300.0)


def test_every_share_becomes_a_cap() -> None:
    limits = dispatch_limits(
        parse_task_settings(
            """
            most_at_once = 9
            starts_per_minute = 30
            ageing_seconds = 60
            [each.team]
            most_at_once = 3
            [teams.backend]
            starts_per_minute = 0.5
            [repositories."~/src"]
            most_at_once = 1
            [kinds.claude]
            memory = "1GB"
            """
        )
    )

    assert (limits.at_once, limits.ageing_seconds) == (9, 60.0)
    assert limits.rates == (StartRate(30, 60.0),)
    assert limits.caps == (
        Cap("team", "backend", None, StartRate(1, 120.0)),
        Cap("team", "", 3),
        Cap("repository", str(Path.home() / "src"), 1),
        Cap("kind", "claude"),
    )


def test_who_is_named_is_not_counted_with_the_others() -> None:
    limits = dispatch_limits(parse_task_settings("[each.team]\nmost_at_once=1\n[teams.a]"))

    assert [cap.at_once for _, cap in limits.caps_of(Traits(team="a"))] == [None]
    assert [cap.at_once for _, cap in limits.caps_of(Traits(team="b"))] == [1]
