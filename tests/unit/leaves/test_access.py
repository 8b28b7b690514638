"""What a user writes on a command line or into a client's configuration."""

from __future__ import annotations

import pytest

from iterm_mcp.access import Access, AccessError, read_access, take_access


def test_nothing_said_is_nothing_set() -> None:
    assert not take_access([], {})
    assert Access().values() == {}


@pytest.mark.parametrize(
    ("arguments", "environ", "values"),
    [
        (["--tier", "read"], {}, {"tier": "read"}),
        (["--tier=read", "--tools=core, end_all,"], {}, {"tier": "read", "tools": "core,end_all"}),
        ([], {"ITERM_MCP_TIER": "mutate", "ITERM_MCP_TOOLS": " all "},
         {"tier": "mutate", "tools": "all"}),
        (["--tier", "read"], {"ITERM_MCP_TIER": "destructive"}, {"tier": "read"}),
        ([], {"ITERM_MCP_TIER": "", "ITERM_MCP_TOOLS": ""}, {}),
    ],
)  # fmt: skip
def test_the_command_line_stands_before_the_environment(
    arguments: list[str], environ: dict[str, str], values: dict[str, str]
) -> None:
    access = take_access(arguments, environ)
    assert access.values() == values
    assert bool(access) == bool(values)
    assert environ == {}, "a daemon that is started on the way must not take them for its own"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tier", "root"], "'root' is none of read, mutate, destructive"),
        (["--tier"], "--tier needs a value"),
        (["--tier="], "--tier needs a value"),
        (["--tools="], "--tools needs a value"),
        (["--tiers", "read"], "'--tiers' is neither"),
        (["--tier", "read", "daemon"], "'daemon' is neither"),
    ],
)
def test_what_means_nothing_is_refused_and_never_passed_over(
    arguments: list[str], reason: str
) -> None:
    with pytest.raises(AccessError, match=reason):
        take_access(arguments, {})


def test_a_wrong_variable_is_refused_too() -> None:
    with pytest.raises(AccessError, match="'all' is none of"):
        take_access([], {"ITERM_MCP_TIER": "all"})


@pytest.mark.parametrize(
    ("wish", "limit", "tier"),
    [
        ("", "", ""),
        ("", "read", "read"),
        ("read", "", "read"),
        ("read", "mutate", "read"),
        ("destructive", "mutate", "mutate"),
    ],
)
def test_the_lower_tier_holds(wish: str, limit: str, tier: str) -> None:
    assert Access(wish).within(Access(limit)).tier == tier


def test_a_choice_of_tools_stands_before_the_general_one() -> None:
    assert Access(tools="all").within(Access(tools="core")).tools == "all"
    assert Access().within(Access(tools="core")).tools == "core"


def test_what_goes_over_the_wire_comes_back() -> None:
    access = Access("read", "core,end_all")
    assert read_access(access.values()).values() == access.values()


@pytest.mark.parametrize(
    "values", [{"tier": "root"}, {"teir": "read"}, {"tier": 1}, {"tools": ["core"]}]
)
def test_a_wish_that_is_not_understood_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(AccessError):
        read_access(values)
